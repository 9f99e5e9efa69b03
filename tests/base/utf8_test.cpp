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

TEST(Utf8, PrintableText) {
  EXPECT_EQ(printable("a\xe2\x80\xae"
                      "b\xe2\x80\x8f\xe2\x81\xa9\xe2\x80\xa8\xc2\x85\x1b"),
            R"(a\xe2\x80\xaeb\xe2\x80\x8f\xe2\x81\xa9\xe2\x80\xa8\xc2\x85\x1b)");
  EXPECT_EQ(printable("\xc3\xa4\xe2\x82\xac\xd7\xa9"), "\xc3\xa4\xe2\x82\xac\xd7\xa9");
}

}  // namespace
}  // namespace blindtuner
