#include "linalg/arrangement.h"

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
  std::vector<std::size_t> owner_of;  // by block, owner after owner
  for (std::size_t i = 0; i < rows.size(); ++i) {
    require(rows[i] <= kMaxSamples, "an owner has at most 2^32 - 1 rows");
    out.samples += rows[i];
    owner_of.resize(owner_of.size() + quotient_up(rows[i], out.layout.rows()), i);
  }
  require(out.samples >= 1, "an owner with rows");
  const std::size_t blocks = owner_of.size();
  out.layout =
      ProductLayout::create(parameters, blocks * out.layout.rows(), columns + 1, classes, width);

  // The shorter batch takes every (blocks / shorter)-th block, the others are dealt out to the batches in turn.
  const std::size_t full = std::max<std::size_t>(1, blocks / batch_blocks);
  const std::size_t shorter = blocks <= batch_blocks ? 0 : blocks % batch_blocks;
  std::vector<std::vector<std::size_t>> batches(full + 1);
  std::size_t dealt = 0;
  for (std::size_t p = 0; p < blocks; ++p)
    if ((p + 1) * shorter / blocks > p * shorter / blocks)
      batches[full].push_back(owner_of[p]);
    else
      batches[dealt++ % full].push_back(owner_of[p]);

  for (const std::size_t own : rows) {
    OwnerCells cells;
    cells.rows = own;
    cells.columns = columns;
    cells.groups = out.layout.feature_groups();
    cells.constant = cells.labels = true;
    out.owners.push_back(std::move(cells));
  }
  std::size_t block = 0;
  for (const std::vector<std::size_t>& batch : batches)
    for (const std::size_t owner : batch) out.owners[owner].blocks.push_back(block++);
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
  // Whole blocks, as with rows.
  out.layout.samples = out.layout.blocks() * out.layout.rows();
  for (OwnerCells& cells : out.owners) cells.blocks = all_cells(out.layout, false).blocks;
  return out;
}

}  // namespace blindtuner::linalg
