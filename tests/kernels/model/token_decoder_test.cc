// Every step of a decoder, all at once and token by token: both must give the same text.
#include "kernels/model/token_decoder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace conduit::kernels {
namespace {

using Tokens = std::vector<std::string>;

TokenDecoder decoder_of(std::string_view definition) {
  auto made = TokenDecoder::from_json(*json::parse(definition));
  EXPECT_TRUE(made) << made.error().message;
  return *std::move(made);
}

// What each token releases, and last what the end does.
Tokens streamed(const TokenDecoder& decoder, const Tokens& tokens) {
  TokenDecoder::Stream stream(decoder);
  Tokens released;
  for (const std::string& token : tokens) released.push_back(stream.push(token));
  released.push_back(stream.finish());
  return released;
}

std::string decoded(std::string_view definition, const Tokens& tokens) {
  std::string text;
  for (const std::string& piece : streamed(decoder_of(definition), tokens)) text += piece;
  return text;
}

std::string sequence(std::string_view steps) {
  return R"({"type": "Sequence", "decoders": [)" + std::string(steps) + "]}";
}

constexpr std::string_view kLlama =
    R"({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
       {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0})";

TEST(TokenDecoderTest, WithoutOneTokensAreJoinedBySpaces) {
  EXPECT_EQ(decoded("null", {"a", "b", "c"}), "a b c");
}

TEST(TokenDecoderTest, LlamasLosesItsFirstBlankAndSpellsBytes) {
  const TokenDecoder decoder = decoder_of(sequence(kLlama));
  EXPECT_EQ(streamed(decoder, {"▁a", "▁", "<0xC3>", "<0xA9>", "b", "<0x0A>"}),
            (Tokens{"a", " ", "", "", "éb", "", "\n"}));
  EXPECT_EQ(streamed(decoder, {"▁▁", "a"}), (Tokens{" ", "a", ""}));
}

TEST(TokenDecoderTest, ARunOfBytesIsValidAsAWholeOrReplacedAsAWhole) {
  EXPECT_EQ(decoded(sequence(kLlama), {"<0x41>", "<0xFF>", "a", "<0xC3>"}), "\uFFFD\uFFFDa\uFFFD");
  EXPECT_EQ(decoded(sequence(kLlama), {"<0xZ1>", "<0x411>"}), "<0xZ1><0x411>");
}

TEST(TokenDecoderTest, ByteLevelReleasesWholeCharacters) {
  EXPECT_EQ(streamed(decoder_of(R"({"type": "ByteLevel"})"), {"aÃ", "©", "Ġ日"}),
            (Tokens{"a", "é", "Ġ日", ""}));  // the last is no spelling of bytes
}

TEST(TokenDecoderTest, MetaspacesFirstTokenHasNoBlank) {
  EXPECT_EQ(decoded(R"({"type": "Metaspace", "replacement": "▁"})", {"▁a▁", "▁b"}), "a b");
  EXPECT_EQ(decoded(R"({"type": "Metaspace", "prepend_scheme": "never"})", {"▁a", "▁b"}), " a b");
}

TEST(TokenDecoderTest, WordPieceJoinsPiecesAndMendsPunctuation) {
  EXPECT_EQ(decoded(R"({"type": "WordPiece"})", {"do", "n't", "##a", ".", "##b", "'s"}),
            "don'ta.b's");
  EXPECT_EQ(decoded(R"({"type": "WordPiece", "prefix": "@", "cleanup": false})", {"a", "@b", "."}),
            "ab .");
}

TEST(TokenDecoderTest, AnEndSuffixIsABlankButAtTheEnd) {
  EXPECT_EQ(decoded(R"({"type": "BPEDecoder"})", {"a", "b</w>", "c</w>"}), "ab c");
}

TEST(TokenDecoderTest, TheEndsOfTheWholeTextAreStripped) {
  const std::string both =
      sequence(R"({"type": "Fuse"}, {"type": "Strip", "content": "é", "start": 2, "stop": 1})");
  EXPECT_EQ(decoded(both, {"é", "é", "éaé", "bé", "é"}), "éaébé");
  EXPECT_EQ(decoded(both, {"é"}), "");
}

TEST(TokenDecoderTest, StepsThatNeedTheWholeTextGetIt) {
  const std::string late = sequence(
      R"({"type": "ByteLevel"}, {"type": "Replace", "pattern": {"String": "ab"}, "content": "x"})");
  EXPECT_EQ(streamed(decoder_of(late), {"a", "b", "c"}), (Tokens{"", "", "", "xc"}));
}

TEST(TokenDecoderTest, ATokenStandsForBytesInsideAText) {
  EXPECT_EQ(decoder_of(sequence(kLlama)).bytes("▁a"), " a");
  EXPECT_EQ(decoder_of(sequence(kLlama)).bytes("<0xC3>"), "\xC3");
  EXPECT_EQ(decoder_of(R"({"type": "WordPiece"})").bytes("##a"), "a");
  EXPECT_EQ(decoder_of(R"({"type": "WordPiece"})").bytes("a"), " a");
  EXPECT_EQ(decoder_of(R"({"type": "Metaspace"})").bytes("▁a"), " a");
}

TEST(TokenDecoderTest, WhatWouldSwellATokenIsRefused) {
  const std::string step = R"({"type": "Replace", "pattern": {"String": "a"}, "content": ")" +
                           std::string(64, 'a') + R"("})";
  const auto made = TokenDecoder::from_json(*json::parse(sequence(step + "," + step)));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::exhausted);
}

TEST(TokenDecoderTest, BadFieldsAreCorrupt) {
  for (const char* definition :
       {"7", "{}", R"({"type": "Strip", "content": "ab", "start": 1, "stop": 0})",
        R"({"type": "Strip", "content": " ", "start": -1, "stop": 0})",
        R"({"type": "Replace", "pattern": {}, "content": ""})",
        R"({"type": "Sequence", "decoders": {}})"}) {
    const auto made = TokenDecoder::from_json(*json::parse(definition));
    ASSERT_FALSE(made) << definition;
    EXPECT_EQ(made.error().code, Code::corrupt);
  }
}

}  // namespace
}  // namespace conduit::kernels
