#include "io/kept_file.h"

#include <array>
#include <fstream>

#include "base/error.h"
#include "base/input_file.h"
#include "base/path.h"
#include "io/file_stream.h"

namespace blindtuner::io {
namespace {

namespace fs = std::filesystem;

std::string first_bytes(const fs::path& path) {
  std::array<std::uint8_t, 64> bytes{};
  const std::size_t got = InputFile(path).read_some(bytes, 0);
  return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(got)};
}

// secret/ledger.h, party/owner/data_sets.h, base/file_lock.h
std::string told_by_name(const std::string& name) {
  if (name.starts_with("ledger-") && name.ends_with(".jsonl")) return "the ledger of keys";
  if ((name.starts_with("data-sets-") || name.starts_with("identifiers-")) &&
      name.ends_with(".json"))
    return "a record of keys";
  if (name.starts_with(".") && name.ends_with(".lock")) return "a folder's lock";
  return {};
}

// party/study/exchange.h: what a party of a study has said and heard, and what it keeps beside them.
std::string told_by_place(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return {};
  for (const fs::path& folder : {path.parent_path(), path.parent_path().parent_path()})
    if (fs::is_directory(folder / "said", error) && fs::is_directory(folder / "seen", error))
      return "a record of a study";
  return {};
}

// secret/ledger.h, party/owner/sealed_record.h, base/signature.h
std::string told_by_contents(const fs::path& path) {
  const auto kind = file_kind(path);
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return {};
  if (!std::ifstream(path, std::ios::binary)) return "what cannot be read";
  if (kind == FileKind::kSecretKey || kind == FileKind::kEvaluationKeys) return describe(*kind);
  const std::string begin = first_bytes(path);
  if (begin.starts_with("{\"key_id\":\"")) return "the ledger of keys";
  if (begin.starts_with("{\n  \"record\": ")) return "a record of keys";
  if (begin.starts_with("blindtuner signing key ")) return "a signing key";
  return {};
}

}  // namespace

std::string kept_by_owner(const fs::path& path) {
  std::error_code error;
  // A ledger that nothing is in yet is one by its name alone.
  const fs::path target = fs::weakly_canonical(path, error);
  for (const std::string& told : {told_by_contents(path), told_by_name(path.filename().string()),
                                  error ? std::string() : told_by_name(target.filename().string()),
                                  error ? std::string() : told_by_place(target)})
    if (!told.empty()) return told;
  return {};
}

void require_replaceable(const fs::path& output, bool checkpoint) {
  std::string kept = kept_by_owner(output);
  if (kept.empty() && !checkpoint && file_kind(output) == FileKind::kCheckpoint)
    kept = describe(FileKind::kCheckpoint);
  if (!kept.empty())
    throw DataError(quoted_path(output) + ": holds " + kept +
                    ", which nothing can bring back; expected another name");
}

void require_other_file(const fs::path& output, const fs::path& input, const std::string& what) {
  if (same_file(output, input))
    throw DataError(quoted_path(output) + ": is the file of " + what + "; expected another name");
}

}  // namespace blindtuner::io
