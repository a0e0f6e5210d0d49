// What the clients say of a server that does not answer.
#include "bench/http_bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace conduit::bench {
namespace {

using ::testing::HasSubstr;

TEST(HttpBenchTest, AServerThatIsNotThereIsNamed) {
  HttpBenchOptions options;
  options.url = "http://127.0.0.1:9";  // discard: nothing listens
  const auto report = measure_http(options);
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("127.0.0.1:9"));
}

}  // namespace
}  // namespace conduit::bench
