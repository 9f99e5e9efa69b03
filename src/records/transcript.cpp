#include "records/transcript.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/input_file.h"
#include "base/path.h"
#include "learn/head.h"
#include "records/signed_text.h"

namespace blindtuner::records {
namespace {

constexpr std::string_view kMember = "transcript", kDomain = "blindtuner transcript 1";

}  // namespace

Sha256Digest chain_begin(const Transcript& transcript) {
  Sha256 hash;
  hash.add(kDomain);
  for (const std::string& text :
       {transcript.training.circuit, json_text(to_json(transcript.training.config))}) {
    hash.add_number(text.size());
    hash.add(text);
  }
  hash.add(transcript.data).add(transcript.data_id).add(transcript.key_set);
  return hash.add(transcript.keys).add(transcript.parameters).finish();
}

Sha256Digest chain_step(const Sha256Digest& before, std::span<const Ciphertext> gradient) {
  Sha256 hash;
  hash.add(before);
  hash.add_number(gradient.size());
  for (const Ciphertext& c : gradient)
    for (const Poly* half : {&c.c0, &c.c1}) {
      require(half->domain() == Domain::kNtt && half->p_count() == 0, "a gradient as it is kept");
      const Residues residues(*half);
      hash.add_number(half->q_count());
      for (std::size_t i = 0; i < half->q_count(); ++i)
        hash.add(residues[i].data(), residues[i].size_bytes());
    }
  return hash.finish();
}

Sha256Digest transcript_digest(const Transcript& transcript) {
  Sha256 hash;
  hash.add("blindtuner training 1").add(chain_begin(transcript));
  // Every step: of one that nobody has computed again the last says nothing of those before it.
  for (const Sha256Digest& step : transcript.steps) hash.add(step);
  return hash.add(transcript.model).finish();
}

std::string transcript_fingerprint(const Transcript& transcript) {
  return fingerprint(transcript_digest(transcript));
}

std::string transcript_text(const Transcript& transcript, const SigningKey& key) {
  require(transcript.steps.size() == static_cast<std::size_t>(transcript.training.steps),
          "a transcript has as many steps as its training");
  nlohmann::json steps = nlohmann::json::array();
  for (const Sha256Digest& step : transcript.steps) steps.push_back(to_hex(step));
  return sign_text(plain_json_text({{"circuit", transcript.training.circuit},
                                    {"config", to_json(transcript.training.config)},
                                    {"data", to_hex(transcript.data)},
                                    {"data_id", to_hex(transcript.data_id)},
                                    {"key_set", to_hex(transcript.key_set)},
                                    {"keys", to_hex(transcript.keys)},
                                    {"model", to_hex(transcript.model)},
                                    {"parameters", to_hex(transcript.parameters)},
                                    {"server", to_hex(key.public_key())},
                                    {"steps", std::move(steps)}}),
                   kMember, kDomain, key);
}

Transcript parse_transcript(std::string_view text, const std::string& where) {
  const SignedText line = parse_signed_text(text, kMember, where);
  const nlohmann::json json = parse_json(line.text, where);
  const JsonIn in(json, where);
  Transcript out;
  out.server = hex_member<32>(in, "server");
  if (!verify_signature(out.server, kDomain, line.text, line.signature))
    throw DataError(where + ": the signature is not that of the server that it names");
  require_members(in, {"circuit", "config", "data", "data_id", "key_set", "keys", "model",
                       "parameters", "server", "steps"});
  out.parameters = hex_member<32>(in, "parameters");
  out.key_set = hex_member<16>(in, "key_set");
  out.keys = hex_member<32>(in, "keys");
  out.data = hex_member<32>(in, "data");
  out.data_id = hex_member<16>(in, "data_id");
  out.model = hex_member<32>(in, "model");
  out.training.circuit = in.at("circuit").as<std::string>();
  try {
    out.training.config = parse_training_config(json_text(in.at("config").value()));
    (void)circuit_named(out.training.circuit);
  } catch (const DataError& error) {
    throw DataError(where + ": " + error.what());
  }
  const JsonIn steps = in.at("steps");
  if (steps.size() == 0 || steps.size() > static_cast<std::size_t>(kMaxSteps))
    steps.refuse("a digest for each of 1 to " + std::to_string(kMaxSteps) + " steps");
  for (std::size_t i = 0; i < steps.size(); ++i)
    if (!from_hex(steps.at(i).as<std::string>(), out.steps.emplace_back()))
      steps.at(i).refuse("64 hexadecimal digits");
  out.training.steps = static_cast<int>(steps.size());
  return out;
}

Transcript read_transcript(const std::filesystem::path& path) {
  const std::vector<std::uint8_t> bytes = read_file(path, kMaxTranscriptBytes);
  return parse_transcript({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                          quoted_path(path));
}

}  // namespace blindtuner::records
