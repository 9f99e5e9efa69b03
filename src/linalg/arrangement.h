// Which ciphertexts of a data set come from which of its several owners. An owner fills whole blocks and whole
// feature groups, so that what it sends is put in its place as it is:
//
//   rows      every owner has all features of samples of its own: blocks of its own, all groups
//   columns   every owner has features of its own of the same samples: all blocks, groups of its own
//
// What an owner's last block or group has room for beyond its data is zero, the constant column too: it adds nothing
// to any gradient. It all follows from public numbers, so that owners and server compute the same.
#pragma once

#include <span>
#include <vector>

#include "linalg/layout.h"

namespace blindtuner::linalg {

/// What one owner fills. Its data are rows x columns, the constant column not counted; row i lies in its block
/// i / layout.rows(), column j in its group j / layout.width.
struct OwnerCells {
  std::size_t rows = 0, columns = 0;
  std::vector<std::size_t> blocks;  ///< where its blocks lie among all, rising
  std::size_t first_group = 0, groups = 0;
  bool constant = false;  ///< the constant column follows its own
  bool labels = false;    ///< has the labels of its rows

  /// Ciphertexts of features: of its block i and its group j at i * groups + j.
  std::size_t feature_count() const { return blocks.size() * groups; }
  /// Super-blocks that it has labels in, rising.
  std::vector<std::size_t> label_supers(const ProductLayout& layout) const;
  /// Ciphertexts of labels: of the i-th of these super-blocks and small ciphertext r at i * layout.ratio + r. Zero
  /// in the places of other owners' blocks.
  std::size_t label_count(const ProductLayout& layout) const {
    return label_supers(layout).size() * layout.ratio;
  }
};

struct Arrangement {
  /// Of all. Its samples are whole blocks, those that only fill up included; its columns those of whole groups, but
  /// for the last owner's.
  ProductLayout layout;
  std::vector<OwnerCells> owners;
  /// Samples that are data.
  std::size_t samples = 0;

  /// Samples in every block, but for those of owners who are left out; `without` by owner, or none.
  std::vector<std::size_t> filled(const std::vector<bool>& without = {}) const;
  /// Where an owner's column lies among the layout's.
  std::size_t column(std::size_t owner, std::size_t j) const {
    return owners[owner].first_group * layout.width + j;
  }
};

/// Blocks that owners may fill together: lists of them take 32 MB, their ciphertexts 0.4 TB for every group of the standard set.
inline constexpr std::size_t kMaxArrangedBlocks = std::size_t{1} << 22;
/// Rows that these are, for data laid out as this: samples, each owner's in whole blocks.
std::size_t most_arranged_rows(const ProductLayout& layout);

/// Cells of an owner who is alone.
OwnerCells all_cells(const ProductLayout& layout, bool labels);

/// Owners with so many rows each, of the same columns; not all have none. Blocks are dealt out so that every batch of
/// `batch_blocks` (and a shorter last one) has of each owner a number of blocks less than one from its share of all;
/// where there is a shorter one, those before it may be off by a share of one more, one over their number.
/// Throws ContractError for sizes that cannot be laid out, most_arranged_rows() among them.
Arrangement arrange_rows(const Parameters& parameters, std::span<const std::size_t> rows,
                         std::size_t columns, std::size_t classes, std::size_t width,
                         std::size_t batch_blocks);

/// Owners with so many columns each, 1 or more, of the same rows; one of them has the labels. Throws as arrange_rows().
Arrangement arrange_columns(const Parameters& parameters, std::size_t rows,
                            std::span<const std::size_t> columns, std::size_t label_owner,
                            std::size_t classes, std::size_t width);

}  // namespace blindtuner::linalg
