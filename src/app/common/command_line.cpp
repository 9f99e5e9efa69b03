#include "app/common/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <sstream>

namespace blindtuner::app {
namespace {

template <typename T>
NumberRange number(T least, T most, const std::string& kind) {
  std::ostringstream range;
  range << least << " to " << most;
  const auto problem = [=, range = range.str()](std::string& text) -> std::string {
    T value{};
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    // Written so that NaN is out of range.
    if (error != std::errc() || stop != end || !(value >= least && value <= most))
      return "'" + text.substr(0, 64) + "', expected " + kind + " from " + range;
    // The parser would take a leading 0 for an octal number.
    if constexpr (std::is_integral_v<T>) text = std::to_string(value);
    return {};
  };
  return {range.str(), problem};
}

}  // namespace

NumberRange real_numbers(double least, double most) { return number(least, most, "a number"); }

NumberRange whole_numbers(std::uint64_t least, std::uint64_t most) {
  return number(least, most, "a whole number");
}

const Option& Option::required() const {
  option_->required();
  return *this;
}
const Option& Option::show_default() const {
  option_->capture_default_str();
  return *this;
}
const Option& Option::one_of(const std::vector<std::string>& words) const {
  option_->check(CLI::IsMember(words));
  return *this;
}
const Option& Option::check(const std::function<std::string(const std::string&)>& problem) const {
  option_->check(problem);
  return *this;
}
const Option& Option::within(const NumberRange& range) const {
  option_->transform(CLI::Validator(range.problem, range.text));
  return *this;
}
const Option& Option::kind(const std::string& name) const {
  option_->type_name(name);
  return *this;
}
const Option& Option::separated_by(char mark) const {
  option_->delimiter(mark);
  return *this;
}
const Option& Option::optional_value() const {
  option_->expected(0, 1);
  return *this;
}
const Option& Option::excludes(const Option& other) const {
  option_->excludes(other.option_);
  return *this;
}
const Option& Option::needs(const Option& other) const {
  option_->needs(other.option_);
  return *this;
}
const Option& Option::heading(const std::string& name) const {
  option_->group(name);
  return *this;
}

template <typename T>
Option Command::add_option(const std::string& name, T& value, const std::string& description) {
  return Option(app_->add_option(name, value, description));
}
template Option Command::add_option(const std::string&, std::string&, const std::string&);
template Option Command::add_option(const std::string&, std::filesystem::path&, const std::string&);
template Option Command::add_option(const std::string&, std::vector<std::string>&,
                                    const std::string&);
template Option Command::add_option(const std::string&, int&, const std::string&);
template Option Command::add_option(const std::string&, std::uint64_t&, const std::string&);
template Option Command::add_option(const std::string&, double&, const std::string&);

Option Command::add_flag(const std::string& name, bool& value, const std::string& description) {
  return Option(app_->add_flag(name, value, description));
}

void Command::need(const std::string& other, const std::vector<std::string>& names) {
  for (const std::string& name : names) app_->get_option(name)->needs(app_->get_option(other));
}

void Command::useless(const std::vector<std::string>& names, std::function<std::string()> why) {
  for (const std::string& name : names)
    (void)app_->get_option(name);  // throws for one that is none
  useless_.emplace_back(names, std::move(why));
}

std::string Command::useless_given() const {
  for (const auto& [names, why] : useless_) {
    const auto given = std::ranges::find_if(
        names, [&](const std::string& name) { return app_->get_option(name)->count() > 0; });
    if (given == names.end()) continue;
    const std::string reason = why();
    if (!reason.empty()) return *given + " does nothing " + reason;
  }
  return {};
}

Command Command::one_of(const std::string& heading) {
  CLI::App* const group = app_->add_option_group(heading);
  group->require_option(1);
  return Command(*group);
}

std::vector<GivenOption> Command::given() const {
  std::vector<const CLI::App*> parts;
  for (const CLI::App* part : app_->get_subcommands([](const CLI::App*) { return true; }))
    parts.push_back(part);
  parts.push_back(app_);
  std::vector<GivenOption> out;
  for (const CLI::App* part : parts)
    for (const CLI::Option* option : part->get_options())
      if (option->get_items_expected_max() > 0 && !option->results().empty())
        out.push_back({option->get_name(), option->get_type_name(), option->results(),
                       option->get_items_expected_min() > 0});
  return out;
}

}  // namespace blindtuner::app
