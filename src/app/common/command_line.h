// The command line as far as the programs need it. CLI11 parses it and is included by what is in command_line.cpp
// and program.cpp alone: compiling it takes longer than all else that a command does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace blindtuner::app {

/// What numbers are taken.
struct NumberRange {
  std::string text;  ///< for the help
  /// Empty where a text is such a number, which is rewritten as the parser takes it; else what is wrong with it.
  std::function<std::string(std::string& text)> problem;
};

/// Decimal numbers (no blank, no plus, no hexadecimal or octal ones; NaN and infinity are
/// none) from `least` to `most`; the first also in the form of 1e-3.
NumberRange real_numbers(double least, double most);
NumberRange whole_numbers(std::uint64_t least, std::uint64_t most);

/// An option that was added to a command, as long as that lives.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  const Option& required() const;
  /// The help says which value it has when none is given.
  const Option& show_default() const;
  const Option& one_of(const std::vector<std::string>& words) const;
  /// problem: empty where a value is good, else what is wrong with it.
  const Option& check(const std::function<std::string(const std::string&)>& problem) const;
  const Option& within(const NumberRange& range) const;
  /// What its value is, for the help.
  const Option& kind(const std::string& name) const;
  const Option& separated_by(char mark) const;
  /// Its value may be left out.
  const Option& optional_value() const;
  const Option& excludes(const Option& other) const;
  const Option& needs(const Option& other) const;
  /// The help's heading.
  const Option& heading(const std::string& name) const;

 private:
  CLI::Option* option_;
};

/// What was given for an option.
struct GivenOption {
  std::string name, kind;
  std::vector<std::string> values;
  bool takes_values;  ///< it is not one whose value may be left out
};

/// A command, or a group of its options.
class Command {
 public:
  explicit Command(CLI::App& app) : app_(&app) {}

  /// T: std::string, a std::vector of them, std::filesystem::path; int, std::uint64_t or double by add_number() (options.h).
  template <typename T>
  Option add_option(const std::string& name, T& value, const std::string& description);
  Option add_flag(const std::string& name, bool& value, const std::string& description);
  /// Options, one of which is given.
  Command one_of(const std::string& heading);
  /// Options of these names do nothing without the one of the other name, and are refused.
  void need(const std::string& other, const std::vector<std::string>& names);
  /// Options of these names do nothing where `why` says so, "with --unlabelled" say, and are refused with that. It is
  /// asked once all was parsed; empty: they do something.
  void useless(const std::vector<std::string>& names, std::function<std::string()> why);
  /// The first option that was given and does nothing, and why; empty: there is none.
  std::string useless_given() const;

  /// What the command writes besides the files that its options name: asked once it was parsed, and held to
  /// the same (check_given).
  void also_writes(std::function<std::vector<std::filesystem::path>()> files) {
    derived_ = std::move(files);
  }

  /// The options that were given a value, those in groups included.
  std::vector<GivenOption> given() const;
  std::vector<std::filesystem::path> derived() const {
    return derived_ ? derived_() : std::vector<std::filesystem::path>();
  }

 private:
  CLI::App* app_;
  std::vector<std::pair<std::vector<std::string>, std::function<std::string()>>> useless_;
  std::function<std::vector<std::filesystem::path>()> derived_;
};

}  // namespace blindtuner::app
