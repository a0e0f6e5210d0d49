// Where malformed JSON is said to be malformed.
#include "mdl/base/json_fault.h"

#include <gtest/gtest.h>

#include <string>

#include "mdl/base/json.h"

namespace conduit::json {
namespace {

std::string fault(std::string_view text) {
  const auto found = find_fault(text);
  if (!found) return "none";
  return std::to_string(found->line) + ":" + std::to_string(found->column) + " " +
         std::string(found->expected);
}

TEST(JsonFaultTest, WellFormedTextHasNone) {
  for (const char* text : {"1", " -0.5e+7 ", "\"\"", R"(["a\u00e9\ud83d\ude00\n",[],{},null])",
                           R"({"a":{"b":[true,false]}})", "0", "[1,2]\n"})
    EXPECT_EQ(fault(text), "none") << text;
}

TEST(JsonFaultTest, PlaceIsWhereTheTextStopsBeingJson) {
  EXPECT_EQ(fault(""), "1:1 a value");
  EXPECT_EQ(fault("[1,\n 2\n 3]"), "3:2 ',' or ']'");
  EXPECT_EQ(fault("[1,]"), "1:4 a value");
  EXPECT_EQ(fault("[1"), "1:3 ',' or ']'");
  EXPECT_EQ(fault("{\"a\" 1}"), "1:6 ':'");
  EXPECT_EQ(fault("{a:1}"), "1:2 a name in double quotes");
  EXPECT_EQ(fault("{\"a\":1,}"), "1:8 a name in double quotes");
  EXPECT_EQ(fault("1 2"), "1:3 nothing more: the value is complete");
  EXPECT_EQ(fault("tru"), "1:1 a value");
  EXPECT_EQ(fault("01"), "1:2 nothing more: the value is complete");
  EXPECT_EQ(fault("1."), "1:3 a digit");
  EXPECT_EQ(fault("\"abc"), "1:5 the string's closing '\"'");
  EXPECT_EQ(fault("\"a\nb\""), "1:3 the string's closing '\"', or its control character escaped");
  EXPECT_EQ(fault(R"("\x")"), "1:3 an escape: one of \" \\ / b f n r t u");
  EXPECT_EQ(fault(R"("\u12")"), "1:6 four hexadecimal digits");
  EXPECT_EQ(fault(R"("\ud800")"), "1:2 a surrogate pair: half of one is no character");
  EXPECT_EQ(fault("\"\xff\""), "1:2 UTF-8");
}

TEST(JsonFaultTest, NestingTakesNoStack) {
  EXPECT_EQ(fault(std::string(1'000'000, '[')), "1:1000001 a value");
}

TEST(JsonFaultTest, ParseTellsIt) {
  const auto value = parse("{\"a\":\n tru}");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().message, "malformed JSON at line 2, column 2: expected a value");
}

// What the parser takes the walk takes, and what it refuses the walk finds the place of.
TEST(JsonFaultTest, AgreesWithTheParserOnEveryCutAndChange) {
  const std::string text = R"({"a":[1,-2.5e3,"x\n\u0041é",true,null,{}],"b":"\ud83d\ude00"})";
  for (std::size_t at = 0; at < text.size(); ++at)
    for (char c : std::string("\0 {}[]\",:0-.e\\u\xff", 17)) {
      std::string changed = text;
      changed[at] = c;
      EXPECT_EQ(!parse(changed), find_fault(changed).has_value()) << changed;
      const std::string cut = text.substr(0, at);
      EXPECT_EQ(!parse(cut), find_fault(cut).has_value()) << cut;
    }
}

}  // namespace
}  // namespace conduit::json
