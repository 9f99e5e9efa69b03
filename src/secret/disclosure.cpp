#include "secret/disclosure.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>

#include "base/buffer.h"
#include "base/error.h"
#include "base/hmac.h"
#include "ckks/encoder.h"
#include "rlwe/written_parameters.h"
#include "secret/decryption.h"
#include "secret/derived_key.h"
#include "secret/joint/opening.h"

namespace blindtuner::secret {
namespace {

constexpr double kFloodFactor = 0x1p8, kLeastNoise = 0x1p-8, kSumsFlood = 0x1p12;

// What was refused where it is no ciphertext.
constexpr char kAnswer[] = "answer";
// What was answered where several owners vote.
constexpr char kVote[] = "vote";

std::string text_of(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

// The refusal that ended this run.
std::optional<LedgerEntry> refusal_in(const std::vector<LedgerEntry>& entries,
                                      const std::string& run) {
  for (const LedgerEntry& e : entries)
    if (!run.empty() && e.kind == LedgerEntry::Kind::kRefused && e.run == run && e.what != kAnswer)
      return e;
  return {};
}

void require_unrefused(const std::vector<LedgerEntry>& entries, const Origin& origin) {
  if (const auto e = refusal_in(entries, origin.run))
    throw DataError(origin.name + ": round " + std::to_string(e->round) +
                    " of this run was refused on " + e->time + " (" + e->reason +
                    "), and a refused round ends its run: train anew");
}

/// Of the noise of a share.
int share_levels(const Parameters& parameters, const CiphertextShape& shape, const Opening& opening,
                 const std::string& name) {
  const Ring& ring = parameters.small_ring();
  require(opening.noise == 0 || opening.noise >= kFloodFactor * opening.error,
          "noise that drowns the errors");
  const std::uint64_t numbers = opening.numbers > 0 ? opening.numbers : shape.count * ring.n();
  const double bits = opening.bits / static_cast<double>(opening.sets);
  const double wanted = opening.noise > 0   ? opening.noise
                        : opening.error > 0 ? noise_for_bits(numbers, opening.error, bits)
                                            : -1;
  const double least = wanted * shape.scale;
  // All that is added up stays a small part of Q, whatever the noise; of q_0 alone, which scores fill to a few bits, a larger one.
  const double most =
      std::exp2(ring.log2_modulus(shape.q_count, 0) - (shape.q_count == 1 ? 5 : 10)) /
      static_cast<double>(opening.owners);
  if (!(least > 0 && least <= most / 2))
    throw DataError(name + ": not opened: there is no room for the noise of its errors");
  return joint::wide_levels(least);
}

/// A public polynomial, of which these coefficients stay.
void keep_coefficients(Poly& x, const std::vector<bool>& which) {
  to_coefficients_inplace(x);
  std::vector<u64> all;
  {
    const Residues residues(x);
    for (std::size_t i = 0; i < x.limbs(); ++i)
      for (std::size_t k = 0; k < x.n(); ++k) all.push_back(which[k] ? residues[i][k] : 0);
  }
  set_residues(x, [&](WritableResidues residues) {
    for (std::size_t i = 0; i < x.limbs(); ++i)
      std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(i * x.n()), x.n(), residues[i].begin());
  });
  to_ntt_inplace(x);
}

void add_poly(Sha256& hash, const Poly& poly) {
  require(poly.domain() == Domain::kNtt && poly.p_count() == 0, "a ciphertext in NTT domain");
  hash.add_number(poly.q_count());
  const Residues residues(poly);
  for (std::size_t i = 0; i < poly.limbs(); ++i)
    hash.add(residues[i].data(), residues[i].size_bytes());
}

}  // namespace

/// What goes through the door, with its name and size, and how it is decrypted.
struct Disclosure::Sealed {
  const char* what;
  std::uint64_t numbers;
  Sha256Digest digest;
  std::function<std::vector<double>()> decrypt;
  std::string question = {};  ///< LedgerEntry's; empty: every time another

  /// Of everything that the numbers depend on and of nothing else: whatever changed the digest and
  /// not the numbers would be another draw of noise for the same ones.
  static Sha256Digest digest_of(const char* what, const OwnerKeys& keys, ProductLayout layout,
                                std::span<const Ciphertext> ciphertexts) {
    if (std::string_view(what) == "model") layout.samples = 0;  // decides nothing there
    Sha256 hash;
    hash.add("blindtuner disclosure 1 ").add(what).add(" ").add(keys.secrets.parameters->digest());
    for (const std::size_t number : {layout.n, layout.ratio, layout.samples, layout.features,
                                     layout.classes, layout.width, layout.class_stride})
      hash.add_number(number);
    hash.add_number(ciphertexts.size());
    for (const Ciphertext& c : ciphertexts) {
      hash.add_number(std::bit_cast<std::uint64_t>(c.scale));
      add_poly(hash, c.c0);
      add_poly(hash, c.c1);
    }
    return hash.finish();
  }
  static Sealed of(const OwnerKeys& keys, const EncryptedModel& model,
                   const PlausibleValues& plausible) {
    const ProductLayout& l = model.layout;
    return {"model", l.classes * l.features, digest_of("model", keys, l, model.weights),
            [&keys, &model, plausible] { return decrypt_model(keys.secrets, model, plausible); }};
  }
  static Sealed of(const OwnerKeys& keys, const EncryptedScores& scores,
                   const PlausibleValues& plausible) {
    const ProductLayout& l = scores.layout;
    return {
        "scores", l.samples * l.classes, digest_of("scores", keys, l, scores.scores),
        [&keys, &scores, plausible] { return decrypt_scores(keys.secrets, scores, plausible); }};
  }

  /// Where nothing else is asked of it.
  Sealed held_against(const PlausibleValues& plausible, const std::string& rule) && {
    Sha256 hash;
    hash.add("blindtuner question 1 ").add(digest.data(), digest.size());
    for (const double limit :
         {plausible.largest, plausible.padding, plausible.empty, plausible.least, plausible.norm})
      hash.add_number(std::bit_cast<std::uint64_t>(limit));
    hash.add(rule);
    question = to_hex(hash.finish());
    return std::move(*this);
  }

  /// What it tells that this is used, or refused: nothing where the very question was asked before.
  double bits(const std::vector<LedgerEntry>& before) const {
    return !question.empty() && std::any_of(before.begin(), before.end(),
                                            [&](const auto& e) { return e.question == question; })
               ? 0
               : 1;
  }

  LedgerEntry entry(LedgerEntry::Kind kind, const Origin& origin) const {
    LedgerEntry e;
    e.kind = kind;
    e.what = what;
    e.ciphertext = to_hex(digest);
    e.data = origin.data;
    e.run = origin.run;
    e.round = origin.round;
    e.numbers = numbers;
    if (origin.round == 0) e.question = question;
    return e;
  }
};

void require_publishable(const Parameters& parameters) {
  if (parameters.owners() != 1)
    throw DataError("not published: '" + parameters.literal().name +
                    "' is for several owners, of whose results the errors are others");
  if (!built_in(parameters.literal()))
    throw DataError(
        "not published: '" + parameters.literal().name +
        "' is a parameter set of your own, of whose results nobody knows the errors, and so not "
        "how much they would tell about the secret key");
}

double publication_noise(double error) {
  require(error >= 0, "an error's standard deviation");
  const double least = std::max(kFloodFactor * error, kLeastNoise);
  const double power = std::exp2(std::ceil(std::log2(least)));
  return power < least ? 2 * power : power;
}

double publication_bits(std::uint64_t numbers, double error, double noise) {
  const double ratio = error / noise;
  return static_cast<double>(numbers) / 2 * std::log1p(ratio * ratio) / std::log(2.0);
}

double noise_for_bits(std::uint64_t numbers, double error, double bits) {
  require(numbers > 0 && error > 0 && bits > 0, "numbers with errors, and bits");
  return error / std::sqrt(std::expm1(2 * bits / static_cast<double>(numbers) * std::log(2.0)));
}

double share_noise(const Parameters& parameters, const CiphertextShape& shape,
                   const Opening& opening, const std::string& name) {
  return joint::wide_sigma(share_levels(parameters, shape, opening, name)) / shape.scale;
}

Opening opening_of_sums(const Parameters& parameters, const SumsShape& shape, std::size_t owners,
                        std::string decryptors, double budget) {
  Opening out;
  out.error = sums_error(parameters, owners) / shape.scale(parameters);
  out.noise = kSumsFlood * out.error;
  out.budget = budget;
  out.owners = owners;
  out.decryptors = std::move(decryptors);
  return out;
}

Disclosure::Disclosure(const OwnerKeys& keys, const std::filesystem::path& folder)
    : keys_(keys),
      noise_key_(derived_key(keys, "blindtuner publication noise 1")),
      share_key_(derived_key(keys, "blindtuner opening share 1")),
      ledger_(folder, keys.id, keys.secrets.parameters->literal().name,
              derived_key(keys, "blindtuner ledger 1"), keys.with_ledger) {}

Disclosure::~Disclosure() {
  wipe(noise_key_.data(), noise_key_.size());
  wipe(share_key_.data(), share_key_.size());
}

void Disclosure::record(const Ledger::Decide& decide) { began_ = ledger_.append(decide); }

void Disclosure::encrypted(const Origin& origin, std::uint64_t samples, const FeatureSizes& sizes) {
  record([&](const auto&) {
    LedgerEntry entry;
    entry.kind = LedgerEntry::Kind::kEncrypted;
    entry.what = "data set";
    entry.data = origin.data;
    entry.numbers = samples;
    entry.sizes = sizes;
    return entry;
  });
}

std::optional<FeatureSizes> Disclosure::sizes_of(const std::string& data) const {
  for (const LedgerEntry& e : ledger_.read().value_or(std::vector<LedgerEntry>{}))
    if (e.kind == LedgerEntry::Kind::kEncrypted && e.data == data) return e.sizes;
  return {};
}

int Disclosure::most_rounds() const {
  int most = 0;
  for (const LedgerEntry& e : ledger_.read().value_or(std::vector<LedgerEntry>{}))
    if (e.kind == LedgerEntry::Kind::kAsked) most = std::max(most, e.rounds);
  return most;
}

std::optional<LedgerEntry> Disclosure::refusal_of(const std::string& run) const {
  return refusal_in(ledger_.read().value_or(std::vector<LedgerEntry>{}), run);
}

// Under the ledger's lock: of two that ask at once the second sees the first.
void Disclosure::claim(const Sealed& sealed, const Origin& origin) {
  require(!origin.run.empty() && origin.round <= origin.rounds, "a round of a run has its number");
  record([&](const std::vector<LedgerEntry>& before) -> std::optional<LedgerEntry> {
    require_unrefused(before, origin);
    LedgerEntry entry = sealed.entry(LedgerEntry::Kind::kAsked, origin);
    entry.rounds = origin.rounds;
    entry.rule = origin.rule;
    bool first = true, again = false;
    for (const LedgerEntry& e : before) {
      if (e.run != entry.run) continue;
      if (e.kind == LedgerEntry::Kind::kAnswered && e.stop && e.round < entry.round &&
          !origin.votes)
        throw DataError(origin.name + ": this run was told to stop at round " +
                        std::to_string(e.round) + " on " + e.time);
      if (e.round == entry.round && !e.ciphertext.empty() && e.ciphertext != entry.ciphertext)
        throw DataError(origin.name + ": holds another ciphertext than the one that round " +
                        std::to_string(e.round) + " of this run was asked with on " + e.time +
                        ": a round is asked and answered once; train anew");
      if (e.kind != LedgerEntry::Kind::kAsked) continue;
      if (e.rule != entry.rule || e.rounds != entry.rounds)
        throw DataError(origin.name +
                        ": this run was answered with another patience, limit of |logit| or "
                        "validation set before, on " +
                        e.time + ": give it what it had then; a round is answered once");
      first = false;
      again = again || e.round == entry.round;
    }
    if (again) return {};
    if (origin.votes)
      entry.bits = first ? 2 : 1;
    else if (first)
      entry.bits = std::log2(2.0 * entry.rounds);
    return entry;
  });
}

void Disclosure::record_refusal(const Sealed& sealed, const Origin& origin,
                                const std::string& reason) {
  record([&](const std::vector<LedgerEntry>& before) {
    LedgerEntry entry = sealed.entry(LedgerEntry::Kind::kRefused, origin);
    entry.reason = reason;
    entry.bits = origin.round > 0 ? 0 : sealed.bits(before);
    return entry;
  });
}

void Disclosure::refuse(const EncryptedModel& model, const Origin& origin,
                        const std::string& reason) {
  record_refusal(Sealed::of(keys_, model, {}), origin, reason);
}

std::vector<double> Disclosure::decrypt(const Sealed& sealed, const Origin& origin,
                                        const std::function<void(std::span<const double>)>& check) {
  const auto refused = [&](const std::string& reason) {
    record_refusal(sealed, origin, reason);
    return origin.name + ": " + reason;
  };
  const std::string implausible = "not what this training can have produced";
  std::vector<double> values;
  try {
    values = sealed.decrypt();
  } catch (const UntrustedResult& error) {
    throw UntrustedResult(refused(implausible + ", and not used: " + error.what()));
  } catch (const DataError& error) {
    throw DataError(refused(implausible + ": " + error.what()));
  }
  try {
    if (check) check(values);
  } catch (const DataError& error) {
    throw DataError(refused(error.what()));
  }
  return values;
}

std::vector<double> Disclosure::open(const Sealed& sealed, const Origin& origin) {
  if (origin.round > 0) {
    claim(sealed, origin);
    return decrypt(sealed, origin);
  }
  std::vector<double> values = decrypt(sealed, origin);
  record([&](const std::vector<LedgerEntry>& before) {
    LedgerEntry entry = sealed.entry(LedgerEntry::Kind::kOpened, origin);
    entry.bits = sealed.bits(before);
    return entry;
  });
  return values;
}

std::vector<double> Disclosure::open(const EncryptedModel& model, const PlausibleValues& plausible,
                                     const Origin& origin) {
  return open(Sealed::of(keys_, model, plausible).held_against(plausible, origin.rule), origin);
}

std::vector<double> Disclosure::open(const EncryptedScores& scores,
                                     const PlausibleValues& plausible, const Origin& origin) {
  return open(Sealed::of(keys_, scores, plausible).held_against(plausible, origin.rule), origin);
}

std::vector<int> Disclosure::open_labels(const EncryptedDataset& data, const Origin& origin) {
  if (data.labels.empty()) throw DataError(origin.name + ": the data set holds no labels");
  std::vector<Ciphertext> expanded;
  for (const SeededCiphertext& c : data.labels) expanded.push_back(c.expand());
  std::vector<int> labels;
  const Sealed sealed = Sealed{
      "labels", data.layout.samples, Sealed::digest_of("labels", keys_, data.layout, expanded),
      [&] {
        labels = decrypt_labels(keys_.secrets, data);
        return std::vector<double>();
      }}.held_against({}, origin.rule);
  open(sealed, origin);
  return labels;
}

Published Disclosure::publish(const Sealed& sealed, const Origin& origin,
                              const Publication& publication) {
  require_publishable(parameters());
  const double error = publication.error;
  Published out;
  if (error >= 0) out.noise = publication_noise(error);
  if (!(out.noise > 0 && std::isfinite(out.noise)))
    throw DataError(origin.name + ": not published: no noise is enough for its errors");
  out.values = decrypt(sealed, origin, [&](std::span<const double> values) {
    if (publication.check) publication.check(values);
    if (std::none_of(values.begin(), values.end(),
                     [&](double value) { return std::abs(value) >= out.noise; }))
      throw DataError("not published: the noise that its errors need, " + text_of(out.noise) +
                      ", is more than any of its numbers: nothing would be left of them");
  });
  // The size of the noise is part of what it is drawn from: two publications whose noise differs by
  // a factor would give the numbers away.
  std::vector<std::uint8_t> message(sealed.digest.begin(), sealed.digest.end());
  const auto size = std::bit_cast<std::array<std::uint8_t, 8>>(out.noise);
  message.insert(message.end(), size.begin(), size.end());
  Seed seed = hmac_sha256(noise_key_, message);
  Prng prng(seed);
  wipe(seed.data(), seed.size());
  for (std::size_t i = 0; i < out.values.size(); i += 2) {
    const NormalPair noise = normal_pair(prng);
    out.values[i] += out.noise * noise.first;
    if (i + 1 < out.values.size()) out.values[i + 1] += out.noise * noise.second;
  }
  for (double& value : out.values) value = out.noise * std::nearbyint(value / out.noise);

  std::string beyond;
  record([&](const std::vector<LedgerEntry>& before) {
    LedgerEntry entry = sealed.entry(LedgerEntry::Kind::kPublished, origin);
    entry.noise = out.noise;
    entry.error = error;
    entry.told = 1;
    const bool again = std::any_of(before.begin(), before.end(), [&](const LedgerEntry& e) {
      return e.kind == entry.kind && e.ciphertext == entry.ciphertext && e.noise == entry.noise;
    });
    if (again) return entry;
    entry.bits = publication_bits(sealed.numbers, error, out.noise);
    entry.chosen = std::log2(static_cast<double>(publication.choices));
    const double sum = totals(before).published_bits + entry.bits;
    out.bits = entry.bits;
    if (sum <= publication.budget) return entry;
    beyond = "published results of these keys could then tell up to " + text_of(sum) +
             " bits about the secret key, the budget is " + text_of(publication.budget) +
             " (this one " + text_of(entry.bits) +
             "; 'blindtuner ledger' lists the others): make fresh keys for further "
             "models, or give a larger budget";
    LedgerEntry refused = sealed.entry(LedgerEntry::Kind::kRefused, origin);
    refused.reason = "not published: beyond the budget";
    refused.bits = 1;
    return refused;
  });
  if (!beyond.empty()) throw DataError(beyond);
  return out;
}

Published Disclosure::publish(const EncryptedModel& model, const PlausibleValues& plausible,
                              const Origin& origin, const Publication& publication) {
  return publish(Sealed::of(keys_, model, plausible), origin, publication);
}

Published Disclosure::publish(const EncryptedScores& scores, const PlausibleValues& plausible,
                              const Origin& origin, const Publication& publication) {
  return publish(Sealed::of(keys_, scores, plausible), origin, publication);
}

OpeningShare Disclosure::share(const EncryptedModel& model, const Origin& origin,
                               const Opening& opening) {
  require(model.weights.size() == model.layout.packs(), "a model of its layout");
  return share("model", model.weights, origin, opening);
}

OpeningShare Disclosure::share(const EncryptedSums& sums, const Origin& origin,
                               const Opening& opening) {
  require(sums.packs.size() == sums.shape.packs(parameters()), "sums of their shape");
  return share("sums", sums.packs, origin, opening);
}

OpeningShare Disclosure::share(const EncryptedScores& scores, const Origin& origin,
                               const Opening& opening) {
  const ProductLayout& l = scores.layout;
  require(scores.scores.size() == l.supers() * l.ratio && opening.numbers > 0 &&
              opening.numbers <= l.samples * l.classes && opening.numbers % l.classes == 0 &&
              origin.round > 0 && !origin.data.empty(),
          "scores of their layout, in a round");
  OpeningShare out = share("scores", scores.scores, origin, opening);
  std::vector<std::vector<bool>> held(scores.scores.size(), std::vector<bool>(l.n));
  for (const ScorePlace& place : score_places(l, opening.numbers / l.classes))
    held[place.ciphertext][place.coefficient] = true;
  for (std::size_t c = 0; c < held.size(); ++c) keep_coefficients(out.polynomials[c], held[c]);
  return out;
}

OpeningShare Disclosure::share(const char* what, std::span<const Ciphertext> ciphertexts,
                               const Origin& origin, const Opening& opening) {
  require(!ciphertexts.empty() && opening.owners >= 1 && !opening.decryptors.empty(),
          "a result, and owners who open it");
  const SecretKey& s = keys_.secrets.small;
  const double scale = ciphertexts.front().scale;
  const std::size_t q_count = ciphertexts.front().q_count();
  for (const Ciphertext& c : ciphertexts)
    require(&c.ring() == &s.ring() && c.q_count() == q_count && c.scale == scale && scale > 0,
            "a result's ciphertexts are of one level and scale");
  const std::uint64_t numbers =
      opening.numbers > 0 ? opening.numbers : ciphertexts.size() * s.ring().n();
  const int levels =
      share_levels(parameters(), {ciphertexts.size(), q_count, scale}, opening, origin.name);

  // Of what the share is made of, which c_0 is not.
  const auto digest_of = [&](std::span<const Ciphertext> some) {
    Sha256 hash;
    hash.add("blindtuner share 1 ").add(keys_.secrets.parameters->digest());
    for (const Ciphertext& c : some) add_poly(hash, c.c1);
    return hash.finish();
  };
  OpeningShare out;
  out.noise = joint::wide_sigma(levels) / scale;

  std::string refusal;
  record([&](const std::vector<LedgerEntry>& before) -> std::optional<LedgerEntry> {
    LedgerEntry entry;
    entry.kind = LedgerEntry::Kind::kShared;
    entry.what = what;
    entry.ciphertext = to_hex(digest_of(ciphertexts));
    entry.data = origin.data;
    entry.run = origin.run;
    entry.round = origin.round;
    entry.numbers = numbers;
    entry.noise = out.noise;
    entry.error = opening.error;
    entry.rule = opening.decryptors;
    std::size_t given = 0;
    bool again = false;
    for (const LedgerEntry& e : before) {
      if (e.kind != entry.kind) continue;
      if (e.what == entry.what) ++given;
      if (entry.round > 0 && e.round == entry.round && e.data == entry.data &&
          e.ciphertext != entry.ciphertext)
        refusal = "not opened: a share of another ciphertext was given for round " +
                  std::to_string(e.round) + " on " + e.time + ": a round is answered once";
      if (e.ciphertext != entry.ciphertext) continue;
      again = true;
      if (e.rule != entry.rule || e.noise != entry.noise || e.numbers != entry.numbers)
        refusal =
            "not opened: a share of it was given to others, or with other noise, on " + e.time;
    }
    if (again && refusal.empty()) return {};
    out.bits = entry.bits =
        static_cast<double>(opening.sets) * publication_bits(numbers, opening.error, out.noise);
    const double sum = totals(before).published_bits + entry.bits;
    if (refusal.empty() && given >= opening.results)
      refusal = "not opened: shares of " + std::to_string(given) +
                " results were given, which is all that the study opens";
    if (refusal.empty() && !(sum <= opening.budget))
      refusal = "not opened: what these keys give away could then tell up to " + text_of(sum) +
                " bits about the secret key, the budget is " + text_of(opening.budget);
    if (refusal.empty()) return entry;
    entry.kind = LedgerEntry::Kind::kRefused;
    entry.reason = refusal;
    entry.bits = 1;
    return entry;
  });
  if (!refusal.empty()) throw DataError(origin.name + ": " + refusal);

  // Each by itself: in whichever results a ciphertext is, its share is one.
  for (const Ciphertext& c : ciphertexts) {
    Sha256 hash;
    const Sha256Digest digest = digest_of(std::span(&c, 1));
    hash.add(digest.data(), digest.size()).add_number(static_cast<std::uint64_t>(levels));
    hash.add(opening.decryptors);
    const Sha256Digest of = hash.finish();
    Seed seed = hmac_sha256(share_key_, of);
    Prng prng(seed);
    wipe(seed.data(), seed.size());
    if (opening.part == nullptr) {
      out.polynomials.push_back(joint::decryption_share(c, s, levels, prng));
      continue;
    }
    Poly share = joint::decryption_share(c, opening.part->secret, levels, prng);
    add_inplace(share, opening.part->mask(q_count, of));
    out.polynomials.push_back(std::move(share));
  }
  return out;
}

namespace {

/// That no coefficient exceeds.
double most_noise(std::span<const OpeningShare> shares) {
  double variance = 0;
  for (const OpeningShare& share : shares) variance += share.noise * share.noise;
  return 12 * std::sqrt(variance);
}

/// The coefficients of every ciphertext, with the shares' noise.
std::vector<std::vector<double>> opened(std::span<const Ciphertext> ciphertexts,
                                        std::span<const OpeningShare> shares) {
  std::vector<std::vector<double>> out;
  for (std::size_t i = 0; i < ciphertexts.size(); ++i) {
    Poly sum = ciphertexts[i].c0.copy();
    for (const OpeningShare& share : shares) {
      require(share.polynomials.size() == ciphertexts.size() &&
                  share.polynomials[i].q_count() == sum.q_count(),
              "a share of another result");
      add_inplace(sum, share.polynomials[i]);
    }
    out.push_back(ckks::decode_coefficients(sum, ciphertexts[i].scale));
  }
  return out;
}

}  // namespace

std::vector<double> values_of_shares(const EncryptedSums& sums,
                                     std::span<const OpeningShare> shares) {
  const std::size_t numbers = sums.shape.numbers;
  const auto rows = static_cast<double>(sums.shape.rows);
  const double noise = most_noise(shares);
  std::vector<double> out;
  for (const std::vector<double>& pack : opened(sums.packs, shares))
    for (const double value : pack) {
      const double most = out.size() < numbers ? rows + noise : noise;
      if (!(std::abs(value) <= most * (1 + 0x1p-20)))
        throw DataError("sums beyond what their rows can add up to");
      if (out.size() < numbers) out.push_back(value);
    }
  return out;
}

std::vector<double> values_of_shares(const EncryptedModel& model,
                                     std::span<const OpeningShare> shares,
                                     const PlausibleValues& plausible) {
  PlausibleValues held = plausible;
  const double noise = most_noise(shares);
  for (double* limit : {&held.largest, &held.padding, &held.empty}) *limit += noise;
  held.norm += noise * std::sqrt(static_cast<double>(model.layout.features));
  return model_values(model.layout, opened(model.weights, shares), held);
}

std::vector<double> Disclosure::open(const EncryptedSums& sums,
                                     std::span<const OpeningShare> shares, const Origin& origin) {
  const std::size_t numbers = sums.shape.numbers;
  const PlausibleValues plausible{.largest = static_cast<double>(sums.shape.rows)};
  ProductLayout shape;
  shape.samples = sums.shape.rows;
  shape.features = numbers;
  Sealed sealed{"sums", numbers, Sealed::digest_of("sums", keys_, shape, sums.packs),
                [&] { return values_of_shares(sums, shares); }};
  return open(std::move(sealed).held_against(plausible, origin.rule), origin);
}

std::vector<double> Disclosure::open(const EncryptedModel& model,
                                     std::span<const OpeningShare> shares,
                                     const PlausibleValues& plausible, const Origin& origin) {
  Sealed sealed = Sealed::of(keys_, model, plausible);
  sealed.decrypt = [&] { return values_of_shares(model, shares, plausible); };
  return open(std::move(sealed).held_against(plausible, origin.rule), origin);
}

std::vector<double> Disclosure::open(const EncryptedScores& scores, std::size_t samples,
                                     std::span<const OpeningShare> shares, const Origin& origin) {
  const ProductLayout& l = scores.layout;
  require(origin.round > 0 && samples <= l.samples && scores.scores.size() == l.supers() * l.ratio,
          "scores of their layout, in a round");
  Sealed sealed{
      "scores", samples * l.classes, Sealed::digest_of("scores", keys_, l, scores.scores), [&] {
        std::vector<std::vector<double>> all;
        for (std::size_t i = 0; i < scores.scores.size(); ++i) {
          const Ciphertext& c = scores.scores[i];
          Poly sum = mul(c.c1, keys_.secrets.small.ntt().copy_limbs(c.q_count(), 0));
          add_inplace(sum, c.c0);
          for (const OpeningShare& share : shares) {
            require(share.polynomials.size() == scores.scores.size(), "a share of another result");
            add_inplace(sum, share.polynomials[i]);
          }
          all.push_back(ckks::decode_coefficients(sum, c.scale));
        }
        std::vector<double> out;
        for (const ScorePlace& place : score_places(l, samples))
          out.push_back(all[place.ciphertext][place.coefficient]);
        return out;
      }};
  return open(sealed, origin);
}

void Disclosure::answer(const Origin& origin, bool stop) {
  require(!origin.run.empty() && origin.round > 0, "an answer is to a round of a run");
  std::string refusal;
  record([&](const std::vector<LedgerEntry>& before) -> std::optional<LedgerEntry> {
    require_unrefused(before, origin);
    LedgerEntry entry;
    entry.kind = LedgerEntry::Kind::kAnswered;
    entry.what = origin.votes ? kVote : "scores";
    entry.data = origin.data;
    entry.run = origin.run;
    entry.round = origin.round;
    entry.numbers = 1;
    entry.stop = stop;
    entry.bits = 1;
    for (const LedgerEntry& e : before) {
      if (e.run != entry.run || e.round != entry.round) continue;
      if (e.kind == LedgerEntry::Kind::kAsked) entry.bits = 0;
      if (!e.ciphertext.empty()) entry.ciphertext = e.ciphertext;
      if (e.kind != entry.kind) continue;
      if (e.stop == entry.stop) return {};
      refusal = "round " + std::to_string(entry.round) + " of this run was answered with " +
                (e.stop ? "stop" : "go on") + " on " + e.time +
                ", and would now get the other answer: a round is answered once";
    }
    if (!refusal.empty()) {
      entry.kind = LedgerEntry::Kind::kRefused;
      entry.what = kAnswer;
      entry.reason = "another than before";
      entry.bits = 1;
    }
    return entry;
  });
  if (!refusal.empty()) throw DataError(refusal);
}

}  // namespace blindtuner::secret
