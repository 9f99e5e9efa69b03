#include "app/common/options.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/path.h"
#include "io/file_stream.h"
#include "io/kept_file.h"

namespace blindtuner::app {
using namespace io;
namespace {

namespace fs = std::filesystem;

constexpr char kOutputFile[] = "FILE";

/// A file that add_output_file() has, or --out, which may be a folder.
bool is_output(const GivenOption& option) {
  return option.kind == kOutputFile || option.name == "--out";
}

/// What a command makes where there is none, and reads where there is one.
bool is_made(const GivenOption& option) { return option.name == "--signing-key"; }

/// Of what a command writes: a path, and how messages call it.
struct Output {
  fs::path path;
  std::string what;
  const GivenOption* option;  ///< null: its name follows from others
};

/// One that is there, or both are to make.
bool means_same_file(const fs::path& output, const fs::path& other, bool is_output) {
  std::error_code error;
  if (fs::is_regular_file(output, error) || is_not_told(error)) return same_file(output, other);
  return is_output && leads_to_same(output, other);
}

/// Options whose folders a command writes in, or (a table's paths start there) does not read as a whole.
constexpr std::array kNotReadAsFolders = {"--keys", "--checkpoint", "--exchange", "--cache",
                                          "--images-root"};

/// Whether a file that is there lies in a folder that this option has the command read.
bool lies_in(const fs::path& output, const GivenOption& option, const fs::path& folder) {
  std::error_code error;
  if (is_output(option) ||
      std::find(kNotReadAsFolders.begin(), kNotReadAsFolders.end(), option.name) !=
          kNotReadAsFolders.end() ||
      !fs::is_regular_file(output, error) || !fs::is_directory(folder, error))
    return false;
  return lies_within(output, folder);
}

void check_output(const Output& output, const std::vector<GivenOption>& options,
                  const std::vector<Output>& outputs) {
  const std::string expected = "; expected another name";
  if (output.path.empty()) throw DataError(output.what + "is empty; expected a file name");
  const std::string kept = kept_by_owner(output.path);
  if (!kept.empty())
    throw DataError(output.what + "holds " + kept + ", which nothing can bring back" + expected);
  if (output.option != nullptr && file_kind(output.path) == FileKind::kCheckpoint)
    throw DataError(output.what + "holds " + describe(FileKind::kCheckpoint) +
                    ", which a training goes on from" + expected);
  for (const GivenOption& other : options) {
    if (&other == output.option) continue;
    for (const fs::path path : other.values) {
      if (means_same_file(output.path, path, is_output(other) || is_made(other)))
        throw DataError(output.what + "is the file of " + other.name + expected);
      if (output.option != nullptr && lies_in(output.path, other, path))
        throw DataError(output.what + "is there, in the folder of " + other.name + expected);
    }
  }
  for (const Output& other : outputs)
    if (&other != &output && means_same_file(output.path, other.path, true))
      throw DataError(output.what + "would be written twice" + expected);
}

}  // namespace

void check_given(const Command& command) {
  const std::vector<GivenOption> options = command.given();
  std::vector<Output> outputs;
  for (const GivenOption& option : options)
    if (is_output(option)) {
      const fs::path path = option.values.back();
      outputs.push_back({path, option.name + " " + quoted_path(path) + ": ", &option});
    }
  for (const fs::path& path : command.derived())
    outputs.push_back({path, quoted_path(path) + ", which the command writes too: ", nullptr});
  for (const Output& output : outputs) check_output(output, options, outputs);
  // Of a variable that was not set, say: what the option is for would not be done, without a word.
  for (const GivenOption& option : options)
    if (option.takes_values && std::ranges::find(option.values, "") != option.values.end())
      throw DataError(option.name + " is empty; leave it out if it is not meant");
  for (const Output& output : outputs)
    if (output.option != nullptr && output.option->kind == kOutputFile) check_writable(output.path);
}

void require_ending(const fs::path& output, const std::vector<std::string>& endings) {
  if (std::find(endings.begin(), endings.end(), output.extension().string()) != endings.end())
    return;
  std::string all;
  for (const std::string& ending : endings) all += (all.empty() ? "" : " or ") + ending;
  throw DataError(quoted_path(output) + ": expected a name that ends in " + all);
}

Option add_output_file(Command& command, const std::string& name, std::string& path,
                       const std::string& description) {
  return command.add_option(name, path, description).kind(kOutputFile);
}

}  // namespace blindtuner::app
