// Hints of JSON Schemas: MDL's notation as far as it goes.
#include "mdl/schema_hint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace conduit::mdl {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> hint_of(std::string_view text) {
  const auto schema = read_schema(text);
  EXPECT_TRUE(schema) << schema.error().message;
  return schema ? hint(*schema) : std::vector<std::string>();
}

TEST(SchemaHintTest, PropertiesAreLinesAndThoseThatMayBeAbsentAreMarked) {
  EXPECT_THAT(
      hint_of(R"({"type":"object","required":["a","d"],"properties":{
      "a":{"type":"integer","minimum":1,"maximum":5},
      "b":{"type":["string","null"],"maxLength":9},
      "c d":{"type":"array","items":{"enum":["x","y"]},"minItems":1},
      "d":{"type":"object","additionalProperties":{"type":"number"}},
      "e":{"anyOf":[{"type":"boolean"},{"type":"null"},{"const":"z"}]},
      "f":{}}})"),
      ElementsAre("a: int[1..5]", "b?: Optional[str[..9]]", R"("c d"?: List[str["x", "y"]][1..])",
                  "d: Dict[str, float]", R"(e?: Optional[Union[bool, str["z"]]])", "f?: Any"));
}

TEST(SchemaHintTest, WhatHasNoNotationIsAComment) {
  EXPECT_THAT(hint_of(R"({"type":"string","pattern":"^a+$"})"),
              ElementsAre("str /* matches ^a+$ */"));
  EXPECT_THAT(hint_of(R"({"enum":[1,"x",null]})"), ElementsAre(R"(Any[1, "x", null])"));
  EXPECT_THAT(hint_of("true"), ElementsAre("Any"));
  EXPECT_THAT(hint_of("false"), ElementsAre("Any /* no value fits */"));
}

TEST(SchemaHintTest, ReferencesAreWrittenOutAndRecursionEnds) {
  EXPECT_THAT(hint_of(R"({"$ref":"#/$defs/n","$defs":{"n":{"type":"object","properties":{
      "v":{"$ref":"#/$defs/i"},"next":{"$ref":"#/$defs/n"}}},"i":{"type":"integer"}}})"),
              ElementsAre("v?: int", "next?: Dict{v?: int, next?: ...}"));
}

TEST(SchemaHintTest, SchemaThatDoublesWithEveryLevelStaysShort) {
  std::string text = R"({"$ref":"#/$defs/d30","$defs":{"d0":{"type":"integer"})";
  for (int i = 1; i <= 30; ++i) {
    const std::string ref = R"({"$ref":"#/$defs/d)" + std::to_string(i - 1) + "\"}";
    text += ",\"d" + std::to_string(i) + R"(":{"type":"object","properties":{"a":)" + ref +
            ",\"b\":" + ref + "}}";
  }
  std::size_t size = 0;
  for (const std::string& line : hint_of(text + "}}")) size += line.size();
  EXPECT_LT(size, 1u << 20);
}

}  // namespace
}  // namespace conduit::mdl
