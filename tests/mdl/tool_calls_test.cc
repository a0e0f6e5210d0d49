// Answers of models, cut at every place: content and calls come out the same, and nothing is lost.
#include "mdl/tool_calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace conduit::mdl {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

struct Answer {
  std::string content;
  std::vector<std::pair<std::string, std::string>> calls;  // name, arguments
};

bool operator==(const Answer& a, const Answer& b) {
  return a.content == b.content && a.calls == b.calls;
}

void PrintTo(const Answer& answer, std::ostream* out) {
  *out << testing::PrintToString(answer.content) << " " << testing::PrintToString(answer.calls);
}

void add(Answer& answer, const ToolDelta& delta) {
  answer.content += delta.content;
  for (const auto& call : delta.calls) {
    const auto index = static_cast<std::size_t>(call.index);
    if (index == answer.calls.size()) {
      EXPECT_FALSE(call.name.empty());
      answer.calls.emplace_back(call.name, "");
    } else {
      EXPECT_EQ(index, answer.calls.size() - 1);
      EXPECT_EQ(call.name, "");
    }
    answer.calls.back().second += call.arguments;
  }
}

Answer read_in_pieces(ToolFormat format, std::string_view text, std::size_t piece) {
  ToolCallParser parser(format);
  Answer answer;
  for (std::size_t i = 0; i < text.size(); i += piece)
    add(answer, parser.feed(text.substr(i, piece)));
  add(answer, parser.finish());
  EXPECT_EQ(parser.has_calls(), !answer.calls.empty());
  return answer;
}

Answer read(ToolFormat format, std::string_view text) {
  const Answer answer = read_in_pieces(format, text, text.size() + 1);
  for (std::size_t piece = 1; piece < text.size(); ++piece)
    EXPECT_EQ(read_in_pieces(format, text, piece), answer) << "in pieces of " << piece;
  return answer;
}

void expect_content(ToolFormat format, std::string_view text) {
  const Answer answer = read(format, text);
  EXPECT_EQ(answer.content, text);
  EXPECT_THAT(answer.calls, IsEmpty());
}

constexpr auto kHermes = ToolFormat::hermes;
constexpr auto kLlama3 = ToolFormat::llama3;
constexpr auto kMistral = ToolFormat::mistral;

TEST(ToolCallParserTest, HermesCallsStandInText) {
  const Answer answer =
      read(kHermes,
           "Let me see.\n<tool_call>\n{\"name\": \"weather\", \"arguments\": "
           "{\"city\": \"Köln}\\\"\", \"days\": [1, 2]}}\n</tool_call>\n"
           "<tool_call>\n{\"name\": \"time\", \"arguments\": {}}\n</tool_call>\n");
  EXPECT_EQ(answer.content, "Let me see.\n");
  EXPECT_THAT(answer.calls,
              ElementsAre(Pair("weather", "{\"city\": \"Köln}\\\"\", \"days\": [1, 2]}"),
                          Pair("time", "{}")));
}

TEST(ToolCallParserTest, TextBehindACallIsContent) {
  const Answer answer = read(
      kHermes, "\n<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>\n\nDone. <b>5 < 6</b>");
  EXPECT_EQ(answer.content, "\n\nDone. <b>5 < 6</b>");
  EXPECT_THAT(answer.calls, ElementsAre(Pair("f", "{}")));
}

TEST(ToolCallParserTest, HermesMayForgetTheClosingTag) {
  const Answer answer =
      read(kHermes,
           "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n<tool_call>"
           "\n{\"name\": \"g\", \"arguments\": {\"b\": 2}}");
  EXPECT_EQ(answer.content, "");
  EXPECT_THAT(answer.calls, ElementsAre(Pair("f", "{\"a\": 1}"), Pair("g", "{\"b\": 2}")));
}

TEST(ToolCallParserTest, Llama3AnswersWithACall) {
  const Answer answer = read(
      kLlama3, " {\"type\": \"function\", \"name\": \"f\", \"parameters\": {\"a\": {\"b\": 1}}}");
  EXPECT_EQ(answer.content, "");
  EXPECT_THAT(answer.calls, ElementsAre(Pair("f", "{\"a\": {\"b\": 1}}")));
  EXPECT_THAT(
      read(kLlama3, "{\"name\": \"f\", \"parameters\": {}}; {\"name\": \"g\", \"parameters\": {}}")
          .calls,
      ElementsAre(Pair("f", "{}"), Pair("g", "{}")));
}

TEST(ToolCallParserTest, Llama3TextIsNoCall) {
  expect_content(kLlama3, "See {\"name\": \"f\", \"parameters\": {}}");
  expect_content(kLlama3, "{\"answer\": 42, \"parameters\": {}}");
  expect_content(kLlama3, "{\"name\": \"f\"}");
  expect_content(kLlama3, "{}");
  expect_content(kLlama3, "{ x }");
}

TEST(ToolCallParserTest, MistralWritesAnArray) {
  for (const std::string_view marker : {"[TOOL_CALLS]", "[TOOL_CALLS] ", "", "\n"}) {
    const Answer answer = read(kMistral, std::string(marker) +
                                             "[{\"name\": \"f\", \"arguments\": {\"a\": []}}, "
                                             "{\"name\": \"g\", \"arguments\": {}, \"id\": "
                                             "\"abcdefghi\"}]\n");
    EXPECT_EQ(answer.content, "");
    EXPECT_THAT(answer.calls, ElementsAre(Pair("f", "{\"a\": []}"), Pair("g", "{}")));
  }
  EXPECT_EQ(read(kMistral, "Well: [TOOL_CALLS][{\"name\":\"f\",\"arguments\":{}}]").content,
            "Well: ");
}

TEST(ToolCallParserTest, MistralTextMayHaveArrays) {
  expect_content(kMistral, "[1, 2]");
  expect_content(kMistral, "[]");
  expect_content(kMistral, "[{\"a\": 1}]");
  expect_content(kMistral, "See [{\"name\": \"f\", \"arguments\": {}}]");
  expect_content(kMistral, "[[TOOL_CALLS] is a marker]");
  expect_content(kMistral, "[TOOL_CALLS]f{\"a\": 1}");
}

TEST(ToolCallParserTest, ArgumentsBeforeTheNameAreACallToo) {
  const Answer answer =
      read(kHermes, "<tool_call>{\"arguments\": {\"a\": 1}, \"name\": \"f\"}</tool_call>");
  EXPECT_EQ(answer.content, "");
  EXPECT_THAT(answer.calls, ElementsAre(Pair("f", "{\"a\": 1}")));
}

TEST(ToolCallParserTest, ArgumentsInAStringAreUnpacked) {
  const Answer answer =
      read(kHermes, "<tool_call>{\"name\": \"f\", \"arguments\": \"{\\\"a\\\": 1}\"}</tool_call>");
  EXPECT_THAT(answer.calls, ElementsAre(Pair("f", "{\"a\": 1}")));
}

TEST(ToolCallParserTest, BrokenCallsAreContent) {
  for (const std::string_view text :
       {"<tool_call>", "<tool_call>\nf(1)\n</tool_call>",
        "<tool_call>{\"name\": \"f\"}</tool_call>",
        "<tool_call>{\"name\": \"\", \"arguments\": {}}</tool_call>",
        "<tool_call>{\"name\": 1, \"arguments\": {}}</tool_call>",
        "<tool_call>{\"name\": \"f\", \"arguments\": [1]}</tool_call>",
        "<tool_call>{\"name\": \"f\", \"arguments\": \"no JSON\"}</tool_call>",
        "<tool_call>{\"name\": \"f]</tool_call>", "<tool_call>{\"name\": \"\\q\"}", "<<tool_call",
        "<tool_call>{\"name\": \"f\", <", "<tool_call>{]", "  ", "<tool_call>{\"query\": {}}"})
    expect_content(kHermes, text);
}

TEST(ToolCallParserTest, ACallBehindABrokenOneIsFound) {
  const Answer answer = read(kHermes,
                             "<tool_call>\n<tool_call>\n{\"name\": \"f\" <tool_call>"
                             "{\"name\": \"g\", \"arguments\": {}}</tool_call>");
  EXPECT_EQ(answer.content, "<tool_call>\n<tool_call>\n{\"name\": \"f\" ");
  EXPECT_THAT(answer.calls, ElementsAre(Pair("g", "{}")));
}

TEST(ToolCallParserTest, WhatBreaksWithinArgumentsGoesOnAsContent) {
  const Answer answer =
      read(kHermes, "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1</tool_call> so");
  EXPECT_THAT(answer.calls, ElementsAre(Pair("f", "{\"a\": 1")));
  EXPECT_EQ(answer.content, "</tool_call> so");
}

TEST(ToolCallParserTest, AnAnswerCutShortKeepsWhatCame) {
  const std::string_view text =
      "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}}</tool_call>";
  EXPECT_THAT(read(kHermes, text.substr(0, 42)).calls, ElementsAre(Pair("f", "{\"a\"")));
  const Answer answer = read(kHermes, text.substr(0, text.size() - 3));
  EXPECT_EQ(answer.content, "");
  EXPECT_THAT(answer.calls, ElementsAre(Pair("f", "{\"a\": 1}")));
}

TEST(ToolCallParserTest, HoldsBackNoMoreThanATrigger) {
  ToolCallParser parser(kHermes);
  EXPECT_EQ(parser.feed("a < b <").content, "a < b ");
  EXPECT_EQ(parser.feed("too").content, "");
  EXPECT_EQ(parser.feed("th <tool_").content, "<tooth ");
  EXPECT_EQ(parser.feed("call>\n{\"name\": \"f\",").content, "");
  EXPECT_FALSE(parser.has_calls());
  EXPECT_THAT(parser.feed(" \"arguments\":").calls, IsEmpty());
  const ToolDelta begun = parser.feed(" {\"te");
  ASSERT_EQ(begun.calls.size(), 1u);
  EXPECT_EQ(begun.calls[0].name, "f");
  EXPECT_EQ(begun.calls[0].arguments, "{\"te");
  EXPECT_TRUE(parser.has_calls());
  EXPECT_EQ(parser.feed("xt\": \"<too").calls.at(0).arguments, "xt\": \"<too");

  ToolCallParser llama(kLlama3);
  EXPECT_EQ(llama.feed("{\"answer\":").content, "{\"answer\":");
}

TEST(ToolFormatTest, HasThreeNames) {
  EXPECT_EQ(parse_tool_format("hermes"), kHermes);
  EXPECT_EQ(parse_tool_format("llama3"), kLlama3);
  EXPECT_EQ(parse_tool_format("mistral"), kMistral);
  EXPECT_EQ(parse_tool_format("pythonic"), std::nullopt);
}

}  // namespace
}  // namespace conduit::mdl
