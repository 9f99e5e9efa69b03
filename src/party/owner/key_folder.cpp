#include "party/owner/key_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "base/atomic_file.h"
#include "base/disk.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/input_file.h"
#include "base/interrupt.h"
#include "base/path.h"
#include "base/private_file.h"
#include "base/utf8.h"
#include "io/file_stream.h"
#include "learn/head.h"
#include "party/owner/data_sets.h"
#include "records/training_keys.h"
#include "secret/dataset_encryption.h"
#include "secret/disclosure.h"

namespace blindtuner::party {
using namespace learn;
namespace {

namespace fs = std::filesystem;

constexpr const char* kLockRole = "keys";
constexpr const char* kUseRole = "keys-in-use";
// A pair is swapped, and a passphrase changed, within less.
constexpr std::chrono::seconds kPatience{3};

fs::path next_path(const fs::path& folder) { return folder / "evaluation.keys.next"; }

/// The identity in a file's header; none when it is not there or no file of this kind. Throws NotTold.
std::optional<KeyId> identity(const fs::path& path, FileKind kind) {
  try {
    return read_header(path, kind).key_id;
  } catch (const NotTold&) {
    throw;  // or files would be taken for others', and removed
  } catch (const DataError&) {
    return std::nullopt;
  }
}

[[noreturn]] void cannot(const char* action, const fs::path& path, int error) {
  throw DataError(std::string("cannot ") + action + " " + quoted_path(path) + ": " +
                  std::generic_category().message(error));
}

void rename_file(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) cannot("write", to, errno);
}

void tell_of_other_users(const fs::path& folder, const Listener& listener) {
  struct stat status {};
  if (::stat(folder.c_str(), &status) == 0 && (status.st_mode & 077) != 0)
    listener.tell(quoted_path(folder) +
                  " can be entered by other users of this machine; 'chmod 700' ends that");
}

/// folder/old-ID, or old-ID-2 and so on: the first where `name` is not taken by another file than
/// `same`.
fs::path room_for(const fs::path& folder, const std::optional<KeyId>& id, const char* name,
                  const fs::path& same = {}) {
  const std::string first = "old-" + (id ? to_string(*id).substr(0, 16) : "unreadable");
  for (int i = 1;; ++i) {
    fs::path room = folder / (i == 1 ? first : first + "-" + std::to_string(i));
    std::error_code ignored;
    if (!path_exists(room / name) || (!same.empty() && fs::equivalent(room / name, same, ignored)))
      return room;
  }
}

/// secret.key under a second name, so that the first can be replaced.
fs::path keep_secret_key(const fs::path& folder) {
  const fs::path key = secret_key_path(folder);
  fs::path room = room_for(folder, identity(key, FileKind::kSecretKey), "secret.key", key);
  const fs::path kept = room / "secret.key";
  make_private_folder(room);
  // A file that a symbolic link leads to stays where it is, and is copied: the link is replaced.
  std::error_code ignored;
  if (fs::is_symlink(key, ignored) || (::link(key.c_str(), kept.c_str()) != 0 && errno != EEXIST)) {
    // Or a file system without second names.
    std::vector<std::uint8_t> bytes = read_file(key, 1 << 24);
    SecretBytes wiped(bytes.size());
    std::copy(bytes.begin(), bytes.end(), wiped.span().begin());
    wipe(bytes.data(), bytes.size());
    AtomicFile copy(kept, 0600);
    copy.write(std::span<const std::uint8_t>(wiped.span()));
    copy.commit();
  }
  flush_folder(room);
  return room;
}

/// Copies of the secret.key in place that lie in folders old-ID: an interrupted command has left them.
std::vector<fs::path> second_names(const fs::path& folder) {
  std::vector<fs::path> out;
  const auto id = identity(secret_key_path(folder), FileKind::kSecretKey);
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error))
    if (id && entry.path().filename().string().starts_with("old-") &&
        identity(entry.path() / "secret.key", FileKind::kSecretKey) == id)
      out.push_back(entry.path() / "secret.key");
  return out;
}

/// The identity in the name of an owner's record (ledger-ID.jsonl, data-sets-ID.json,
/// identifiers-ID-OTHER.json); empty for other files.
std::string record_of(const fs::path& file) {
  for (const auto& [begin, end] : {std::pair("ledger-", ".jsonl"), std::pair("data-sets-", ".json"),
                                   std::pair("identifiers-", ".json")}) {
    const std::string name = file.filename().string();
    if (!name.starts_with(begin) || file.extension() != end) continue;
    const std::string id = file.stem().string().substr(std::strlen(begin));
    return id.substr(0, id.find('-'));
  }
  return {};
}

/// Records of other keys than secret.key's go where those keys are. Returns where they are now.
std::vector<fs::path> set_records_aside(const fs::path& folder) {
  std::vector<fs::path> aside;
  const auto ours = identity(secret_key_path(folder), FileKind::kSecretKey);
  std::vector<fs::path> records;
  std::error_code error;  // a folder that cannot be read: then there is nothing that could be moved
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (!record_of(entry.path()).empty()) records.push_back(entry.path());
  }
  if (records.empty()) return aside;
  // Whoever is at work with those keys has written its entry, or sees that they are gone (Ledger::append).
  const FileLock ledger(folder, "ledger", FileLock::Kind::kExclusive, kPatience);
  for (const fs::path& record : records) {
    const std::string id = record_of(record);
    const fs::path room = folder / ("old-" + id), kept = room / record.filename();
    if ((ours && to_string(*ours).starts_with(id)) || path_exists(kept)) continue;
    make_private_folder(room);
    rename_file(record, kept);
    aside.push_back(kept);
  }
  return aside;
}

/// Whether evaluation.keys.next belongs beside secret.key.
bool next_is_due(const fs::path& folder) {
  const auto id = identity(next_path(folder), FileKind::kEvaluationKeys);
  return id && id == identity(secret_key_path(folder), FileKind::kSecretKey);
}

/// What step 1 wrote, where secret.key is not of it.
void remove_next(const fs::path& folder) {
  const fs::path next = next_path(folder);
  const auto id = identity(next, FileKind::kEvaluationKeys);
  std::error_code ignored;
  if (id && id != identity(secret_key_path(folder), FileKind::kSecretKey))
    Ledger::remove_begun(folder, *id);
  fs::remove(next, ignored);
}

/// Step 4. Returns what was set aside for it.
std::vector<fs::path> complete_pair(const fs::path& folder) {
  const fs::path next = next_path(folder), evaluation = evaluation_keys_path(folder);
  if (!path_exists(next)) return {};
  if (!next_is_due(folder)) {
    remove_next(folder);
    return {};
  }
  std::vector<fs::path> aside;
  if (path_exists(evaluation)) {
    const fs::path room =
        room_for(folder, identity(evaluation, FileKind::kEvaluationKeys), "evaluation.keys");
    make_private_folder(room);
    rename_file(evaluation, room / "evaluation.keys");
    flush_folder(room);
    aside.push_back(room / "evaluation.keys");
  }
  for (fs::path& record : set_records_aside(folder)) aside.push_back(std::move(record));
  rename_file(next, evaluation);
  flush_folder(folder);
  return aside;
}

/// After a command that was interrupted, or by somebody who put other keys there.
void warn_of_completed(const std::vector<fs::path>& aside, const Listener& listener) {
  for (const fs::path& path : aside)
    listener.warn(quoted_path(path) +
                  " is of other keys than secret.key and was set aside there: if you did not make "
                  "these keys yourself, somebody else did");
}

void refuse_present_keys(const fs::path& folder) {
  const fs::path secret = secret_key_path(folder), evaluation = evaluation_keys_path(folder);
  if (path_exists(secret))
    throw DataError(quoted_path(secret) +
                    " exists: without it, everything encrypted under it is lost; give another "
                    "folder, or keygen's --force, which moves it to a folder old-.. beside it");
  if (path_exists(evaluation))
    throw DataError(
        quoted_path(secret) + " is not there, though " + quoted_path(evaluation) +
        " of the same keys exists: without it, everything encrypted under it is lost; "
        "put it back from a copy, or give another folder, or keygen's --force (finetune's "
        "--new-keys), which moves what is there to a folder old-.. beside it");
}

std::uint64_t key_file_bytes(const Parameters& p, const Bootstrapper& bootstrapper,
                             const ProductLayout& layout) {
  const BootstrapKeyShapes shapes(p, bootstrapper.rotations(),
                                  class_sum_rotations(p, layout.class_stride), p.circuit_start());
  return training_keys_file_bytes(p, shapes, layout);
}

/// Whoever took it away took what it knew: budget, answers, refusals. Keys of earlier programs do not say
/// that they had one; that they encrypted something does.
void require_ledger(const OwnerFolder& keys, const Listener& listener) {
  const Disclosure door(keys.keys, keys.folder);
  door.ledger().require_there();
  if (path_exists(door.ledger().path()) || !path_exists(data_sets_path(keys))) return;
  listener.warn(
      "the ledger " + quoted_path(door.ledger().path()) +
      " is gone, although these keys have encrypted data: nobody knows what they have given "
      "away; put it back from a copy, or make fresh keys");
}

/// A data set is in the ledger before the record has it. What is damaged is said by whoever needs it.
void warn_of_older_ledger(const OwnerFolder& keys, const Listener& listener) {
  if (!keys.keys.with_ledger) return;  // of earlier versions, which had the one before the other
  try {
    // In this order, for another program may be encrypting.
    const std::vector<RecordedDataSet> sets = recorded_data_sets(keys);
    const Disclosure door(keys.keys, keys.folder);
    const auto entries = door.ledger().read().value_or(std::vector<LedgerEntry>{});
    std::set<std::string> known;
    for (const LedgerEntry& entry : entries) {
      if (entry.kind == LedgerEntry::Kind::kBegun) return;  // which tells that it does not know all
      if (entry.kind == LedgerEntry::Kind::kEncrypted) known.insert(entry.data);
    }
    for (const RecordedDataSet& set : sets)
      if (!known.contains(to_string(set.id)))
        return listener.warn(
            "the ledger " + quoted_path(door.ledger().path()) + " does not know '" +
            printable(set.file) +
            "', which these keys have encrypted: it is an older copy, without what "
            "they have given away since; put the newest back");
  } catch (const DataError&) {
  }
}

/// They belong beside their own keys, which somebody has taken away or replaced.
void warn_of_other_records(const OwnerFolder& keys, const Listener& listener) {
  // What an interrupted command has left is set aside, and told, when the pair is completed.
  const auto before = next_is_due(keys.folder)
                          ? identity(evaluation_keys_path(keys.folder), FileKind::kEvaluationKeys)
                          : std::nullopt;
  const auto begun = identity(next_path(keys.folder), FileKind::kEvaluationKeys);
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(keys.folder, error)) {
    const std::string id = record_of(entry.path());
    if (id.empty() || to_string(keys.keys.id).starts_with(id)) continue;
    // As an interrupted command that made keys leaves it.
    if (begun && to_string(*begun).starts_with(id) && entry.path().extension() == ".jsonl" &&
        Ledger::is_begun(keys.folder, *begun))
      continue;
    if (before && to_string(*before).starts_with(id) &&
        path_exists(keys.folder / ("old-" + id) / "secret.key"))
      continue;
    listener.warn(quoted_path(entry.path()) +
                  " is of other keys than the secret.key beside it: if you did not put that key "
                  "there yourself, somebody else did");
  }
}

}  // namespace

fs::path secret_key_path(const fs::path& folder) { return folder / "secret.key"; }
fs::path evaluation_keys_path(const fs::path& folder) { return folder / "evaluation.keys"; }

void remove_second_names(const fs::path& folder, const Listener& listener) {
  for (const fs::path& second : second_names(folder)) {
    std::error_code ignored;
    bool is_same = fs::equivalent(second, secret_key_path(folder), ignored);
    if (!is_same) {
      std::vector<std::uint8_t> one = read_file(second, 1 << 24),
                                other = read_file(secret_key_path(folder), 1 << 24);
      is_same = one == other;
      wipe(one.data(), one.size());
      wipe(other.data(), other.size());
    }
    if (!is_same) {
      listener.warn(quoted_path(second) + " is another copy of the secret key in " +
                    quoted_path(folder) + ", not under the same passphrase: remove one of the two");
      continue;
    }
    fs::remove(second, ignored);
    fs::remove(second.parent_path(), ignored);  // where nothing else is in it
  }
}

FileLock lock_keys(const fs::path& folder) {
  return {folder, kLockRole, FileLock::Kind::kExclusive, kPatience};
}

ProductLayout plan_keys(const KeygenRequest& request) {
  require(request.parameters != nullptr, "keys are made for a parameter set");
  const Parameters& parameters = *request.parameters;
  if (parameters.insecure() && !request.allow_insecure)
    throw SecurityError("parameters '" + parameters.literal().name +
                        "' are below 128 bits of security; refused without "
                        "--allow-insecure-parameters");
  // Of `finetune` these come out of its data.
  if (request.classes < 2 || request.classes > kMaxClasses)
    throw DataError(std::to_string(request.classes) + " classes, expected 2 to " +
                    std::to_string(kMaxClasses));
  if (request.features < 1 || request.features >= kMaxColumns)
    throw DataError(std::to_string(request.features) + " features, expected 1 to " +
                    std::to_string(kMaxColumns - 1));
  return ProductLayout::plan(parameters, request.batch, request.features + 1, request.classes,
                             request.batch);
}

std::uint64_t evaluation_keys_bytes(const KeygenRequest& request) {
  const ProductLayout layout = plan_keys(request);
  return key_file_bytes(*request.parameters, Bootstrapper(request.parameters), layout);
}

MadeKeys make_keys(const fs::path& folder, const KeygenRequest& request, bool replace,
                   const PassphraseSource& passphrase, const Listener& listener) {
  const ProductLayout layout = plan_keys(request);
  const ParametersPtr& parameters = request.parameters;
  make_private_folder(folder);
  const FileLock lock = lock_keys(folder);
  // A lock that an interrupted run left goes when the next holder gives it back, and keys that are
  // refused below write no entry.
  { const FileLock left(folder, "ledger", FileLock::Kind::kExclusive, kPatience); }
  warn_of_completed(complete_pair(folder), listener);
  remove_second_names(folder, listener);
  if (!replace) refuse_present_keys(folder);
  // Whoever is at work with the old pair finds its records where they were; told before new keys are made.
  const auto unused = [&] {
    return FileLock(folder, kUseRole, FileLock::Kind::kExclusive, kPatience);
  };
  (void)unused();
  tell_of_other_users(folder, listener);

  const Bootstrapper bootstrapper(parameters);
  constexpr std::uint64_t kSecretKey = 1 << 20;  // more than it has
  require_room(folder, key_file_bytes(*parameters, bootstrapper, layout) + kSecretKey, "keys");
  const SecretBytes seal = passphrase ? passphrase() : SecretBytes();
  const Task making(listener, "making keys");
  const OwnerKeys keys{SecretKeys::generate(parameters), fresh_key_id(), layout, true};
  making.update(0.2);
  const TrainingKeys evaluation = make_training_keys(keys.secrets, bootstrapper, layout);
  making.update(0.8);
  MadeKeys made;
  FileLock swap;
  try {
    write_training_keys(next_path(folder), *parameters, keys.id, evaluation);
    Disclosure(keys, folder).ledger().begin();
    swap = unused();
    if (path_exists(secret_key_path(folder)))
      made.old_pair = keep_secret_key(folder);
    else if (path_exists(evaluation_keys_path(folder)))
      made.old_pair =
          room_for(folder, identity(evaluation_keys_path(folder), FileKind::kEvaluationKeys),
                   "evaluation.keys");
    write_secret_key(secret_key_path(folder), keys, seal, Links::kReplace);
  } catch (...) {
    remove_next(folder);
    remove_second_names(folder, listener);
    throw;
  }
  try {
    const InterruptDeferred whole;
    complete_pair(folder);
  } catch (const DataError& error) {
    throw DataError(error.what() +
                    std::string("; the new secret.key is in place, and the next command that "
                                "makes keys there or encrypts completes the pair"));
  }
  making.finish();
  return made;
}

const ProductLayout& OwnerFolder::layout() const {
  if (!keys.layout)
    throw DataError(
        quoted_path(secret_key_path(folder)) +
        ": is of version 0.1 and does not say what its evaluation keys were made for; " +
        quoted_path(evaluation_keys_path(folder)) + " of the same keys is needed too");
  return *keys.layout;
}

OwnerFolder open_keys(const fs::path& folder, bool allow_insecure,
                      const PassphraseSource& passphrase, const Listener& listener,
                      LostLedger lost) {
  const fs::path secret = secret_key_path(folder), evaluation = evaluation_keys_path(folder);
  FileLock in_use(folder, kUseRole, FileLock::Kind::kShared, kPatience);
  OwnerKeys keys = read_secret_key(secret, allow_insecure, passphrase);
  if (const std::string readable = told_if_readable_by_others(secret); !readable.empty())
    listener.warn(readable);
  const ParametersPtr p = keys.secrets.parameters;
  const FileHeader header = make_header(FileKind::kSecretKey, *p, keys.id);
  OwnerFolder out{std::move(keys), {p, header, quoted_path(secret)}, folder, std::move(in_use)};
  if (!out.keys.layout && identity(evaluation, FileKind::kEvaluationKeys) == out.keys.id)
    out.keys.layout = read_training_keys_layout(evaluation, out.set);
  warn_of_other_records(out, listener);
  if (lost == LostLedger::kRefused) require_ledger(out, listener);
  warn_of_older_ledger(out, listener);
  return out;
}

OwnerFolder open_keys_to_encrypt(const fs::path& folder, bool allow_insecure,
                                 const PassphraseSource& passphrase, const Listener& listener) {
  const fs::path evaluation = evaluation_keys_path(folder);
  if (next_is_due(folder)) {
    const FileLock lock = lock_keys(folder);
    if (lock.held()) warn_of_completed(complete_pair(folder), listener);
  }
  OwnerFolder out = open_keys(folder, allow_insecure, passphrase, listener);
  if (path_exists(evaluation)) (void)read_training_keys_layout(evaluation, out.set);
  (void)out.layout();
  return out;
}

}  // namespace blindtuner::party
