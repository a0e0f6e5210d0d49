// Replies against their type: what is accepted, and what each fault says.
#include "mdl/payload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace conduit::mdl {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

PayloadReader reader(std::string_view mdl) {
  const auto type = parse_mdl(mdl);
  EXPECT_TRUE(type) << type.error().message;
  auto made = PayloadReader::make(*type);
  EXPECT_TRUE(made) << made.error().message;
  return *std::move(made);
}

void expect_read(std::string_view mdl, std::string_view reply) {
  const auto payload = reader(mdl).read(reply);
  EXPECT_TRUE(payload) << reply << ": " << payload.error().message;
}

std::string error_of(std::string_view mdl, std::string_view reply) {
  const auto payload = reader(mdl).read(reply);
  EXPECT_FALSE(payload) << reply;
  if (payload) return "";
  EXPECT_EQ(payload.error().code, Code::corrupt);
  return payload.error().message;
}

TEST(PayloadTest, WhatFitsIsRead) {
  expect_read("a: int\nb: Optional[str]", R"( {"b": null, "a": 2.0} )");
  expect_read("f: Dict[int, List[float]]", R"({"f": {"-3": [1, 2.5], "0": []}})");
  expect_read("f: Tuple[int, str]", R"({"f": [1, "x"]})");
  expect_read("f: Union[int, Dict{x: int}]", R"({"f": {"x": 1}})");
  expect_read("", "{}");
}

TEST(PayloadTest, ReasoningIsSplitOff) {
  const auto split =
      reader("a: str").read("<think>\n so {\"a\": 1} \n</think>\n\n{\"a\": \"x\"}\n");
  ASSERT_TRUE(split) << split.error().message;
  EXPECT_EQ(split->reasoning, "so {\"a\": 1}");
  EXPECT_EQ(json::dump(split->value), R"({"a":"x"})");

  const auto opened_by_the_prompt = reader("a: str").read("so</think>{\"a\": \"x\"}");
  ASSERT_TRUE(opened_by_the_prompt);
  EXPECT_EQ(opened_by_the_prompt->reasoning, "so");

  const auto quoted = reader("a: str").read(R"({"a": "</think>"})");
  ASSERT_TRUE(quoted) << "what is JSON as it stands has no reasoning: " << quoted.error().message;
  EXPECT_EQ(quoted->reasoning, "");
}

TEST(PayloadTest, WhatIsNoJsonIsToldWithItsPlace) {
  EXPECT_THAT(error_of("a: int", R"({"a": })"),
              AllOf(StartsWith("invalid_json: "), HasSubstr("line 1, column 7")));
  for (const char* reply :
       {"", "{\"a\": 1} thanks", "```json\n{\"a\": 1}\n```", "{\"a\": NaN}", "<think>a",
        "<think>a</think>b</think>{\"a\": 1}", "{\"a\": 1}{\"a\": 1}"})
    EXPECT_THAT(error_of("a: int", reply), StartsWith("invalid_json: ")) << reply;
  EXPECT_THAT(error_of("a: int", "[1]"),
              StartsWith("not_an_object: expected an object, found [1]"));
  EXPECT_THAT(error_of("", "null"), StartsWith("not_an_object: "));
}

TEST(PayloadTest, FieldsThatAreMissingUnknownOrTwiceAreTold) {
  EXPECT_THAT(error_of("a: int\nb: Optional[int]", R"({"a": 1})"),
              StartsWith("missing_field at b: "));
  EXPECT_THAT(error_of("f: List[Dict{x: int}]", R"({"f": [{"x": 1}, {}]})"),
              StartsWith("missing_field at f[1].x: "));
  EXPECT_EQ(error_of("a: int", R"({"a": 1, "q r": [2]})"),
            "unknown_field at [\"q r\"]: expected no field of this name, found [2]");
  EXPECT_THAT(error_of("a: Dict{b: int}", R"({"a": {"b": 1, "b": 2}})"),
              StartsWith("duplicate_field at a.b: "));
}

TEST(PayloadTest, FieldsAreLookedForWithinUnions) {
  const char* mdl = "f: Optional[Union[str, List[Dict[str, Dict{x: int}]]]]";
  EXPECT_THAT(error_of(mdl, R"({"f": [{"k": {}}]})"), StartsWith("missing_field at f[0].k.x: "));
  EXPECT_THAT(error_of(mdl, R"({"f": [{"k": {"x": 1, "y": 2}}]})"),
              StartsWith("unknown_field at f[0].k.y: "));
  EXPECT_THAT(error_of("f: Union[Dict{x: int}, Dict{y: int}]", R"({"f": {"z": 1}})"),
              StartsWith("type_mismatch at f"))
      << "neither is meant";
}

TEST(PayloadTest, WrongTypesTellPathExpectedAndFound) {
  EXPECT_EQ(error_of("a: int", R"({"a": "one"})"),
            "type_mismatch at a: expected an integer, found a string");
  EXPECT_EQ(error_of("a: Dict{b: List[int[1..5]]}", R"({"a": {"b": [1, 7]}})"),
            "type_mismatch at a.b[1]: expected at most 5, found 7");
  for (const char* value : {"null", "true", "1.5", "\"1\"", "[1]", "{}", "9223372036854775808"})
    EXPECT_THAT(error_of("a: int", std::string(R"({"a": )") + value + "}"),
                StartsWith("type_mismatch at a: "))
        << value;
  EXPECT_THAT(error_of("a: str[..3]", R"({"a": "äöüß"})"), StartsWith("type_mismatch at a: "));
  EXPECT_THAT(error_of(R"(a: str["x"])", R"({"a": "y"})"), StartsWith("type_mismatch at a: "));
  EXPECT_THAT(error_of("a: Tuple[int, int]", R"({"a": [1]})"), StartsWith("type_mismatch at a: "));
  EXPECT_THAT(error_of("a: Tuple[int]", R"({"a": [1, 2]})"), StartsWith("type_mismatch at a"));
  EXPECT_THAT(error_of("a: Dict[int, int]", R"({"a": {"one": 1}})"),
              StartsWith("type_mismatch at a"));
  EXPECT_THAT(error_of("a: Union[int, bool]", R"({"a": "s"})"), StartsWith("type_mismatch at a: "));
}

}  // namespace
}  // namespace conduit::mdl
