#include "linalg/arrangement.h"

#include <algorithm>
#include <numeric>

namespace blindtuner::linalg {
namespace {

std::size_t quotient_up(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

}  // namespace

std::vector<std::size_t> OwnerCells::label_supers(const ProductLayout& layout) const {
  std::vector<std::size_t> out;
  if (!labels) return out;
  for (const std::size_t block : blocks) {
    const std::size_t super = block / layout.blocks_per_super();
    if (out.empty() || out.back() != super) out.push_back(super);
  }
  return out;
}

std::vector<std::size_t> Arrangement::filled(const std::vector<bool>& without) const {
  std::vector<std::size_t> out(layout.blocks());
  for (std::size_t i = 0; i < owners.size(); ++i) {
    if (!without.empty() && without[i]) continue;
    // Of owners of columns each has all rows.
    for (std::size_t k = 0; k < owners[i].blocks.size(); ++k)
      out[owners[i].blocks[k]] = std::min(layout.rows(), owners[i].rows - k * layout.rows());
  }
  return out;
}

std::size_t most_arranged_rows(const ProductLayout& layout) {
  return std::min(kMaxSamples, kMaxArrangedBlocks * layout.rows());
}

OwnerCells all_cells(const ProductLayout& layout, bool labels) {
  OwnerCells cells;
  cells.rows = layout.samples;
  cells.columns = layout.features - 1;
  cells.blocks.resize(layout.blocks());
  std::iota(cells.blocks.begin(), cells.blocks.end(), std::size_t{0});
  cells.groups = layout.feature_groups();
  cells.constant = true;
  cells.labels = labels;
  return cells;
}

Arrangement arrange_rows(const Parameters& parameters, std::span<const std::size_t> rows,
                         std::size_t columns, std::size_t classes, std::size_t width,
                         std::size_t batch_blocks) {
  require(!rows.empty() && batch_blocks >= 1, "owners with rows, batches with blocks");
  Arrangement out;
  // Rows of a block, and groups, follow from the parameters, the columns and the width alone.
  out.layout = ProductLayout::create(parameters, 1, columns + 1, classes, width);
  std::size_t blocks = 0;
  for (const std::size_t own : rows) {
    require(own <= kMaxSamples, "an owner has at most 2^32 - 1 rows");
    out.samples += own;
    blocks += quotient_up(own, out.layout.rows());
  }
  require(out.samples >= 1, "an owner with rows");
  require(blocks <= kMaxArrangedBlocks, "owners' rows fill at most 2^22 blocks");
  out.layout =
      ProductLayout::create(parameters, blocks * out.layout.rows(), columns + 1, classes, width);

  // Owner after owner, the shorter batch takes every (blocks / shorter)-th block; the others are dealt out to the batches in turn.
  const std::size_t full = std::max<std::size_t>(1, blocks / batch_blocks);
  const std::size_t shorter = blocks <= batch_blocks ? 0 : blocks % batch_blocks;
  const std::size_t dealt = blocks - shorter;
  const auto place = [&](std::size_t p) {
    const std::size_t before = p * shorter / blocks;  // of the shorter batch
    if ((p + 1) * shorter / blocks > before) return dealt + before;
    const std::size_t batch = (p - before) % full;
    return batch * (dealt / full) + std::min(batch, dealt % full) + (p - before) / full;
  };

  std::size_t p = 0;
  for (const std::size_t own : rows) {
    OwnerCells cells;
    cells.rows = own;
    cells.columns = columns;
    cells.blocks.resize(quotient_up(own, out.layout.rows()));
    for (std::size_t& block : cells.blocks) block = place(p++);
    std::ranges::sort(cells.blocks);
    cells.groups = out.layout.feature_groups();
    cells.constant = cells.labels = true;
    out.owners.push_back(std::move(cells));
  }
  return out;
}

Arrangement arrange_columns(const Parameters& parameters, std::size_t rows,
                            std::span<const std::size_t> columns, std::size_t label_owner,
                            std::size_t classes, std::size_t width) {
  require(label_owner < columns.size(), "one of the owners has the labels");
  require(rows >= 1 && rows <= kMaxSamples, "owners have 1 to 2^32 - 1 rows");
  Arrangement out;
  out.samples = rows;
  std::size_t groups = 0;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    require(columns[i] >= 1 && columns[i] <= kMaxColumns, "an owner has 1 to 2^20 columns");
    OwnerCells cells;
    cells.rows = rows;
    cells.columns = columns[i];
    // A model has the constant column last.
    cells.constant = i + 1 == columns.size();
    cells.labels = i == label_owner;
    cells.first_group = groups;
    cells.groups = quotient_up(columns[i] + (cells.constant ? 1 : 0), width);
    groups += cells.groups;
    out.owners.push_back(std::move(cells));
  }
  const OwnerCells& last = out.owners.back();
  const std::size_t features = last.first_group * width + last.columns + 1;
  out.layout = ProductLayout::create(parameters, rows, features, classes, width);
  require(out.layout.blocks() <= kMaxArrangedBlocks, "owners' rows fill at most 2^22 blocks");
  // Whole blocks, as with rows.
  out.layout.samples = out.layout.blocks() * out.layout.rows();
  for (OwnerCells& cells : out.owners) cells.blocks = all_cells(out.layout, false).blocks;
  return out;
}

}  // namespace blindtuner::linalg
