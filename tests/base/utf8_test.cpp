#include "base/utf8.h"

#include <gtest/gtest.h>

#include "base/path.h"

namespace blindtuner {
namespace {

TEST(Printable, ShowsTextAndEscapesTheRest) {
  EXPECT_EQ(printable("a käse 猫"), "a käse 猫");
  EXPECT_EQ(printable("a\nb\x1b[31m\x7f"), "a\\x0ab\\x1b[31m\\x7f");
  EXPECT_EQ(printable("caf\xe9"), "caf\\xe9");
  EXPECT_EQ(printable("\xe7\x8c"), "\\xe7\\x8c");
  EXPECT_EQ(printable("\xc2\x85"), "\\xc2\\x85") << "a control character of two bytes";
  EXPECT_EQ(printable(""), "");
  EXPECT_EQ(quoted_path("x\ty"), "'x\\x09y'");
}

}  // namespace
}  // namespace blindtuner
