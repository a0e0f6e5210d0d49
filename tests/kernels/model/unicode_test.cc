// Normal forms by the examples of Unicode Annex 15, small letters, and traits of characters.
#include "kernels/model/unicode.h"

#include <gtest/gtest.h>

#include <string>

namespace conduit::kernels {
namespace {

struct NfcCase {
  const char* given;
  const char* normal;
};

class NormalizeNfcTest : public ::testing::TestWithParam<NfcCase> {};

TEST_P(NormalizeNfcTest, GivesTheNormalForm) {
  EXPECT_EQ(normalize(GetParam().given, NormalForm::nfc), GetParam().normal);
  EXPECT_EQ(normalize(GetParam().normal, NormalForm::nfc), GetParam().normal);
}

INSTANTIATE_TEST_SUITE_P(
    AnnexFifteen, NormalizeNfcTest,
    ::testing::Values(NfcCase{"", ""}, NfcCase{"plain, 中文, naïve", "plain, 中文, naïve"},
                      NfcCase{"e\u0301", "\u00E9"},              // composes
                      NfcCase{"\u212B", "\u00C5"},               // Ångström sign: a singleton
                      NfcCase{"\u1E9B\u0323", "\u1E9B\u0323"},   // stays: no composite in between
                      NfcCase{"D\u0307\u0323", "\u1E0C\u0307"},  // marks are put in order first
                      NfcCase{"q\u0307\u0323", "q\u0323\u0307"},
                      NfcCase{"\u0958", "\u0915\u093C"},        // excluded from composition
                      NfcCase{"\u2ADC", "\u2ADD\u0338"},        // the same, and not Indic
                      NfcCase{"\u0344", "\u0308\u0301"},        // starts with a mark
                      NfcCase{"\u09C7\u09BE", "\u09CB"},        // two of class 0
                      NfcCase{"\u1100\u1161\u11A8", "\uAC01"},  // Hangul
                      NfcCase{"\uAC00\u11A8", "\uAC01"},
                      NfcCase{"\uAC01\u11A8", "\uAC01\u11A8"},   // already has its last letter
                      NfcCase{"\uAC00\u11A7", "\uAC00\u11A7"},   // just before the last letters
                      NfcCase{"a\u0301\u0301", "\u00E1\u0301"},  // the second is blocked
                      NfcCase{"a\u0327\u0301", "\u00E1\u0327"},  // another class does not block
                      NfcCase{"\U0001D15E", "\U0001D157\U0001D165"},
                      NfcCase{"\U0002F800", "\u4E3D"}));

TEST(NormalizeNfcTest, OrdersAMillionMarks) {
  std::string text = "e";
  for (int i = 0; i < 500'000; ++i) text += "\u0301\u0327";
  const std::string normal = normalize(text, NormalForm::nfc);
  EXPECT_TRUE(normal.starts_with("\u0229\u0327\u0327"));
  EXPECT_TRUE(normal.ends_with("\u0301\u0301"));
  EXPECT_EQ(normal.size(), text.size() - 1);
}

TEST(NormalizeTest, DecomposesAndReplacesWhatEachFormDoes) {
  const std::string text = "\u1E9B\u0323 \uFB01 \uAC01 \u212B";
  EXPECT_EQ(normalize(text, NormalForm::nfd),
            "\u017F\u0323\u0307 \uFB01 \u1100\u1161\u11A8 A\u030A");
  EXPECT_EQ(normalize(text, NormalForm::nfkd), "s\u0323\u0307 fi \u1100\u1161\u11A8 A\u030A");
  EXPECT_EQ(normalize(text, NormalForm::nfkc), "\u1E69 fi \uAC01 \u00C5");
  EXPECT_EQ(normalize("\uFDFA", NormalForm::nfkc).size(), 33u);
}

TEST(LowercaseTest, GivesEachCharacterItsSmallLetter) {
  EXPECT_EQ(lowercase("AbC \u00C9\u0394\u0416\u2160\u1E9E\U00010400"),
            "abc \u00E9\u03B4\u0436\u2170\u00DF\U00010428");
  EXPECT_EQ(lowercase("\u0130\u03A3"), "i\u0307\u03C3");  // two letters; no final sigma
  EXPECT_EQ(lower(U'1'), U'1');
}

TEST(TraitTest, TellsLettersNumbersAndBlanksApart) {
  for (const char32_t c : {U'a', U'Z', U'é', U'中', U'ـ', U'\U00010400'})
    EXPECT_TRUE(has_trait(c, trait::letter));
  for (const char32_t c : {U'0', U'²', U'½', U'Ⅷ', U'٣', U'\U0001D7CE'})
    EXPECT_TRUE(has_trait(c, trait::number) && has_trait(c, trait::digit));
  for (const char32_t c : {U' ', U'\t', U'\u0085', U'\u00A0', U'\u2028', U'\u3000'})
    EXPECT_TRUE(has_trait(c, trait::space));
  for (const char32_t c :
       {U'!', U'\0', U'\u0301', U'\u180E', U'\u200B', U'\U0001F600', U'\U0010FFFF'})
    EXPECT_FALSE(has_trait(c, trait::letter | trait::number | trait::space));
}

TEST(TraitTest, KnowsWhatBertDrops) {
  EXPECT_TRUE(has_trait(U'\u0301', trait::accent));
  EXPECT_FALSE(has_trait(U'\u0903', trait::accent));  // a mark with a width of its own …
  EXPECT_TRUE(has_trait(U'\u0903', trait::mark));
  EXPECT_TRUE(has_trait(U'\0', trait::control));
  EXPECT_TRUE(has_trait(U'\uFFFD', trait::control));
  EXPECT_FALSE(has_trait(U'\n', trait::control));
  for (const char32_t c : {U'$', U'+', U'。', U'«'}) EXPECT_TRUE(has_trait(c, trait::punctuation));
}

}  // namespace
}  // namespace conduit::kernels
