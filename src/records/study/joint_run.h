// One training on the data of several owners, as all of them and the server compute it from what they agreed on and from
// how many rows each has.
#pragma once

#include <array>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <vector>

#include "base/json.h"
#include "learn/head.h"
#include "learn/training_config.h"
#include "linalg/arrangement.h"
#include "linalg/products_noise.h"
#include "linalg/sums.h"
#include "records/key_set.h"
#include "records/model.h"
#include "records/scores.h"

namespace blindtuner::records {
using namespace learn;
using namespace linalg;

/// What an owner says of its rows, in the clear: {"rows": 120, "exponents": [1, -3, null]} or {"rows": 120, "sizes": [1, 0, 9]}, and
/// "names", where its table names the columns and the study does not: SHA-256 of them in their order, each behind its length; of
/// columns without names, where not all of a table are features, of their places' words (features/samples/dataset.h); of
/// features that an encoder has made, of what names it and its pooling in their place; where there are rounds of validation
/// "held_out", too.
struct OwnerRows {
  std::uint64_t rows = 0;  ///< to be trained on
  /// Where the statistics of all rows are pooled: of every column, the least e with entries below 2^e (-200 to 200); null:
  /// all zero.
  std::vector<std::optional<int>> exponents;
  /// Otherwise, of its features as they are encrypted, what errors depend on: the least quarters of powers of two that are
  /// FeatureSizes' largest, local and norm, or more (-400 to 400).
  std::optional<std::array<int, 3>> sizes;
  std::optional<Sha256Digest> names{};
  /// Where there are rounds of validation: how many it holds out for them, beside those; 0: it has no part in them.
  std::optional<std::uint64_t> held_out = {};
  bool operator==(const OwnerRows&) const = default;
};
nlohmann::json to_json(const OwnerRows& rows);
/// `pooled`: of so many columns; 0: none. Throws DataError.
OwnerRows owner_rows_from_json(const JsonIn& in, std::size_t pooled, bool validated = false);
Sha256Digest digest_of_names(std::span<const std::string> names);
/// The same of columns that have no names, by what made them.
Sha256Digest digest_of_encoder(const std::string& encoder, const std::string& pooling);
/// Of an owner who has none; `pooled` as above.
OwnerRows no_rows(std::size_t pooled);
/// Sizes as an owner says them, and those of all rows, which are none of them beyond the largest.
std::array<int, 3> said_sizes(const FeatureSizes& sizes);
FeatureSizes pooled_sizes(std::span<const OwnerRows> rows);
/// Every column's, of all owners.
std::vector<std::optional<int>> pooled_exponents(std::span<const OwnerRows> rows);

struct JointRun {
  ParametersPtr parameters;
  Arrangement arrangement;
  TrainingConfig config;  ///< for its places (for_places)
  const HeadCircuit* circuit = nullptr;
  DataId data{};
  KeySet joint;             ///< under which the training and its results are
  std::vector<KeySet> own;  ///< of each owner, under which it encrypts
  FeatureSizes sizes;       ///< of all rows' features, or more
  /// Whose data are not there, by place: their cells are zero. Empty: all are. And whether their rows are in the statistics.
  std::vector<bool> without{};
  bool statistics_of_all = true;
  std::string
      decryptors;  ///< who opens results: a text that tells it from every other set of owners and session

  /// The steps after which there is a round of validation, rising, and how many rows of each owner it scores; both empty: there
  /// are none.
  std::vector<int> rounds{};
  std::vector<std::uint64_t> held_out{};

  std::size_t owners() const { return arrangement.owners.size(); }
  bool left_out(std::size_t owner) const { return !without.empty() && without[owner]; }
  /// Rows that it trains on, and those in the statistics.
  std::size_t samples() const;
  std::size_t statistics_rows() const {
    return statistics_of_all ? arrangement.samples : samples();
  }
  SumsShape statistics() const;  ///< of a row study: its moments
};

/// One owner's held-out rows, 1 or more, as if they were a run's: arranged by themselves, with an identity of their own. It is owner 0
/// of it.
JointRun held_out_run(const JointRun& run, std::size_t owner);

/// Throws DataError, which `name` opens, unless the model is what this run must have given: of its data, layout, configuration, circuit and
/// so many steps. Level, scale and key set were held when it was read.
void require_model_of(const JointRun& run, const ModelFile& model, int steps,
                      const std::string& name);
/// The same of scores in a round: those of this owner's held-out rows.
void require_scores_of(const JointRun& run, const ScoresFile& scores, std::size_t owner, int steps,
                       const std::string& name);

}  // namespace blindtuner::records
