#include "records/study/session.h"

#include <algorithm>

#include "base/error.h"

namespace blindtuner::records {
namespace {

KeyId key_id(const Seed& seed, std::uint64_t place) {
  Sha256 hash;
  const Sha256Digest digest =
      hash.add("blindtuner study keys 1").add(seed).add_number(place).finish();
  KeyId out{};
  std::copy_n(digest.begin(), out.size(), out.begin());
  return out;
}

}  // namespace

Sha256Digest nonce_commitment(const StudyManifest& manifest, std::uint64_t session,
                              std::size_t owner, const Nonce& nonce) {
  Sha256 hash;
  return hash.add("blindtuner study nonce 1")
      .add(manifest.digest)
      .add_number(session)
      .add_number(owner)
      .add(nonce)
      .finish();
}

StudySession study_session(const StudyManifest& manifest, std::uint64_t number,
                           std::span<const Nonce> nonces) {
  require(nonces.size() == manifest.owners.size(), "a nonce of every owner");
  StudySession out;
  out.number = number;
  Sha256 hash;
  hash.add("blindtuner study session 1").add(manifest.digest).add_number(number);
  for (const Nonce& nonce : nonces) hash.add(nonce);
  out.seed = hash.finish();
  // The keys of all have the place behind the last owner's.
  out.joint = key_id(out.seed, nonces.size());
  for (std::size_t i = 0; i < nonces.size(); ++i) out.owners.push_back(key_id(out.seed, i));
  return out;
}

}  // namespace blindtuner::records
