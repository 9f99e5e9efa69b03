#include "party/study/joint_statistics.h"

#include "base/error.h"
#include "records/study/sums.h"

namespace blindtuner::party {
namespace {

/// The keys by which all owners' data come under the secret of all, and the digest of what they were made of.
std::vector<KeySwitchKey> way_in_keys(StudyMember& member, const JointRun& run, Sha256& parts) {
  StudyKeyList list = member.keys();
  list.parameters = run.parameters;  // the same, of whose rings the sums' polynomials are
  std::vector<KeySwitchKey> out;
  for (const KeyPlan& plan : list.way_in)
    out.push_back({plan.shape, list.seed(plan.name()), {}, list.uniform(plan)});
  const std::vector<StudyParty>& owners = member.manifest().owners;
  for (std::size_t i = 0; i < owners.size(); ++i) {
    const Sha256Digest committed = committed_contents(member, owners[i].name, ShareKind::kWayIn);
    read_of(owners[i].name, [&] {
      const std::unique_ptr<ByteSource> source =
          member.share_source(ShareKind::kWayIn, owners[i].name);
      ShareReader in(*source, list, ShareKind::kWayIn, i);
      for (std::size_t k = 0; k < out.size(); ++k)
        add_share(out[k].b, in.next(list.way_in[k].name()));
      if (in.finish() != committed)
        throw DataError(source->name() + ": other shares than it has committed to");
    });
    parts.add(committed);
  }
  return out;
}

}  // namespace

std::vector<Awaited> missing_statistics(StudyMember& member) {
  std::vector<Awaited> out = missing_of(member, nullptr, kRows, Stage::kRows);
  if (out.empty()) out = missing_of(member, kStatsRecord, kStatsCommit, Stage::kStatistics);
  if (out.empty()) out = member.missing_records(share_record(ShareKind::kWayIn));
  return out;
}

JointStatistics joint_statistics(StudyMember& member, const JointRun& run) {
  Sha256 parts;
  parts.add("blindtuner study statistics 1");
  const std::vector<KeySwitchKey> way_in = way_in_keys(member, run, parts);
  JointStatistics out{{run.statistics(), {}}, {}};
  for (const std::string& owner : contributors(member, Stage::kStatistics)) {
    const std::size_t i = member.manifest().draft.index(owner);
    read_record_of(member, kStatsRecord, kStatsCommit, owner, [&](ByteSource& source) {
      Sha256Digest contents{};
      const std::vector<SeededCiphertext> own =
          read_owner_sums(source, run.own[i], run.data, i, run.statistics(), contents);
      add_sums(out.sums, *run.parameters, own, way_in[i]);
      parts.add(contents);
      return contents;
    });
  }
  out.parts = parts.finish();
  return out;
}

}  // namespace blindtuner::party
