#include "linalg/arrangement.h"

#include <gtest/gtest.h>

#include <numeric>

#include "base/error.h"
#include "features/data/test_files.h"

namespace blindtuner::arrangement_test {
using namespace linalg;
namespace {

// n = 512: 64 rows in a block at width 8.
const Parameters& parameters() {
  static const ParametersPtr p = Parameters::create(find_parameters("InsecureTest12"));
  return *p;
}

// Whose each cell is. Every one must be somebody's, once.
std::vector<std::size_t> owners_of_cells(const Arrangement& a) {
  const std::size_t groups = a.layout.feature_groups();
  std::vector<std::size_t> of(a.layout.blocks() * groups, a.owners.size());
  for (std::size_t k = 0; k < a.owners.size(); ++k)
    for (const std::size_t block : a.owners[k].blocks)
      for (std::size_t g = 0; g < a.owners[k].groups; ++g) {
        std::size_t& cell = of.at(block * groups + a.owners[k].first_group + g);
        EXPECT_EQ(cell, a.owners.size()) << "block " << block << " is two owners'";
        cell = k;
      }
  for (const std::size_t owner : of) EXPECT_LT(owner, a.owners.size());
  return of;
}

TEST(Arrangement, RowsOfAllOwnersMixInEveryBatch) {
  const std::vector<std::vector<std::size_t>> studies = {{1, 1},
                                                         {1, 1000},
                                                         {64, 64, 64},
                                                         {65, 128, 1, 700},
                                                         {10000, 10},
                                                         {3000, 2000, 1000, 500, 1},
                                                         std::vector<std::size_t>(16, 333),
                                                         {5000, 5000, 5000, 1, 1, 1, 1}};
  for (const auto& rows : studies)
    for (const std::size_t batch : {1, 2, 3, 4, 7, 16, 1000}) {
      const Arrangement a = arrange_rows(parameters(), rows, 20, 10, 8, batch);
      const std::size_t blocks = a.layout.blocks(), groups = a.layout.feature_groups();
      EXPECT_EQ(a.samples, std::accumulate(rows.begin(), rows.end(), std::size_t{0}));
      EXPECT_EQ(a.layout.samples, blocks * a.layout.rows());
      const std::vector<std::size_t> of = owners_of_cells(a);
      const std::size_t full = blocks / batch;
      for (std::size_t k = 0; k < rows.size(); ++k) {
        const OwnerCells& cells = a.owners[k];
        EXPECT_EQ(cells.rows, rows[k]);
        EXPECT_EQ(cells.blocks.size(), (rows[k] + 63) / 64);
        EXPECT_TRUE(std::is_sorted(cells.blocks.begin(), cells.blocks.end()));
        EXPECT_TRUE(cells.constant && cells.labels);
        const double share = static_cast<double>(cells.blocks.size()) / static_cast<double>(blocks);
        for (std::size_t first = 0; first < blocks; first += batch) {
          const std::size_t size = std::min(batch, blocks - first);
          double count = 0;
          for (std::size_t block = first; block < first + size; ++block)
            count += of[block * groups] == k ? 1 : 0;
          const double off = std::abs(count - share * static_cast<double>(size));
          // One more where the blocks make no whole batches.
          const double of_shorter = blocks % batch != 0 && full > 0 && size == batch
                                        ? 1.0 / static_cast<double>(full)
                                        : 0;
          EXPECT_LT(off, 1 + of_shorter + 1e-9)
              << "owner " << k << " of " << rows.size() << ", batches of " << batch;
        }
      }
    }
}

TEST(Arrangement, BlocksAreAsFullAsTheirOwnersRowsFillThem) {
  const std::vector<std::size_t> rows{65, 0, 128, 7};
  const Arrangement a = arrange_rows(parameters(), rows, 20, 10, 8, 2);
  std::vector<std::size_t> filled = a.filled();
  ASSERT_EQ(filled.size(), a.layout.blocks());
  EXPECT_EQ(filled[a.owners[0].blocks[0]], 64u);
  EXPECT_EQ(filled[a.owners[0].blocks[1]], 1u);
  EXPECT_EQ(filled[a.owners[3].blocks[0]], 7u);
  EXPECT_EQ(std::accumulate(filled.begin(), filled.end(), std::size_t{0}), 200u);
  filled = a.filled({true, false, false, false});
  EXPECT_EQ(filled[a.owners[0].blocks[0]] + filled[a.owners[0].blocks[1]], 0u);
  EXPECT_EQ(std::accumulate(filled.begin(), filled.end(), std::size_t{0}), 135u);
  const Arrangement columns =
      arrange_columns(parameters(), 70, std::vector<std::size_t>{3, 4}, 1, 2, 8);
  EXPECT_EQ(columns.filled(), (std::vector<std::size_t>{64, 6}));
}

TEST(Arrangement, LabelsAreWhereBlocksAre) {
  // Four blocks in a super-block; twelve in batches of four: a super-block each.
  const Arrangement a = arrange_rows(parameters(), std::vector<std::size_t>{64, 640}, 20, 10, 8, 4);
  EXPECT_EQ(a.owners[0].label_supers(a.layout).size(), 1u);
  EXPECT_EQ(a.owners[1].label_supers(a.layout), (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(a.owners[1].label_count(a.layout), 3 * a.layout.ratio);
  const OwnerCells all = all_cells(a.layout, true);
  EXPECT_EQ(all.feature_count(), a.layout.blocks() * a.layout.feature_groups());
  EXPECT_EQ(all.label_count(a.layout), a.layout.supers() * a.layout.ratio);
  EXPECT_EQ(all_cells(a.layout, false).label_count(a.layout), 0u);
}

TEST(Arrangement, ColumnsOfAllOwners) {
  const std::vector<std::size_t> columns = {7, 1, 16, 8};
  const Arrangement a = arrange_columns(parameters(), 100, columns, 2, 10, 8);
  owners_of_cells(a);
  EXPECT_EQ(a.samples, 100u);
  EXPECT_EQ(a.layout.samples, 128u);
  // Groups of 8: the last owner has the constant column in a group of its own.
  EXPECT_EQ(a.layout.features, 8u + 8 + 16 + 9);
  EXPECT_EQ(a.column(3, 7), 39u);
  for (std::size_t k = 0; k < columns.size(); ++k) {
    EXPECT_EQ(a.owners[k].constant, k == 3);
    EXPECT_EQ(a.owners[k].labels, k == 2);
    EXPECT_EQ(a.owners[k].blocks, (std::vector<std::size_t>{0, 1}));
  }
}

TEST(Arrangement, WhatCannotBeLaidOut) {
  const std::vector<std::size_t> none, nobody = {0, 0}, zero = {5, 0}, one = {5};
  EXPECT_THROW(arrange_rows(parameters(), none, 20, 10, 8, 4), ContractError);
  EXPECT_THROW(arrange_rows(parameters(), nobody, 20, 10, 8, 4), ContractError);
  EXPECT_TRUE(arrange_rows(parameters(), zero, 20, 10, 8, 4).owners[1].blocks.empty());
  EXPECT_THROW(arrange_rows(parameters(), one, 20, 10, 8, 0), ContractError);
  EXPECT_THROW(arrange_columns(parameters(), 5, one, 1, 10, 8), ContractError);
  EXPECT_THROW(arrange_columns(parameters(), 5, zero, 0, 10, 8), ContractError);
  EXPECT_THROW(arrange_columns(parameters(), 0, one, 0, 10, 8), ContractError);
}

// What an owner says of its rows is listed before any of them is there.
TEST(Arrangement, MostRowsTakeAListOfTheirBlocks) {
  const std::size_t most = most_arranged_rows(ProductLayout::create(parameters(), 1, 21, 10, 8));
  EXPECT_EQ(most, std::size_t{1} << 28);  // 64 in a block
  const std::vector<std::size_t> rows = {most - 64, 1}, more = {most, 1};
  EXPECT_EQ(testing_support::within_memory(std::size_t{40} << 20,
                                           [&] {
                                             const Arrangement a =
                                                 arrange_rows(parameters(), rows, 20, 10, 8, 1000);
                                             if (a.layout.samples != most)
                                               throw DataError("they are others");
                                           }),
            "good");
  EXPECT_THROW(arrange_rows(parameters(), more, 20, 10, 8, 1000), ContractError);
  const std::vector<std::size_t> columns = {1};
  EXPECT_THROW(arrange_columns(parameters(), most + 1, columns, 0, 10, 8), ContractError);
  // Where blocks are large the samples are fewer than these blocks have.
  const ParametersPtr standard = Parameters::create(find_parameters("Standard"));
  EXPECT_EQ(most_arranged_rows(ProductLayout::create(*standard, 1, 21, 10, 4)), kMaxSamples);
}

}  // namespace
}  // namespace blindtuner::arrangement_test
