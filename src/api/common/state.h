// What is behind the public values of include/blindtuner/.
#pragma once

#include <blindtuner/context.h>
#include <blindtuner/keys.h>
#include <blindtuner/parameters.h>

#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "base/home_process.h"
#include "base/resources.h"
#include "records/training_keys.h"

namespace blindtuner {

struct Context::State {
  explicit State(const ContextOptions& options)
      : resources(options.threads), allow_insecure(options.allow_insecure) {}
  Resources resources;
  const bool allow_insecure;
  const HomeProcess home{};
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

/// What a path means now, wherever the process goes later. As it is where that cannot be told.
inline std::filesystem::path absolute_path(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::path out = std::filesystem::absolute(path, error);
  return error || path.empty() ? path : out;
}

/// While one lives, this thread computes with the context's threads and memory, which it keeps. Throws ContractError in
/// another process than the context's.
class [[gnu::visibility("hidden")]] UseContext {
 public:
  explicit UseContext(const Context& context)
      : state_(at_home(context.state())), use_(state_->resources) {}

 private:
  static const std::shared_ptr<Context::State>& at_home(
      const std::shared_ptr<Context::State>& state) {
    state->home.require_here("a context, or what was made with one,");
    return state;
  }

  std::shared_ptr<Context::State> state_;
  UseResources use_;
};

}  // namespace blindtuner
