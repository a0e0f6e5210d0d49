// The formats against the JSON-Schema-Test-Suite's own strings: has_format() agrees with every one,
// and what a decoder may write is never more.
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "mdl/base/json.h"
#include "mdl/formats.h"
#include "tests/golden/reference.h"
#include "tests/support/shared_dir.h"

namespace conduit::testing {
namespace {

TEST(FormatGoldenTest, AgreesWithTheTestSuite) {
  const std::filesystem::path path = shared_dir() / "schemas" / "jsts_formats.jsonl";
  std::ifstream file(path);
  if (!file) GTEST_SKIP() << "no reference data at " << path;
  std::size_t strings = 0;
  for (std::string line; std::getline(file, line);) {
    const auto suite = json::parse(line);
    ASSERT_TRUE(suite) << line;
    const std::string& name = member(member(*suite, "schema"), "format").as_string();
    if (!mdl::is_known_format(name)) continue;
    mdl::Regexes regexes;
    const auto expression = mdl::format_expression(regexes, name);
    ASSERT_TRUE(expression) << expression.error().message;
    for (const bool is_valid : {true, false})
      for (const json::Value& instance :
           member(*suite, is_valid ? "valid" : "invalid").as_array()) {
        const json::Value& data = member(instance, "data");
        if (!data.is_string()) continue;
        ++strings;
        const auto has = mdl::has_format(regexes, name, data.as_string());
        ASSERT_TRUE(has) << has.error().message;
        EXPECT_EQ(*has, is_valid) << name << ": " << json::dump(instance);
        const bool is_written = regexes.matches(*expression, data.as_string());
        EXPECT_TRUE(is_written == is_valid || (!is_written && mdl::is_narrowed_format(name)))
            << name << ": " << json::dump(instance);
      }
  }
  EXPECT_GT(strings, 300u);
}

}  // namespace
}  // namespace conduit::testing
