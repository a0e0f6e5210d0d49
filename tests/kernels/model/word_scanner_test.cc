// The scanners against the expressions they stand for, as PCRE2 reads those.
#include "kernels/model/word_scanner.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace conduit::kernels {
namespace {

constexpr const char* kExpressions[] = {
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
};

std::vector<std::string> words_of(std::string_view text, const std::vector<TextRange>& ranges) {
  std::vector<std::string> words;
  for (const TextRange& range : ranges) words.emplace_back(range.of(text));
  return words;
}

class WordScannerTest : public ::testing::TestWithParam<const char*> {};

TEST_P(WordScannerTest, CutsAsItsExpressionDoes) {
  // What the alternatives tell apart: each kind of blank, line end, letter, digit and sign, and
  // everything a contraction is made of.
  const std::vector<std::string> parts = {
      " ",      " ", "  ", "\n",     "\r",     "\r\n", "\t", "\u00A0", "\u3000",
      "\u2028", "'", "'",  "s",      "S",      "t",    "re", "VE",     "m",
      "lL",     "d", "ſ",  "\u180E", "é",      "中",   "١",  "½",      "7",
      "42",     "Ⅷ", "!",  ".",      "\u0301", "😀",    "_",  "-",      std::string(1, '\0')};
  const auto scanner = WordScanner::for_expression(GetParam());
  ASSERT_TRUE(scanner);
  const auto regex = Regex::compile(GetParam());
  ASSERT_TRUE(regex) << regex.error().message;
  std::mt19937 random(20260101);
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (unsigned length = random() % 12; length > 0; --length)
      text += parts[random() % parts.size()];
    std::vector<TextRange> words;
    scanner->split(text, {0, text.size()}, words);
    ASSERT_EQ(words_of(text, words), words_of(text, regex->find_all(text))) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, WordScannerTest, ::testing::ValuesIn(kExpressions));

TEST(WordScannerKnowledgeTest, AnyOtherExpressionIsLeftToTheRegexEngine) {
  EXPECT_FALSE(WordScanner::for_expression(""));
  EXPECT_FALSE(WordScanner::for_expression(R"(\p{L}+)"));
}

TEST(WordScannerKnowledgeTest, APartOfATextEndsWhereItIsSaidTo) {
  const std::string text = "ab  cd";
  std::vector<TextRange> words;
  WordScanner::gpt2().split(text, {1, 4},
                            words);  // the blanks end this part, so they stay together
  EXPECT_EQ(words_of(text, words), (std::vector<std::string>{"b", "  "}));
}

}  // namespace
}  // namespace conduit::kernels
