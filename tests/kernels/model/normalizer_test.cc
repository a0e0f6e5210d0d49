// Every step of a normalizer, by what Hugging Face's library and SentencePiece give.
#include "kernels/model/normalizer.h"

#include <gtest/gtest.h>

#include <string>

namespace conduit::kernels {
namespace {

std::string normalized(std::string_view definition, std::string_view text) {
  const auto parsed = json::parse(definition);
  EXPECT_TRUE(parsed) << definition;
  const auto made = Normalizer::from_json(*parsed);
  EXPECT_TRUE(made) << made.error().message;
  return (*made)(text);
}

TEST(NormalizerTest, NoneLeavesATextAsItIs) {
  EXPECT_EQ(normalized("null", " É\t"), " É\t");
  EXPECT_EQ(normalized(R"({"type": "Sequence", "normalizers": []})", " É\t"), " É\t");
}

TEST(NormalizerTest, StepsFollowOneAnother) {
  EXPECT_EQ(normalized(R"({"type": "Sequence", "normalizers": [{"type": "NFD"},
                           {"type": "StripAccents"}, {"type": "Lowercase"}]})",
                       "\u00C9\u0930\u093F"),
            "e\u0930");
}

TEST(NormalizerTest, StripTakesBlanksOfAnyKindFromTheEndsItIsToldTo) {
  EXPECT_EQ(normalized(R"({"type": "Strip"})", "\u3000 a b\t"), "a b");
  EXPECT_EQ(normalized(R"({"type": "Strip", "strip_right": false})", " a "), "a ");
  EXPECT_EQ(normalized(R"({"type": "Strip", "strip_left": false})", " a "), " a");
  EXPECT_EQ(normalized(R"({"type": "Strip"})", " \n"), "");
}

TEST(NormalizerTest, ReplaceAndPrependWriteWhatTheyAreTold) {
  EXPECT_EQ(
      normalized(R"({"type": "Replace", "pattern": {"String": " "}, "content": "▁"})", "a b "),
      "a▁b▁");
  EXPECT_EQ(normalized(R"({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "})",
                       "a   b c"),
            "a b c");
  EXPECT_EQ(normalized(R"({"type": "Replace", "pattern": {"String": ""}, "content": "x"})", "ab"),
            "ab");
  EXPECT_EQ(normalized(R"({"type": "Prepend", "prepend": "▁"})", "a"), "▁a");
  EXPECT_EQ(normalized(R"({"type": "Prepend", "prepend": "▁"})", ""), "");
}

TEST(NormalizerTest, BertCleansSpacesAndLowersAsItsFlagsSay) {
  EXPECT_EQ(normalized(R"({"type": "BertNormalizer"})", "\u00C9\x01\t中x\uFFFD"), "e  中 x");
  EXPECT_EQ(normalized(R"({"type": "BertNormalizer", "lowercase": false})", "É"), "É");
  EXPECT_EQ(
      normalized(R"({"type": "BertNormalizer", "lowercase": false, "strip_accents": true})", "É"),
      "E");
  EXPECT_EQ(normalized(R"({"type": "BertNormalizer", "clean_text": false,
                           "handle_chinese_chars": false, "strip_accents": false})",
                       "\tÉ中"),
            "\té中");
}

TEST(NormalizerTest, NmtDropsControlsAndTurnsOthersIntoBlanks) {
  EXPECT_EQ(normalized(R"({"type": "Nmt"})", "a\x01\x7F\u200B\tb\uFEFF"), "a  b ");
}

TEST(NormalizerTest, ByteLevelSpellsBytes) {
  EXPECT_EQ(normalized(R"({"type": "ByteLevel"})", "é "), "Ã©Ġ");
}

TEST(NormalizerTest, WhatWouldSwellATextIsRefused) {
  std::string steps;
  for (int i = 0; i < 10; ++i)
    steps += std::string(i == 0 ? "" : ",") +
             R"({"type": "Replace", "pattern": {"String": "a"}, "content": "aaaaaaaaaa"})";
  const auto swelling = json::parse(R"({"type": "Sequence", "normalizers": [)" + steps + "]}");
  const auto made = Normalizer::from_json(*swelling);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::exhausted);
  EXPECT_NE(made.error().message.find("4096"), std::string::npos);
}

TEST(NormalizerTest, AMalformedTableIsCorrupt) {
  for (const char* table : {"!", "AAAA", "BAAAAA==", "/////w=="}) {
    const auto made = Normalizer::from_json(
        json::Object{{"type", "Precompiled"}, {"precompiled_charsmap", table}});
    ASSERT_FALSE(made) << table;
    EXPECT_EQ(made.error().code, Code::corrupt);
  }
}

TEST(NormalizerTest, SentencePiecesBlanksGoByItsFlags) {
  Normalizer::SentencePiece spec;
  EXPECT_EQ(Normalizer(spec)("  a  b "), "▁a▁b");
  EXPECT_EQ(Normalizer(spec)("   "), "");
  spec.removes_extra_spaces = false;
  EXPECT_EQ(Normalizer(spec)(" a  b "), "▁▁a▁▁b▁");
  spec.adds_dummy_prefix = false;
  EXPECT_EQ(Normalizer(spec)("a b"), "a▁b");
  spec.escapes_spaces = false;
  EXPECT_EQ(Normalizer(spec)("a b"), "a b");
}

}  // namespace
}  // namespace conduit::kernels
