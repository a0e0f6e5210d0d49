// UTF-8 reading against Unicode's own examples.
#include "mdl/base/utf8.h"

#include <gtest/gtest.h>

namespace conduit::utf8 {
namespace {

TEST(Utf8Test, EveryScalarValueIsWrittenAndReadBack) {
  for (char32_t code_point = 0; code_point <= 0x10FFFF; ++code_point) {
    if (code_point >= 0xD800 && code_point <= 0xDFFF) continue;
    std::string text;
    append(text, code_point);
    const Character character = read(text);
    ASSERT_EQ(character.form, Form::whole) << static_cast<unsigned>(code_point);
    ASSERT_EQ(character.code_point, code_point);
    ASSERT_EQ(character.length, text.size());
  }
}

TEST(Utf8Test, EachMaximalSubpartBecomesOneReplacement) {
  // Tables 3-8 to 3-11 of the Unicode standard.
  EXPECT_EQ(replace_invalid("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), "��������A");
  EXPECT_EQ(replace_invalid("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), "��������A");
  EXPECT_EQ(replace_invalid("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"), "�����A��B");
  EXPECT_EQ(replace_invalid("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), "����A");
}

TEST(Utf8Test, ValidTextStaysAsItIs) {
  using namespace std::string_literals;
  const std::string text = "plain \0 é € 😀"s;
  EXPECT_TRUE(is_valid(text));
  EXPECT_EQ(replace_invalid(text), text);
  EXPECT_FALSE(is_valid("\xF0\x9F\x98"));
}

TEST(Utf8Test, OnlyACharacterThatCanStillBecomeWholeIsCut) {
  EXPECT_EQ(uncut_length(""), 0u);
  EXPECT_EQ(uncut_length("abc"), 3u);
  EXPECT_EQ(uncut_length("a\xF0\x9F\x98"), 1u);
  EXPECT_EQ(uncut_length("a\xE2\x82"), 1u);
  EXPECT_EQ(uncut_length("a\xC3"), 1u);
  EXPECT_EQ(uncut_length("a\xF0\x9F\x98\x80"), 5u);
  EXPECT_EQ(uncut_length("a\x80\x80\x80\x80"), 5u);  // no lead at all
  EXPECT_EQ(uncut_length("a\xE0\x80"), 3u);          // ill-formed already
  EXPECT_EQ(uncut_length("a\xFF"), 2u);
}

}  // namespace
}  // namespace conduit::utf8
