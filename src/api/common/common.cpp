#include <blindtuner/version.h>

#include "api/common/state.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "io/format.h"
#include "io/kept_file.h"
#include "rlwe/written_parameters.h"

namespace blindtuner {
namespace {

constexpr int kMostThreads = 1024;

ParameterSet make_set(const rlwe::ParametersLiteral& literal) {
  Resources of_the_set;  // belongs to no context: its memory goes when it does
  const UseResources use(of_the_set);
  return ParameterSet::State::wrap(rlwe::Parameters::create(literal));
}

}  // namespace

std::string version() { return BLINDTUNER_VERSION; }
int file_format_version() { return static_cast<int>(io::kFormatVersion); }

Context::Context(const ContextOptions& options) {
  require(options.threads >= 0 && options.threads <= kMostThreads, "0 to 1024 threads");
  state_ = std::make_shared<State>(options);
}

const std::shared_ptr<Context::State>& Context::state() const {
  require(state_ != nullptr, "a context that was moved from");
  return state_;
}

int Context::threads() const { return state()->resources.threads().count(); }
bool Context::allows_insecure() const { return state()->allow_insecure; }

const std::shared_ptr<const ParameterSet::State>& ParameterSet::state() const {
  require(state_ != nullptr, "a parameter set that was moved from");
  return state_;
}

ParameterSet ParameterSet::standard() { return make_set(rlwe::standard_parameters()); }
ParameterSet ParameterSet::named(const std::string& name) {
  return make_set(rlwe::for_one_owner(rlwe::find_parameters(name)));
}
ParameterSet ParameterSet::from_json(std::string_view text, const std::string& where) {
  return make_set(rlwe::parse_parameters(text, where));
}
ParameterSet ParameterSet::load(const std::filesystem::path& file) {
  return make_set(rlwe::read_parameters(file));
}
void ParameterSet::save(const std::filesystem::path& file) const {
  const std::string text = json() + "\n";
  io::require_replaceable(file);
  write_file_atomically(file, text);
}

const std::string& ParameterSet::name() const { return parameters_of(*this).literal().name; }
const std::string& ParameterSet::digest() const { return parameters_of(*this).digest(); }
bool ParameterSet::insecure() const { return parameters_of(*this).insecure(); }
std::string ParameterSet::json() const { return rlwe::to_text(parameters_of(*this).literal()); }

KeysInfo read_keys_info(const Context& context, const std::filesystem::path& evaluation_keys) {
  const UseContext use(context);
  const records::TrainingKeysInfo info =
      records::read_training_keys_info(evaluation_keys, context.allows_insecure());
  return keys_info(info.set, info.layout, evaluation_keys);
}

}  // namespace blindtuner
