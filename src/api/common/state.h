// What is behind the public values of include/blindtuner/.
#pragma once

#include <blindtuner/context.h>
#include <blindtuner/keys.h>
#include <blindtuner/parameters.h>

#include "base/error.h"
#include "base/resources.h"
#include "records/training_keys.h"

namespace blindtuner {

struct Context::State {
  explicit State(const ContextOptions& options)
      : resources(options.threads), allow_insecure(options.allow_insecure) {}
  Resources resources;
  const bool allow_insecure;
};

struct ParameterSet::State {
  rlwe::ParametersPtr parameters;

  static ParameterSet wrap(rlwe::ParametersPtr parameters) {
    return ParameterSet(std::make_shared<const State>(State{std::move(parameters)}));
  }
};

inline const rlwe::Parameters& parameters_of(const ParameterSet& set) {
  return *set.state()->parameters;
}

/// file: of evaluation keys.
inline KeysInfo keys_info(const records::KeySet& set, const linalg::ProductLayout& layout,
                          const std::filesystem::path& file) {
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(file, error);
  return {.identity = io::to_string(set.header.key_id),
          .parameters = ParameterSet::State::wrap(set.parameters),
          .shape = {.features = layout.features - 1, .classes = layout.classes},
          .bytes = error ? 0 : bytes};
}

/// While one lives, this thread computes with the context's threads and memory, which it keeps.
class [[gnu::visibility("hidden")]] UseContext {
 public:
  explicit UseContext(const Context& context) : state_(context.state()), use_(state_->resources) {}

 private:
  std::shared_ptr<Context::State> state_;
  UseResources use_;
};

}  // namespace blindtuner
