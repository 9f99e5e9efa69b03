// The one door through which decrypted numbers leave, and the bits that follow from them
// (docs/SECURITY.md, "What decrypted results give away"). Whatever goes through is in the ledger
// first; what cannot be written there does not leave. That something was used, or refused, leaves, too:
// it is in the ledger before anybody hears of it, as one bit.
//
//   open      full precision, for the owner's eyes
//   publish   noise and rounding, for anybody's
//   answer    one bit, to a training server
//   share     an owner's part of what several owners open, with noise; to whom they agreed on
//
// A round of validation is in the ledger before it is decrypted, and all that its run may tell with the
// run's first: when the run ends, one of E moments for E rounds, and whether by a refusal, log2(2 E). Several owners vote, and
// everybody sees each vote: a bit a round, and one for a refusal.
//
// No other header of this folder that a program may include can decrypt (tools/check_layers.py).
#pragma once

#include <functional>
#include <span>

#include "linalg/encrypted_dataset.h"
#include "linalg/sums.h"
#include "secret/joint/threshold.h"
#include "secret/ledger.h"
#include "secret/secret_key_file.h"

namespace blindtuner::secret {

/// Where a ciphertext says it comes from.
struct Origin {
  std::string name;  ///< of its file, for messages
  /// For the ledger: identities in hexadecimal, or empty.
  std::string data = {}, run = {};
  /// Of validation; 0: none. How many the run has, the last one included, stays the same throughout it.
  int round = 0, rounds = 0;
  /// What else decides on what is told of the result: of a round patience, limit and validation set,
  /// which stay the same throughout a run; of others the limits beyond which they are not trusted.
  std::string rule = {};
  /// Of validation: each round's answer is seen, and none of them ends the run.
  bool votes = false;
};

/// What a publication is asked for with.
struct Publication {
  /// An upper bound of the standard deviation of a number's decryption error (learn/model_noise.h), known
  /// before anything was decrypted: it shows in the noise's size.
  double error = 0;
  double budget = 0;  ///< what all publications of the key set may add up to, in bits
  /// Throws DataError for exact values that are not to be published.
  std::function<void(std::span<const double>)> check;
  /// How many models it may have been chosen from by decrypted scores (rounds of validation): which one
  /// it is is an answer, too.
  std::size_t choices = 1;
};

struct Published {
  std::vector<double> values;
  double noise = 0;  ///< standard deviation; values are multiples of it
  double bits = 0;   ///< what this publication adds to the bound: 0 when it was made before
};

/// What a share of a model may tell, in bits. It has noise for as much and no more: its owners use the model with it, and 2^8
/// errors, as what anybody may see has them, cost a classifier of 60,000 rows a point of its accuracy.
inline constexpr double kOpeningBits = 0.75;

/// What the shares of all rounds of validation may tell together, beside a model's and statistics' within kPublicationBudget.
inline constexpr double kRoundsBits = 0.125;

/// What a share is asked for with.
struct Opening {
  double error = 0;   ///< as Publication's, of all coefficients of the result
  double budget = 0;  ///< likewise: publications and shares of the key set add up
  /// The session and the set of owners who open, and for whom: what all of them know it by.
  std::string decryptors = {};
  std::size_t owners = 1;      ///< whose shares are needed
  std::size_t results = 1;     ///< of this kind that the study opens, altogether
  double noise = 0;            ///< at least so much, and 2^8 errors; 0: for `bits` (noise_for_bits)
  double bits = kOpeningBits;  ///< that it may tell, where no noise is given
  /// Where fewer than all owners open: what stands in the place of this one's secret.
  const joint::OpeningPart* part = nullptr;
  /// Sets of decryptors without an honest owner in common, of which each may be led to open the same result: the bits are
  /// those of as many shares.
  std::size_t sets = 1;
  std::uint64_t numbers = 0;  ///< of the ciphertexts' coefficients that are shared; 0: all
};
/// The standard deviation of a share's noise, in the result's unit: the same for all who open it. Throws DataError, which `name`
/// opens, where the numbers leave no room for it.
double share_noise(const Parameters& parameters, const CiphertextShape& shape,
                   const Opening& opening, const std::string& name);

/// One owner's share of a result: c_1 s'_i + eta_i of every ciphertext (and where fewer than all open, joint/threshold.h's).
/// Alone it tells nothing; with those of all others who open the result with their noise.
struct OpeningShare {
  std::vector<Poly> polynomials;
  double noise = 0;  ///< eta's standard deviation, in the result's unit
  double bits = 0;   ///< what it adds to the bound: 0 when it was given before
};

/// What the shares of all who open give, held against what is plausible up to their noise: for somebody to whom they were sealed and
/// who has no key, so that there is nothing to be recorded. Owners go through their door.
std::vector<double> values_of_shares(const EncryptedModel& model,
                                     std::span<const OpeningShare> shares,
                                     const PlausibleValues& plausible);
std::vector<double> values_of_shares(const EncryptedSums& sums,
                                     std::span<const OpeningShare> shares);

class Disclosure {
 public:
  /// The door of one key set, with its ledger in `folder`. Keys must outlive it.
  Disclosure(const OwnerKeys& keys, const std::filesystem::path& folder);
  ~Disclosure();

  const Ledger& ledger() const { return ledger_; }
  const Parameters& parameters() const { return *keys_.secrets.parameters; }
  /// Whether the last call found no ledger and began one.
  bool began_ledger() const { return began_; }

  /// See Ledger::begin_anew().
  void begin_ledger_anew() { ledger_.begin_anew(); }
  /// Records that a data set of `samples` samples, origin.data, is encrypted for a server, and what
  /// errors of its results will depend on.
  void encrypted(const Origin& origin, std::uint64_t samples, const FeatureSizes& sizes);
  /// What was recorded of a data set; empty where the ledger does not know it.
  std::optional<FeatureSizes> sizes_of(const std::string& data) const;

  // All of these throw DataError for numbers that are not plausible, UntrustedResult where they may be
  // those of a training that diverged, which the ledger then has as refused; and DataError when the
  // ledger was changed or cannot be written; ContractError for ciphertexts that are not what their
  // layout needs. Kind, ring, level and scale must have been held against their shape
  // (learn/result_shape.h). A refused round (origin.run, origin.round) ends its run: no further one is
  // decrypted. Nor is another ciphertext for a round that was asked before, or one under another rule:
  // it would be another question.

  /// classes x features, row-major, bias (times the bias feature) last.
  std::vector<double> open(const EncryptedModel& model, const PlausibleValues& plausible,
                           const Origin& origin);
  /// samples x classes, row-major.
  std::vector<double> open(const EncryptedScores& scores, const PlausibleValues& plausible,
                           const Origin& origin);
  /// One class a sample. Throws DataError for a set without labels, and when they do not decrypt to
  /// ones and zeros.
  std::vector<int> open_labels(const EncryptedDataset& data, const Origin& origin);

  /// The same numbers, made fit for anybody: each gets independent Gaussian noise of standard
  /// deviation publication_noise(error) and is rounded to a multiple of that. Throws DataError where
  /// that is beyond all of the numbers: nothing of them would be left.
  ///
  /// The noise is a pseudo-random function, under a key derived from the secret key, of everything
  /// that the numbers depend on (ciphertexts, scale, the layout) and of its own size: one
  /// ciphertext is published as the same numbers however often it is asked for, so that nothing
  /// averages away. A ciphertext that differs in one bit has noise of its own; how many such there
  /// may be is what the budget limits. Throws DataError beyond it, which is in the ledger as refused, and what
  /// require_publishable() throws.
  Published publish(const EncryptedModel& model, const PlausibleValues& plausible,
                    const Origin& origin, const Publication& publication);
  Published publish(const EncryptedScores& scores, const PlausibleValues& plausible,
                    const Origin& origin, const Publication& publication);

  /// This owner's share of a model under the sum of several owners' secrets. The noise is a pseudo-random
  /// function of what the share is made of (c_1 of each ciphertext, who opens, its own size), so that
  /// asked again the share is the same. Throws DataError, which is in the ledger as refused, for a
  /// ciphertext that was asked for by others or with another noise before: two shares of one c_1 average
  /// noise away; beyond the number of results or the budget; and where the numbers leave no room for noise.
  OpeningShare share(const EncryptedModel& model, const Origin& origin, const Opening& opening);
  /// Likewise of sums over all owners' rows.
  OpeningShare share(const EncryptedSums& sums, const Origin& origin, const Opening& opening);
  /// Likewise of scores in a round of validation (origin's), of rows of somebody else: of the coefficients that hold the first
  /// opening.numbers of them; the others are zero. A round is one of its data set's, once.
  OpeningShare share(const EncryptedScores& scores, const Origin& origin, const Opening& opening);
  /// The model that the shares of all owners open, with their noise in its values; held against what
  /// is plausible up to it, and recorded, as what open() decrypts is. Throws ContractError for shares of another
  /// model's shape.
  std::vector<double> open(const EncryptedModel& model, std::span<const OpeningShare> shares,
                           const PlausibleValues& plausible, const Origin& origin);
  /// The sums, shape.numbers of them, with the shares' noise. None is beyond the rows, and where there is no number there is
  /// noise alone.
  std::vector<double> open(const EncryptedSums& sums, std::span<const OpeningShare> shares,
                           const Origin& origin);
  /// Scores in a round of validation of the first so many samples, samples x classes, by the shares of all others and this owner's
  /// secret: what it would add as its own share leaves no machine, and needs no noise. Beyond q_0 scores wrap around, so that there are no
  /// implausible ones.
  std::vector<double> open(const EncryptedScores& scores, std::size_t samples,
                           std::span<const OpeningShare> shares, const Origin& origin);

  /// Records that a model that was opened is refused by what it decrypts to, as `reason` says.
  void refuse(const EncryptedModel& model, const Origin& origin, const std::string& reason);
  /// The most rounds of validation that a run had which was asked of; 0: none was.
  int most_rounds() const;
  /// The refusal that ended this run, if one did.
  std::optional<LedgerEntry> refusal_of(const std::string& run) const;

  /// Records that a round of validation, origin.round of origin.run, is answered, by what was opened
  /// of it; returns once it is on the disk. The same answer may be repeated. Throws DataError when
  /// this round of this run was answered with the other bit before, whatever has become of the
  /// validator's own record. That is in the ledger as refused, too, and does not end the run. Throws
  /// DataError for a run that a refused round has ended.
  void answer(const Origin& origin, bool stop);

 private:
  struct Sealed;
  /// Records that a round is asked, unless it was, as it is now. Throws DataError for another question.
  void claim(const Sealed& sealed, const Origin& origin);
  OpeningShare share(const char* what, std::span<const Ciphertext> ciphertexts,
                     const Origin& origin, const Opening& opening);
  void record_refusal(const Sealed& sealed, const Origin& origin, const std::string& reason);
  /// Decrypts, and records what is refused, by `check` too, before it throws.
  std::vector<double> decrypt(const Sealed& sealed, const Origin& origin,
                              const std::function<void(std::span<const double>)>& check = {});
  std::vector<double> open(const Sealed& sealed, const Origin& origin);
  Published publish(const Sealed& sealed, const Origin& origin, const Publication& publication);
  void record(const Ledger::Decide& decide);

  const OwnerKeys& keys_;
  Seed noise_key_, share_key_;
  Ledger ledger_;
  bool began_ = false;
};

/// Errors that noise is made for were measured with the digits and special primes of built-in parameter sets: results
/// of others are not published. Throws DataError for these.
void require_publishable(const Parameters& parameters);

/// The least power of two that is 2^8 errors or more, and 2^-8 at least; infinite where no double is.
double publication_noise(double error);

/// What `numbers` numbers with this noise can tell about their errors, whoever looks: the capacity
/// of as many Gaussian channels, numbers / 2 log2(1 + (error / noise)^2).
double publication_bits(std::uint64_t numbers, double error, double noise);
/// The noise with which that is so many bits. error > 0.
double noise_for_bits(std::uint64_t numbers, double error, double bits);

/// By which k owners open sums over their rows. Where a number stands for whole rows there is room for noise of 2^12
/// errors, which costs nothing: beside a number of the size of the rows it is 2^-60 and less.
Opening opening_of_sums(const Parameters& parameters, const SumsShape& shape, std::size_t owners,
                        std::string decryptors, double budget);

/// What all publications of one key set may add up to unless the owner says otherwise, in bits.
inline constexpr double kPublicationBudget = 1;

}  // namespace blindtuner::secret
