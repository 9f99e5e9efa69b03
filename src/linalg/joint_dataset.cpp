#include "linalg/joint_dataset.h"

#include <algorithm>

namespace blindtuner::linalg {
namespace {

void take(std::vector<bool>& come, std::size_t index) {
  require(index < come.size() && !come[index], "a ciphertext of an owner's cells, once");
  come[index] = true;
}

Ciphertext under_the_secret_of_all(const SeededCiphertext& c, double scale,
                                   const KeySwitchKey& way_in) {
  require(c.c0.q_count() == 2 && c.scale == scale, "data have their level and scale");
  return key_switch(c.expand(), way_in);
}

}  // namespace

JointDataset::JointDataset(Arrangement arrangement) : arrangement_(std::move(arrangement)) {
  const ProductLayout& l = data_.layout = arrangement_.layout;
  data_.features.resize(l.blocks() * l.feature_groups());
  // Rows that are only scored have none.
  if (std::ranges::any_of(arrangement_.owners,
                          [](const OwnerCells& cells) { return cells.labels; }))
    data_.labels.resize(l.supers() * l.ratio);
  for (const OwnerCells& cells : arrangement_.owners) {
    features_.emplace_back(cells.feature_count());
    labels_.emplace_back(cells.label_count(l));
    missing_ += features_.back().size() + labels_.back().size();
  }
}

void JointDataset::add_feature(std::size_t owner, std::size_t index, const SeededCiphertext& c,
                               const KeySwitchKey& way_in) {
  require(owner < features_.size(), "one of the owners");
  const OwnerCells& cells = arrangement_.owners[owner];
  take(features_[owner], index);
  const std::size_t place = cells.blocks[index / cells.groups] * data_.layout.feature_groups() +
                            cells.first_group + index % cells.groups;
  require(data_.features[place].c0.empty(), "a cell is one owner's");
  data_.features[place] =
      SeededCiphertext::whole(under_the_secret_of_all(c, kFeatureScale, way_in));
  --missing_;
}

void JointDataset::add_label(std::size_t owner, std::size_t index, const SeededCiphertext& c,
                             const KeySwitchKey& way_in) {
  require(owner < labels_.size(), "one of the owners");
  const ProductLayout& l = data_.layout;
  take(labels_[owner], index);
  const std::size_t super = arrangement_.owners[owner].label_supers(l)[index / l.ratio];
  SeededCiphertext& sum = data_.labels[super * l.ratio + index % l.ratio];
  Ciphertext own = under_the_secret_of_all(c, kErrorScale, way_in);
  if (!sum.c0.empty()) {
    add_inplace(own.c0, sum.c0);
    add_inplace(own.c1, sum.c1);
  }
  sum = SeededCiphertext::whole(std::move(own));
  --missing_;
}

void JointDataset::leave_out(std::size_t owner, const Parameters& parameters) {
  require(owner < features_.size(), "one of the owners");
  const ProductLayout& l = data_.layout;
  const OwnerCells& cells = arrangement_.owners[owner];
  const auto zero = [&](double scale) {
    Ciphertext c;
    c.c0 = Poly::zero(parameters.small_ring(), 2, 0, Domain::kNtt);
    c.c1 = Poly::zero(parameters.small_ring(), 2, 0, Domain::kNtt);
    c.scale = scale;
    return SeededCiphertext::whole(std::move(c));
  };
  for (std::size_t i = 0; i < features_[owner].size(); ++i) {
    take(features_[owner], i);
    data_.features[cells.blocks[i / cells.groups] * l.feature_groups() + cells.first_group +
                   i % cells.groups] = zero(kFeatureScale);
  }
  const std::vector<std::size_t> supers = cells.label_supers(l);
  for (std::size_t i = 0; i < labels_[owner].size(); ++i) {
    take(labels_[owner], i);
    SeededCiphertext& sum = data_.labels[supers[i / l.ratio] * l.ratio + i % l.ratio];
    if (sum.c0.empty()) sum = zero(kErrorScale);
  }
  missing_ -= features_[owner].size() + labels_[owner].size();
}

EncryptedDataset JointDataset::finish() && {
  require(complete(), "all owners' data");
  return std::move(data_);
}

}  // namespace blindtuner::linalg
