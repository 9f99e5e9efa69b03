// A text's tokens, whole and cut off.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "features/text/tokenizer.h"

namespace blindtuner::testing_support {
using namespace features;

/// `where` is said of what differs. What is cut off keeps the token that closes it.
inline void expect_tokens(const Tokenizer& tokenizer, const std::string& text,
                          const std::vector<std::int32_t>& want, const std::string& where) {
  EXPECT_EQ(tokenizer.encode(text, 10000), want) << where;
  for (const std::size_t most : {std::size_t{2}, std::size_t{5}, want.size()}) {
    auto cut = want;
    if (cut.size() > most) {
      cut.resize(most);
      cut.back() = want.back();
    }
    EXPECT_EQ(tokenizer.encode(text, most), cut) << where;
  }
}

}  // namespace blindtuner::testing_support
