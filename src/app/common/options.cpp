#include "app/common/options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <optional>
#include <sstream>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/path.h"
#include "io/file_reader.h"

namespace blindtuner {
namespace {

template <typename T>
CLI::Validator number(T least, T most, const std::string& kind) {
  std::ostringstream range;
  range << least << " to " << most;
  const auto check = [=, range = range.str()](std::string& text) -> std::string {
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
  return CLI::Validator(check, range.str());
}

namespace fs = std::filesystem;

constexpr std::array kOutputs = {"--out", "--report", "--validation-out"};

bool is_output(const CLI::Option& option) {
  return std::find(kOutputs.begin(), kOutputs.end(), option.get_name()) != kOutputs.end();
}

constexpr char kOutputFile[] = "FILE";

/// The options that were given a value, those in groups included.
std::vector<const CLI::Option*> given_options(const CLI::App& command) {
  std::vector<const CLI::App*> parts =
      command.get_subcommands([](const CLI::App*) { return true; });
  parts.push_back(&command);
  std::vector<const CLI::Option*> out;
  for (const CLI::App* part : parts)
    for (const CLI::Option* option : part->get_options())
      if (option->get_items_expected_max() > 0 && !option->results().empty()) out.push_back(option);
  return out;
}

/// Whether the file of an output is another option's too: one that is there, or both are to make.
bool same_file(const fs::path& output, const CLI::Option& other) {
  const fs::path path = other.results().back();
  std::error_code error;
  if (fs::is_regular_file(output, error)) return fs::equivalent(output, path, error);
  if (!is_output(other)) return false;
  const fs::path resolved = fs::weakly_canonical(output, error);
  return !error && resolved == fs::weakly_canonical(path, error);
}

/// None of a file that is not there, or is none of ours.
std::optional<FileKind> kind_of(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return std::nullopt;
  try {
    return FileReader(path).header().kind;
  } catch (const DataError&) {
    return std::nullopt;
  }
}

}  // namespace

void check_outputs(const CLI::App& command) {
  const auto options = given_options(command);
  for (const CLI::Option* output : options) {
    if (!is_output(*output)) continue;
    const fs::path path = output->results().back();
    const std::string what = output->get_name() + " " + quoted_path(path) + ": ";
    const auto kind = kind_of(path);
    if (kind == FileKind::kSecretKey || kind == FileKind::kEvaluationKeys)
      throw DataError(what + "holds " + describe(*kind) +
                      ", which nothing can bring back; expected another name");
    for (const CLI::Option* other : options)
      if (other != output && same_file(path, *other))
        throw DataError(what + "is the file of " + other->get_name() + "; expected another name");
  }
  for (const CLI::Option* output : options)
    if (output->get_type_name() == kOutputFile) check_writable(output->results().back());
}

CLI::Option* add_output_file(CLI::App& command, const std::string& name, std::string& path,
                             const std::string& description) {
  return command.add_option(name, path, description)->type_name(kOutputFile);
}

CLI::Validator real_number(double least, double most) { return number(least, most, "a number"); }

void add_table_options(CLI::App& command, ColumnChoice& columns, bool of_features) {
  command.add_option("--label-column", columns.label,
                     "of a table: a name, a number from 1, last, or none (by default what its "
                     "header or its content says, docs/DATA.md)");
  command.add_flag("--skip-missing", columns.skip_missing,
                   "leave out a table's rows without a value or a label, and count them");
  if (!of_features) return;
  command
      .add_option("--feature-columns", columns.features,
                  "of a table: names or numbers from 1, separated by commas; no others")
      ->delimiter(',');
  command.add_option("--drop-columns", columns.drop, "of a table: neither features nor label")
      ->delimiter(',');
  command.add_option("--decimal", columns.decimal, "of a table: its decimal mark")
      ->check(CLI::IsMember({"point", "comma"}));
}

void add_range_option(CLI::App& command, double& range) {
  add_number(command, "--range", range,
             "largest |logit| that the circuit is to be fit for (the widest that takes no further "
             "bootstrap)",
             1, 1e4);
}

CLI::Validator whole_number(std::uint64_t least, std::uint64_t most) {
  return number(least, most, "a whole number");
}

}  // namespace blindtuner
