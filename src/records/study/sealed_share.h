// What an owner seals to others (secret/joint/sealed_box.h), kind 14: its share of an opening, or of its secret; and what
// the exchange and the server see of it.
//
//   "BOXK"   X25519 key drawn for this box (32); number of receivers (2), 1 to 17; for each its X25519 key (32) and the
//            content's key under AES-256-GCM (48)
//   "BOXC"   length (8) and bytes of the content under AES-256-GCM, its tag (16) at the end
//
// The content of a share of an opening: the noise's standard deviation in the result's unit (double), then the residues of every
// ciphertext's polynomial, as io/poly_io.h has them. Of a part of the small secret (secret/joint/threshold.h): the
// residues of one, modulo the primes of results.
#pragma once

#include "linalg/encrypted_dataset.h"
#include "records/key_set.h"

namespace blindtuner::records {
using namespace linalg;

inline constexpr std::size_t kMostReceivers = 17;  ///< owners, and a recipient

struct SealedShare {
  struct Receiver {
    std::array<std::uint8_t, 32> key{};
    std::array<std::uint8_t, 48> wrapped{};
  };
  std::array<std::uint8_t, 32> ephemeral{};
  std::vector<Receiver> receivers;
  std::vector<std::uint8_t> bytes;
};

Sha256Digest write_sealed_share(ByteSink& sink, const KeySet& keys, const SealedShare& share);
/// content: how long that of the expected share is; another length is refused. Throws DataError.
SealedShare read_sealed_share(ByteSource& source, const KeySet& keys, std::uint64_t content,
                              Sha256Digest& contents);

/// How large the record comes out, to the byte, for a share of `shape`.
std::uint64_t sealed_share_bytes(const Parameters& parameters, const CiphertextShape& shape,
                                 std::size_t receivers);

/// Its residues, and back: a polynomial of the small ring in NTT domain, residues_bytes() of its limbs. Throws DataError.
void pack_residues(const Poly& x, std::span<std::uint8_t> out);
void unpack_residues(std::span<const std::uint8_t> bytes, Poly& x, const std::string& where);

/// The content of a share of `shape`, and back. Throws DataError, which `where` opens, for residues that are none and a noise that is
/// not positive.
std::uint64_t share_content_bytes(const Parameters& parameters, const CiphertextShape& shape);
std::vector<std::uint8_t> share_content(const std::vector<Poly>& polynomials, double noise);
std::vector<Poly> share_of_content(const Parameters& parameters, const CiphertextShape& shape,
                                   std::span<const std::uint8_t> content, double& noise,
                                   const std::string& where);

}  // namespace blindtuner::records
