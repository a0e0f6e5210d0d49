// Instruments and their text. They live for the process, so each test has names of its own.
#include "mdl/base/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace conduit::metrics {
namespace {

using ::testing::HasSubstr;

TEST(MetricsTest, SameNameAndLabelsAreTheSameInstrument) {
  Counter& once = counter("conduit_test_same_total", "Asked for twice.", {{"model", "a"}});
  Counter& again = counter("conduit_test_same_total", "Asked for twice.", {{"model", "a"}});
  Counter& other = counter("conduit_test_same_total", "Asked for twice.", {{"model", "b"}});
  EXPECT_EQ(&once, &again);
  EXPECT_NE(&once, &other);
  once.increment();
  again.increment(2);
  EXPECT_EQ(once.value(), 3);
  EXPECT_EQ(other.value(), 0);
}

TEST(MetricsTest, GaugeGoesBothWays) {
  Gauge& pages = gauge("conduit_test_pages", "Pages in use.");
  pages.set(10);
  pages.add(-3);
  EXPECT_EQ(pages.value(), 7);
}

TEST(MetricsTest, TextIsWhatAScraperReads) {
  counter("conduit_test_text_total", "Counted.", {{"model", "a"}}).increment(5);
  Histogram& seconds = histogram("conduit_test_text_seconds", "Measured.", {0.1, 1.0});
  seconds.observe(0.05);
  seconds.observe(0.5);
  seconds.observe(5);
  const std::string scraped = text();
  EXPECT_THAT(scraped, HasSubstr("# HELP conduit_test_text_total Counted.\n"));
  EXPECT_THAT(scraped, HasSubstr("# TYPE conduit_test_text_total counter\n"));
  EXPECT_THAT(scraped, HasSubstr("conduit_test_text_total{model=\"a\"} 5\n"));
  EXPECT_THAT(scraped, HasSubstr("conduit_test_text_seconds_count 3\n"));
  EXPECT_THAT(scraped, HasSubstr("conduit_test_text_seconds_bucket{le=\"1\"} 2\n"));
  EXPECT_THAT(scraped, HasSubstr("conduit_test_text_seconds_bucket{le=\"+Inf\"} 3\n"));
}

TEST(MetricsTest, ThreadsShareAnInstrument) {
  constexpr int kThreads = 4, kIncrements = 1000;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([] {
      for (int j = 0; j < kIncrements; ++j)
        counter("conduit_test_threads_total", "From many threads.").increment();
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter("conduit_test_threads_total", "From many threads.").value(),
            kThreads * kIncrements);
}

}  // namespace
}  // namespace conduit::metrics
