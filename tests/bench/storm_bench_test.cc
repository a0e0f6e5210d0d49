// A storm over a tiny model: what is counted, not how long it takes.
#include "bench/storm_bench.h"

#include <gtest/gtest.h>

#include <numeric>
#include <sstream>

#include "mdl/base/json.h"
#include "tests/support/shared_dir.h"
#include "tests/support/tiny_model.h"

namespace conduit::bench {
namespace {

TEST(StormBenchTest, EveryPromptIsComputedBesideAnswersThatGoOn) {
  conduit::testing::TemporaryDir folder;
  conduit::testing::TinyModelOptions tiny;
  tiny.max_position = 512;  // answers end meanwhile, and begin anew
  StormOptions options;
  options.model = conduit::testing::write_tiny_gguf(folder.path(), tiny);
  options.streams = 2;
  options.prompts = 3;
  options.at_once = 2;
  options.prompt_tokens = 200;
  options.threads = 1;
  options.is_json = true;
  const auto report = measure_storm(options);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->undisturbed.size(), 256u);
  EXPECT_EQ(report->first_tokens.size(), 3u);
  const auto rows = std::accumulate(
      report->beside.begin(), report->beside.end(), std::int64_t{0},
      [](std::int64_t sum, const StormStep& step) { return sum + step.prompt_rows; });
  EXPECT_GT(rows, 0);
  std::ostringstream text;
  print_report(*report, text);
  const auto printed = json::parse(text.str());
  ASSERT_TRUE(printed) << text.str();
  EXPECT_GT(printed->find("largest_ratio")->as_double(), 0);
}

}  // namespace
}  // namespace conduit::bench
