// A data set that several owners contributed to, each under its own secret: the server's part of bringing it together.
#pragma once

#include "linalg/arrangement.h"
#include "linalg/encrypted_dataset.h"

namespace blindtuner::linalg {

/// Collects what the owners send, ciphertext by ciphertext, under the secret of all. Features are put in their cells;
/// labels of one super-block, which are zero in others' places, are added.
class JointDataset {
 public:
  explicit JointDataset(Arrangement arrangement);

  const Arrangement& arrangement() const { return arrangement_; }
  /// An owner's ciphertext of this index (OwnerCells), under its own secret; way_in switches from that. Throws
  /// ContractError for one that came before or is none of its cells; and where it is of another level or scale.
  void add_feature(std::size_t owner, std::size_t index, const SeededCiphertext& c,
                   const KeySwitchKey& way_in);
  void add_label(std::size_t owner, std::size_t index, const SeededCiphertext& c,
                 const KeySwitchKey& way_in);
  /// Nothing comes of this owner: its cells are zero, which adds nothing to any gradient. Throws ContractError where something has.
  void leave_out(std::size_t owner, const Parameters& parameters);
  /// Whether everything has come.
  bool complete() const { return missing_ == 0; }
  /// Throws ContractError where something is missing.
  EncryptedDataset finish() &&;

 private:
  Arrangement arrangement_;
  EncryptedDataset data_;
  std::vector<std::vector<bool>> features_, labels_;  // by owner, what has come
  std::size_t missing_ = 0;
};

}  // namespace blindtuner::linalg
