// Tool calls within text: what each format allows, that every walk can be completed, and that the
// parser reads from it what the grammar meant. The arguments' grammars are small ones in GBNF.
#include "mdl/tagged_grammar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "mdl/base/utf8.h"
#include "mdl/gbnf.h"

namespace conduit::mdl {
namespace {

using testing::HasSubstr;

constexpr std::string_view kNumber = R"gbnf(root ::= "{\"n\": " [0-9]+ "}")gbnf";
constexpr std::string_view kWord = R"gbnf(root ::= "{\"word\": \"" [^"\\\x00-\x1F]* "\"}")gbnf";

TaggedTool tool(std::string name, std::string_view gbnf) {
  return {std::move(name), [gbnf] { return gbnf_grammar(gbnf); }};
}

std::shared_ptr<Grammar> make(ToolFormat format, bool is_required, bool is_parallel = true) {
  auto grammar = tagged_grammar({format, is_required, is_parallel},
                                {tool("get", kNumber), tool("say", kWord), tool("get_all", kWord)});
  EXPECT_TRUE(grammar.has_value());
  return *grammar;
}

bool matches(Grammar& grammar, std::string_view text) {
  return grammar.accepts(grammar.walk(grammar.start(), text));
}

bool is_dead(Grammar& grammar, std::string_view text) {
  return grammar.walk(grammar.start(), text) == Grammar::kDead;
}

const std::string kGet =
    "<tool_call>\n{\"name\": \"get\", \"arguments\": {\"n\": 12}}\n</tool_call>";
const std::string kSay =
    "<tool_call>\n{\"name\": \"say\", \"arguments\": {\"word\": \"<tool_call>\"}}\n</tool_call>";

TEST(TaggedGrammarTest, HermesIsTextOrCalls) {
  const auto grammar = make(ToolFormat::hermes, false);
  for (const std::string& text : {std::string(), std::string("Hello, Köln 😀! 1 < 2 <tool_call"),
                                  kGet, "So: " + kGet + " done", kGet + "\n" + kSay})
    EXPECT_TRUE(matches(*grammar, text)) << text;
  for (const std::string_view text :
       {"a\xFF", "\xED\xA0", "\xC0", "<tool_call> ", "<tool_call>\n{\"name\": \"x",
        "<tool_call>\n{\"name\": \"get\", \"arguments\": {\"n\": x",
        "<<tool_call>\n{\"name\": \"get\", \"arguments\": {\"n\": 1} "})
    EXPECT_TRUE(is_dead(*grammar, text)) << text;
  EXPECT_FALSE(matches(*grammar, "<tool_call>"));
  EXPECT_FALSE(matches(*grammar, "\xC3"));
}

TEST(TaggedGrammarTest, RequiredHermesIsCallsAlone) {
  const auto grammar = make(ToolFormat::hermes, true);
  EXPECT_TRUE(matches(*grammar, kGet));
  EXPECT_TRUE(matches(*grammar, kGet + "\n" + kSay));
  EXPECT_FALSE(matches(*grammar, ""));
  EXPECT_TRUE(is_dead(*grammar, "a"));
  EXPECT_TRUE(is_dead(*grammar, kGet + " "));
  EXPECT_TRUE(is_dead(*grammar, kGet + "\n{"));
}

TEST(TaggedGrammarTest, OneCallWhereNotParallel) {
  EXPECT_TRUE(matches(*make(ToolFormat::hermes, false, false), "x" + kGet));
  EXPECT_TRUE(is_dead(*make(ToolFormat::hermes, false, false), kGet + "\n"));
  EXPECT_TRUE(is_dead(*make(ToolFormat::hermes, true, false), kGet + "\n"));
  const std::string call = "[{\"name\": \"get\", \"arguments\": {\"n\": 1}}";
  EXPECT_TRUE(matches(*make(ToolFormat::mistral, true, false), call + "]"));
  EXPECT_TRUE(is_dead(*make(ToolFormat::mistral, true, false), call + ","));
}

TEST(TaggedGrammarTest, Llama3AnswersWithTextOrACall) {
  const std::string call = "{\"name\": \"get_all\", \"parameters\": {\"word\": \"x\"}}";
  const auto grammar = make(ToolFormat::llama3, false);
  EXPECT_TRUE(matches(*grammar, call));
  EXPECT_TRUE(matches(*grammar, " " + call));
  EXPECT_TRUE(matches(*grammar, "So {\"a\": 1}"));
  EXPECT_TRUE(is_dead(*grammar, "{\"a"));
  EXPECT_TRUE(is_dead(*grammar, call + " "));
  const auto required = make(ToolFormat::llama3, true);
  EXPECT_TRUE(matches(*required, call));
  EXPECT_TRUE(is_dead(*required, " "));
  EXPECT_TRUE(is_dead(*required, "S"));
}

TEST(TaggedGrammarTest, MistralWritesAnArrayMarkedOrNot) {
  const std::string calls =
      "[{\"name\": \"get\", \"arguments\": {\"n\": 1}}, {\"name\": \"say\", \"arguments\": "
      "{\"word\": \"]\"}}]";
  for (const bool is_required : {false, true}) {
    const auto grammar = make(ToolFormat::mistral, is_required);
    for (const std::string_view before : {"", "[TOOL_CALLS]", "[TOOL_CALLS] "})
      EXPECT_TRUE(matches(*grammar, std::string(before) + calls)) << before;
    EXPECT_EQ(matches(*grammar, "Text [TOOL_CALLS]" + calls), !is_required);
    EXPECT_EQ(matches(*grammar, "\n[ " + calls.substr(1)), !is_required);
    EXPECT_EQ(matches(*grammar, ""), !is_required);
    EXPECT_EQ(matches(*grammar, "[1] is"), !is_required);
    EXPECT_EQ(matches(*grammar, "[[TOOL_CALLS]" + calls), !is_required);
    EXPECT_EQ(matches(*grammar, "[ [TOOL_CALLS]" + calls), !is_required);
    EXPECT_TRUE(is_dead(*grammar, calls + " "));
    EXPECT_TRUE(is_dead(*grammar, "[{\"x"));
    EXPECT_TRUE(is_dead(*grammar, "[TOOL_CALLS]x"));
  }
}

TEST(TaggedGrammarTest, CompletionIsACallOnlyWhereOneHasBegun) {
  const auto grammar = make(ToolFormat::hermes, false);
  EXPECT_EQ(grammar->completion(grammar->walk(grammar->start(), "Hi \xE2\x82")), "\x80");
  EXPECT_EQ(grammar->completion(grammar->walk(grammar->start(), "Hi <tool_")), "");
  EXPECT_EQ(
      grammar->completion(grammar->walk(grammar->start(), "<tool_call>\n{\"name\": \"get\", ")),
      "\"arguments\": {\"n\": 0}}\n</tool_call>");
  const auto required = make(ToolFormat::mistral, true);
  EXPECT_EQ(required->completion(required->start()),
            "[{\"name\": \"get\", \"arguments\": {\"n\": 0}}]");
}

TEST(TaggedGrammarTest, ArgumentsAreMadeWhenTheirToolIsNamed) {
  int made = 0;
  std::vector<TaggedTool> tools;
  for (int i = 0; i < 64; ++i)
    tools.push_back({"tool_" + std::to_string(i), [&made] {
                       ++made;
                       return gbnf_grammar(kNumber);
                     }});
  const auto grammar = tagged_grammar({ToolFormat::llama3, true, false}, std::move(tools));
  ASSERT_TRUE(grammar.has_value());
  EXPECT_TRUE(matches(**grammar, "{\"name\": \"tool_63\", \"parameters\": {\"n\": 1}}"));
  EXPECT_TRUE(matches(**grammar, "{\"name\": \"tool_6\", \"parameters\": {\"n\": 1}}"));
  EXPECT_EQ(made, 2);
}

TEST(TaggedGrammarTest, ArgumentsThatCannotBeMadeAreSaid) {
  const auto grammar = tagged_grammar({ToolFormat::llama3, true, false}, {tool("f", "root ::= f")});
  ASSERT_TRUE(grammar.has_value());
  EXPECT_TRUE(is_dead(**grammar, "{\"name\": \"f\", \"parameters\": "));
  ASSERT_FALSE((*grammar)->health().has_value());
  EXPECT_THAT((*grammar)->health().error().message, HasSubstr("tool 'f': GBNF"));
}

// A grammar of {"…"} that says where its text is free.
class Quoted final : public Grammar {
 public:
  State start() override { return 1; }
  State step(State state, std::uint8_t byte) override {
    if (state == 1) return byte == '{' ? 2 : kDead;
    if (state == 2) return byte == '"' ? 3 : kDead;
    if (state == 3) return byte == '"' ? 4 : (byte >= 0x20 && byte < 0x7F ? 3 : kDead);
    return state == 4 && byte == '}' ? 5 : kDead;
  }
  bool accepts(State state) override { return state == 5; }
  std::string completion(State state) override {
    return state >= 5 ? "" : std::string("{\"\"}").substr(state - 1);
  }
  std::optional<FreeText> free_text(State state) override {
    if (state != 3) return std::nullopt;
    FreeText text;
    text.closed = 4;
    return text;
  }
  bool is_free_text(State state) override { return state == 3; }
  State for_mask(State state) override { return state == 3 ? 2 : state; }
};

TEST(TaggedGrammarTest, FreeTextOfArgumentsIsFreeHereToo) {
  const auto grammar = tagged_grammar(
      {ToolFormat::llama3, true, false},
      {{"f", [] { return Result<std::shared_ptr<Grammar>>(std::make_shared<Quoted>()); }}});
  ASSERT_TRUE(grammar.has_value());
  const auto state =
      (*grammar)->walk((*grammar)->start(), "{\"name\": \"f\", \"parameters\": {\"a");
  EXPECT_TRUE((*grammar)->is_free_text(state));
  const auto text = (*grammar)->free_text(state);
  ASSERT_TRUE(text.has_value());
  EXPECT_EQ((*grammar)->step((*grammar)->for_mask(state), '"'), state);
  EXPECT_EQ((*grammar)->for_mask((*grammar)->start()), (*grammar)->start());
  EXPECT_EQ(text->closed, (*grammar)->step(state, '"'));
  EXPECT_TRUE((*grammar)->accepts((*grammar)->walk(text->closed, "}}")));
  EXPECT_FALSE((*grammar)->free_text((*grammar)->start()).has_value());
  EXPECT_FALSE((*grammar)->is_free_text((*grammar)->start()));
}

TEST(TaggedGrammarTest, TextIsFreeBetweenTriggers) {
  const auto grammar = make(ToolFormat::hermes, false);
  EXPECT_TRUE(grammar->is_free_text(grammar->walk(grammar->start(), "a")));
  EXPECT_FALSE(grammar->is_free_text(grammar->walk(grammar->start(), "<")));
  EXPECT_FALSE(grammar->is_free_text(make(ToolFormat::hermes, true)->start()));
}

// Random walks, drawn to what begins calls; each completed, and read by the parser.
TEST(TaggedGrammarTest, EveryWalkEndsAndIsReadAsMeant) {
  std::mt19937 random(3);
  const std::vector<std::string_view> pieces = {
      "<tool_call>", "<tool_",           "[TOOL_CALLS]", "[",  "{", " ", "é", "x",
      "\n",          "{\"name\": \"get", "</tool_call>", ", ", "]"};
  int calls_read = 0;
  for (const auto format : {ToolFormat::hermes, ToolFormat::llama3, ToolFormat::mistral}) {
    for (int i = 0; i < 500; ++i) {
      const bool is_required = i % 2 == 0, is_parallel = i % 4 < 2;
      const auto grammar = make(format, is_required, is_parallel);
      Grammar::State state = grammar->start();
      std::string text;
      for (std::size_t length = random() % 160; text.size() < length;) {
        std::string next(pieces[random() % pieces.size()]);
        if (random() % 2 == 0 || grammar->walk(state, next) == Grammar::kDead) {
          next.clear();
          std::string allowed;
          for (int byte = 0; byte < 256; ++byte)
            if (grammar->step(state, static_cast<std::uint8_t>(byte)) != Grammar::kDead)
              allowed += static_cast<char>(byte);
          if (allowed.empty()) break;
          next += allowed[random() % allowed.size()];
        }
        text += next;
        state = grammar->walk(state, next);
      }
      const std::string completion = grammar->completion(state);
      ASSERT_GE(grammar->completion_bytes(state), completion.size());
      text += completion;
      ASSERT_TRUE(matches(*grammar, text)) << text;
      ASSERT_TRUE(utf8::is_valid(text)) << text;
      ASSERT_TRUE(grammar->health().has_value());

      ToolCallParser parser(format);
      ToolDelta answer = parser.feed(text);
      const ToolDelta end = parser.finish();
      answer.content += end.content;
      ASSERT_TRUE(end.calls.empty()) << text;
      ASSERT_TRUE(!is_required || (!answer.calls.empty() && answer.content.empty())) << text;
      ASSERT_TRUE(is_parallel || answer.calls.size() <= 1) << text;
      if (format == ToolFormat::hermes) {
        EXPECT_EQ(answer.content.find("<tool_call>"), std::string::npos) << text;
      }
      for (const auto& call : answer.calls) {
        ++calls_read;
        const auto arguments = gbnf_grammar(call.name == "get" ? kNumber : kWord);
        ASSERT_TRUE(matches(**arguments, call.arguments)) << call.name << call.arguments;
      }
    }
  }
  EXPECT_GT(calls_read, 800);
}

TEST(TaggedGrammarTest, ToolsMustBeTold) {
  const auto error_of = [](std::vector<TaggedTool> tools) {
    const auto grammar = tagged_grammar({}, std::move(tools));
    return grammar ? "none" : grammar.error().message;
  };
  EXPECT_THAT(error_of({}), HasSubstr("there are none"));
  EXPECT_THAT(error_of({tool("", kWord)}), HasSubstr("empty"));
  EXPECT_THAT(error_of({tool("f", kWord), tool("g", kWord), tool("f", kWord)}),
              HasSubstr("two have the name 'f'"));
}

}  // namespace
}  // namespace conduit::mdl
