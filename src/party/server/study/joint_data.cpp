#include "party/server/study/joint_data.h"

#include "records/study/contribution.h"

namespace blindtuner::party {

Sha256Digest take_contribution(JointDataset& data, ByteSource& source, const JointRun& run,
                               std::size_t owner, const KeySwitchKey& way_in,
                               const FractionCallback& progress) {
  return read_contribution(
      source, run.own[owner], {run.arrangement, owner, run.data},
      [&](std::size_t i, SeededCiphertext&& c) { data.add_feature(owner, i, c, way_in); },
      [&](std::size_t i, SeededCiphertext&& c) { data.add_label(owner, i, c, way_in); }, progress);
}

std::shared_ptr<const DatasetFile> joint_data(JointDataset&& data, const JointRun& run,
                                              const Sha256Digest& contents) {
  auto file = std::make_shared<DatasetFile>();
  file->data = std::move(data).finish();
  file->info = {run.arrangement.layout, run.data, !file->data.labels.empty(), {}};
  file->contents = contents;
  return file;
}

}  // namespace blindtuner::party
