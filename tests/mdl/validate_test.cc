// The meaning of every keyword, and what a mismatch says.
#include "mdl/validate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace conduit::mdl {
namespace {

using ::testing::HasSubstr;

std::optional<Mismatch> mismatch_of(std::string_view schema_text, const json::Value& value) {
  const auto schema = read_schema(schema_text);
  if (!schema) return Mismatch{"", "schema", schema.error().message, ""};
  auto validator = Validator::make(*schema);
  if (!validator) return Mismatch{"", "validator", validator.error().message, ""};
  auto result = validator->check(value);
  if (!result) return Mismatch{"", "exhausted", result.error().message, ""};
  EXPECT_EQ(validator->accepts(value), !result->has_value());
  return *std::move(result);
}

std::optional<Mismatch> mismatch(std::string_view schema_text, std::string_view value_text) {
  const auto value = json::parse(value_text);
  if (!value) return Mismatch{"", "value", value.error().message, ""};
  return mismatch_of(schema_text, *value);
}

bool fits(std::string_view schema, std::string_view value) { return !mismatch(schema, value); }

std::string keyword(std::string_view schema, std::string_view value) {
  const auto why = mismatch(schema, value);
  return why ? why->keyword : "fits";
}

std::string message(std::string_view schema, std::string_view value) {
  const auto why = mismatch(schema, value);
  return why ? why->message() : "fits";
}

TEST(ValidatorTest, AnIntegerIsANumberWithoutFraction) {
  for (const auto* value : {"1", "1.0", "-0.0", "1e300", "18446744073709551615"})
    EXPECT_TRUE(fits(R"({"type": "integer"})", value)) << value;
  for (const auto* value : {"1.5", "1e-7", "true", "\"1\"", "null"})
    EXPECT_EQ(keyword(R"({"type": "integer"})", value), "type") << value;
  EXPECT_TRUE(fits(R"({"type": "number"})", "1.5"));
}

TEST(ValidatorTest, EnumComparesByValue) {
  const std::string_view schema = R"({"enum": [1, {"a": [2, null], "b": "x"}, false]})";
  EXPECT_TRUE(fits(schema, "1.0"));
  EXPECT_TRUE(fits(schema, R"({"b": "x", "a": [2.0, null]})"));
  EXPECT_EQ(keyword(schema, "0"), "enum");
  EXPECT_EQ(keyword(schema, R"({"a": [null, 2], "b": "x"})"), "enum");
  EXPECT_EQ(keyword(R"({"const": 9007199254740993})", "9007199254740992.0"), "const");
  EXPECT_FALSE(fits(R"({"enum": []})", "1"));
}

TEST(ValidatorTest, LimitsOfNumbersAreExact) {
  EXPECT_EQ(keyword(R"({"minimum": 9007199254740993})", "9007199254740992.0"), "minimum");
  EXPECT_EQ(keyword(R"({"maximum": 9007199254740992.0})", "9007199254740993"), "maximum");
  EXPECT_EQ(keyword(R"({"maximum": 18446744073709551614})", "18446744073709551615"), "maximum");
  EXPECT_TRUE(fits(R"({"maximum": 1e20})", "18446744073709551615"));
  EXPECT_EQ(keyword(R"({"exclusiveMaximum": 0.3})", "0.3"), "exclusiveMaximum");
  EXPECT_TRUE(fits(R"({"minimum": -1.5, "exclusiveMinimum": -1.6})", "-1.5"));
  EXPECT_EQ(keyword(R"({"minimum": -2})", "-3"), "minimum");
  EXPECT_TRUE(fits(R"({"minimum": 5})", R"("no number")"));
}

TEST(ValidatorTest, MultiplesAreThoseOfTheDecimalsAsWritten) {
  EXPECT_TRUE(fits(R"({"multipleOf": 0.01})", "0.07"));
  EXPECT_TRUE(fits(R"({"multipleOf": 0.01})", "1e308"));
  EXPECT_TRUE(fits(R"({"multipleOf": 0.0001})", "0.0075"));
  EXPECT_TRUE(fits(R"({"multipleOf": 1e-8})", "12391239123"));
  EXPECT_TRUE(fits(R"({"multipleOf": 3})", "18446744073709551615"));
  EXPECT_TRUE(fits(R"({"multipleOf": 2.5e-3})", "0"));
  EXPECT_EQ(keyword(R"({"multipleOf": 0.01})", "0.075"), "multipleOf");
  EXPECT_EQ(keyword(R"({"multipleOf": 0.123456789})", "1e308"), "multipleOf");
  EXPECT_EQ(keyword(R"({"multipleOf": 10})", "15"), "multipleOf");
  EXPECT_EQ(keyword(R"({"multipleOf": 1e300})", "1e299"), "multipleOf");
}

TEST(ValidatorTest, StringsAreCountedInCodePoints) {
  EXPECT_TRUE(fits(R"({"minLength": 2, "maxLength": 2})", R"("💩é")"));
  EXPECT_EQ(keyword(R"({"maxLength": 1})", R"("ab")"), "maxLength");
  EXPECT_EQ(keyword(R"({"minLength": 3})", R"("éé")"), "minLength");
  EXPECT_EQ(keyword(R"({"minLength": 1e30})", R"("a")"), "minLength");
  EXPECT_TRUE(fits(R"({"maxLength": 1e30})", R"("a")"));
}

TEST(ValidatorTest, PatternsAreSearchedFor) {
  EXPECT_TRUE(fits(R"({"pattern": "b+"})", R"("abbc")"));
  EXPECT_EQ(keyword(R"({"pattern": "^b+$"})", R"("abbc")"), "pattern");
  EXPECT_THAT(mismatch(R"({"properties": {"a": {"pattern": "("}}})", "1")->expected,
              HasSubstr("\"pattern\" at #/properties/a"));
}

TEST(ValidatorTest, ItemsFollowThePrefix) {
  const std::string_view schema =
      R"({"prefixItems": [{"type": "null"}, true], "items": {"type": "integer"}, "minItems": 2})";
  EXPECT_TRUE(fits(schema, R"([null, "a", 1, 2])"));
  EXPECT_EQ(keyword(schema, "[null]"), "minItems");
  EXPECT_EQ(message(schema, R"([null, "a", 1, "b"])"), "[3]: expected an integer, found a string");
  EXPECT_EQ(message(R"({"prefixItems": [true], "items": false})", "[1, 2]"),
            "the value: expected at most 1 item, found 2 items");
}

TEST(ValidatorTest, ContainsIsCounted) {
  const std::string_view schema =
      R"({"contains": {"const": 1}, "minContains": 2, "maxContains": 3})";
  EXPECT_EQ(keyword(schema, "[1, 2]"), "minContains");
  EXPECT_TRUE(fits(schema, "[1, 2, 1.0]"));
  EXPECT_EQ(keyword(schema, "[1, 1, 1, 1]"), "maxContains");
  EXPECT_EQ(keyword(R"({"contains": {"const": 1}})", "[]"), "contains");
  EXPECT_TRUE(fits(R"({"contains": {"const": 1}, "minContains": 0})", "[]"));
}

TEST(ValidatorTest, RefusesWhatIsNotUnique) {
  const std::string_view schema = R"({"uniqueItems": true})";
  EXPECT_EQ(keyword(schema, "[1, 2, 1.0]"), "uniqueItems");
  EXPECT_EQ(keyword(schema, R"([{"a": 1, "b": [2]}, 3, {"b": [2.0], "a": 1}])"), "uniqueItems");
  EXPECT_TRUE(fits(schema, R"([1, true, "1", [1], {"a": 1}, null, 0, false, "", [], {}])"));
  EXPECT_TRUE(fits(schema, "[9007199254740993, 9007199254740992.0]"));
}

TEST(ValidatorTest, MembersAreNamedMatchedOrAdditional) {
  const std::string_view schema = R"({"properties": {"a": {"type": "null"}},
      "patternProperties": {"^n": {"type": "integer"}}, "additionalProperties": {"type": "string"}})";
  EXPECT_TRUE(fits(schema, R"({"a": null, "n1": 1, "z": "s"})"));
  EXPECT_EQ(keyword(schema, R"({"n1": "s"})"), "type");
  EXPECT_EQ(keyword(schema, R"({"z": 1})"), "type");
  EXPECT_EQ(keyword(R"({"maxProperties": 1})", R"({"a": 1, "b": 2})"), "maxProperties");
  EXPECT_TRUE(fits(R"({"maxProperties": 1})", R"({"a": 1, "a": 2})"));
  EXPECT_EQ(keyword(R"({"properties": {"a": {"const": 2}}})", R"({"a": 2, "a": 1})"), "const");
  EXPECT_EQ(keyword(R"({"minProperties": 1})", "{}"), "minProperties");
  EXPECT_EQ(message(R"({"propertyNames": {"maxLength": 1}})", R"({"ab": 1})"),
            "the value: expected keys to be at most 1 character, found \"ab\"");
}

TEST(ValidatorTest, StrictRecordsSayWhichKeyIsMissingOrUnknown) {
  const std::string_view schema = R"({"properties": {"p": {"properties": {"x": {"type": "integer"},
      "y": {}}, "required": ["x", "y"], "additionalProperties": false}}})";
  const auto missing = mismatch(schema, R"({"p": {"x": 1}})");
  ASSERT_TRUE(missing);
  EXPECT_EQ(missing->keyword, "required");
  EXPECT_EQ(missing->path, "p");
  EXPECT_EQ(missing->expected, "the key \"y\"");
  EXPECT_EQ(missing->found, "only \"x\"");
  const auto unknown = mismatch(schema, R"({"p": {"x": 1, "y": 2, "z": 3}})");
  ASSERT_TRUE(unknown);
  EXPECT_EQ(unknown->keyword, "additionalProperties");
  EXPECT_EQ(unknown->path, "p");
  EXPECT_EQ(unknown->expected, "no keys but \"x\", \"y\"");
  EXPECT_EQ(unknown->found, "\"z\"");
  EXPECT_EQ(message(schema, R"({"p": {"x": true, "y": 2}})"),
            "p.x: expected an integer, found true");
}

TEST(ValidatorTest, DependenciesHoldWhereTheirKeyIs) {
  const std::string_view schema = R"({"dependentRequired": {"a": ["b"]},
      "dependentSchemas": {"c": {"properties": {"d": {"type": "null"}}}}})";
  EXPECT_TRUE(fits(schema, R"({"b": 1, "d": 1})"));
  EXPECT_EQ(message(schema, R"({"a": 1})"),
            "the value: expected the key \"b\" beside \"a\", found only \"a\"");
  EXPECT_EQ(message(schema, R"({"c": 1, "d": 1})"), "d: expected null, found 1");
}

TEST(ValidatorTest, AlternativesSayWhatTheOneOfTheRightTypeMisses) {
  const std::string_view schema =
      R"({"anyOf": [{"type": "integer", "minimum": 5}, {"type": "null"}]})";
  EXPECT_TRUE(fits(schema, "7"));
  EXPECT_TRUE(fits(schema, "null"));
  EXPECT_EQ(message(schema, "3"), "the value: expected at least 5, found 3");
  const auto none = mismatch(schema, R"("x")");
  ASSERT_TRUE(none);
  EXPECT_EQ(none->keyword, "type");
  EXPECT_EQ(none->message(), "the value: expected an integer, or null, found a string");
  EXPECT_EQ(keyword(R"({"anyOf": [{"minimum": 5}, {"multipleOf": 2}]})", "3"), "anyOf");
}

TEST(ValidatorTest, OneOfWantsExactlyOne) {
  const std::string_view schema = R"({"oneOf": [{"multipleOf": 2}, {"multipleOf": 3}]})";
  EXPECT_TRUE(fits(schema, "4"));
  EXPECT_EQ(keyword(schema, "5"), "oneOf");
  EXPECT_THAT(message(schema, "6"), HasSubstr("6, which fits #/oneOf/0 and #/oneOf/1"));
}

TEST(ValidatorTest, NotAndConditions) {
  EXPECT_EQ(keyword(R"({"not": {"type": "null"}})", "null"), "not");
  EXPECT_TRUE(fits(R"({"not": {"type": "null"}})", "1"));
  const std::string_view schema =
      R"({"if": {"required": ["a"]}, "then": {"required": ["b"]}, "else": {"required": ["c"]}})";
  EXPECT_EQ(message(schema, R"({"a": 1})"), "the value: expected the key \"b\", found only \"a\"");
  EXPECT_EQ(message(schema, "{}"), "the value: expected the key \"c\", found no keys");
  EXPECT_TRUE(fits(R"({"then": false, "else": false})", "1"));
}

TEST(ValidatorTest, UnevaluatedPropertiesSeeThroughWhatHolds) {
  const std::string_view schema = R"({
      "allOf": [{"properties": {"a": true}}],
      "anyOf": [{"properties": {"b": {"type": "null"}}, "required": ["b"]}, {"properties": {"c": true}}],
      "if": {"properties": {"d": {"const": 1}}, "required": ["d"]},
      "then": {"properties": {"e": true}},
      "dependentSchemas": {"f": {"patternProperties": {"^f": true}}},
      "not": {"not": {"properties": {"g": true}}},
      "unevaluatedProperties": false})";
  EXPECT_TRUE(fits(schema, R"({"a": 1, "b": null, "c": 1})"));
  EXPECT_TRUE(fits(schema, R"({"d": 1, "e": 2, "f": 1, "ff": 2})"));
  EXPECT_EQ(message(schema, R"({"b": 1})"), "the value: expected no further keys, found \"b\"");
  EXPECT_EQ(keyword(schema, R"({"d": 2})"), "unevaluatedProperties");
  EXPECT_EQ(keyword(schema, R"({"e": 1})"), "unevaluatedProperties");
  EXPECT_EQ(keyword(schema, R"({"ff": 1})"), "unevaluatedProperties");
  EXPECT_EQ(keyword(schema, R"({"g": 1})"), "unevaluatedProperties");
}

TEST(ValidatorTest, UnevaluatedPropertiesDoNotSeeCousins) {
  EXPECT_EQ(keyword(R"({"allOf": [{"properties": {"a": true}}, {"unevaluatedProperties": false}]})",
                    R"({"a": 1})"),
            "unevaluatedProperties");
  EXPECT_TRUE(
      fits(R"({"allOf": [{"unevaluatedProperties": true}], "unevaluatedProperties": false})",
           R"({"a": 1})"));
}

TEST(ValidatorTest, UnevaluatedItemsSeeThroughWhatHolds) {
  const std::string_view schema = R"({"prefixItems": [true], "contains": {"type": "null"},
      "oneOf": [{"prefixItems": [true, {"type": "string"}], "minItems": 2}, {"maxItems": 1}],
      "unevaluatedItems": {"type": "integer"}})";
  EXPECT_TRUE(fits(schema, R"([1, "a", null, 5])"));
  EXPECT_EQ(message(schema, R"([1, "a", null, "b"])"), "[3]: expected an integer, found a string");
  EXPECT_EQ(message(R"({"prefixItems": [true], "unevaluatedItems": false})", "[1, 2]"),
            "[1]: expected no further items, found 2");
}

TEST(ValidatorTest, PathsAreWrittenAsMdlDoes) {
  const std::string_view schema =
      R"({"additionalProperties": {"$ref": "#"}, "items": {"$ref": "#"}, "not": {"const": 0}})";
  EXPECT_EQ(mismatch(schema, R"({"parts": {"wheel": [1, 2, {"size": 0}]}})")->path,
            "parts.wheel[2].size");
  EXPECT_EQ(mismatch(schema, R"([{"a b": {"": 0}}])")->path, R"([0]["a b"][""])");
}

TEST(ValidatorTest, LongValuesAreShortened) {
  const auto why = mismatch(R"({"maxLength": 1})", "\"" + std::string(5000, 'x') + "\"");
  ASSERT_TRUE(why);
  EXPECT_LT(why->found.size(), 120U);
  EXPECT_THAT(why->found, HasSubstr("5000 characters"));
}

TEST(ValidatorTest, WhatJsonCannotWriteIsNull) {
  EXPECT_FALSE(mismatch_of(R"({"type": "null", "minimum": 1})", json::Value(std::nan(""))));
  EXPECT_TRUE(mismatch_of(R"({"type": "number"})", json::Value(HUGE_VAL)));
}

TEST(ValidatorTest, ExponentialWebsEndAtTheLimitOfSteps) {
  std::string web = R"({"$ref": "#/$defs/d0", "$defs": {"d40": {"type": "null"})";
  for (int i = 0; i < 40; ++i) {
    const std::string next = R"({"$ref": "#/$defs/d)" + std::to_string(i + 1) + "\"}";
    web += ", \"d" + std::to_string(i) + R"(": {"allOf": [)" + next + "," + next + "]}";
  }
  const auto why = mismatch(web + "}}", "null");
  ASSERT_TRUE(why);
  EXPECT_EQ(why->keyword, "exhausted");
  EXPECT_THAT(why->expected, HasSubstr("steps than the limit of"));
}

TEST(ValidatorTest, DeepValuesUnderDeepSchemasEndAtALimit) {
  std::string chain = R"({"$ref": "#/$defs/d0", "$defs": {"d90": {"items": {"$ref": "#"}})";
  for (int i = 0; i < 90; ++i)
    chain +=
        ", \"d" + std::to_string(i) + R"(": {"$ref": "#/$defs/d)" + std::to_string(i + 1) + "\"}";
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  EXPECT_EQ(keyword(chain + "}}", deep), "exhausted");
  EXPECT_EQ(keyword(chain + "}}", "[[[[]]]]"), "fits");
}

TEST(ValidatorTest, ManyItemsAreComparedInGoodTime) {
  json::Array items;
  for (int i = 0; i < 100'000; ++i) items.push_back(json::Object{{"id", json::Value(i)}});
  EXPECT_FALSE(mismatch_of(R"({"uniqueItems": true})", json::Value(items)));
  items.push_back(items.front());
  EXPECT_TRUE(mismatch_of(R"({"uniqueItems": true})", json::Value(items)));
}

}  // namespace
}  // namespace conduit::mdl
