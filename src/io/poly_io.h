// Polynomials, ciphertexts and keys inside a section.
//
//   residues    of a polynomial: its limbs one after the other, each residue in as many bits as the
//               prime has (io/bit_packing.h); NTT domain
//   ring        1 byte: 0 the small ring, 1 the big one
//   ciphertext  ring, q_count (2), scale (8, double), residues of c0, residues of c1
//   seeded      ring, q_count (2), scale (8), stream (8), seed (32), residues of c0
//   key         ring, q_count (2), p_count (2), digits (2), digit ends (2 each), seed (32), residues of
//               b_0, b_1, ..; the uniform halves are expanded from the seed. A key without a seed, in files
//               of kNewestVersion alone: ring + 2, and in the place of the seed residues of a_0, a_1, ..
//               follow those of the b halves
//   galois keys count (4), then for each, by rising element: Galois element (8), key
//   bootstrap   key: relinearisation; galois keys; keys: small_to_sparse, dense_to_sparse,
//               sparse_to_dense, dense_to_small
//   public key  ring, q_count (2), residues of b, residues of a
//
// Readers take the parameters that the file's header names and throw DataError (through the
// ContainerReader) for residues that are not below their prime and shapes that the parameters do not
// have. They allocate at most a small multiple of what the rest of the file holds.
#pragma once

#include <functional>

#include "ckks/bootstrap/bootstrapper.h"
#include "io/container_reader.h"
#include "io/container_writer.h"
#include "rlwe/ciphertext.h"
#include "rlwe/keys.h"
#include "rlwe/parameters.h"

namespace blindtuner::io {
using namespace ckks;

/// The header for a file of this kind under these parameters, of the version that holds all its keys:
/// `seeded` unless one of them has no seed.
FileHeader make_header(FileKind kind, const Parameters& parameters, const KeyId& key_id,
                       bool seeded = true);

/// The parameters that the file carries, or those of this program that it names, by digest. Sets below 128
/// bits are refused (SecurityError) unless allowed. Asks for the first section.
ParametersPtr load_parameters(ContainerReader& reader, bool allow_insecure);
/// The file was made under these parameters and keys. `others`: what it must go with, for the
/// message.
void require_same_keys(ContainerReader& reader, const FileHeader& expected,
                       const std::string& others);

void write(ContainerWriter& out, const Parameters& parameters, const Ciphertext& c);
/// What a ciphertext says of itself before its residues.
struct CiphertextHead {
  const Ring* ring = nullptr;
  std::size_t q_count = 0;
  double scale = 0;
};
/// `accept` sees the head before memory is asked for, and throws what it does not want.
using AcceptCiphertext = std::function<void(const CiphertextHead&)>;
Ciphertext read_ciphertext(ContainerReader& in, const Parameters& parameters,
                           const AcceptCiphertext& accept = {});

void write(ContainerWriter& out, const Parameters& parameters, const SeededCiphertext& c);
SeededCiphertext read_seeded_ciphertext(ContainerReader& in, const Parameters& parameters,
                                        const AcceptCiphertext& accept = {});

/// Throws ContractError for a key without a seed in a file of an earlier version.
void write(ContainerWriter& out, const Parameters& parameters, const KeySwitchKey& key);
/// The uniform halves are there.
KeySwitchKey read_key_switch_key(ContainerReader& in, const Parameters& parameters);

void write(ContainerWriter& out, const Parameters& parameters, const GaloisKeys& keys);
GaloisKeys read_galois_keys(ContainerReader& in, const Parameters& parameters);

void write(ContainerWriter& out, const Parameters& parameters, const BootstrapKeys& keys);
BootstrapKeys read_bootstrap_keys(ContainerReader& in, const Parameters& parameters);

void write(ContainerWriter& out, const Parameters& parameters, const PublicKey& key);
PublicKey read_public_key(ContainerReader& in, const Parameters& parameters);

}  // namespace blindtuner::io
