// BlindTuner's file format: what every file of this project looks like, whatever it holds.
//
// All numbers are little-endian. A file is a header and frames:
//
//   header, 192 bytes
//     0   8   magic "BLNDTUNR"
//     8   4   format version, kFormatVersion; kNewestVersion where the file holds what came with it
//     12  4   kind of file, FileKind
//     16  32  digest of the parameters (Parameters::digest(), binary); zero when the kind has none
//     48  32  name of the parameters, padded with zeros
//     80  16  identity of the key set: random, public; tells files of different owners or of
//             different key generations apart
//     96  64  reserved, zero
//     160 32  SHA-256 of bytes 0 .. 159
//   frames, each
//     0   4   length L of the payload, 0 .. kFrameBytes
//     4   4   section, four characters
//     8   L   payload
//     8+L 32  SHA-256 of (the header's SHA-256, the frame's number as 8 bytes, bytes 0 .. 7+L)
//   the last frame is empty, its section is "END." and nothing follows it.
//
// A file made under a parameter set that a user wrote down begins with a section "PARM": that set as a text
// of JSON (rlwe/written_parameters.h), which the digest in the header checks. It belongs to every kind of
// file, is written by ContainerWriter and taken by ContainerReader, and a kind's own sections follow.
//
// Consecutive frames of one section are one stream of bytes; neighbouring sections have different
// names. Every frame is verified before a byte of it is interpreted; a frame cannot be moved,
// dropped or taken from another file unnoticed, and a truncated file lacks its last frame. The
// digests guard against damage, not against forgery: they have no key. What the sections hold is
// specified beside each kind's reader.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace blindtuner::io {

inline constexpr std::uint32_t kFormatVersion = 1;
/// Of files that hold a key without a seed (io/poly_io.h), which programs that know kFormatVersion alone refuse.
inline constexpr std::uint32_t kNewestVersion = 2;
inline constexpr std::size_t kHeaderBytes = 192;
inline constexpr std::size_t kFrameBytes = std::size_t{1} << 20;
inline constexpr std::size_t kDigestBytes = 32;
/// Length and section, before a frame's payload.
inline constexpr std::size_t kFramePrefixBytes = 8;
inline constexpr std::size_t kFullFrameBytes = kFramePrefixBytes + kFrameBytes + kDigestBytes;
/// Frames that writer and reader hash at once, in parallel where they are this long: less is hashed sooner than
/// threads are woken.
inline constexpr std::size_t kBatchFrames = 8;
inline constexpr std::size_t kParallelBytes = std::size_t{1} << 19;
/// No kind of file has a tenth as many.
inline constexpr std::size_t kMostSections = 256;
inline constexpr std::string_view kMagic = "BLNDTUNR";

enum class FileKind : std::uint32_t {
  kSecretKey = 1,
  kEvaluationKeys = 2,
  kDataset = 3,
  kModel = 4,
  kCheckpoint = 5,
  kScores = 6,
  kRound = 7,
  kAnswer = 8,
  kKeyShares = 9,
  kWayInKeys = 10,
  kContribution = 12,
  kSums = 13,
  kSealedShare = 14,
};

/// "a secret key", "evaluation keys", ..; "an unknown kind of file (9)".
std::string describe(FileKind kind);
/// "secret_key", "evaluation_keys", .. for JSON.
std::string identifier(FileKind kind);

using KeyId = std::array<std::uint8_t, 16>;
/// A fresh random identity.
KeyId fresh_key_id();
/// In hexadecimal.
std::string to_string(const KeyId& id);

struct FileHeader {
  FileKind kind{};
  std::string parameters_name;    ///< at most 31 bytes
  std::string parameters_digest;  ///< 64 hexadecimal digits, or empty
  KeyId key_id{};
  /// "PARM" where the file has it, else empty. No part of the header's bytes.
  std::string written_parameters{};
  std::uint32_t version = kFormatVersion;
};

/// A section's name: exactly four characters.
using SectionTag = std::uint32_t;
constexpr SectionTag section_tag(const char (&name)[5]) {
  SectionTag tag = 0;
  for (int i = 0; i < 4; ++i)
    tag |= static_cast<SectionTag>(static_cast<unsigned char>(name[i])) << (8 * i);
  return tag;
}
inline constexpr SectionTag kEndTag = section_tag("END.");
inline constexpr SectionTag kParametersTag = section_tag("PARM");
/// The four characters; anything unprintable becomes '?'.
std::string to_string(SectionTag tag);

using FrameDigest = std::array<std::uint8_t, kDigestBytes>;
using HeaderBytes = std::array<std::uint8_t, kHeaderBytes>;

/// Throws ContractError when the name is too long or the digest is not one.
HeaderBytes encode_header(const FileHeader& header);
/// Throws DataError that starts with `where`.
FileHeader decode_header(const HeaderBytes& bytes, const std::string& where);
/// frame: length, section and payload.
FrameDigest frame_digest(const std::uint8_t* header_digest, std::uint64_t number,
                         const std::uint8_t* frame, std::size_t bytes);

}  // namespace blindtuner::io
