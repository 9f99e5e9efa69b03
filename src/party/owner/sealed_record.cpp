#include "party/owner/sealed_record.h"

#include <nlohmann/json.hpp>

#include "base/buffer.h"
#include "base/error.h"
#include "base/hmac.h"
#include "base/input_file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/sha256.h"
#include "secret/derived_key.h"

namespace blindtuner::party {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{1} << 26;

std::string text_of(const nlohmann::json& record, const OwnerKeys& keys, std::string_view purpose) {
  const std::string sealed = plain_json_text(record);
  Seed key = derived_key(keys, "blindtuner record 1 " + std::string(purpose));
  const Sha256Digest seal = hmac_sha256(key, sealed);
  wipe(key.data(), key.size());
  return plain_json_text({{"record", record}, {"seal", to_hex(seal)}}, 2) + "\n";
}

}  // namespace

SealedFile::SealedFile(std::filesystem::path path, const OwnerKeys& keys, std::string purpose)
    : path_(std::move(path)),
      keys_(keys),
      purpose_(std::move(purpose)),
      file_(path_, kForTheOwner) {}

void SealedFile::commit(const nlohmann::json& record) {
  const std::string text = text_of(record, keys_, purpose_);
  if (text.size() > kMaxBytes)
    throw DataError(quoted_path(path_) + ": is full: it would take " + std::to_string(text.size()) +
                    " bytes, at most " + std::to_string(kMaxBytes) + " are read again");
  file_.write(text);
  file_.commit();
}

void write_sealed(const std::filesystem::path& path, const OwnerKeys& keys,
                  std::string_view purpose, const nlohmann::json& record) {
  SealedFile(path, keys, std::string(purpose)).commit(record);
}

nlohmann::json read_sealed(const std::filesystem::path& path, const OwnerKeys& keys,
                           std::string_view purpose, std::string_view advice) {
  const std::vector<std::uint8_t> bytes = read_file(path, kMaxBytes);
  const std::string name = quoted_path(path);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  try {
    const nlohmann::json json = parse_json(text, name);
    const auto record = json.find("record");
    if (record == json.end())
      throw DataError(name + ": no record with a seal: earlier versions wrote some without");
    if (text != text_of(*record, keys, purpose))
      throw DataError(name + ": its seal is wrong: it was changed, or written with other keys");
    return *record;
  } catch (const DataError& error) {
    throw DataError(error.what() + (advice.empty() ? "" : "; " + std::string(advice)));
  }
}

}  // namespace blindtuner::party
