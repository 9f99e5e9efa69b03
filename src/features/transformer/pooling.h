// Which of a transformer's tokens become features, and several such choices out of one pass.
#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "features/samples/dataset.h"

namespace blindtuner::features {

/// One piece of features: a token, or an average of tokens.
struct TokenPart {
  enum class Kind {
    kModel,  ///< what the model itself hands on: to its head, or as its embedding
    kClass,  ///< the class token (of texts the first one; of CLIP's texts the closing one)
    kMean,   ///< the mean of the patches' tokens (of texts: of all tokens)
  };
  Kind kind = Kind::kModel;
  std::size_t back = 0;  ///< after which block: so many before the last
  auto operator<=>(const TokenPart&) const = default;
};

struct Pooling {
  std::string name;
  std::vector<TokenPart> parts;  ///< side by side

  /// Terms joined by '+': "model", "class", "mean", "lastN" (the class tokens after the last N
  /// blocks, the earliest first; N from 2 to kMaxLast). Throws DataError.
  static Pooling parse(const std::string& name);
};
inline constexpr std::size_t kMaxLast = 32;
/// In the place of a pooling's name: several, of which one is chosen on the training set.
inline constexpr char kChoosePooling[] = "auto";
/// One line about the names of one, for --help.
const char* pooling_help();

/// Several poolings of one pass: the distinct parts of all of them, each computed once, are one
/// row of features; every pooling is a choice of its columns.
class PoolingPlan {
 public:
  /// Throws ContractError without poolings.
  explicit PoolingPlan(std::vector<Pooling> poolings);
  /// Of one, or for kChoosePooling of all that are chosen from. Throws DataError.
  static PoolingPlan of(const std::string& name);

  /// Without those of several that ask for more blocks than `depth`. Throws DataError, which
  /// `model` opens, when none is left.
  PoolingPlan within(std::size_t depth, const std::string& model) const;

  const std::vector<Pooling>& poolings() const { return poolings_; }
  const std::vector<TokenPart>& parts() const { return parts_; }
  bool contains(TokenPart::Kind kind) const;
  /// Blocks before the last whose tokens are read.
  std::size_t deepest() const;
  /// The parts' names, which say what a row is: of the key of a cache.
  std::string text() const;

  /// Of each pooling, which columns of the parts side by side it has; `width` of a part.
  std::vector<ColumnSet> columns(const std::function<std::size_t(const TokenPart&)>& width) const;

 private:
  std::vector<Pooling> poolings_;
  std::vector<TokenPart> parts_;
};

}  // namespace blindtuner::features
