// Answers that match an expression, and answers of a list.
#include "mdl/regex_grammar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace conduit::mdl {
namespace {

using ::testing::HasSubstr;

TEST(RegexGrammarTest, TakesTheWholeAnswerAlone) {
  const auto grammar = regex_grammar("[a-c]{2}|xyz");
  ASSERT_TRUE(grammar) << grammar.error().message;
  Grammar& g = **grammar;
  EXPECT_FALSE(g.accepts(g.start()));
  EXPECT_TRUE(g.accepts(g.walk(g.start(), "ab")));
  EXPECT_TRUE(g.accepts(g.walk(g.start(), "xyz")));
  EXPECT_EQ(g.walk(g.start(), "abc"), Grammar::kDead);
  EXPECT_EQ(g.walk(g.start(), " ab"), Grammar::kDead);
  EXPECT_EQ(g.completion(g.walk(g.start(), "x")), "yz");
  EXPECT_EQ(g.completion_bytes(g.walk(g.start(), "x")), 2u);
  EXPECT_EQ(g.completion(g.walk(g.start(), "ab")), "");
  EXPECT_TRUE(g.health());
}

TEST(RegexGrammarTest, CompletesFromEveryState) {
  const auto grammar = regex_grammar("(?=.*[A-Z])(?!.*aa)[A-Za-z]{4,9}");
  ASSERT_TRUE(grammar) << grammar.error().message;
  Grammar& g = **grammar;
  for (const std::string begun : {"", "a", "ab", "abc", "abcA", "bbbbbbbb"}) {
    const Grammar::State state = g.walk(g.start(), begun);
    ASSERT_NE(state, Grammar::kDead) << begun;
    const std::string rest = g.completion(state);
    EXPECT_EQ(rest.size(), g.completion_bytes(state));
    EXPECT_TRUE(g.accepts(g.walk(state, rest))) << begun << "|" << rest;
  }
  EXPECT_EQ(g.walk(g.start(), "aa"), Grammar::kDead);
  EXPECT_EQ(g.walk(g.start(), "bbbbbbbbb"), Grammar::kDead);  // no capital could come any more
}

TEST(RegexGrammarTest, RefusesWhatNothingMatches) {
  const auto grammar = regex_grammar("a(?!.)b");
  ASSERT_FALSE(grammar);
  EXPECT_THAT(grammar.error().message, HasSubstr("no text"));
  EXPECT_FALSE(regex_grammar("("));
}

TEST(ChoiceGrammarTest, TakesOneOfTheList) {
  const auto grammar = choice_grammar(R"(["yes", "yesterday", "no", "été"])");
  ASSERT_TRUE(grammar) << grammar.error().message;
  Grammar& g = **grammar;
  for (const std::string text : {"yes", "yesterday", "no", "été"})
    EXPECT_TRUE(g.accepts(g.walk(g.start(), text))) << text;
  EXPECT_FALSE(g.accepts(g.walk(g.start(), "yest")));
  EXPECT_EQ(g.walk(g.start(), "maybe"), Grammar::kDead);
  EXPECT_EQ(g.completion(g.walk(g.start(), "yest")), "erday");
  EXPECT_EQ(g.completion(g.start()), "no");
}

TEST(ChoiceGrammarTest, RefusesWhatIsNoListOfStrings) {
  for (const std::string_view text : {"[]", "{}", "\"a\"", "[1]", "[\"a\", null]", "["})
    EXPECT_FALSE(choice_grammar(text)) << text;
}

}  // namespace
}  // namespace conduit::mdl
