#include "features/samples/label_lists.h"

#include <gtest/gtest.h>

namespace blindtuner {
using namespace features;
namespace {

TEST(LabelLists, OfSeveralClassesAreWarnedOf) {
  EXPECT_EQ(label_list_warning({"edema", "edema|mass", "mass", "normal"}),
            "1 of 4 classes look like several labels of one sample ('edema|mass'): each list is "
            "trained as a class of its own");
  EXPECT_EQ(label_list_warning({"[0, 1]", "[1]", "['0']"}).find("1 of 3 classes"), 0u);
  EXPECT_EQ(label_list_warning({"3,27", "27; 3", "4"}).find("2 of 3 classes"), 0u);
  EXPECT_EQ(label_list_warning({"oak, red", "oak, white", "ash"}), "");
  EXPECT_EQ(label_list_warning({"0", "1", "1,5"}), "");
}

}  // namespace
}  // namespace blindtuner
