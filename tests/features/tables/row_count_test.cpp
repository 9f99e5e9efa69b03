// One rule of what counts rows.
#include "features/tables/row_count.h"

#include <gtest/gtest.h>

namespace blindtuner {
using namespace features;
namespace {

TEST(RowCount, OneStepFromAnyNumberInAnyOrder) {
  for (const std::vector<std::string>& fields :
       std::vector<std::vector<std::string>>{{"0", "1", "2"},
                                             {"7", "8", "9"},
                                             {"10", "20", "30"},
                                             {"3", "2", "1"},
                                             {"0.1", "0.2", "0.3"}})
    EXPECT_TRUE(count_rows(fields).counts()) << fields[0];
  for (const std::vector<std::string>& fields : std::vector<std::vector<std::string>>{
           {"0", "1", "3"}, {"1", "1", "1"}, {"0", "2", "1"}, {"0", "", "2"}, {"a", "b", "c"}})
    EXPECT_FALSE(count_rows(fields).counts()) << fields[0];
  RowCount count;
  count.add(5, 50);
  count.add(1, 10);
  count.add(3, 30);
  EXPECT_TRUE(count.counts());
  EXPECT_EQ(count.step(), 10);
  EXPECT_EQ(count.at(0), 0);
}

TEST(RowCount, WhatProgramsCountByThemselves) {
  EXPECT_TRUE(count_rows({"0", "1", "2"}).by_default());
  EXPECT_TRUE(count_rows({"1", "2", "3"}).by_default());
  // Of rows that were chosen from a larger table.
  for (const std::vector<std::string>& fields : std::vector<std::vector<std::string>>{
           {"2", "3", "4"}, {"0", "2", "4"}, {"0", "2", "1"}, {"0", "2", "3"}, {"5"}})
    EXPECT_FALSE(count_rows(fields).by_default()) << fields[0];
}

}  // namespace
}  // namespace blindtuner
