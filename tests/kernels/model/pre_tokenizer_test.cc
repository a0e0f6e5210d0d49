// Every step of a pre-tokenizer, by what Hugging Face's documentation and library give.
#include "kernels/model/pre_tokenizer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace conduit::kernels {
namespace {

using Texts = std::vector<std::string>;

Texts split(std::string_view steps, std::string_view text) {
  const auto definition =
      json::parse(R"({"type": "Sequence", "pretokenizers": [)" + std::string(steps) + "]}");
  EXPECT_TRUE(definition) << steps;
  const auto made = PreTokenizer::from_json(*definition);
  EXPECT_TRUE(made) << made.error().message;
  const Words words = made->split(text, /*is_at_begin=*/true);
  Texts texts;
  for (const TextRange& range : words.ranges) texts.emplace_back(range.of(words.text));
  return texts;
}

constexpr std::string_view kLetters =
    R"({"type": "ByteLevel", "add_prefix_space": false, "use_regex": false})";

Texts split_at_dashes(std::string_view behavior, bool invert = false) {
  return split(R"({"type": "Split", "pattern": {"String": "-"}, "behavior": ")" +
                   std::string(behavior) + R"(", "invert": )" + (invert ? "true" : "false") + "}," +
                   std::string(kLetters),
               "the-final--countdown");
}

TEST(PreTokenizerTest, SplitDoesWithItsMatchesAsItIsTold) {
  EXPECT_EQ(split_at_dashes("Removed"), (Texts{"the", "final", "countdown"}));
  EXPECT_EQ(split_at_dashes("Isolated"), (Texts{"the", "-", "final", "-", "-", "countdown"}));
  EXPECT_EQ(split_at_dashes("MergedWithPrevious"), (Texts{"the-", "final-", "-", "countdown"}));
  EXPECT_EQ(split_at_dashes("MergedWithNext"), (Texts{"the", "-final", "-", "-countdown"}));
  EXPECT_EQ(split_at_dashes("Contiguous"), (Texts{"the", "-", "final", "--", "countdown"}));
}

TEST(PreTokenizerTest, AnInvertedSplitTakesWhatLiesBetween) {
  EXPECT_EQ(split_at_dashes("Removed", true), (Texts{"-", "-", "-"}));
  EXPECT_EQ(split_at_dashes("MergedWithPrevious", true),
            (Texts{"the", "-final", "-", "-countdown"}));
}

TEST(PreTokenizerTest, DigitsStandAloneOrInRuns) {
  const std::string letters(kLetters);
  EXPECT_EQ(split(R"({"type": "Digits", "individual_digits": true},)" + letters, "a12b3"),
            (Texts{"a", "1", "2", "b", "3"}));
  EXPECT_EQ(split(R"({"type": "Digits", "individual_digits": false},)" + letters, "12ab3"),
            (Texts{"12", "ab", "3"}));
}

TEST(PreTokenizerTest, WordsAreCutByWhatTheirCharactersAre) {
  EXPECT_EQ(split(R"({"type": "Whitespace"})", " it's a_b -> é\u0301x"),
            (Texts{"it", "'", "s", "a_b", "->", "é\u0301x"}));
  EXPECT_EQ(split(R"({"type": "WhitespaceSplit"})", " it's\u3000a\n"), (Texts{"it's", "a"}));
  EXPECT_EQ(split(R"({"type": "BertPreTokenizer"})", "it's $5..."),
            (Texts{"it", "'", "s", "$", "5", ".", ".", "."}));
  EXPECT_EQ(split(R"({"type": "CharDelimiterSplit", "delimiter": "é"})", "aébééc"),
            (Texts{"a", "b", "c"}));
}

TEST(PreTokenizerTest, MetaspaceMarksBlanksAndBeginsWordsThere) {
  const auto metaspace = [](const char* more, std::string_view text) {
    return split(R"({"type": "Metaspace", "replacement": "▁")" + std::string(more) + "}", text);
  };
  EXPECT_EQ(metaspace("", "hey  you"), (Texts{"▁hey", "▁", "▁you"}));
  EXPECT_EQ(metaspace("", " hey"), (Texts{"▁hey"}));
  EXPECT_EQ(metaspace("", "▁hey▁"), (Texts{"▁hey", "▁"}));
  EXPECT_EQ(metaspace(R"(, "prepend_scheme": "never")", "hey you"), (Texts{"hey", "▁you"}));
  EXPECT_EQ(metaspace(R"(, "split": false)", "hey you"), (Texts{"▁hey▁you"}));
  EXPECT_EQ(metaspace(R"(, "add_prefix_space": false)", "hey"), (Texts{"hey"}));
}

TEST(PreTokenizerTest, MetaspaceFirstMarksOnlyTheBeginning) {
  const std::string first =
      R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"})";
  EXPECT_EQ(split(first, "a b"), (Texts{"▁a", "▁b"}));
  const std::string behind_split = R"({"type": "WhitespaceSplit"},)" + first;
  EXPECT_EQ(split(behind_split, "a b"), (Texts{"▁a", "b"}));
  EXPECT_EQ(split(behind_split, " a b"), (Texts{"a", "b"}));
  const auto made = PreTokenizer::from_json(*json::parse(first));
  EXPECT_EQ(made->split("a", /*is_at_begin=*/false).text, "a");
}

TEST(PreTokenizerTest, PunctuationIncludesAsciiSigns) {
  EXPECT_EQ(split(R"({"type": "Punctuation", "behavior": "Contiguous"},)" + std::string(kLetters),
                  "a+=b."),
            (Texts{"a", "+=", "b", "."}));
}

TEST(PreTokenizerTest, ByteLevelSpellsEachByteAsALetter) {
  EXPECT_EQ(split(R"({"type": "ByteLevel", "add_prefix_space": false})", "a b\né"),
            (Texts{"a", "Ġb", "Ċ", "Ã©"}));
}

TEST(PreTokenizerTest, APrefixSpaceGoesBeforeEachWordWithoutOne) {
  EXPECT_EQ(split(R"({"type": "ByteLevel"})", "hello world"), (Texts{"Ġhello", "Ġworld"}));
  EXPECT_EQ(split(R"({"type": "Digits", "individual_digits": true}, {"type": "ByteLevel"})", " a1"),
            (Texts{"Ġa", "Ġ1"}));
}

TEST(PreTokenizerTest, AStepBehindByteLevelSeesLetters) {
  // ¼ is the byte BC, and counts as a digit: as in Falcon's tokenizer.
  EXPECT_EQ(split(std::string(kLetters) + R"(,{"type": "Digits"})", "aü"), (Texts{"aÃ", "¼"}));
}

TEST(PreTokenizerTest, NothingGivesNoWords) { EXPECT_TRUE(split(kLetters, "").empty()); }

TEST(PreTokenizerTest, StepsThatWouldSwellATextAreRefused) {
  std::string steps(kLetters);
  for (int i = 0; i < 4; ++i) steps += "," + std::string(kLetters);
  const auto made = PreTokenizer::from_json(
      *json::parse(R"({"type": "Sequence", "pretokenizers": [)" + steps + "]}"));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::exhausted);
}

TEST(PreTokenizerTest, WhatIsNotSupportedIsNamed) {
  const auto error_of = [](std::string_view text) {
    const auto made = PreTokenizer::from_json(*json::parse(text));
    EXPECT_FALSE(made) << text;
    return made ? Error{} : made.error();
  };
  EXPECT_NE(error_of(R"({"type": "UnicodeScripts"})").message.find("UnicodeScripts"),
            std::string::npos);
  EXPECT_EQ(error_of(R"({"type": "Metaspace", "replacement": "ab"})").code, Code::corrupt);
  EXPECT_EQ(error_of(R"({"type": "Metaspace", "prepend_scheme": "x"})").code, Code::corrupt);
  EXPECT_EQ(error_of(R"({"type": "CharDelimiterSplit"})").code, Code::corrupt);
  EXPECT_EQ(error_of("{}").code, Code::corrupt);
  EXPECT_EQ(error_of(R"({"type": "Sequence", "pretokenizers": 7})").code, Code::corrupt);
  EXPECT_EQ(error_of(R"({"type": "Split", "pattern": 7, "behavior": "Isolated"})").code,
            Code::corrupt);
  EXPECT_EQ(
      error_of(R"({"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated"})").code,
      Code::invalid_argument);
  EXPECT_NE(error_of(R"({"type": "Split", "pattern": {"String": "a"}, "behavior": "Eaten"})")
                .message.find("Eaten"),
            std::string::npos);
}

}  // namespace
}  // namespace conduit::kernels
