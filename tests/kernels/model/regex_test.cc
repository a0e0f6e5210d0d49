// Oniguruma's notation where PCRE2 reads it differently, and hostile patterns.
#include "kernels/model/regex.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace conduit::kernels {
namespace {

std::vector<std::string> matches(std::string_view pattern, std::string_view text) {
  const auto regex = Regex::compile(pattern);
  EXPECT_TRUE(regex) << regex.error().message;
  std::vector<std::string> found;
  if (regex)
    for (const TextRange& range : regex->find_all(text)) found.emplace_back(range.of(text));
  return found;
}

using Found = std::vector<std::string>;

TEST(RegexTest, BlanksAreUnicodesAndNoOthers) {
  EXPECT_EQ(matches(R"(\s)", "a\u0085b\u2028c\u180E"), (Found{"\u0085", "\u2028"}));
  EXPECT_EQ(matches(R"(\S+)", "a b\u180E c"), (Found{"a", "b\u180E", "c"}));
  EXPECT_EQ(matches(R"([\s,]+)", "a , b"), (Found{" , "}));
}

TEST(RegexTest, WordCharactersIncludeMarks) {
  EXPECT_EQ(matches(R"(\w+)", "नमस्ते e\u0301²!"), (Found{"नमस्ते", "e\u0301²"}));
  EXPECT_EQ(matches(R"(\W+)", "a+b"), (Found{"+"}));
  EXPECT_EQ(matches(R"([^\w\s]+)", "a >² b"), (Found{">²"}));  // ² only outside []
  EXPECT_EQ(matches(R"(\d{1,3}(?=(?:\d{3})*\b))", "1234567"), (Found{"1", "234", "567"}));
  EXPECT_EQ(matches(R"(x\Bx)", "xx x"), (Found{"xx"}));
}

TEST(RegexTest, AScriptIsItsOwnCharactersOnly) {
  EXPECT_EQ(matches(R"(\p{Han}+)", "漢字、かな"), (Found{"漢字"}));
  EXPECT_EQ(matches(R"([\p{Lu}\p{Lt}]+)", "aBCd"), (Found{"BC"}));
}

TEST(RegexTest, LinesBeginAndEndAtEachLineFeed) {
  EXPECT_EQ(matches(R"(^b|a$)", "a\nb"), (Found{"a", "b"}));
}

TEST(RegexTest, AnEmptyMatchIsNotFoundTwice) {
  EXPECT_EQ(matches("x*", "axxé"), (Found{"", "xx", ""}));
}

TEST(RegexTest, AMalformedPatternIsNamed) {
  for (const char* pattern :
       {"(", "[a", "a{2,1}", R"(\p{Nothing})", R"(\C)", "[a&&b]", R"([\S])"}) {
    const auto regex = Regex::compile(pattern);
    ASSERT_FALSE(regex) << pattern;
    EXPECT_EQ(regex.error().code, Code::invalid_argument);
    EXPECT_NE(regex.error().message.find(pattern), std::string::npos) << regex.error().message;
  }
  EXPECT_FALSE(Regex::compile(std::string(1 << 20, 'a')));
  EXPECT_FALSE(Regex::compile("\xFF"));
}

TEST(RegexTest, BacktrackingWithoutEndIsGivenUp) {
  EXPECT_TRUE(matches("(a+)+$", std::string(40, 'a') + "b").empty());
}

TEST(RegexTest, ALongRunOfGroupsIsMatchedWhole) {
  const std::string text(100'000, 'a');
  EXPECT_EQ(matches("(?:a|b(c))+", text), (Found{text}));
}

}  // namespace
}  // namespace conduit::kernels
