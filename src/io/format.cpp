#include "io/format.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>

#include "base/error.h"
#include "base/random.h"
#include "base/sha256.h"

namespace blindtuner::io {
namespace {

static_assert(std::endian::native == std::endian::little, "files are written as memory is");

constexpr std::size_t kNameBytes = 32;
constexpr std::size_t kHeaderDigestOffset = kHeaderBytes - kDigestBytes;

int from_hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

struct KindName {
  FileKind kind;
  const char* description;
  const char* identifier;
};
constexpr KindName kKinds[] = {
    {FileKind::kSecretKey, "a secret key", "secret_key"},
    {FileKind::kEvaluationKeys, "evaluation keys", "evaluation_keys"},
    {FileKind::kDataset, "an encrypted data set", "dataset"},
    {FileKind::kModel, "an encrypted model", "model"},
    {FileKind::kCheckpoint, "a training checkpoint", "checkpoint"},
    {FileKind::kScores, "encrypted scores", "scores"},
    {FileKind::kRound, "a round of validation", "round"},
    {FileKind::kAnswer, "an answer to a round of validation", "answer"},
    {FileKind::kKeyShares, "an owner's shares of a study's keys", "key_shares"},
    {FileKind::kWayInKeys, "a study's way-in keys", "way_in_keys"},
    {FileKind::kContribution, "an owner's contribution to a joint data set", "contribution"},
    {FileKind::kSums, "encrypted sums over rows", "sums"},
    {FileKind::kSealedShare, "a sealed share of an opening", "sealed_share"},
};

}  // namespace

std::string describe(FileKind kind) {
  for (const KindName& k : kKinds)
    if (k.kind == kind) return k.description;
  return "an unknown kind of file (" + std::to_string(static_cast<std::uint32_t>(kind)) + ")";
}

std::string identifier(FileKind kind) {
  for (const KindName& k : kKinds)
    if (k.kind == kind) return k.identifier;
  return "unknown";
}

KeyId fresh_key_id() {
  const Seed seed = fresh_seed();
  KeyId id;
  std::copy_n(seed.begin(), id.size(), id.begin());
  return id;
}

std::string to_string(const KeyId& id) { return to_hex(id); }

std::string to_string(SectionTag tag) {
  std::string text;
  for (int i = 0; i < 4; ++i) {
    const char c = static_cast<char>(tag >> (8 * i));
    text += c > ' ' && c <= '~' ? c : '?';
  }
  return text;
}

HeaderBytes encode_header(const FileHeader& header) {
  require(header.parameters_name.size() < kNameBytes, "a parameter set's name is too long");
  require(header.parameters_digest.empty() || header.parameters_digest.size() == 64,
          "a parameter digest has 64 hexadecimal digits");
  HeaderBytes bytes{};
  std::copy(kMagic.begin(), kMagic.end(), bytes.begin());
  const std::uint32_t version = header.version, kind = static_cast<std::uint32_t>(header.kind);
  std::memcpy(&bytes[8], &version, 4);
  std::memcpy(&bytes[12], &kind, 4);
  for (std::size_t i = 0; i < header.parameters_digest.size() / 2; ++i) {
    const int high = from_hex(header.parameters_digest[2 * i]);
    const int low = from_hex(header.parameters_digest[2 * i + 1]);
    require(high >= 0 && low >= 0, "a parameter digest has 64 hexadecimal digits");
    bytes[16 + i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  std::copy(header.parameters_name.begin(), header.parameters_name.end(), &bytes[48]);
  std::copy(header.key_id.begin(), header.key_id.end(), &bytes[80]);
  Sha256 hash;
  hash.add(bytes.data(), kHeaderDigestOffset);
  const FrameDigest digest = hash.finish();
  std::copy(digest.begin(), digest.end(), &bytes[kHeaderDigestOffset]);
  return bytes;
}

FileHeader decode_header(const HeaderBytes& bytes, const std::string& where) {
  if (std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0)
    throw DataError(where + ": not a BlindTuner file (it does not start with '" +
                    std::string(kMagic) + "')");
  std::uint32_t version = 0, kind = 0;
  std::memcpy(&version, &bytes[8], 4);
  std::memcpy(&kind, &bytes[12], 4);
  if (version < kFormatVersion || version > kNewestVersion)
    throw DataError(where + ": format version " + std::to_string(version) + ", expected " +
                    std::to_string(kFormatVersion) + " to " + std::to_string(kNewestVersion));
  Sha256 hash;
  hash.add(bytes.data(), kHeaderDigestOffset);
  const FrameDigest digest = hash.finish();
  if (!std::equal(digest.begin(), digest.end(), &bytes[kHeaderDigestOffset]))
    throw DataError(where + ": damaged: the header's checksum is wrong");
  // What came later is of keys.
  const bool of_keys = kind == static_cast<std::uint32_t>(FileKind::kEvaluationKeys);
  if (version > kFormatVersion && kind <= static_cast<std::uint32_t>(FileKind::kAnswer) && !of_keys)
    throw DataError(where + ": format version " + std::to_string(version) + " of " +
                    describe(static_cast<FileKind>(kind)) + ", expected " +
                    std::to_string(kFormatVersion));
  FileHeader header;
  header.version = version;
  header.kind = static_cast<FileKind>(kind);
  const auto parameters = std::span(bytes).subspan(16, 32);
  if (std::any_of(parameters.begin(), parameters.end(), [](std::uint8_t b) { return b != 0; }))
    header.parameters_digest = to_hex(parameters);
  const char* name = reinterpret_cast<const char*>(&bytes[48]);
  header.parameters_name.assign(name, strnlen(name, kNameBytes - 1));
  for (const char c : header.parameters_name)
    if (c < ' ' || c > '~') throw DataError(where + ": the parameters' name is not printable text");
  if (std::any_of(name + header.parameters_name.size(), name + kNameBytes,
                  [](char c) { return c != 0; }))
    throw DataError(where + ": the parameters' name is not followed by zeros");
  std::copy_n(&bytes[80], header.key_id.size(), header.key_id.begin());
  const auto reserved = std::span(bytes).subspan(96, kHeaderDigestOffset - 96);
  if (std::any_of(reserved.begin(), reserved.end(), [](std::uint8_t b) { return b != 0; }))
    throw DataError(where + ": the header's reserved bytes are not zero");
  return header;
}

FrameDigest frame_digest(const std::uint8_t* header_digest, std::uint64_t number,
                         const std::uint8_t* frame, std::size_t bytes) {
  Sha256 hash;
  hash.add(header_digest, kDigestBytes);
  hash.add(&number, 8);
  hash.add(frame, bytes);
  return hash.finish();
}

}  // namespace blindtuner::io
