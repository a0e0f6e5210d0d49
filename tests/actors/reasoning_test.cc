// Thoughts and answers told apart, however the text is cut.
#include "actors/reasoning.h"

#include <gtest/gtest.h>

namespace conduit::actors {
namespace {

// The whole text, pushed in pieces of `size` bytes.
Reasoning::Parts split(std::string_view text, std::size_t size, bool has_begun = false) {
  Reasoning reasoning(has_begun);
  Reasoning::Parts all;
  const auto add = [&](const Reasoning::Parts& parts) {
    all.reasoning += parts.reasoning;
    all.text += parts.text;
  };
  for (std::size_t i = 0; i < text.size(); i += size) add(reasoning.push(text.substr(i, size)));
  add(reasoning.flush());
  return all;
}

struct Case {
  const char* text;
  const char* reasoning;
  const char* answer;
  bool has_begun = false;
};

constexpr Case kCases[] = {
    {"<think>\nTwo and two.\n</think>\n\nFour.", "Two and two.", "Four."},
    {" \n<think>a</think>b", "a", "b"},
    {"<think>\n\n</think>\n\nFour.", "", "Four."},
    {"Two and two.\n</think>\n\nFour.", "Two and two.", "Four.", true},
    {"<think>never ends \n", "never ends \n", ""},
    {"cut in the tag </thi", "cut in the tag </thi", "", true},
    {"a < b, </b> and </thinking> too</think>c", "a < b, </b> and </thinking> too", "c", true},
    {"no thoughts", "", "no thoughts"},
    {"  blanks stay <think>later</think>", "", "  blanks stay <think>later</think>"},
    {"<thin", "", "<thin"},
    {"<think>a</think>b</think>c", "a", "b</think>c"},
    {"", "", ""},
};

TEST(ReasoningTest, PartsDoNotDependOnHowTheTextWasCut) {
  for (const Case& one : kCases)
    for (std::size_t size : {1, 2, 3, 5, 7, 100}) {
      SCOPED_TRACE(std::string(one.text) + " in pieces of " + std::to_string(size));
      const auto parts = split(one.text, size, one.has_begun);
      EXPECT_EQ(parts.reasoning, one.reasoning);
      EXPECT_EQ(parts.text, one.answer);
    }
}

TEST(ReasoningTest, WhatIsCertainIsShownAtOnce) {
  Reasoning reasoning(false);
  EXPECT_EQ(reasoning.push("<think>so").reasoning, "so");
  EXPECT_EQ(reasoning.push(" it").reasoning, " it");
  EXPECT_EQ(reasoning.push(" </").reasoning, "");
  EXPECT_EQ(reasoning.push("b>").reasoning, " </b>");
  EXPECT_EQ(reasoning.push("</think>\nYes").text, "Yes");
  EXPECT_EQ(reasoning.push(" <think>").text, " <think>");
}

TEST(ReasoningTest, PromptsMayEndWithTheTag) {
  EXPECT_TRUE(ends_thinking("<|im_start|>assistant\n<think>\n"));
  EXPECT_TRUE(ends_thinking("<think>"));
  EXPECT_FALSE(ends_thinking("<think>\n\n</think>\n\n"));
  EXPECT_FALSE(ends_thinking("<|im_start|>assistant\n"));
  EXPECT_FALSE(ends_thinking(""));
}

}  // namespace
}  // namespace conduit::actors
