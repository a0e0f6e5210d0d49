// Regular expressions: what patterns of ECMA-262 find, the algebra, what is said of expressions
// (empty, shortest, lengths), and that hostile ones end in an answer or a refusal.
#include "mdl/regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace conduit::mdl {
namespace {

using ::testing::HasSubstr;
using Id = Regexes::Id;

class RegexesTest : public ::testing::Test {
 protected:
  Id pattern(std::string_view ecma) {
    const auto id = regexes_.pattern(ecma);
    EXPECT_TRUE(id) << (id ? "" : id.error().message);
    return id ? *id : Regexes::kNothing;
  }
  Id whole(std::string_view ecma) {
    const auto id = regexes_.whole(ecma);
    EXPECT_TRUE(id) << (id ? "" : id.error().message);
    return id ? *id : Regexes::kNothing;
  }
  void expect(std::string_view ecma, const std::vector<std::string>& found,
              const std::vector<std::string>& not_found) {
    const Id id = pattern(ecma);
    for (const std::string& text : found)
      EXPECT_TRUE(regexes_.matches(id, text)) << ecma << " in " << text;
    for (const std::string& text : not_found)
      EXPECT_FALSE(regexes_.matches(id, text)) << ecma << " in " << text;
  }
  void expect_refused(std::string_view ecma, const std::string& why) {
    const auto id = regexes_.pattern(ecma);
    ASSERT_FALSE(id) << ecma;
    EXPECT_EQ(id.error().code, Code::invalid_argument) << ecma;
    EXPECT_THAT(id.error().message, HasSubstr(why));
  }
  std::pair<std::size_t, std::optional<std::size_t>> lengths(std::string_view ecma) {
    return regexes_.lengths(whole(ecma));
  }

  Regexes regexes_;
};

TEST_F(RegexesTest, FindsAPatternAnywhere) {
  expect("foo", {"foo", "a foo b", "fofoo"}, {"", "fo", "f oo"});
  expect("^ab|cd$", {"abx", "xcd", "ab"}, {"xab", "cdx"});
  expect("", {"", "x"}, {});
  expect("a|", {"", "b"}, {});
}

TEST_F(RegexesTest, KnowsTheQuantifiers) {
  expect("^a*b+c?$", {"b", "aabbc", "bc"}, {"", "a", "abcc"});
  expect("^(?:ab){2}$", {"abab"}, {"ab", "ababab"});
  expect("^a{2,}$", {"aa", "aaaaa"}, {"a"});
  expect("^a{1,3}?$", {"a", "aaa"}, {"", "aaaa"});
  expect("^(a{0,2}){2}$", {"", "a", "aaaa"}, {"aaaaa"});
  expect("^(a{2}){1,2}$", {"aa", "aaaa"}, {"a", "aaa"});
  expect("^(a|b*){3}$", {"", "abba"}, {"aaaa"});
}

TEST_F(RegexesTest, KnowsTheClassesOfEcma) {
  expect("^\\d$", {"7"}, {"٣", "a"});
  expect("^\\w$", {"_", "a", "Z"}, {"é", "-"});
  expect("^\\s$", {" ", "\t", "\u00A0", "\uFEFF", "\u2028"}, {"\u180E", "\u0085", "a"});
  expect("^[\\S]\\D\\W$", {"aa-"}, {"a1-"});
  expect("^.$", {"a", "é", "😀"}, {"\n", "\r", "\u2028", "ab"});
  expect("^[^a-c\\]é]$", {"d", "è", "\n"}, {"a", "]", "é"});
  expect("^[]$", {}, {"", "a"});
  expect("^[^]$", {"\n", "😀"}, {"", "ab"});
  expect("^\\x41\\u00e9\\u{1F600}\\uD83D\\uDE00\\cA\\0$", {std::string("Aé😀😀\x01\0", 13)}, {"A"});
}

TEST_F(RegexesTest, KnowsTheProperties) {
  expect("^\\p{Letter}+$", {"äΩж漢"}, {"a1", ""});
  expect("^\\p{Lu}\\P{Lu}$", {"Äa"}, {"aa", "AA"});
  expect("^\\p{Script=Greek}$", {"λ"}, {"l"});
  expect("^[\\p{sc=Cyrillic}\\p{Nd}]+$", {"ж٣"}, {"z"});
  expect("^\\p{Emoji_Presentation}$", {"😀"}, {"a"});
  expect("^\\p{Any}\\p{ASCII}$", {"é!"}, {"!é"});
  expect_refused("\\p{Lettre}", "no property");
}

TEST_F(RegexesTest, LooksAroundWhereAnIntersectionSaysIt) {
  expect("^(?=.*[A-Z])(?=.*\\d).{8,}$", {"Passw0rd", "AAAAAAA1"},
         {"passw0rd", "Passw0r", "Password"});
  expect("^(?!@@)[\\w@]+$", {"@a", "a@@"}, {"@@", "@@a"});
  expect("a(?=b)", {"ab", "xab"}, {"a", "ac"});
  expect("a(?!b)", {"a", "ac", "aba"}, {"ab"});
  expect("^(?:(?!foo).)*$", {"", "fo", "bar"}, {"foo", "afoob"});
  expect("(?<!-)$", {"", "a"}, {"a-"});
  expect("(?<=^|,)x", {"x", "a,x"}, {"ax"});
  expect("^\\w+(?<!_id)$", {"user", "_i"}, {"user_id", "_id"});
  expect("(?<=\\$)\\d+", {"costs $5"}, {"costs 5"});
  expect("\\bcat\\b", {"cat", "a cat!"}, {"concat", "cats", "cat_"});
  expect("^\\Ba|\\Bb", {"ab"}, {"b", "a"});
  expect("^a$|(^|x)b$", {"a", "b", "axb"}, {"ab", "ax"});
  expect("^(a(?=b)|b)+$", {"ab", "bab", "b"}, {"a", "aab"});
  expect("^(?:a(?!a)b?){2,10}$", {"aba", "abab"}, {"a", "aa"});
}

TEST_F(RegexesTest, TakesWhatRealSchemasHold) {
  expect("^[\\w\\-\\.]+\\@[a\\_]$", {"a-b.c@_"}, {"a"});
  expect("^[\\w-.]{2}]{$", {"a-]{"}, {"aa"});
  expect("(?i)^ab[c-d]$", {"ABC", "aBd"}, {"abe"});
  expect("^(?i:a)b$", {"Ab"}, {"AB"});
  expect("^(?P<year>\\d{4})(?<dash>-)$", {"2026-"}, {"2026"});
}

TEST_F(RegexesTest, NamesWhatItDoesNotTake) {
  expect_refused("(a)\\1", "back reference");
  expect_refused("(?<n>a)\\k<n>", "back reference");
  expect_refused("\\Afoo", "write ^");
  expect_refused("foo\\Z", "write $");
  expect_refused("[[:alpha:]]", "POSIX");
  expect_refused("a++", "possessive");
  expect_refused("a{,3}", "{0,n}");
  expect_refused("a{3,2}", "least is above");
  expect_refused("(?>a)", "not supported");
  expect_refused("(a", "without its )");
  expect_refused("a)", "without its (");
  expect_refused("[a", "without its ]");
  expect_refused("[b-a]", "behind its last");
  expect_refused("*a", "nothing before");
  expect_refused("a**", "count behind a count");
  expect_refused("\\", "at the end");
  expect_refused("\\q", "no escape");
  expect_refused("(?:^|a*)*b{9}(?:^|a*)*", "must match a character");
  expect_refused("\xff", "UTF-8");
}

TEST_F(RegexesTest, StaysWithinWellFormedUtf8) {
  const Id any = Regexes::kText;
  EXPECT_TRUE(regexes_.matches(any, "é漢😀"));
  for (const std::string_view text :
       {"\x80", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF"})
    EXPECT_EQ(regexes_.walk(any, text), Regexes::kNothing);
  EXPECT_FALSE(regexes_.matches(any, "\xC3"));  // not yet
  EXPECT_TRUE(regexes_.matches(regexes_.complement(regexes_.literal("é")), "è"));
  EXPECT_EQ(regexes_.walk(regexes_.complement(regexes_.literal("é")), "\xFF"), Regexes::kNothing);
}

// Every text of up to four of these characters, against what the operators mean.
TEST_F(RegexesTest, ComputesTheAlgebra) {
  std::vector<std::string> texts = {""};
  for (std::size_t i = 0; i < texts.size() && texts[i].size() < 4; ++i)
    for (const std::string_view character : {"a", "b", "é"})
      texts.push_back(texts[i] + std::string(character));
  const std::array<Id, 6> all = {whole("a*b?"),   whole("(a|é)*"),       pattern("b"),
                                 whole(".{1,2}"), whole("(ab|a)(b|é)*"), pattern("^(?!a)")};
  for (const Id a : all)
    for (const Id b : all) {
      const std::array<Id, 2> both = {a, b};
      const Id any = regexes_.any_of(both);
      const Id every = regexes_.all_of(both);
      const Id chain = regexes_.concat(both);
      const Id only = regexes_.all_of(std::array<Id, 2>{a, regexes_.complement(b)});
      for (const std::string& text : texts) {
        const bool in_a = regexes_.matches(a, text);
        const bool in_b = regexes_.matches(b, text);
        ASSERT_EQ(regexes_.matches(any, text), in_a || in_b) << text;
        ASSERT_EQ(regexes_.matches(every, text), in_a && in_b) << text;
        ASSERT_EQ(regexes_.matches(only, text), in_a && !in_b) << text;
        bool is_chain = false;
        for (std::size_t cut = 0; cut <= text.size(); ++cut)
          is_chain |=
              regexes_.matches(a, text.substr(0, cut)) && regexes_.matches(b, text.substr(cut));
        ASSERT_EQ(regexes_.matches(chain, text), is_chain) << text;
      }
    }
  EXPECT_FALSE(regexes_.is_exhausted());
}

TEST_F(RegexesTest, GivesEqualLanguagesOneNumber) {
  EXPECT_EQ(whole("abc|abd"), whole("ab[cd]"));
  EXPECT_EQ(whole("(a*)*"), whole("a*"));
  EXPECT_EQ(whole("a{2,3}a{4,5}"), whole("a{6,8}"));
  EXPECT_EQ(whole("a|b|c"), whole("[a-c]"));
  const Id a = whole("a+");
  EXPECT_EQ(regexes_.complement(regexes_.complement(a)), a);
  EXPECT_EQ(regexes_.all_of(std::array<Id, 2>{whole("[a-z]{3}"), regexes_.code_points(1, 5)}),
            whole("[a-z]{3}"));
  EXPECT_EQ(regexes_.all_of(std::array<Id, 2>{whole("[a-z]{3}"), regexes_.code_points(4, 5)}),
            Regexes::kNothing);
}

TEST_F(RegexesTest, NeverStepsIntoAStateWithoutAnEnd) {
  // After "a" the counts can no longer agree.
  const Id even = whole("(..)*b");
  const Id odd = whole("a.(..)*b");
  const Id both = regexes_.all_of(std::array<Id, 2>{even, whole("(..)*")});
  EXPECT_TRUE(regexes_.is_empty(both));
  EXPECT_EQ(regexes_.step(regexes_.any_of(std::array<Id, 2>{both, whole("x")}), 'a'),
            Regexes::kNothing);
  EXPECT_FALSE(regexes_.is_empty(regexes_.all_of(std::array<Id, 2>{even, odd})));
}

TEST_F(RegexesTest, WritesTheShortestText) {
  EXPECT_EQ(regexes_.shortest(whole("(abc|é|xy){2,}")), "éé");
  EXPECT_EQ(regexes_.shortest(whole("a*")), "");
  EXPECT_EQ(regexes_.shortest(whole("é|z")), "z");
  EXPECT_EQ(regexes_.shortest(Regexes::kNothing), std::nullopt);
  const Id password = pattern("^(?=.*[A-Z])(?=.*\\d).{8,}$");
  const auto text = regexes_.shortest(password);
  ASSERT_TRUE(text);
  EXPECT_EQ(text->size(), 8u);
  EXPECT_EQ(regexes_.shortest_bytes(password), 8u);
  EXPECT_TRUE(regexes_.matches(password, *text));
  EXPECT_EQ(regexes_.shortest(regexes_.walk(password, text->substr(0, 3))), text->substr(3));
  EXPECT_EQ(regexes_.shortest(regexes_.walk(whole("é!"), "\xC3")), "\xA9!");
}

TEST_F(RegexesTest, CountsCodePoints) {
  using Lengths = std::pair<std::size_t, std::optional<std::size_t>>;
  EXPECT_EQ(lengths("é{2,70000}"), Lengths(2, 70000));
  EXPECT_EQ(lengths("a+|"), Lengths(0, std::nullopt));
  EXPECT_EQ(lengths("((ab){3}c?){2}"), Lengths(12, 14));
  EXPECT_EQ(lengths("(?!a)[ab]{2,4}"), Lengths(2, 4));
  EXPECT_EQ(lengths("(?=..$)a*b?"), Lengths(2, 2));
  EXPECT_EQ(lengths("(?=.*b)a*b?"), Lengths(1, std::nullopt));
}

TEST_F(RegexesTest, EndsHostilePatternsWithAnAnswerOrARefusal) {
  const auto repeated = [](std::string_view text, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += text;
    return out;
  };
  const std::vector<std::string> patterns = {
      "(a+)+$",
      "^(a|b)*a(a|b){30}$",
      "((a{0,1000}){0,1000}){0,1000}",
      "[\\s\\S]{0,100000}",
      repeated("(", 100'000) + repeated(")", 100'000),
      repeated("(", 30'000) + repeated(")", 30'000),
      repeated("a?", 20'000),
      repeated("(?=a)", 10'000),
      repeated("a?(?=b)", 8'000),
      "^" + repeated("(?!.*a.{10}b)", 1'000) + ".*$",
      repeated(".*a", 1'000),
      repeated("\\b\\w+\\b ", 500),
      "^(?=(a{7})*$)(?=(a{11})*$)(?=(a{13})*$)a+$",
  };
  for (const std::string& ecma : patterns) {
    Regexes regexes(Regexes::Limits{.work = 1'000'000});
    const auto id = regexes.pattern(ecma);
    if (!id) {
      EXPECT_EQ(id.error().code, Code::exhausted) << id.error().message;
      continue;
    }
    regexes.walk(*id, repeated("ab", 200));
    regexes.lengths(*id);
    if (const auto text = regexes.shortest(*id)) {
      EXPECT_TRUE(regexes.matches(*id, *text) || regexes.is_exhausted());
    }
  }
}

TEST_F(RegexesTest, NamesTheLimitThatWasReached) {
  const auto counted = regexes_.pattern("a{100001}");
  ASSERT_FALSE(counted);
  EXPECT_EQ(counted.error().code, Code::exhausted);
  EXPECT_THAT(counted.error().message, HasSubstr("100000"));

  Regexes small(Regexes::Limits{.expressions = 50});
  const auto id = small.pattern("^(a|b)*a(a|b){30}$");
  ASSERT_TRUE(id);
  EXPECT_EQ(small.walk(*id, std::string(60, 'a')), Regexes::kNothing);
  ASSERT_TRUE(small.is_exhausted());
  EXPECT_EQ(small.exhausted().code, Code::exhausted);
  EXPECT_THAT(small.exhausted().message, HasSubstr("50"));
  EXPECT_FALSE(small.pattern("a"));
}

}  // namespace
}  // namespace conduit::mdl
