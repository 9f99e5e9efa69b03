// Numbers that stand for no value are not taken for measures without a word.
#include "features/samples/sentinels.h"

#include <gtest/gtest.h>

#include "features/data/load.h"
#include "features/data/test_files.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;

FeatureMatrix column(const std::vector<float>& values) {
  FeatureMatrix out(static_cast<Eigen::Index>(values.size()), 1);
  for (std::size_t i = 0; i < values.size(); ++i) out(static_cast<Eigen::Index>(i), 0) = values[i];
  return out;
}

TEST(Sentinels, AreFarFromAllOthers) {
  for (const std::vector<float>& values : std::vector<std::vector<float>>{
           {-999, 18.5, 21, -999, 20}, {1, 0, 1, -99, 0}, {9999, 0.5, 3, 2}, {4, -32768, 5, 6}}) {
    const std::vector<Sentinel> found = sentinels(column(values));
    ASSERT_EQ(found.size(), 1u) << values[0];
    EXPECT_EQ(found[0].column, 0u);
    EXPECT_LT(found[0].least, found[0].most);
  }
  EXPECT_EQ(sentinels(column({-999, 18.5, 21, -999, 20}))[0].rows, 2u);
  // Near others, between them, nothing else there, no number of nines.
  for (const std::vector<float>& values : std::vector<std::vector<float>>{{-999, -800, 500, 20},
                                                                          {999, 1200, 3, 2},
                                                                          {-999, -999, 4, 4},
                                                                          {-999, -999},
                                                                          {-998, 18.5, 21},
                                                                          {99, 1, 0, 1},
                                                                          {0, 255, 99}})
    EXPECT_TRUE(sentinels(column(values)).empty()) << values[0];
}

TEST(Sentinels, AreWarnedOf) {
  const TemporaryFolder folder;
  put_file(folder / "x.csv", "age,b,label\n31,0.5,u\n-999,1.5,v\n52.5,2.5,u\n45,3.5,v\n");
  Reading reading;
  DataSource source;
  source.features = folder / "x.csv";
  load_dataset(source, &reading);
  ASSERT_EQ(reading.warnings.size(), 1u);
  EXPECT_NE(
      reading.warnings[0].find("'age' holds a number that may stand for no value: -999 in 1 of "
                               "4 rows, the others are from 31 to 52.5"),
      std::string::npos)
      << reading.warnings[0];
  put_file(folder / "x.csv", "age,b,label\n31,0.5,u\n,1.5,v\n52.5,2.5,u\n45,3.5,v\n");
  reading = {};
  source.columns.skip_missing = true;
  load_dataset(source, &reading);
  EXPECT_TRUE(reading.warnings.empty());
}

}  // namespace
}  // namespace blindtuner
