// Pages: who holds which, and that none is lost or held twice.
#include "kernels/engine/kv_cache.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace conduit::kernels {
namespace {

TEST(KvCacheTest, SequenceHoldsPagesForItsTokens) {
  KvCache cache(10, 4);
  EXPECT_TRUE(cache.reserve(1, 9));
  EXPECT_EQ(cache.pages(1).size(), 3u);
  EXPECT_EQ(cache.free_pages(), 7);
}

TEST(KvCacheTest, GrowingKeepsThePagesHeldAndTheirOrder) {
  KvCache cache(10, 4);
  ASSERT_TRUE(cache.reserve(1, 5));
  const std::vector<std::int32_t> before(cache.pages(1).begin(), cache.pages(1).end());
  ASSERT_TRUE(cache.reserve(2, 4));
  ASSERT_TRUE(cache.reserve(1, 16));
  ASSERT_EQ(cache.pages(1).size(), 4u);
  EXPECT_TRUE(std::equal(before.begin(), before.end(), cache.pages(1).begin()));
}

TEST(KvCacheTest, ReservingLessThanHeldChangesNothing) {
  KvCache cache(4, 4);
  ASSERT_TRUE(cache.reserve(1, 16));
  EXPECT_TRUE(cache.reserve(1, 1));
  EXPECT_EQ(cache.pages(1).size(), 4u);
}

TEST(KvCacheTest, RefusedReservationChangesNothing) {
  KvCache cache(4, 4);
  ASSERT_TRUE(cache.reserve(1, 8));
  EXPECT_FALSE(cache.reserve(2, 12));
  EXPECT_FALSE(cache.reserve(1, 20));
  EXPECT_EQ(cache.free_pages(), 2);
  EXPECT_EQ(cache.pages(1).size(), 2u);
  EXPECT_TRUE(cache.pages(2).empty());
}

TEST(KvCacheTest, FreedSequenceGivesItsPagesBack) {
  KvCache cache(4, 4);
  ASSERT_TRUE(cache.reserve(1, 16));
  cache.release(1);
  EXPECT_EQ(cache.free_pages(), 4);
  EXPECT_TRUE(cache.pages(1).empty());
  EXPECT_TRUE(cache.reserve(2, 16));
}

TEST(KvCacheTest, ReleasingAnUnknownSequenceIsNothing) {
  KvCache cache(4, 4);
  cache.release(7);
  EXPECT_EQ(cache.free_pages(), 4);
}

TEST(KvCacheTest, ReturnedPagesAreTakenAgainFirst) {
  KvCache cache(100, 4);
  std::set<std::int32_t> touched;
  for (SequenceId id = 0; id < 20; ++id) {
    ASSERT_TRUE(cache.reserve(id, 8));
    touched.insert(cache.pages(id).begin(), cache.pages(id).end());
    cache.release(id);
  }
  EXPECT_EQ(touched, (std::set<std::int32_t>{0, 1}));
}

// A sequence of these tokens, all of which are computed.
Sequence text(SequenceId id, std::vector<TokenId> tokens) {
  Sequence made;
  made.spec.id = id;
  made.spec.prompt = std::move(tokens);
  made.computed = made.prompt_length();
  return made;
}

void compute(KvCache& cache, const Sequence& sequence) {
  ASSERT_TRUE(cache.reserve(sequence.spec.id, sequence.length()));
  cache.publish(sequence);
}

TEST(KvCacheTest, FullPagesOfOneAreFoundByTheNextAsFarAsTheTokensAreTheSame) {
  KvCache cache(10, 2);
  compute(cache, text(1, {1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(cache.reuse(text(2, {1, 2, 3, 4, 9, 9, 9}), 6), 4);
  EXPECT_EQ(cache.pages(2)[1], cache.pages(1)[1]);
  EXPECT_EQ(cache.reuse(text(3, {1, 2, 3, 4, 5, 6, 7}), 6), 6);
  EXPECT_EQ(cache.reuse(text(4, {1, 2, 3, 4, 5, 6, 7}), 5), 4) << "no more than asked for";
  EXPECT_EQ(cache.reuse(text(5, {3, 4, 5, 6}), 4), 0) << "the same tokens after others are others";
  EXPECT_TRUE(cache.check());
}

TEST(KvCacheTest, PagesOutliveTheirSequenceUntilTheirRoomIsNeeded) {
  KvCache cache(3, 2);
  compute(cache, text(1, {1, 2, 3, 4}));
  cache.release(1);
  EXPECT_EQ(cache.free_pages(), 3);
  EXPECT_EQ(cache.kept_pages(), 2);
  ASSERT_TRUE(cache.reserve(2, 4));  // the empty one, and the end of the text
  EXPECT_EQ(cache.kept_pages(), 1);
  EXPECT_EQ(cache.reuse(text(3, {1, 2, 3, 4}), 4), 2);
  EXPECT_FALSE(cache.reserve(3, 4));
  EXPECT_TRUE(cache.check());
}

TEST(KvCacheTest, ThePageUnusedForLongestGoesFirst) {
  KvCache cache(2, 2);
  compute(cache, text(1, {1, 2}));
  compute(cache, text(2, {3, 4}));
  cache.release(1);
  cache.release(2);
  EXPECT_EQ(cache.reuse(text(3, {1, 2}), 2), 2);
  cache.release(3);
  ASSERT_TRUE(cache.reserve(4, 1));
  EXPECT_EQ(cache.reuse(text(5, {3, 4}), 2), 0);
  EXPECT_EQ(cache.reuse(text(5, {1, 2}), 2), 2);
}

TEST(KvCacheTest, APageThatIsHeldIsNeverEvicted) {
  KvCache cache(4, 2);
  compute(cache, text(1, {1, 2, 3, 4}));
  EXPECT_EQ(cache.reuse(text(2, {1, 2}), 2), 2);
  cache.release(1);
  EXPECT_FALSE(cache.reserve(3, 8));
  ASSERT_TRUE(cache.reserve(3, 6));
  EXPECT_EQ(cache.pages(2).size(), 1u);
  EXPECT_TRUE(cache.check());
}

TEST(KvCacheTest, WhatTwoComputedSideBySideIsHeldOnce) {
  KvCache cache(10, 2);
  const Sequence first = text(1, {1, 2, 3, 4, 5});
  const Sequence second = text(2, {1, 2, 3, 4, 6});
  ASSERT_TRUE(cache.reserve(1, 5));
  ASSERT_TRUE(cache.reserve(2, 5));
  EXPECT_EQ(cache.free_pages(), 4);
  cache.publish(first);
  cache.publish(second);
  EXPECT_EQ(cache.free_pages(), 6);
  EXPECT_EQ(cache.pages(2).size(), 3u);
  EXPECT_TRUE(cache.check());
}

TEST(KvCacheTest, AnAdaptersPagesAreItsOwn) {
  KvCache cache(10, 2);
  Sequence adapted = text(1, {1, 2, 3, 4});
  adapted.spec.adapter = 1;
  compute(cache, adapted);
  EXPECT_EQ(cache.reuse(text(2, {1, 2, 3, 4}), 4), 0);
  adapted.spec.id = 3;
  EXPECT_EQ(cache.reuse(adapted, 4), 4);
}

TEST(KvCacheTest, WithoutSharingNothingIsKept) {
  KvCache cache(10, 2, false);
  compute(cache, text(1, {1, 2, 3, 4}));
  EXPECT_EQ(cache.reuse(text(2, {1, 2, 3, 4}), 4), 0);
  cache.release(1);
  EXPECT_EQ(cache.kept_pages(), 0);
}

TEST(KvCacheTest, NoPageIsEverHeldTwiceOrLost) {
  constexpr std::int64_t kPages = 37;
  KvCache cache(kPages, 3);
  std::mt19937 random(5);
  std::map<SequenceId, std::int64_t> tokens;
  for (int step = 0; step < 5000; ++step) {
    const SequenceId id = random() % 12;
    if (random() % 3 == 0) {
      cache.release(id);
      tokens.erase(id);
    } else if (const std::int64_t wanted = 1 + random() % 40; cache.reserve(id, wanted)) {
      tokens[id] = std::max(tokens[id], wanted);
    }
    std::set<std::int32_t> held;
    std::int64_t count = 0;
    for (const auto& [holder, length] : tokens) {
      ASSERT_EQ(static_cast<std::int64_t>(cache.pages(holder).size()), cache.pages_for(length));
      held.insert(cache.pages(holder).begin(), cache.pages(holder).end());
      count += cache.pages_for(length);
    }
    ASSERT_EQ(static_cast<std::int64_t>(held.size()), count) << "a page has two holders";
    ASSERT_EQ(cache.free_pages() + count, kPages) << "a page was lost";
    if (!held.empty()) {
      ASSERT_GE(*held.begin(), 0);
      ASSERT_LT(*held.rbegin(), kPages);
    }
  }
}

}  // namespace
}  // namespace conduit::kernels
