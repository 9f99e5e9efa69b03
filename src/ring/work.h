// Counting the operations that cost time: how the cost model (plan/) learns what a circuit does,
// from the circuit itself.
#pragma once

#include <compare>
#include <cstddef>
#include <map>

namespace blindtuner::ring {

enum class Work {
  kKeySwitch,     ///< a whole key switch: digits, products with the key, division by P
  kDecompose,     ///< digits of one polynomial, to be used several times within a LinearTransform
  kKeyProduct,    ///< digits by a rotation key, rotated, within a LinearTransform
  kGiantStep,     ///< digits, products, rotation and sum modulo QP, within a LinearTransform
  kScaleDown,     ///< special primes (and some q limbs) divided out of one polynomial
  kRescale,       ///< q limbs divided out of one polynomial
  kTensor,        ///< product of two ciphertexts
  kLinearMap,     ///< a whole LinearTransform
  kDiagonal,      ///< one limb of a diagonal by a ciphertext, within a LinearTransform
  kTransform,     ///< one limb's NTT
  kPass,          ///< one pass over a limb: a sum, a product by a scalar, a copy
  kComponentMap,  ///< one ciphertext's
  kTensorTerm,    ///< one product within an encrypted matrix product
  kExpand,        ///< a seeded ciphertext's uniform half
};

/// limbs: q limbs of the operand (kScaleDown, kRescale: of the result); 0 for kDiagonal, kTransform
/// and kPass, which are counted by the limb.
struct WorkItem {
  Work work;
  int log_n;
  std::size_t limbs;
  auto operator<=>(const WorkItem&) const = default;
};
using WorkCounts = std::map<WorkItem, double>;

/// Counts what the thread that made it does, until it goes away. Loops on several threads count
/// only what is recorded outside of them. `inside_maps`: count what linear maps are made of instead
/// of the maps.
class WorkRecorder {
 public:
  explicit WorkRecorder(bool inside_maps = false);
  ~WorkRecorder();
  WorkRecorder(const WorkRecorder&) = delete;
  WorkRecorder& operator=(const WorkRecorder&) = delete;
  const WorkCounts& counts() const { return counts_; }
  void add(const WorkItem& item, double amount) { counts_[item] += amount; }

 private:
  friend class WorkScope;
  WorkCounts counts_;
  bool inside_maps_;
  WorkRecorder* before_;
};

/// One operation while it lives; those within it are part of it and not counted.
class WorkScope {
 public:
  WorkScope(Work work, int log_n, std::size_t limbs, double amount = 1)
      : whole_(recorder_ != nullptr && !(work == Work::kLinearMap && recorder_->inside_maps_)) {
    if (whole_ && depth_++ == 0) recorder_->add({work, log_n, limbs}, amount);
  }
  ~WorkScope() {
    if (whole_) --depth_;
  }
  WorkScope(const WorkScope&) = delete;
  WorkScope& operator=(const WorkScope&) = delete;

 private:
  friend class WorkRecorder;
  inline static thread_local WorkRecorder* recorder_ = nullptr;
  inline static thread_local int depth_ = 0;
  const bool whole_;
};

inline WorkRecorder::WorkRecorder(bool inside_maps)
    : inside_maps_(inside_maps), before_(WorkScope::recorder_) {
  WorkScope::recorder_ = this;
}
inline WorkRecorder::~WorkRecorder() { WorkScope::recorder_ = before_; }

}  // namespace blindtuner::ring
