// Every kind of constraint becomes a grammar of the answers that keep it, or says why not.
#include "mdl/constraint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace conduit::mdl {
namespace {

using testing::AllOf;
using testing::HasSubstr;

void expect_answers(const Constraint& constraint, const std::vector<std::string_view>& good,
                    const std::vector<std::string_view>& bad) {
  const auto grammar = compile(constraint);
  ASSERT_TRUE(grammar.has_value()) << grammar.error().message;
  for (const auto text : good)
    EXPECT_TRUE((*grammar)->accepts((*grammar)->walk((*grammar)->start(), text))) << text;
  for (const auto text : bad)
    EXPECT_FALSE((*grammar)->accepts((*grammar)->walk((*grammar)->start(), text))) << text;
  const std::string shortest = (*grammar)->completion((*grammar)->start());
  EXPECT_TRUE((*grammar)->accepts((*grammar)->walk((*grammar)->start(), shortest))) << shortest;
  EXPECT_TRUE((*grammar)->health().has_value());
}

Error error_of(ConstraintKind kind, std::string text) {
  const auto grammar = compile({kind, std::move(text)});
  return grammar ? Error{Code::internal, "none"} : grammar.error();
}

std::string tools(const std::string& list, const std::string& format = "hermes",
                  const std::string& choice = "required") {
  return R"({"format":")" + format + R"(","choice":")" + choice + R"(","parallel":false,"tools":)" +
         list + "}";
}

TEST(ConstraintTest, JsonObject) {
  expect_answers({ConstraintKind::json_object, ""}, {"{}", R"({"a":[1,{"b":null}]})"},
                 {"", "[]", "1", R"({"a")"});
}

TEST(ConstraintTest, JsonSchema) {
  expect_answers({ConstraintKind::json_schema,
                  R"({"type":"object","properties":{"n":{"type":"integer","minimum":3}},)"
                  R"("required":["n"],"additionalProperties":false})"},
                 {R"({"n":3})", R"({"n":44})"}, {"{}", R"({"n":2})", R"({"n":3,"m":1})"});
}

TEST(ConstraintTest, Regex) {
  expect_answers({ConstraintKind::regex, "[a-c]+x?"}, {"a", "abcx"}, {"", "x", "aY", "axx"});
}

TEST(ConstraintTest, Gbnf) {
  expect_answers({ConstraintKind::gbnf, "root ::= \"a\" root | \"b\""}, {"b", "aab"}, {"a", ""});
}

TEST(ConstraintTest, Choice) {
  expect_answers({ConstraintKind::choice, R"(["red","green","re\u00e9"])"},
                 {"red", "green", "re\u00e9"}, {"", "re", "reds", "\"red\""});
}

TEST(ConstraintTest, Tools) {
  const std::string list =
      R"([{"name":"add","parameters":{"type":"object","properties":{"a":{"type":"integer"},)"
      R"("b":{"type":"integer"}},"required":["a","b"],"additionalProperties":false}},)"
      R"({"name":"now"},{"name":"any","parameters":{}}])";
  expect_answers(
      {ConstraintKind::tools, tools(list)},
      {"<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1, \"b\": -2}}\n</tool_call>",
       "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"b\":1,\"a\":2}}\n</tool_call>",
       "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>",
       "<tool_call>\n{\"name\": \"any\", \"arguments\": {\"x\": [1]}}\n</tool_call>"},
      {"", "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n</tool_call>",
       "<tool_call>\n{\"name\": \"now\", \"arguments\": {\"a\": 1}}\n</tool_call>",
       "<tool_call>\n{\"name\": \"any\", \"arguments\": []}\n</tool_call>"});
  expect_answers({ConstraintKind::tools, tools(list, "llama3", "auto")},
                 {"", "I cannot.", "{\"name\": \"now\", \"parameters\": {}}"}, {"{}"});
}

TEST(ConstraintTest, EveryToolIsCheckedBefore) {
  const Error error = error_of(
      ConstraintKind::tools,
      tools(R"([{"name":"f"},{"name":"g","parameters":{"properties":{"a":{"type":"strin"}}}}])"));
  EXPECT_EQ(error.code, Code::invalid_argument);
  EXPECT_THAT(error.message, AllOf(HasSubstr("tool 'g'"), HasSubstr("strin")));
  EXPECT_THAT(
      error_of(ConstraintKind::tools, tools(R"([{"name":"f","parameters":{"type":"array"}}])"))
          .message,
      HasSubstr("tool 'f': the parameters must allow an object"));
}

TEST(ConstraintTest, ErrorsSayWhatIsWrong) {
  using Kind = ConstraintKind;
  const auto expect = [](const Error& error, const std::string& text) {
    EXPECT_EQ(error.code, Code::invalid_argument);
    EXPECT_THAT(error.message, HasSubstr(text));
  };
  expect(error_of(Kind::none, ""), "is none that has a grammar");
  expect(error_of(Kind::json_schema, "{"), "JSON Schema: ");
  expect(error_of(Kind::json_schema, R"({"type":7})"), "type");
  expect(error_of(Kind::json_schema, "false"), "");
  expect(error_of(Kind::regex, "("), "");
  expect(error_of(Kind::gbnf, "root"), "GBNF, line 1");
  expect(error_of(Kind::choice, "[]"), "array of strings");
  expect(error_of(Kind::choice, "\"a\""), "array of strings");
  expect(error_of(Kind::choice, "[1]"), "is no string");
  expect(error_of(Kind::tools, "7"), "'format' must be");
  expect(error_of(Kind::tools, tools("[]", "pythonic")), "'pythonic' is none of \"hermes\"");
  expect(error_of(Kind::tools, tools("[]", "hermes", "none")), "'none' is none of \"auto\"");
  expect(error_of(Kind::tools, tools("{}")), "'tools' must be an array");
  expect(error_of(Kind::tools, tools("[]")), "there are none");
  expect(error_of(Kind::tools, tools("[{}]")), "'name'");
  expect(error_of(Kind::tools, tools(R"([{"name":""}])")), "empty");
  expect(error_of(Kind::tools, tools(R"([{"name":"f"},{"name":"f"}])")), "two have the name 'f'");
}

TEST(ConstraintTest, LimitsAreNamed) {
  const Error name =
      error_of(ConstraintKind::tools, tools("[{\"name\":\"" + std::string(300, 'f') + "\"}]"));
  EXPECT_EQ(name.code, Code::exhausted);
  EXPECT_THAT(name.message, HasSubstr("300 bytes, the limit is 256"));
  std::string list = "[";
  for (int i = 0; i < 1025; ++i)
    list += (i > 0 ? ",{\"name\":\"f" : "{\"name\":\"f") + std::to_string(i) + "\"}";
  EXPECT_THAT(error_of(ConstraintKind::tools, tools(list + "]")).message,
              HasSubstr("1025, the limit is 1024"));
}

TEST(ConstraintTest, EveryWalkCanBeCompleted) {
  const std::string list =
      R"([{"name":"add","parameters":{"type":"object","properties":{"a":{"type":"integer"},)"
      R"("s":{"type":"string","maxLength":5},"l":{"type":"array","items":{"enum":["x",1,null]}}},)"
      R"("required":["l","a"],"additionalProperties":false}},{"name":"now"}])";
  std::mt19937 random(5);
  for (const Constraint& constraint :
       {Constraint{ConstraintKind::json_object, ""},
        Constraint{ConstraintKind::regex, "(a|é){2,9}x"},
        Constraint{ConstraintKind::choice, R"(["red","green"])"},
        Constraint{ConstraintKind::gbnf, "root ::= root [+*] root | [0-9]"},
        Constraint{ConstraintKind::tools, tools(list)},
        Constraint{ConstraintKind::tools, tools(list, "llama3", "auto")},
        Constraint{ConstraintKind::tools, tools(list, "mistral")}}) {
    const auto grammar = compile(constraint);
    ASSERT_TRUE(grammar.has_value()) << grammar.error().message;
    for (int i = 0; i < 40; ++i) {
      Grammar::State state = (*grammar)->start();
      std::string text;
      for (std::size_t length = random() % 120; text.size() < length;) {
        std::string allowed;
        for (int byte = 0; byte < 256; ++byte)
          if ((*grammar)->step(state, static_cast<std::uint8_t>(byte)) != Grammar::kDead)
            allowed += static_cast<char>(byte);
        if (allowed.empty()) break;
        text += allowed[random() % allowed.size()];
        state = (*grammar)->step(state, static_cast<std::uint8_t>(text.back()));
      }
      const std::string completion = (*grammar)->completion(state);
      EXPECT_TRUE((*grammar)->accepts((*grammar)->walk(state, completion)))
          << text << " + " << completion;
      EXPECT_GE((*grammar)->completion_bytes(state), completion.size());
    }
    EXPECT_TRUE((*grammar)->health().has_value());
  }
}

TEST(ConstraintTest, WhoIsStoppedSaysSo) {
  const std::atomic<bool> stop = true;
  const auto grammar = compile({ConstraintKind::gbnf, "root ::= \"a\""}, &stop);
  ASSERT_FALSE(grammar.has_value());
  EXPECT_EQ(grammar.error().code, Code::cancelled);
}

}  // namespace
}  // namespace conduit::mdl
