#include "app/server/server_files.h"

#include <chrono>
#include <cstdio>

#include "app/common/progress.h"
#include "base/file_lock.h"
#include "base/path.h"
#include "base/private_file.h"
#include "io/file_stream.h"

namespace blindtuner::app {

void refuse_secret_key(const std::filesystem::path& path) {
  FileSource source(path);
  const ContainerReader in(source);
  if (in.header().kind == FileKind::kSecretKey)
    in.fail(
        "is a secret key: it belongs to its owner alone, not on a server; expected a file that "
        "the owner encrypted, or evaluation keys");
}

TrainingKeysInfo open_training_keys(const std::filesystem::path& path, bool allow_insecure) {
  refuse_secret_key(path);
  return read_training_keys_info(path, allow_insecure);
}

ServerKeysPtr open_keys_of(const std::filesystem::path& path, const KeySet& set, bool quiet) {
  FileSource source(path);
  ProgressBar bar("reading keys", quiet);
  ServerKeysPtr keys = load_keys(source, set, [&](double f) { bar.update(f); });
  bar.finish();
  return keys;
}

void warn_if_readable_by_others(const std::filesystem::path& path) {
  if (const std::string readable = told_if_readable_by_others(path); !readable.empty())
    std::fprintf(stderr, "WARNING: %s\n", readable.c_str());
}

SigningKey signing_key_in(const std::filesystem::path& path) {
  // Of two runs that find none, one makes it: the other's transcripts would be signed by a key that nobody has.
  FileLock making;
  if (!path_exists(path)) making = lock_file(path, std::chrono::seconds(3));
  if (path_exists(path)) {
    warn_if_readable_by_others(path);
    return read_signing_key(path);
  }
  SigningKey key = SigningKey::generate();
  write_signing_key(path, key);
  std::fprintf(stderr, "made the signing key %s, of the fingerprint %s\n",
               quoted_path(path).c_str(), key_fingerprint(key.public_key()).c_str());
  return key;
}

std::shared_ptr<const DatasetFile> open_dataset(const std::filesystem::path& path,
                                                const KeySet& keys, bool quiet) {
  refuse_secret_key(path);
  ProgressBar bar("reading data", quiet);
  auto data = std::make_shared<const DatasetFile>(
      read_dataset(path, keys, [&](double f) { bar.update(f); }));
  bar.finish();
  return data;
}

}  // namespace blindtuner::app
