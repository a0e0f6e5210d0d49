// tokenizer.model, written here field by field: what is read, and what is refused. Exactness is
// tests/golden/tokenizer_golden_test.cc's.
#include "kernels/model/sentencepiece_model.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "kernels/model/tokenizer.h"

namespace conduit::kernels {
namespace {

using Ids = std::vector<TokenId>;

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}

std::string number_field(int field, std::uint64_t value) {
  return varint(static_cast<std::uint64_t>(field) << 3) + varint(value);
}

std::string bytes_field(int field, std::string_view bytes) {
  return varint(static_cast<std::uint64_t>(field) << 3 | 2) + varint(bytes.size()) +
         std::string(bytes);
}

std::string piece(std::string_view text, float score, int kind = 1) {
  std::string bytes(sizeof score, '\0');
  std::memcpy(bytes.data(), &score, sizeof score);
  return bytes_field(1, bytes_field(1, text) + varint(2 << 3 | 5) + bytes + number_field(3, kind));
}

const std::string kPieces = piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("</s>", 0, 3) +
                            piece("▁a", -1) + piece("▁", -2) + piece("a", -2) + piece("b", -2) +
                            piece("[x]", 0, 4) + piece("ab", -3);
const std::string kBpe = bytes_field(2, number_field(3, 2));

Tokenizer tokenizer_of(const std::string& bytes) {
  auto made = Tokenizer::from_sentencepiece(bytes);
  EXPECT_TRUE(made) << made.error().message;
  return *std::move(made);
}

TEST(SentencePieceModelTest, BpeMergesThePieceOfTheHighestScore) {
  const Tokenizer tokenizer = tokenizer_of(kPieces + kBpe);
  EXPECT_EQ(tokenizer.encode("ab"), (Ids{1, 3, 6}));  // ▁a before ab; <s> before all
  EXPECT_EQ(tokenizer.encode("bab", {.add_special = false}), (Ids{4, 6, 8}));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("ab b"), true), "ab b");
}

TEST(SentencePieceModelTest, UserDefinedPiecesStayWholeAndControlsAreSpecial) {
  const Tokenizer tokenizer = tokenizer_of(kPieces + kBpe);
  EXPECT_EQ(tokenizer.encode("a[x]b", {.add_special = false}), (Ids{3, 7, 6}));
  EXPECT_EQ(tokenizer.encode("</s>", {.add_special = false}), (Ids{2}));
  EXPECT_EQ(tokenizer.encode("</s>", {.add_special = false, .parse_special = false}), (Ids{4, 0}));
  EXPECT_TRUE(tokenizer.is_special(2));
  EXPECT_FALSE(tokenizer.is_special(7));
}

TEST(SentencePieceModelTest, UnigramTakesTheBestTotalAndEndsWithItsLastToken) {
  const Tokenizer tokenizer = tokenizer_of(kPieces);
  EXPECT_EQ(tokenizer.encode("ab"), (Ids{3, 6, 2}));
  EXPECT_EQ(tokenizer.encode("b[x]zz", {.add_special = false}), (Ids{4, 6, 7, 0}));
}

TEST(SentencePieceModelTest, TheNormalizersFlagsAreRead) {
  const std::string plain = bytes_field(3, number_field(3, 0) + number_field(4, 0));
  const Tokenizer tokenizer = tokenizer_of(kPieces + kBpe + plain);
  EXPECT_EQ(tokenizer.encode("a  a", {.add_special = false}), (Ids{5, 4, 3}));
}

TEST(SentencePieceModelTest, WhatIsNotAskedForIsPassedOver) {
  const std::string more = bytes_field(99, "x") + number_field(98, 7) + varint(97 << 3 | 1) +
                           std::string(8, 'x') + varint(96 << 3 | 5) + std::string(4, 'x');
  EXPECT_EQ(tokenizer_of(more + kPieces + kBpe + more).vocab_size(), 9);
}

TEST(SentencePieceModelTest, MalformedBytesAreAnError) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::pair<std::string, std::string>> all = {
      {"", "no pieces"},
      {"\x0A", "ends within"},
      {std::string("\x0A\xFF\xFF\xFF\xFF\x0F", 6), "ends within"},
      {"\x0B", "wire type 3"},
      {"\x08" + std::string(10, '\xFF'), "64 bits"},
      {piece("a", nan), "score of piece 0"},
      {piece("a", 0, 7), "kind 7"},
      {piece("\xFF", 0), "UTF-8"},
      {kPieces + bytes_field(3, bytes_field(2, "x")), "precompiled_charsmap"}};
  for (const auto& [bytes, named] : all) {
    const auto made = Tokenizer::from_sentencepiece(bytes);
    ASSERT_FALSE(made) << named;
    EXPECT_EQ(made.error().code, Code::corrupt) << made.error().message;
    EXPECT_NE(made.error().message.find(named), std::string::npos) << made.error().message;
  }
  // Cut anywhere: an error or a smaller model, never a fault.
  for (std::size_t i = 0; i < kPieces.size(); ++i) {
    const auto cut = Tokenizer::from_sentencepiece(kPieces.substr(0, i));
    EXPECT_TRUE(!cut || cut->vocab_size() < 9);
  }
}

TEST(SentencePieceModelTest, OtherKindsOfModelAreNamed) {
  const auto characters =
      Tokenizer::from_sentencepiece(kPieces + bytes_field(2, number_field(3, 4)));
  ASSERT_FALSE(characters);
  EXPECT_EQ(characters.error().code, Code::invalid_argument);
  EXPECT_NE(characters.error().message.find("type 4"), std::string::npos);
  const auto suffix = Tokenizer::from_sentencepiece(kPieces + bytes_field(2, number_field(24, 1)));
  ASSERT_FALSE(suffix);
  EXPECT_EQ(suffix.error().code, Code::invalid_argument);
}

}  // namespace
}  // namespace conduit::kernels
