// The folder of a run of `finetune` or `demo`: its results appear together, and replace only those of an
// earlier run.
//
//   1. OUT/run.unfinished/   what the run at work has made so far. Nobody's yet: it goes away when the
//                            run is refused, or with the next one.
//   2. OUT/run.finished/     the same folder, renamed when all of it is there. From here on the run is
//                            done: files of the earlier run that have no successor are removed from
//                            OUT, its own get their names there, too, and the folder goes away. Whoever
//                            runs there next does that first when a kill came between.
//
// So at any instant one folder, OUT or run.finished, holds the model, the map, the report and the rest of
// one run, which go together. OUT/run.json says what a run has put there:
//
//   {"blindtuner": "results of a run", "files": {NAME: {"bytes", "sha256"}, ..}, "replaces": {..}}
//
// A file goes for a run's only where that list names it and it is still as it was (of more than 16 MiB:
// as large as it was); run.finished only takes the place of the very results that it was made to replace.
//
// Folders of earlier versions have none; where their report.json is one of ours, so are their results.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/file_lock.h"

namespace blindtuner::app {

/// What a file was when a run had made it.
struct RunFile {
  std::uintmax_t bytes = 0;
  std::string sha256;  ///< in hexadecimal; empty: of a large one, which only its size tells
  bool operator==(const RunFile&) const = default;
};
/// By their names relative to the folder.
using RunFiles = std::map<std::string, RunFile>;

struct RunList {
  RunFiles files;
  RunFiles replaces;  ///< while they are not yet in place: what an earlier run has put there
};

/// A run.json. None where it is no list of ours: whatever it names, a run makes. Throws NotTold.
std::optional<RunList> read_run_list(const std::filesystem::path& path);

class RunFolder {
 public:
  /// What a run in `out` writes, its files of features (`features`) included: for Command::also_writes.
  static std::vector<std::filesystem::path> results(const std::filesystem::path& out,
                                                    const std::vector<std::string>& features);

  /// Makes the folder and holds it alone; completes or clears what a killed run left. Throws DataError
  /// when another program is at work there, when one of the results cannot be written, and when a file
  /// of its name is there that no run has put there.
  RunFolder(std::filesystem::path out, std::vector<std::string> features);
  /// Without finish() what was made goes away, unless it is to be kept.
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const std::filesystem::path& folder() const { return out_; }
  /// Throws DataError for what is to stay and would lie in a folder of the run, which goes away.
  void require_outside(const std::filesystem::path& path) const;
  /// Where a file is until finish(). What nobody has asked for here becomes no result, whoever has left it.
  std::filesystem::path staged(const std::string& name);
  /// What there is stays for its owner to look at until the next run: hours of work are in it.
  void keep_unfinished() { keeps_ = true; }
  /// Puts all that was made in the place of the earlier run's. Throws DataError; what has begun is
  /// completed by the next run.
  void finish();

 private:
  RunFiles earlier_results() const;
  void require_ours(const std::string& name, const RunFiles& earlier) const;
  void require_one_file_system() const;
  void require_replaceable() const;
  void tell_what_was_shared() const;
  RunList list_of_made() const;
  void put_in_place(const RunList& made);

  std::filesystem::path out_, unfinished_, finished_;
  std::vector<std::string> features_;
  std::set<std::string> staged_;
  FileLock lock_;
  bool keeps_ = false;
};

}  // namespace blindtuner::app
