#include "app/owner/run_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "app/common/report.h"
#include "base/atomic_file.h"
#include "base/disk.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/input_file.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/path.h"
#include "base/sha256.h"
#include "io/file_stream.h"
#include "party/owner/validator.h"

namespace blindtuner::app {
using namespace io;
using namespace party;
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr char kPublished[] = "published.npz";

struct Result {
  const char* name;
  unsigned mode;
};
constexpr std::array kResults = {
    Result{"train.enc", kForAnybody},      Result{"validation.enc", kForAnybody},
    Result{"model.enc", kForAnybody},      Result{"last.enc", kForAnybody},
    Result{"config.json", kForAnybody},    Result{"server.json", kForAnybody},
    Result{kPublished, kForAnybody},       Result{"model.npz", kForTheOwner},
    Result{"whitening.npz", kForTheOwner}, Result{"report.json", kForTheOwner},
    Result{"report.html", kForTheOwner},
};
/// Of the report of a run, whatever its version.
constexpr std::array kMembers = {"accuracy_encrypted", "accuracy_plain", "config", "parameters"};
constexpr char kList[] = "run.json", kKind[] = "results of a run", kRounds[] = "rounds";
constexpr std::pair kRoundName = {"round-", ".enc"}, kAnswerName = {"answer-", ".bit"};

/// The owner's record of the rounds, beside the model.
std::string record_name() { return Validator::record_path("model.enc").string(); }

unsigned mode_of(const std::string& name) {
  for (const Result& result : kResults)
    if (name == result.name) return result.mode;
  return name == record_name() ? kForTheOwner : kForAnybody;
}

std::vector<std::string> names(const std::vector<std::string>& features) {
  std::vector<std::string> out = features;
  for (const Result& result : kResults) out.emplace_back(result.name);
  return out;
}

bool is_features(const std::string& name) { return name.ends_with("-features.npz"); }

bool is_there(const fs::path& path) { return type_of(path) != fs::file_type::not_found; }

/// A name that a run gives a file: what else a list says, nobody of ours has written.
bool is_result(const std::string& name) {
  const auto is_plain = [](std::string_view part) {
    return part.find_first_of(std::string_view("/\0", 2)) == std::string_view::npos;
  };
  if (name == record_name() || (is_features(name) && is_plain(name))) return true;
  for (const Result& result : kResults)
    if (name == result.name) return true;
  for (const auto& [begin, end] : {kRoundName, kAnswerName}) {
    const std::string start = std::string(kRounds) + "/" + begin;
    if (name.starts_with(start) && name.ends_with(end) && is_plain(name.substr(start.size())))
      return true;
  }
  return false;
}

RunFile file_at(const fs::path& path) {
  constexpr std::uintmax_t kLarge = 16 << 20;
  if (type_of(path) != fs::file_type::regular) return {file_bytes(path), ""};
  const InputFile file(path);
  RunFile out{file.size(), ""};
  if (out.bytes <= kLarge) out.sha256 = to_hex(Sha256().add(file.read_all(kLarge)).finish());
  return out;
}

json to_json(const RunFiles& files) {
  json out = json::object();
  for (const auto& [name, file] : files)
    out[name] = {{"bytes", file.bytes}, {"sha256", file.sha256}};
  return out;
}

/// Throws DataError for what no run gives.
RunFiles files_from(const JsonIn& in) {
  RunFiles out;
  for (const auto& [name, file] : in.members()) {
    if (!is_result(name)) throw DataError("no result of a run");
    out[name] = {file.at("bytes").as<std::uintmax_t>(), file.at("sha256").as<std::string>()};
  }
  return out;
}

void write_list(const fs::path& path, const RunList& list) {
  json text = {{"blindtuner", kKind}, {"files", to_json(list.files)}};
  if (!list.replaces.empty()) text["replaces"] = to_json(list.replaces);
  write_file_atomically(path, json_text(text, 2) + "\n");
}

bool is_report_of_a_run(const fs::path& path) {
  if (!is_there(path)) return false;
  try {
    const json report = read_json(path);
    return report.is_object() &&
           std::all_of(kMembers.begin(), kMembers.end(),
                       [&](const char* member) { return report.contains(member); });
  } catch (const NotTold&) {
    throw;
  } catch (const DataError&) {
    return false;
  }
}

/// The files of rounds in a folder, relative to the one above it. Throws DataError for one that is called
/// so and is none.
std::vector<std::string> rounds_in(const fs::path& folder) {
  std::vector<std::string> out;
  const fs::path rounds = folder / kRounds;
  if (!is_there(rounds)) return out;
  if (type_of(rounds) != fs::file_type::directory)
    throw DataError(quoted_path(rounds) + ": expected a folder of rounds of validation");
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(rounds, error)) {
    const std::string name = entry.path().filename().string();
    for (const auto& [called, kind] :
         {std::pair(kRoundName, FileKind::kRound), std::pair(kAnswerName, FileKind::kAnswer)}) {
      if (!name.starts_with(called.first) || !name.ends_with(called.second)) continue;
      (void)read_header(entry.path(), kind);
      out.push_back(std::string(kRounds) + "/" + name);
    }
  }
  if (error)
    throw DataError("cannot read the folder " + quoted_path(rounds) + ": " + error.message());
  return out;
}

/// What lies in a folder; nothing where that cannot be read, and `error` is set.
std::vector<fs::path> entries_of(const fs::path& folder, std::error_code& error) {
  std::vector<fs::path> out;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error))
    out.push_back(entry.path());
  return out;
}

bool is_file_of_a_run(const fs::path& path, const std::string& name) {
  const std::string own = path.filename().string();
  return type_of(path) == fs::file_type::regular &&
         (is_result(name) || name == kList || AtomicFile::is_temporary(path) ||
          (own.starts_with(".") && own.ends_with(".lock")));
}

/// A run, or a program that it has started, may have made it. `name`: relative to the run's folder.
bool is_of_a_run(const fs::path& path, const std::string& name) {
  if (name != kRounds || type_of(path) != fs::file_type::directory)
    return is_file_of_a_run(path, name);
  std::error_code error;
  const std::vector<fs::path> rounds = entries_of(path, error);
  return !error && std::all_of(rounds.begin(), rounds.end(), [](const fs::path& round) {
    return is_file_of_a_run(round, std::string(kRounds) + "/" + round.filename().string());
  });
}

/// A folder of a run that was not put in place: its list goes last, by which it is known. Throws
/// DataError, and removes nothing, where there is what no run has made.
void remove_run(const fs::path& folder) {
  if (!is_there(folder)) return;
  const auto in_the_way = [&](const std::string& what) {
    throw DataError(quoted_path(folder) + ": is in the way of a run's results and " + what +
                    "; move it away, or give another --out");
  };
  std::error_code error;
  if (type_of(folder) != fs::file_type::directory) in_the_way("no run has made it");
  const std::vector<fs::path> entries = entries_of(folder, error);
  // A kill before the list got its name leaves no more than that.
  const bool is_begun = std::all_of(entries.begin(), entries.end(), AtomicFile::is_temporary);
  if (error || (!is_begun && !read_run_list(folder / kList))) in_the_way("no run has made it");
  for (const fs::path& entry : entries)
    if (!is_of_a_run(entry, entry.filename().string()))
      in_the_way("holds " + quoted_path(entry.filename()) + ", which no run has made");
  for (const fs::path& entry : entries)
    if (entry.filename() != kList) remove_path(entry);
  remove_path(folder / kList);
  remove_path(folder);
}

}  // namespace

std::optional<RunList> read_run_list(const fs::path& path) {
  try {
    if (type_of(path) != fs::file_type::regular) return std::nullopt;
    const json list = read_json(path, 1 << 22);
    const JsonIn in(list, quoted_path(path));
    if (in.at("blindtuner").as<std::string>() != kKind) return std::nullopt;
    RunList out{files_from(in.at("files")), {}};
    if (in.has("replaces")) out.replaces = files_from(in.at("replaces"));
    return out;
  } catch (const NotTold&) {
    throw;
  } catch (const DataError&) {
    return std::nullopt;
  }
}

std::vector<fs::path> RunFolder::results(const fs::path& out,
                                         const std::vector<std::string>& features) {
  std::vector<fs::path> paths;
  for (const std::string& name : names(features)) paths.push_back(out / name);
  return paths;
}

RunFolder::RunFolder(fs::path out, std::vector<std::string> features)
    : out_(std::move(out)),
      unfinished_(out_ / "run.unfinished"),
      finished_(out_ / "run.finished"),
      features_(std::move(features)),
      lock_(make_locked_folder(out_, "run")) {
  if (const auto made = read_run_list(finished_ / kList)) put_in_place(*made);
  remove_run(finished_);
  remove_run(unfinished_);
  require_replaceable();
  tell_what_was_shared();
  make_folder(unfinished_);
  write_list(unfinished_ / kList, {});
}

fs::path RunFolder::staged(const std::string& name) {
  staged_.insert(name);
  return unfinished_ / name;
}

void RunFolder::require_outside(const fs::path& path) const {
  for (const fs::path& ours : {unfinished_, finished_})
    if (lies_within(path, ours))
      throw DataError(quoted_path(path) + ": is in " + quoted_path(ours) +
                      ", which goes away with the run; give another folder");
}

RunFolder::~RunFolder() {
  if (keeps_) return;
  const InterruptDeferred going;  // what has interrupted the run is no reason to leave its files
  try {
    remove_run(unfinished_);
  } catch (const std::exception&) {
    return;  // the next run says it
  }
}

RunFiles RunFolder::earlier_results() const {
  if (const auto list = read_run_list(out_ / kList)) return list->files;
  RunFiles out;
  if (is_there(out_ / kList) || !is_report_of_a_run(out_ / "report.json")) return out;
  std::vector<std::string> all =
      names({"train-features.npz", "test-features.npz", "t10k-features.npz"});
  all.push_back(record_name());
  for (std::string& name : rounds_in(out_)) all.push_back(std::move(name));
  for (const std::string& name : all)
    if (is_there(out_ / name)) out[name] = file_at(out_ / name);
  return out;
}

/// What is there may go for a run's file. Throws DataError for what no run has put there, or somebody
/// has changed since.
void RunFolder::require_ours(const std::string& name, const RunFiles& earlier) const {
  const fs::path path = out_ / name;
  if (!is_there(path)) return;
  const auto known = earlier.find(name);
  if (known != earlier.end() && type_of(path) == fs::file_type::regular &&
      known->second == file_at(path))
    return;
  throw DataError(
      quoted_path(path) +
      ": is not, or no longer, what a run has put there, and this one would replace it; "
      "move it away, or give another --out");
}

/// Results take their places as links to those of `run.finished`.
void RunFolder::require_one_file_system() const {
  struct stat all {
  }, rounds{};
  if (::stat(out_.c_str(), &all) == 0 && ::stat((out_ / kRounds).c_str(), &rounds) == 0 &&
      all.st_dev != rounds.st_dev)
    throw DataError(quoted_path(out_ / kRounds) + ": is on another file system than " +
                    quoted_path(out_) +
                    ", where results are put in place together, which takes one; unmount it, or "
                    "give another --out");
}

void RunFolder::require_replaceable() const {
  require_one_file_system();
  const RunFiles earlier = earlier_results();
  std::vector<std::string> all = names(features_);
  all.push_back(record_name());
  for (const std::string& name : all) {
    require_ours(name, earlier);
    check_writable(out_ / name);
  }
  for (const std::string& name : rounds_in(out_)) require_ours(name, earlier);
  if (is_there(out_ / kRounds)) check_writable(out_ / kRounds / "round-0001.enc");
  if (is_there(out_ / kList) && !read_run_list(out_ / kList)) require_ours(kList, {});
  check_writable(out_ / kList);
}

/// Other results can be made again; of a model that others have, only the ledger is left.
void RunFolder::tell_what_was_shared() const {
  if (const fs::path shared = out_ / kPublished; is_there(shared))
    print_warning(quoted_path(shared) +
                  ": is an earlier run's model, and goes when this run is done; the ledger still "
                  "counts it. A copy elsewhere keeps it");
}

/// What is in run.unfinished, and what of the earlier run stays.
RunList RunFolder::list_of_made() const {
  RunList list{{}, earlier_results()};
  for (const auto& [name, file] : list.replaces)
    if (is_features(name) && is_there(out_ / name)) list.files[name] = file;
  std::vector<std::string> made = names(features_);
  std::erase_if(made, [&](const std::string& name) { return !staged_.contains(name); });
  made.push_back(record_name());
  for (std::string& name : rounds_in(unfinished_)) made.push_back(std::move(name));
  for (const std::string& name : made)
    if (is_there(unfinished_ / name)) list.files[name] = file_at(unfinished_ / name);
  return list;
}

void RunFolder::finish() {
  RunList list;
  try {
    list = list_of_made();
    write_list(unfinished_ / kList, list);
    const InterruptDeferred whole;
    // Of earlier versions' results, which would no longer be known as such in the midst of it; and of none, as
    // this run's own report would then be taken for.
    if (!is_there(out_ / kList)) write_list(out_ / kList, {list.replaces, {}});
    std::error_code error;
    fs::rename(unfinished_, finished_, error);
    if (error)
      throw DataError("cannot rename " + quoted_path(unfinished_) + ": " + error.message());
  } catch (const DataError& problem) {
    throw DataError(problem.what() + ("; the results are in " + quoted_path(unfinished_)) +
                    " until the next run there");
  }
  const InterruptDeferred whole;
  flush_folder(out_);
  try {
    put_in_place(list);
  } catch (const DataError& problem) {
    throw DataError(problem.what() + ("; the results are in " + quoted_path(finished_)) +
                    ", and the next run there puts them in place first");
  }
  try {
    remove_run(finished_);
  } catch (const DataError& problem) {
    print_warning("the results are in place, but what is left of the run stays: " +
                  std::string(problem.what()));
  }
}

/// As far as it has not been done.
void RunFolder::put_in_place(const RunList& made) {
  const InterruptDeferred whole;
  const RunFiles earlier = earlier_results();
  if (earlier == made.files) return;
  require_one_file_system();
  if (earlier != made.replaces)
    throw DataError(quoted_path(finished_) +
                    ": was made to replace other results than there are now in " +
                    quoted_path(out_) + "; move it away, or give another --out");
  std::vector<std::string> removed, placed;
  for (const auto& [name, file] : earlier)
    if (!made.files.contains(name) && !is_features(name)) removed.push_back(name);
  for (const auto& [name, file] : made.files) {
    std::error_code ignored;
    if (is_there(finished_ / name) && !fs::equivalent(finished_ / name, out_ / name, ignored))
      placed.push_back(name);
  }
  for (const auto& list : {removed, placed})
    for (const std::string& name : list) require_ours(name, earlier);
  (void)rounds_in(out_);
  for (const std::string& name : removed) remove_path(out_ / name);
  if (is_there(finished_ / kRounds)) make_folder(out_ / kRounds);
  for (const std::string& name : placed)
    AtomicFile(out_ / name, mode_of(name), Links::kReplace).commit_file(finished_ / name);
  write_list(out_ / kList, {made.files, {}});
}

}  // namespace blindtuner::app
