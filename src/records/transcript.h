// What a server says that it computed, signed: the digest of everything that went in, of every step, and of the model
// that came out. Training is deterministic, so whoever has the inputs computes any step again and compares
// (party/server/audit.h); whoever has the model alone sees whether it is the transcript's.
//
//   {"transcript": "..", "signature": ".."}      (records/signed_text.h, of the domain "blindtuner transcript 1")
//
//   {"circuit": "..", "config": {..}, "data": "..", "data_id": "..", "key_set": "..", "keys": "..", "model": "..",
//    "parameters": "..", "server": "..", "steps": ["..", ..]}
//
// Digests are 64 hexadecimal digits: of parameters Parameters::digest(); of keys, data and model the contents
// (ContainerWriter::contents()). Steps are a chain: each is the SHA-256 of the one before (of the digest of
// circuit to parameters, one after the other, for the first) and of its gradient.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/signature.h"
#include "linalg/encrypted_dataset.h"
#include "records/key_set.h"
#include "records/training_state.h"

namespace blindtuner::records {

struct Transcript {
  Sha256Digest parameters{};
  KeyId key_set{};
  Sha256Digest keys{}, data{};
  DataId data_id{};
  TrainingState training;
  std::vector<Sha256Digest> steps;  ///< training.steps of them
  Sha256Digest model{};
  PublicSigningKey server{};
};

/// What the first step is chained to: of all members but steps, model and server.
Sha256Digest chain_begin(const Transcript& transcript);
/// What a step with this gradient is, behind the one that `before` stands for.
Sha256Digest chain_step(const Sha256Digest& before, std::span<const Ciphertext> gradient);

/// Of all that a transcript says but who has signed it.
Sha256Digest transcript_digest(const Transcript& transcript);
/// Its first half, in the form in which people compare who speak of one training.
std::string transcript_fingerprint(const Transcript& transcript);

/// transcript.server is the key's.
std::string transcript_text(const Transcript& transcript, const SigningKey& key);
/// Signed by the key that it names, which says nothing of whose key that is. `where` opens every message.
/// Throws DataError.
Transcript parse_transcript(std::string_view text, const std::string& where);
Transcript read_transcript(const std::filesystem::path& path);
/// Of a file.
inline constexpr std::uint64_t kMaxTranscriptBytes = std::uint64_t{1} << 24;

}  // namespace blindtuner::records
