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
