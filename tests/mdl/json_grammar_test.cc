#include "mdl/json_grammar.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "mdl/validate.h"
#include "tests/support/random_schema.h"

namespace conduit::mdl {
namespace {

std::shared_ptr<Grammar> grammar_of(std::string_view schema) {
  auto read = read_schema(schema);
  EXPECT_TRUE(read) << schema;
  auto grammar = json_grammar(*std::move(read));
  EXPECT_TRUE(grammar) << schema << ": " << (grammar ? "" : grammar.error().message);
  return grammar ? *grammar : nullptr;
}

bool writes(Grammar& grammar, std::string_view text) {
  return grammar.accepts(grammar.walk(grammar.start(), text));
}

struct Case {
  const char* schema;
  std::vector<const char*> right, wrong;
};

void expect(const std::vector<Case>& cases) {
  for (const Case& each : cases) {
    const auto grammar = grammar_of(each.schema);
    ASSERT_NE(grammar, nullptr);
    for (const char* text : each.right)
      EXPECT_TRUE(writes(*grammar, text)) << each.schema << " " << text;
    for (const char* text : each.wrong)
      EXPECT_FALSE(writes(*grammar, text)) << each.schema << " " << text;
  }
}

TEST(JsonGrammarTest, WritesJsonAndNothingElse) {
  expect({{"true",
           {"null", "true", "0", "-1.5e+3", R"("a\né\ud83d\ude00")", "[]", "[1, 2]",
            R"({"a": {"b": []}})", "{ }"},
           {"", "nul", "01", "+1", ".5", "1.", "[1,]", "{\"a\"}", "{\"a\":1,}", "\"\x01\"",
            R"("\ud83d")", "[1  , 2]", "1 2"}}});
}

TEST(JsonGrammarTest, PropertiesComeInAnyOrderAndOnce) {
  const char* schema =
      R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a"],
                           "additionalProperties":false})";
  expect({{schema,
           {R"({"a":1})", R"({"a":1,"b":"x"})", R"({"b":"x","a":1})"},
           {"{}", R"({"b":"x"})", R"({"a":1,"a":2})", R"({"a":1,"c":2})", R"({"a":"x"})"}},
          {R"({"type":"object"})", {R"({"x":1,"y":1})"}, {R"({"x":1,"x":1})"}}});
}

TEST(JsonGrammarTest, OrderedNodesKeepTheirOrder) {
  auto schema = read_schema(std::string_view(
      R"({"type":"object","properties":{"name":{"const":"f"},"arguments":{"type":"object"}},
                                "required":["name","arguments"],"additionalProperties":false})"));
  ASSERT_TRUE(schema);
  schema->nodes[schema->root].is_ordered = true;
  auto grammar = json_grammar(*std::move(schema));
  ASSERT_TRUE(grammar);
  EXPECT_TRUE(writes(**grammar, R"({"name":"f","arguments":{"b":1,"a":2}})"));
  EXPECT_FALSE(writes(**grammar, R"({"arguments":{},"name":"f"})"));
}

TEST(JsonGrammarTest, NumbersStayWithinTheirBounds) {
  expect({{R"({"type":"integer","minimum":10,"maximum":150})",
           {"10", "99", "150", "15.0"},
           {"9", "151", "1", "10.5", "-10"}},
          {R"({"type":"number","exclusiveMinimum":0,"multipleOf":0.25})",
           {"0.25", "1", "7.75"},
           {"0", "0.3", "-0.25"}},
          {R"({"enum":[1,2.5,"x",null,{"a":[1]}]})",
           {"1", "1.0", "2.5", "\"x\"", "null", R"({"a":[1]})"},
           {"2", "\"y\"", R"({"a":[]})"}},
          {R"({"type":"number","not":{"type":"integer"}})", {"1.5"}, {"1", "2.0"}}});
}

TEST(JsonGrammarTest, StringsKeepLengthPatternAndFormat) {
  expect({{R"({"type":"string","minLength":2,"maxLength":3})",
           {R"("ab")", R"("aéü")", R"("\ud83d\ude00é")"},
           {R"("a")", R"("abcd")", "\"\""}},
          {R"({"type":"string","pattern":"^[a-c]+$","maxLength":4})",
           {R"("abc")"},
           {R"("abca ")", R"("abcab")", R"("x")"}},
          {R"({"type":"string","format":"date"})",
           {R"("2024-02-29")"},
           {R"("2023-02-29")", R"("2024-2-1")"}},
          {R"({"type":"string","pattern":"\n"})", {R"("a\nb")"}, {R"("ab")"}}});
}

TEST(JsonGrammarTest, ArraysCountTellAndContain) {
  expect({{R"({"prefixItems":[{"type":"integer"},{"type":"string"}],"items":false,"type":"array"})",
           {"[]", "[1]", R"([1,"a"])"},
           {R"(["a"])", R"([1,"a",2])"}},
          {R"({"type":"array","minItems":2,"maxItems":3,"items":{"type":"integer"}})",
           {"[1,2]", "[1,2,3]"},
           {"[1]", "[1,2,3,4]", "[1,\"a\"]"}},
          {R"({"type":"array","uniqueItems":true})",
           {"[1,2]", R"(["a","b"])", R"([{"a":1},{"a":2}])"},
           {"[1,1]", "[1,1.0]", R"(["a","\u0061"])", R"([{"a":1},{"a":1}])", "[[1],[1]]"}},
          {R"({"type":"array","contains":{"type":"string"},"maxContains":1})",
           {R"([1,"a"])", R"(["a"])"},
           {"[]", "[1]", R"(["a","b"])"}}});
}

TEST(JsonGrammarTest, ConnectivesMeanWhatTheySay) {
  expect(
      {{R"({"anyOf":[{"type":"string","maxLength":1},{"type":"integer","minimum":5}]})",
        {R"("a")", "5"},
        {R"("ab")", "4", "null"}},
       {R"({"oneOf":[{"multipleOf":2},{"multipleOf":3}],"type":"integer"})",
        {"2", "3", "9"},
        {"6", "5", "12"}},
       {R"({"type":"object","not":{"required":["a"]}})", {"{}", R"({"b":1})"}, {R"({"a":1})"}},
       {R"({"type":"object","if":{"properties":{"k":{"const":1}},"required":["k"]},"then":{"required":["x"]},"else":{"required":["y"]}})",
        {R"({"k":1,"x":0})", R"({"y":0})", R"({"k":2,"y":0})"},
        {R"({"k":1,"y":0})", R"({"x":0})"}},
       {R"({"type":"object","properties":{"a":{}},"anyOf":[{"properties":{"b":{"type":"integer"}},"required":["b"]},{"properties":{"c":{}}}],"unevaluatedProperties":false})",
        {R"({"a":1})", R"({"b":1,"c":1})", R"({"c":1})"},
        {R"({"d":1})", R"({"a":1,"d":1})", R"({"b":"x"})"}}});
}

TEST(JsonGrammarTest, RecursionGoesAsDeepAsTheText) {
  const char* tree =
      R"({"$ref":"#/$defs/t","$defs":{"t":{"type":"object","properties":{"v":{"type":"integer"},
      "c":{"type":"array","items":{"$ref":"#/$defs/t"}}},"required":["v"],"additionalProperties":false}}})";
  expect({{tree,
           {R"({"v":1,"c":[{"v":2,"c":[]},{"v":3}]})"},
           {R"({"c":[]})", R"({"v":1,"c":[{"c":[]}]})"}}});
}

TEST(JsonGrammarTest, SchemasThatNothingFitsAreRefused) {
  for (
      const char* schema :
      {"false", R"({"type":"integer","minimum":3,"maximum":2})",
       R"({"allOf":[{"type":"string"},{"type":"null"}]})",
       R"({"type":"object","required":["a"],"properties":{"a":false}})",
       R"({"type":"array","minItems":3,"uniqueItems":true,"items":{"enum":[1,2]}})",
       R"({"$ref":"#/$defs/t","$defs":{"t":{"type":"object","properties":{"c":{"$ref":"#/$defs/t"}},"required":["c"]}}})"}) {
    auto read = read_schema(std::string_view(schema));
    if (!read) continue;
    EXPECT_FALSE(json_grammar(*std::move(read))) << schema;
  }
}

TEST(JsonGrammarTest, HostileSchemasAreRefusedOrBounded) {
  std::string wide = R"({"type":"object","oneOf":[)";
  for (int i = 0; i < 40; ++i) {
    wide += (i > 0 ? "," : "") + std::string(R"({"properties":{"a)") + std::to_string(i) +
            R"(":{"type":"integer"},"b":{"minimum":)" + std::to_string(i) + "}}}";
  }
  auto read = read_schema(std::string_view(wide + "]}"));
  ASSERT_TRUE(read);
  auto grammar = json_grammar(*std::move(read));
  ASSERT_FALSE(grammar);
  EXPECT_EQ(grammar.error().code, Code::exhausted) << grammar.error().message;
}

// Random schemas, random walks: every state can be completed, and what is completed fits.
TEST(JsonGrammarTest, WhateverIsWrittenFitsTheSchema) {
  int written = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    const json::Value document = conduit::testing::random_schema(random, 3);
    auto schema = read_schema(document);
    ASSERT_TRUE(schema) << json::dump(document) << schema.error().message;
    auto validator = Validator::make(*schema);
    ASSERT_TRUE(validator);
    auto grammar = json_grammar(*schema);
    if (!grammar) continue;  // nothing fits
    for (int walk = 0; walk < 4; ++walk) {
      std::string text;
      Grammar::State state = (*grammar)->start();
      for (int i = 0; i < 60; ++i) {
        std::vector<std::pair<char, Grammar::State>> next;
        for (int byte = 0x20; byte < 0x7F; ++byte) {
          const Grammar::State behind = (*grammar)->step(state, static_cast<std::uint8_t>(byte));
          if (behind != Grammar::kDead) next.emplace_back(static_cast<char>(byte), behind);
        }
        if (next.empty()) break;
        const auto& [c, behind] = next[random() % next.size()];
        text += c;
        state = behind;
      }
      ASSERT_TRUE((*grammar)->health()) << json::dump(document);
      const std::string whole = text + (*grammar)->completion(state);
      ASSERT_TRUE(writes(**grammar, whole)) << json::dump(document) << "\n"
                                            << text << "\n"
                                            << whole;
      const auto value = json::parse(whole);
      ASSERT_TRUE(value) << whole;
      const auto mismatch = validator->check(*value);
      ASSERT_TRUE(mismatch);
      ASSERT_FALSE(*mismatch) << json::dump(document) << "\n"
                              << whole << "\n"
                              << (*mismatch)->message();
      ++written;
    }
  }
  EXPECT_GT(written, 800);
}

}  // namespace
}  // namespace conduit::mdl
