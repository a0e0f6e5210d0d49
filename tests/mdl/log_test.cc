// Log lines as they reach stderr.
#include "mdl/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace conduit::log {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;

// Runs `body` and gives what it wrote to stderr.
template <class Body>
std::string written(Body body) {
  ::testing::internal::CaptureStderr();
  body();
  return ::testing::internal::GetCapturedStderr();
}

TEST(LogTest, LineHasTimeLevelEventAndFields) {
  const std::string line = written([] {
    info("replica ready",
         {{"model", "smollm2"}, {"tokens", 12}, {"seconds", 0.21}, {"warm", true}});
  });
  EXPECT_THAT(line,
              EndsWith(" info replica ready model=smollm2 tokens=12 seconds=0.210 warm=true\n"));
  EXPECT_THAT(line, MatchesRegex("[0-9]+-[0-9]+-[0-9]+T[0-9]+:[0-9]+:[0-9]+\\.[0-9]+Z .*\n"));
}

TEST(LogTest, TextThatCouldBeMistakenForAFieldIsQuoted) {
  const std::string line = written([] {
    warning("odd", {{"space", "a b"}, {"quote", "a\"b"}, {"equals", "a=b"}, {"empty", ""}});
  });
  EXPECT_THAT(line, HasSubstr(R"(space="a b" quote="a\"b" equals="a=b" empty="")"));
}

TEST(LogTest, EventStaysOnOneLine) {
  const std::string line = written([] { error("bad", {{"from", "peer\nfake info line"}}); });
  EXPECT_THAT(line, HasSubstr("from=\"peer\\nfake info line\"\n"));
}

TEST(LogTest, BracesInAnEventAreText) {
  EXPECT_THAT(written([] { info("{} {0}", {{"key", "{}"}}); }), HasSubstr("info {} {0} key={}\n"));
}

TEST(LogTest, LevelHidesWhatIsBelowIt) {
  set_level(Level::error);
  EXPECT_THAT(written([] { warning("hidden"); }), IsEmpty());
  EXPECT_THAT(written([] { error("shown"); }), HasSubstr("shown"));
  set_level(Level::off);
  EXPECT_THAT(written([] { error("hidden"); }), IsEmpty());
  set_level(Level::info);
  EXPECT_THAT(written([] { debug("hidden"); }), IsEmpty());
  EXPECT_THAT(written([] { info("shown"); }), Not(IsEmpty()));
}

}  // namespace
}  // namespace conduit::log
