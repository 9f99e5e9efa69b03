#include "party/owner/study/joint_opening.h"

#include <cmath>

#include "base/error.h"
#include "learn/model_noise.h"
#include "party/owner/study/boxes.h"

namespace blindtuner::party {
namespace {

std::vector<std::uint8_t> associated(const JointRun& run, const ShareName& name) {
  return bound_words({"blindtuner study share 1",
                      name.decryptors.empty() ? run.decryptors : name.decryptors, name.what,
                      std::to_string(name.owner), to_hex(name.result)});
}

}  // namespace

Opening opening_of_model(const JointRun& run, std::size_t needed, int steps, double budget) {
  Opening out;
  out.error = model_noise(*run.parameters, run.arrangement.layout, run.config, steps, *run.circuit,
                          run.sizes);
  out.budget = budget;
  out.owners = needed;
  // With all but one of these on the server's side, every other owner could be led to open with them as a set of its own.
  out.sets = run.owners() - needed + 1;
  out.decryptors = run.decryptors;
  return out;
}

Opening opening_of_scores(const JointRun& run, std::size_t owner, int round) {
  const std::size_t samples = run.arrangement.layout.samples;
  const int steps = run.rounds.at(static_cast<std::size_t>(round) - 1);
  const Parameters& p = *run.parameters;
  const double weights =
      model_noise(p, run.arrangement.layout, run.config, steps, *run.circuit, run.sizes);
  const ProductLayout rows = held_out_run(run, owner).arrangement.layout;
  // Bits are a concave function of an error's square: all classes' errors at their mean square tell no less than each at its own.
  const double norm =
      mean_weight_norm_limit(run.config, samples, steps, *run.circuit, run.sizes, rows.classes);
  Opening out;
  out.error = score_noise(p, rows, weights, norm, *run.circuit, run.sizes);
  out.budget = kPublicationBudget;
  out.owners = run.owners();
  out.decryptors = run.decryptors;
  out.numbers = run.held_out.at(owner) * rows.classes;
  std::uint64_t all = 0;
  for (const std::uint64_t count : run.held_out) all += count;
  out.bits = kRoundsBits * static_cast<double>(run.held_out.at(owner)) /
             static_cast<double>(all * run.rounds.size());
  out.results = run.rounds.size() * run.owners();
  return out;
}

Opening opening_of_statistics(const JointRun& run, std::size_t needed, std::size_t owners,
                              double budget) {
  Opening out = opening_of_sums(*run.parameters, run.statistics(), owners, run.decryptors, budget);
  if (owners < run.owners()) out.sets = run.owners() - needed + 1;
  return out;
}

Sha256Digest send_share(ByteSink& sink, const JointRun& run, const ShareName& name,
                        const OpeningShare& share, std::span<const joint::PublicBoxKey> receivers) {
  return write_box(sink, run.joint,
                   joint::seal_box(share_content(share.polynomials, share.noise), receivers,
                                   associated(run, name)));
}

OpeningShare receive_share(ByteSource& source, const JointRun& run, const ShareName& name,
                           const CiphertextShape& shape, double noise, const joint::BoxKey& key,
                           Sha256Digest& contents) {
  const joint::SealedBox box =
      read_box(source, run.joint, share_content_bytes(*run.parameters, shape), contents);
  const std::optional<SecretBytes> content = joint::open_box(box, key, associated(run, name));
  if (!content)
    throw DataError(source.name() + ": a share that is sealed to others, or of another result");
  OpeningShare out;
  out.polynomials =
      share_of_content(*run.parameters, shape, content->span(), out.noise, source.name());
  // Sizes are powers of two apart; what two machines compute of one may differ in its last digits.
  if (!(std::abs(out.noise - noise) <= 1e-6 * noise))
    throw DataError(source.name() + ": a share with other noise than its result's");
  return out;
}

std::vector<double> joint_weights(const Arrangement& arrangement, std::span<const double> opened) {
  const ProductLayout& l = arrangement.layout;
  require(opened.size() == l.classes * l.features, "a model of the arrangement");
  std::vector<double> out;
  for (std::size_t c = 0; c < l.classes; ++c) {
    // Owners of rows have the same columns, those of columns their own.
    for (std::size_t k = 0; k < arrangement.owners.size(); ++k) {
      if (k > 0 && arrangement.owners[k].first_group == 0) break;
      for (std::size_t j = 0; j < arrangement.owners[k].columns; ++j)
        out.push_back(opened[c * l.features + arrangement.column(k, j)]);
    }
    out.push_back(opened[c * l.features + l.features - 1]);
  }
  return out;
}

}  // namespace blindtuner::party
