// How the owners of a study open what they trained, or added up, together: each sends a share, sealed to all of them, and
// opens with the shares of all.
#pragma once

#include "party/owner/study/boxes.h"
#include "records/study/joint_run.h"
#include "secret/disclosure.h"

namespace blindtuner::party {
using namespace records;
using namespace secret;

/// What an owner's share of a model is asked for with: noise for the error of a model of this run after so many steps. needed: how many
/// owners open it.
Opening opening_of_model(const JointRun& run, std::size_t needed, int steps,
                         double budget = kPublicationBudget);
/// And of scores of one owner's held-out rows in a round of validation, counted from 1: with noise for the errors of this round's,
/// over all classes together, such that the shares of all rounds and owners tell kRoundsBits.
Opening opening_of_scores(const JointRun& run, std::size_t owner, int round);
/// By these owners, who are all or at least as many as are needed for a model.
Opening opening_of_statistics(const JointRun& run, std::size_t needed, std::size_t owners,
                              double budget = kPublicationBudget);

/// Which share of what: bound to it, so that none stands for another.
struct ShareName {
  std::string what;             ///< "model", "sums", "scores"
  std::size_t owner = 0;        ///< whose share
  Sha256Digest result{};        ///< contents of the record that is opened
  std::string decryptors = {};  ///< empty: the run's
};

/// Returns the record's contents. receivers: who may read it.
Sha256Digest send_share(ByteSink& sink, const JointRun& run, const ShareName& name,
                        const OpeningShare& share, std::span<const joint::PublicBoxKey> receivers);
/// Throws DataError for a share that is not this one's, or not sealed to this key, or of other noise: all owners' is the same.
OpeningShare receive_share(ByteSource& source, const JointRun& run, const ShareName& name,
                           const CiphertextShape& shape, double noise, const joint::BoxKey& key,
                           Sha256Digest& contents);

/// The model on the owners' columns, side by side in their order, of what was opened: places that fill up groups are left
/// out.
std::vector<double> joint_weights(const Arrangement& arrangement, std::span<const double> opened);

}  // namespace blindtuner::party
