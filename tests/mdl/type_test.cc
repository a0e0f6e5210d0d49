// MDL's text: what is written reads back, faults are told with their place, and the JSON Schema
// says the same.
#include "mdl/type.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <string>

namespace conduit::mdl {
namespace {

using Kind = Type::Kind;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Type parsed(std::string_view text) {
  auto type = parse_mdl(text);
  EXPECT_TRUE(type) << text << ": " << type.error().message;
  return type ? *std::move(type) : Type();
}

std::string hint_of(const Type& type) {
  const auto lines = hint(type);
  EXPECT_TRUE(lines) << lines.error().message;
  std::string text;
  if (lines)
    for (const std::string& line : *lines) text += (text.empty() ? "" : "\n") + line;
  return text;
}

std::string error_of(std::string_view text) {
  const auto type = parse_mdl(text);
  EXPECT_FALSE(type) << text;
  return type ? "" : type.error().message;
}

// What a field of this type is in JSON Schema.
std::string schema_of(const std::string& type) {
  const auto schema = to_json_schema(parsed("f: " + type));
  EXPECT_TRUE(schema);
  return json::dump(*schema->find("properties")->find("f"));
}

TEST(TypeTest, WhatIsWrittenReadsBack) {
  for (const char* text :
       {"a: int", "a: int[1..5]", "a: int[..5]",
        "a: int[-9223372036854775808..18446744073709551615]", "a: float[0.5..]", "a: str[..120]",
        "a: str[3..]", R"(a: str["open", "it's \"so\"", ""])", "a: List[int][1..3]",
        "a: Tuple[str, ...][2..2]", "a: Dict[int[1..5], bool]", "a: Dict{/* empty */}",
        R"("a b": int)", "größe: float",
        "a: Optional[Union[int, Dict{x: List[Tuple[int, str]]}]]\nb: bool"}) {
    const Type type = parsed(text);
    EXPECT_EQ(hint_of(type), text);
    EXPECT_EQ(parsed(hint_of(type)), type);
  }
}

TEST(TypeTest, BlanksCommentsAndBrokenLinesDoNotCount) {
  const char* text =
      "# a ticket\n\n  a :int  # so\r\nb: Dict {\n  x: List[ int ],  # inner\n  y: str,\n}\n"
      "c: List[int] /* all */\n";
  EXPECT_EQ(hint_of(parsed(text)), "a: int\nb: Dict{x: List[int], y: str}\nc: List[int]");
  EXPECT_EQ(hint_of(parsed("")), "");
  EXPECT_THAT(error_of("a: List[int]\n[1..2]"), HasSubstr("field's name")) << "a line is a field";
}

TEST(TypeTest, SyntaxErrorsTellLineAndColumn) {
  EXPECT_EQ(error_of("a: int\nb int"), "line 2, column 3: expected ':', not int");
  EXPECT_EQ(error_of("a: List[int"), "line 1, column 12: expected ']', not the end");
  EXPECT_EQ(error_of("a: int b: str"), "line 1, column 8: expected the end of the line, not b");
  EXPECT_THAT(error_of("a:\nb: int"), StartsWith("line 1, column 3: expected a type"));
  EXPECT_THAT(error_of("1a: int"), HasSubstr("expected a field's name, not 1a"));
  EXPECT_THAT(error_of("a: Dict[int]"), HasSubstr("Dict takes 2 types in brackets, not 1"));
  EXPECT_THAT(error_of("a: int[1..x]"),
              HasSubstr("column 11: expected an integer of 64 bits, not x"));
  EXPECT_THAT(error_of("a: int[1.5..2]"), HasSubstr("an integer"));
  EXPECT_THAT(error_of("a: str[-1..2]"), HasSubstr("a length, 0 or more"));
  EXPECT_THAT(error_of(R"(a: str["x)"), HasSubstr("string in double quotes"));
  EXPECT_THAT(error_of("a: bool[1..2]"), HasSubstr("no brackets behind bool"));
  EXPECT_THAT(error_of("a: Dict{x: int"), HasSubstr("'}'"));
}

TEST(TypeTest, FaultsOfTypesTellKindPathAndPlace) {
  EXPECT_THAT(error_of("a: int\nf: Any"), StartsWith("line 2, column 4: any_type at f: "));
  EXPECT_THAT(error_of("f: Dict{ok: int, bad: None}"),
              StartsWith("line 1, column 23: null_type at f.bad: "));
  EXPECT_THAT(error_of("f: datetime"),
              HasSubstr("unsupported_type at f: MDL has no type datetime"));
  EXPECT_THAT(error_of("f: list[int]"), HasSubstr("unsupported_type at f: "));
  EXPECT_THAT(error_of("f: List"), HasSubstr("any_type at f: "));
  EXPECT_THAT(error_of("f: Tuple[]"), HasSubstr("any_type at f: "));
  EXPECT_THAT(error_of("f: Union[None]"), HasSubstr("null_type at f: "));
  EXPECT_THAT(error_of("f: Dict[List[int], int]"), HasSubstr("unsupported_type at f: "));
  EXPECT_THAT(error_of("f: int[5..1]"), HasSubstr("its least is above its most"));
  EXPECT_THAT(error_of("a: int\na: str"),
              AllOf(StartsWith("line 2, column 1: "), HasSubstr("two fields")));
}

TEST(TypeTest, NestingAndSizeAreLimited) {
  const auto nested = [](std::size_t depth) {
    std::string text = "f: ";
    for (std::size_t i = 0; i < depth; ++i) text += "List[";
    return text + "int" + std::string(depth, ']');
  };
  EXPECT_TRUE(parse_mdl(nested(TypeLimits::kDepth - 2)));
  EXPECT_THAT(error_of(nested(TypeLimits::kDepth + 1)), HasSubstr("limit of 48"));
  EXPECT_THAT(error_of(nested(40'000)), HasSubstr("limit of 48"));
  const auto too_long = parse_mdl(std::string(TypeLimits::kTextBytes + 1, ' '));
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code, Code::exhausted);
  std::string members = "f: Union[str[..0]";
  for (int i = 1; i < 300; ++i) members += ", str[.." + std::to_string(i) + "]";
  EXPECT_THAT(error_of(members + "]"), HasSubstr("limit of 256"));
}

TEST(TypeTest, RecordsThatHoldThemselvesAreRefused) {
  const Type self{.kind = Kind::optional, .of = {{.kind = Kind::reference, .name = "Node"}}};
  const Type node{.kind = Kind::record,
                  .of = {{.kind = Kind::record, .of = {self}, .fields = {"next"}, .name = "Inner"}},
                  .fields = {"inner"},
                  .name = "Node"};
  const auto fault = find_fault(node);
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->kind, "recursive_type");
  EXPECT_EQ(fault->path, "inner.next");
  const Type stray{.kind = Kind::record, .of = {self}, .fields = {"next"}, .name = "Other"};
  EXPECT_EQ(find_fault(stray)->kind, "unsupported_type");
}

TEST(TypeTest, WidthsOfIntegersAreNotTold) {
  Type small{.kind = Kind::integer, .minimum = -128, .maximum = 127, .is_machine_width = true};
  const Type record{.kind = Kind::record,
                    .of = {{.kind = Kind::either, .of = {small, {.kind = Kind::integer}}}},
                    .fields = {"f"}};
  EXPECT_EQ(hint_of(record), "f: int");
}

TEST(TypeTest, JsonSchemaSaysTheSame) {
  EXPECT_EQ(
      json::dump(*to_json_schema(parsed("a: bool\nb: Optional[str]"))),
      R"({"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object",)"
      R"("properties":{"a":{"type":"boolean"},"b":{"anyOf":[{"type":"string"},{"type":"null"}]}},)"
      R"("required":["a","b"],"additionalProperties":false})");
  EXPECT_EQ(schema_of("int[1..5]"), R"({"type":"integer","minimum":1,"maximum":5})");
  EXPECT_EQ(schema_of("int"),
            R"({"type":"integer","minimum":-9223372036854775808,"maximum":9223372036854775807})");
  EXPECT_EQ(schema_of("float[0..1]"), R"({"type":"number","minimum":0,"maximum":1})");
  EXPECT_EQ(schema_of("str[2..9]"), R"({"type":"string","minLength":2,"maxLength":9})");
  EXPECT_EQ(schema_of(R"(str["a", "b"])"), R"({"type":"string","enum":["a","b"]})");
  EXPECT_EQ(schema_of("Tuple[bool, str]"),
            R"({"type":"array","prefixItems":[{"type":"boolean"},{"type":"string"}],)"
            R"("items":false,"minItems":2})");
  EXPECT_EQ(schema_of("List[bool][1..2]"),
            R"({"type":"array","items":{"type":"boolean"},"minItems":1,"maxItems":2})");
  EXPECT_EQ(schema_of("Dict[str, bool]"),
            R"({"type":"object","additionalProperties":{"type":"boolean"}})");
  EXPECT_EQ(schema_of("Union[bool, str, bool]"),
            R"({"anyOf":[{"type":"boolean"},{"type":"string"}]})");
}

TEST(TypeTest, IntegerKeysAreTheTextsOfTheirRange) {
  const auto pattern_of = [](long low, long high) {
    const auto schema = to_json_schema(
        parsed("f: Dict[int[" + std::to_string(low) + ".." + std::to_string(high) + "], bool]"));
    const json::Value* names = schema->find("properties")->find("f")->find("propertyNames");
    return std::regex(names->find("pattern")->as_string());
  };
  const std::pair<long, long> ranges[] = {{0, 0},     {1, 5},     {-5, 5},     {-128, 127},
                                          {7, 1234},  {98, 1002}, {-950, -87}, {10, 200},
                                          {199, 199}, {-1, 0}};
  for (const auto& [low, high] : ranges) {
    const std::regex pattern = pattern_of(low, high);
    for (long value = -1300; value <= 1300; ++value)
      ASSERT_EQ(std::regex_match(std::to_string(value), pattern), low <= value && value <= high)
          << value << " in " << low << ".." << high;
    for (const char* text : {"", "-", "-0", "00", "01", "1.0", " 1", "1 ", "+1"})
      ASSERT_FALSE(std::regex_match(text, pattern)) << text;
  }
  const auto whole = to_json_schema(parsed("f: Dict[int, bool]"));
  const std::regex pattern(
      whole->find("properties")->find("f")->find("propertyNames")->find("pattern")->as_string());
  for (const char* text : {"9223372036854775807", "-9223372036854775808", "0", "-1"})
    EXPECT_TRUE(std::regex_match(text, pattern)) << text;
  for (const char* text : {"9223372036854775808", "-9223372036854775809", "10000000000000000000"})
    EXPECT_FALSE(std::regex_match(text, pattern)) << text;
}

}  // namespace
}  // namespace conduit::mdl
