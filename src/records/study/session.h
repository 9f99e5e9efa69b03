// A session of a study: one attempt to make its keys, from a coin that all owners toss.
//
//   1. Each commits to a nonce (32): SHA-256 of "blindtuner study nonce 1", manifest, session (8), owner's place (8), nonce.
//   2. Once all commitments are there each shows its nonce.
//   3. The session's seed is the SHA-256 of "blindtuner study session 1", manifest, session (8) and all nonces, owners in
//      their order: nobody can have chosen it.
//
// From the seed follow all uniform halves (rlwe/common_reference.h), the identity of the joint keys and that of the
// keys that each owner encrypts its data with. A session makes one set of keys, once: another attempt has another number,
// other nonces and other secrets.
#pragma once

#include <span>

#include "io/format.h"
#include "records/study/manifest.h"
#include "rlwe/common_reference.h"

namespace blindtuner::records {

using Nonce = std::array<std::uint8_t, 32>;

Sha256Digest nonce_commitment(const StudyManifest& manifest, std::uint64_t session,
                              std::size_t owner, const Nonce& nonce);

struct StudySession {
  std::uint64_t number = 0;
  Seed seed{};                ///< public
  KeyId joint{};              ///< of the keys of all
  std::vector<KeyId> owners;  ///< of each one's own, under which its data are
};
/// nonces: of all owners, in their order. Throws ContractError for another number of them.
StudySession study_session(const StudyManifest& manifest, std::uint64_t number,
                           std::span<const Nonce> nonces);

}  // namespace blindtuner::records
