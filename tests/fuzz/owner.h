// One owner whose keys are the same at every run, as small as they come, and files made under them.
#pragma once

#include <functional>

#include "container.h"
#include "party/owner/validator.h"
#include "records/dataset.h"
#include "records/model.h"
#include "records/scores.h"

namespace blindtuner::fuzz {
using namespace party;

inline constexpr KeyId kKeyId = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
inline constexpr RunId kRun = {7};

class Owner {
 public:
  /// Its folder, and with it the ledger, is scratch().
  static const Owner& instance();

  const OwnerFolder& folder() const { return folder_; }
  const OwnerKeys& keys() const { return folder_.keys; }
  const KeySet& set() const { return folder_.set; }
  const Parameters& parameters() const { return *set().parameters; }
  const ProductLayout& layout() const { return folder_.layout(); }
  /// One step of two, a round of validation after each.
  const TrainingState& training() const { return training_; }

  DatasetFile dataset(bool labelled) const;
  // Results whose ciphertexts are encryptions of zero.
  ModelFile model() const;
  ScoresFile scores() const;
  std::vector<std::vector<Ciphertext>> gradients() const;

 private:
  Owner();
  std::vector<Ciphertext> zeros(const CiphertextShape& shape) const;

  OwnerFolder folder_;
  TrainingState training_;
};

inline const Owner& owner() { return Owner::instance(); }

/// The door to what is decrypted, with no ledger yet.
Disclosure fresh_door();

/// The validation set of a folder of its own below scratch(), where a validator is at work.
struct Validation {
  std::filesystem::path exchange, data, out;
  ValidatorOptions options() const;
  /// As before the first round.
  void clear() const;
};
const Validation& validation();

/// The container of this kind that holds the target's bytes.
std::filesystem::path sealed_file(FileKind kind, Bytes bytes);

/// Puts into the corpus the bytes that stand for the container that `write` makes.
void seed(const std::filesystem::path& folder, const std::string& name,
          const std::function<void(const std::filesystem::path&)>& write);

}  // namespace blindtuner::fuzz
