// Prompts cut to a length: what goes, what stays, and that whoever asks too much is told.
#include "actors/truncation.h"

#include <gtest/gtest.h>

namespace conduit::actors {
namespace {

using Ids = std::vector<kernels::TokenId>;

Ids cut(std::size_t kept, Keep keep) {
  Ids ids = {1, 5, 6, 7, 8, 2};
  cut_text(ids, {5, 6, 7, 8}, kept, keep);
  return ids;
}

TEST(TruncationTest, WhatStandsAroundATextStays) {
  EXPECT_EQ(cut(4, Keep::end), (Ids{1, 7, 8, 2}));
  EXPECT_EQ(cut(4, Keep::beginning), (Ids{1, 5, 6, 2}));
  EXPECT_EQ(cut(2, Keep::end), (Ids{1, 2}));
}

TEST(TruncationTest, ALengthBelowWhatStandsAroundIsKeptAllTheSame) {
  EXPECT_EQ(cut(1, Keep::end), (Ids{2}));
  EXPECT_EQ(cut(1, Keep::beginning), (Ids{1}));
}

TEST(TruncationTest, WhatFitsIsLeftAlone) {
  EXPECT_EQ(cut(6, Keep::end).size(), 6u);
  EXPECT_EQ(cut(7, Keep::beginning).size(), 6u);
}

kernels::PairEncoding cut_pair_to(std::size_t kept) {
  kernels::PairEncoding pair{{1, 5, 6, 7, 2, 8, 9, 2}, {0, 0, 0, 0, 0, 1, 1, 1}};
  cut_pair(pair, {5, 6, 7}, {8, 9}, kept);
  return pair;
}

TEST(TruncationTest, TheLongerTextOfAPairIsCutFirst) {
  EXPECT_EQ(cut_pair_to(8).ids.size(), 8u);
  EXPECT_EQ(cut_pair_to(7).ids, (Ids{1, 5, 6, 2, 8, 9, 2}));
  EXPECT_EQ(cut_pair_to(6).ids, (Ids{1, 5, 6, 2, 8, 2}));
  EXPECT_EQ(cut_pair_to(6).type_ids, (std::vector<std::int32_t>{0, 0, 0, 0, 1, 1}));
  EXPECT_EQ(cut_pair_to(5).ids, (Ids{1, 5, 2, 8, 2}));
  EXPECT_EQ(cut_pair_to(0).ids, (Ids{1, 2, 2}));
}

TEST(TruncationTest, LengthsAreCheckedAgainstWhatFits) {
  EXPECT_GT(kept_tokens(0, 10).value(), 1u << 30);
  EXPECT_EQ(kept_tokens(-1, 10).value(), 10u);
  EXPECT_EQ(kept_tokens(10, 10).value(), 10u);
  for (const int wrong : {11, -2}) {
    const auto kept = kept_tokens(wrong, 10);
    ASSERT_FALSE(kept);
    EXPECT_EQ(kept.error().code, Code::invalid_argument);
    EXPECT_NE(kept.error().message.find("1 to 10"), std::string::npos) << kept.error().message;
  }
}

}  // namespace
}  // namespace conduit::actors
