// The models besides byte-level BPE, each over a vocabulary of a few tokens, and that no text makes
// any of them slow.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/model/tokenizer.h"
#include "mdl/base/json.h"

namespace conduit::kernels {
namespace {

using Ids = std::vector<TokenId>;

Tokenizer tokenizer_of(std::string_view model, std::string_view more = "") {
  auto made = Tokenizer::from_json(R"({"model": )" + std::string(model) + std::string(more) + "}");
  EXPECT_TRUE(made) << made.error().message;
  return *std::move(made);
}

// --- BPE with bytes for what has no token

Tokenizer fallback_bpe(bool is_fused) {
  return tokenizer_of(
      std::string(R"({"type": "BPE", "byte_fallback": true, "unk_token": "<unk>", "fuse_unk": )") +
      (is_fused ? "true" : "false") +
      R"(, "vocab": {"<unk>": 0, "a": 1, "b": 2, "ab": 3, "<0xC3>": 4, "<0xA9>": 5},
           "merges": ["a b"]})");
}

TEST(BpeModelTest, ACharacterWithoutATokenFallsBackToItsBytes) {
  EXPECT_EQ(fallback_bpe(true).encode("aéb"), (Ids{1, 4, 5, 2}));
}

TEST(BpeModelTest, UnknownCharactersAreOneTokenOrOneEach) {
  EXPECT_EQ(fallback_bpe(true).encode("xyab"), (Ids{0, 3}));
  EXPECT_EQ(fallback_bpe(false).encode("xyab"), (Ids{0, 0, 3}));
}

TEST(BpeModelTest, BytesPassAWaitingUnknownByAsInTheReference) {
  EXPECT_EQ(fallback_bpe(true).encode("xéa"), (Ids{4, 5, 0, 1}));
}

TEST(BpeModelTest, PrefixAndSuffixSpellThePlaceInTheWord) {
  const Tokenizer tokenizer = tokenizer_of(
      R"({"type": "BPE", "continuing_subword_prefix": "##", "end_of_word_suffix": "$",
          "vocab": {"a": 0, "##b": 1, "##b$": 2, "ab": 3, "a$": 4}, "merges": [["a", "##b"]]})");
  EXPECT_EQ(tokenizer.encode("a"), (Ids{4}));
  EXPECT_EQ(tokenizer.encode("abb"), (Ids{3, 2}));
}

TEST(BpeModelTest, ALongTextWithoutWordsIsMergedAsAWhole) {
  // Longer than what is looked up at once, with unknown characters at every other place.
  const Tokenizer tokenizer = fallback_bpe(true);
  std::string text;
  Ids expected;
  for (int i = 0; i < 100; ++i) {
    text += "abxx";
    expected.insert(expected.end(), {3, 0});
  }
  EXPECT_EQ(tokenizer.encode(text), expected);
}

// --- Unigram

constexpr std::string_view kUnigram =
    R"({"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["a", -2], ["b", -2], ["ab", -3],
        ["abc", -9], ["<0xC3>", -20], ["<0xA9>", -20]])";

TEST(UnigramModelTest, TheBestTotalWins) {
  const Tokenizer tokenizer = tokenizer_of(std::string(kUnigram) + "}");
  EXPECT_EQ(tokenizer.encode("ab"), (Ids{3}));
  EXPECT_EQ(tokenizer.encode("aab"), (Ids{1, 3}));
  EXPECT_EQ(tokenizer.encode("abc"), (Ids{4}));
}

TEST(UnigramModelTest, WhatNoPieceCoversIsUnknownOnceOrBytes) {
  EXPECT_EQ(tokenizer_of(std::string(kUnigram) + "}").encode("axyb"), (Ids{1, 0, 2}));
  const Tokenizer bytes = tokenizer_of(std::string(kUnigram) + R"(, "byte_fallback": true})");
  EXPECT_EQ(bytes.encode("aéb"), (Ids{1, 5, 6, 2}));
  EXPECT_EQ(bytes.encode("aéxb"), (Ids{1, 0, 2}));  // all of a run, or none of it
}

// --- WordPiece

constexpr std::string_view kWordPiece =
    R"({"type": "WordPiece", "unk_token": "?", "max_input_chars_per_word": 5,
        "vocab": {"?": 0, "a": 1, "ab": 2, "##c": 3, "##cd": 4, "é": 5}})";

TEST(WordPieceModelTest, TheLongestPieceIsTakenFirst) {
  const Tokenizer tokenizer = tokenizer_of(kWordPiece);
  EXPECT_EQ(tokenizer.encode("abcd"), (Ids{2, 4}));
  EXPECT_EQ(tokenizer.encode("acc"), (Ids{1, 3, 3}));
}

TEST(WordPieceModelTest, AWordThatDoesNotComeOutOrIsTooLongIsUnknown) {
  const Tokenizer tokenizer = tokenizer_of(kWordPiece);
  EXPECT_EQ(tokenizer.encode("abd"), (Ids{0}));
  EXPECT_EQ(tokenizer.encode("acccc"), (Ids{1, 3, 3, 3, 3}));
  EXPECT_EQ(tokenizer.encode("accccc"), (Ids{0}));
  EXPECT_EQ(tokenizer.encode("é"), (Ids{5}));
}

// --- all of them

TEST(TokenModelTest, AMegabyteOfOneThingTakesNoTime) {
  constexpr std::string_view kWords = R"(, "pre_tokenizer": {"type": "Metaspace"})";
  const std::vector<Tokenizer> tokenizers = {
      fallback_bpe(true), tokenizer_of(std::string(kUnigram) + "}"),
      tokenizer_of(std::string(kUnigram) + "}", kWords), tokenizer_of(kWordPiece),
      tokenizer_of(kWordPiece, R"(, "normalizer": {"type": "BertNormalizer"})")};
  for (const std::string unit : {"a", "ab", " ", "\U0001F600", "\u0301", "e\u0301\u0327", "\n"}) {
    std::string text;
    while (text.size() < 1'000'000) text += unit;
    for (const Tokenizer& tokenizer : tokenizers) {
      // Anything quadratic takes minutes and meets ctest's time limit.
      tokenizer.decode(tokenizer.encode(text));
    }
  }
}

TEST(TokenModelTest, AnOlderFileDoesNotNameItsModel) {
  EXPECT_EQ(tokenizer_of(R"({"vocab": [["a", -1]], "unk_id": 0})").encode("a"), (Ids{0}));
  EXPECT_EQ(tokenizer_of(R"({"vocab": {"a": 0}, "merges": []})").encode("a"), (Ids{0}));
}

TEST(TokenModelTest, APieceOfOverAKilobyteIsRefused) {
  const std::string piece(1025, 'a');
  for (const std::string& model :
       {R"({"type": "Unigram", "vocab": [[")" + piece + R"(", -1]]})",
        R"({"type": "WordPiece", "vocab": {")" + piece + R"(": 0}})",
        R"({"type": "BPE", "vocab": {}, "merges": []}, "added_tokens": [{"id": 0, "content": ")" +
            piece + R"("}])"}) {
    const auto made = Tokenizer::from_json(R"({"model": )" + model + "}");
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Code::exhausted) << made.error().message;
  }
}

struct BadModel {
  const char* model;
  const char* named;
};

class BadModelTest : public ::testing::TestWithParam<BadModel> {};

TEST_P(BadModelTest, IsCorrupt) {
  const auto made = Tokenizer::from_json(R"({"model": )" + std::string(GetParam().model) + "}");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::corrupt) << made.error().message;
  EXPECT_NE(made.error().message.find(GetParam().named), std::string::npos) << made.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    Models, BadModelTest,
    ::testing::Values(
        BadModel{R"({"type": "Unigram", "vocab": {}})", "model.vocab"},
        BadModel{R"({"type": "Unigram", "vocab": [["a"]]})", "pieces and scores"},
        BadModel{R"({"type": "Unigram", "vocab": [["a", "1"]]})", "pieces and scores"},
        BadModel{R"({"type": "Unigram", "vocab": [["a", 1]], "unk_id": 1})", "unk_id"},
        BadModel{R"({"type": "WordPiece", "vocab": []})", "model.vocab"},
        BadModel{R"({"type": "WordPiece", "vocab": {},
                                   "max_input_chars_per_word": -1})",
                 "max_input_chars_per_word"}));

}  // namespace
}  // namespace conduit::kernels
