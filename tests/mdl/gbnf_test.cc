// Grammars in llama.cpp's notation: what they accept, held against a plain enumeration of their
// texts; that every walk can be completed, shortest; what errors say; what limits hold.
#include "mdl/gbnf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "mdl/base/utf8.h"

namespace conduit::mdl {
namespace {

using testing::HasSubstr;

std::shared_ptr<Grammar> grammar_of(std::string_view text) {
  auto grammar = gbnf_grammar(text);
  EXPECT_TRUE(grammar.has_value()) << (grammar ? "" : grammar.error().message);
  return grammar ? *grammar : nullptr;
}

bool matches(Grammar& grammar, std::string_view text) {
  return grammar.accepts(grammar.walk(grammar.start(), text));
}

void expect_texts(std::string_view grammar_text, const std::vector<std::string_view>& good,
                  const std::vector<std::string_view>& bad) {
  const auto grammar = grammar_of(grammar_text);
  ASSERT_NE(grammar, nullptr);
  for (const auto text : good) EXPECT_TRUE(matches(*grammar, text)) << text;
  for (const auto text : bad) EXPECT_FALSE(matches(*grammar, text)) << text;
}

std::string error_of(std::string_view text) {
  const auto grammar = gbnf_grammar(text);
  return grammar ? "none" : grammar.error().message;
}

// Random texts, byte by byte; each can be completed, as long as completion_bytes() says.
void expect_walks_end(Grammar& grammar, std::mt19937& random, int walks, std::size_t length) {
  for (int i = 0; i < walks; ++i) {
    Grammar::State state = grammar.start();
    std::string text;
    while (text.size() < length) {
      std::vector<std::uint8_t> allowed;
      for (int byte = 0; byte < 256; ++byte)
        if (grammar.step(state, static_cast<std::uint8_t>(byte)) != Grammar::kDead)
          allowed.push_back(static_cast<std::uint8_t>(byte));
      ASSERT_TRUE(!allowed.empty() || grammar.accepts(state)) << text;
      if (allowed.empty()) break;
      const std::uint8_t byte = allowed[random() % allowed.size()];
      text += static_cast<char>(byte);
      state = grammar.step(state, byte);
    }
    const std::string completion = grammar.completion(state);
    EXPECT_EQ(completion.size(), grammar.completion_bytes(state));
    EXPECT_EQ(completion.empty(), grammar.accepts(state));
    EXPECT_TRUE(matches(grammar, text + completion)) << text << " + " << completion;
    EXPECT_TRUE(utf8::is_valid(text + completion)) << text << " + " << completion;
  }
}

constexpr std::string_view kArithmetic = R"gbnf(
root  ::= (expr "=" ws term "\n")+
expr  ::= term ([-+*/] term)*
term  ::= ident | num | "(" ws expr ")" ws
ident ::= [a-z] [a-z0-9_]* ws   # a variable
num   ::= [0-9]+ ws
ws    ::= [ \t\n]*
)gbnf";

constexpr std::string_view kJson = R"gbnf(
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws

object ::=
  "{" ws (
            string ":" ws value
    ("," ws string ":" ws value)*
  )? "}" ws

array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::=
  "\"" (
    [^"\\\x7F\x00-\x1F] |
    "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) # escapes
  )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
ws ::= | " " | "\n" [ \t]{0,20}
)gbnf";

constexpr std::string_view kChess = R"gbnf(
root   ::= (
    "1. " move " " move "\n"
    ([1-9] [0-9]? ". " move " " move "\n")+
)
move   ::= (pawn | nonpawn | castle) [+#]?
nonpawn ::= [NBKQR] [a-h]? [1-8]? "x"? [a-h] [1-8]
pawn   ::= ([a-h] "x")? [a-h] [1-8] ("=" [NBKQR])?
castle ::= "O-O" "-O"?
)gbnf";

constexpr std::string_view kList = R"gbnf(
root ::= item+
item ::= "- " [^\r\n\x0b\x0c\x85\u2028\u2029]+ "\n"
)gbnf";

constexpr std::string_view kC = R"gbnf(
root ::= declaration*
declaration ::= type identifier "(" parameter? ")" "{" statement* "}"
type ::= ("int" | "float" | "char") ws
identifier ::= [a-zA-Z_] [a-zA-Z_0-9]*
parameter ::= type identifier
statement ::=
    type identifier ws "=" ws expression ";" |
    identifier ws "=" ws expression ";" |
    "return" ws expression ";" |
    "while" "(" condition ")" "{" statement* "}" |
    "if" "(" condition ")" "{" statement* "}" ("else" "{" statement* "}")?
condition ::= expression ("==" | "!=" | "<=" | "<") expression
expression ::= expression ws ("+" | "-") ws product | product
product ::= product ws ("*" | "/") ws factor | factor
factor ::= identifier | "-" factor | [0-9]+ | "(" expression ")" | identifier "(" arguments? ")"
arguments ::= arguments "," ws expression | expression
ws ::= [ \t\n]*
)gbnf";

TEST(GbnfTest, ReadsArithmetic) {
  expect_texts(kArithmetic, {"1=1\n", "a +(b_1*2) = 7\n1=x\n"}, {"", "1=", "1==1\n", "(1=1\n"});
}

TEST(GbnfTest, ReadsJson) {
  expect_texts(kJson, {"{}", R"({"a": [1, -2.5e+1, {"b": "\u00e9é"}], "c": null})"},
               {"[]", R"({"a" 1})", R"({"a": 01})", R"({"a": "\x"})", R"({"a": [})"});
}

TEST(GbnfTest, ReadsChess) {
  expect_texts(kChess, {"1. e4 e5\n2. Nf3 Nc6\n3. O-O exd8=Q+\n"}, {"1. e4 e5\n", "2. e4 e5\n"});
}

TEST(GbnfTest, ReadsLists) {
  expect_texts(kList, {"- a\n", "- a é\n- 日本\n"},
               {"- \n", "- a\r\n", "- a\xE2\x80\xA8\n", "-a\n"});
}

TEST(GbnfTest, ReadsASubsetOfC) {
  expect_texts(kC,
               {"", "int f(int x){return x + 1 * (2 - -y);}",
                "int f(){while(a<=b){a = g(a, b);}if(a==b){return 0;}else{b=1;}}"},
               {"int f(){return;}", "int f(){return 1 + ;}", "f(){}"});
}

TEST(GbnfTest, ReadsEveryNotation) {
  expect_texts(R"gbnf(root ::= "a\tb\"\\\x41\u00e9\U0001F600\n" [\]\-^"] [a-] .)gbnf",
               {"a\tb\"\\A\u00e9\U0001F600\n^-\n", "a\tb\"\\A\u00e9\U0001F600\n\"aé"},
               {"a\tb\"\\A\u00e9\U0001F600\nxaa"});
  expect_texts("root ::= \"a\"{2} \"b\"{1,} \"c\"{ 1 , 2 } \"d\"{0} \"ef\"{0,2}",
               {"aabc", "aabbbccefef"}, {"abc", "aac", "aabccc", "aabcd", "aabcefefef"});
  expect_texts("root ::= (\"ab\" | \"abc\" \"d\"){3}", {"ababcdab", "ababab"}, {"abab", "abcabab"});
  expect_texts("root ::=\r\n  \"a\" |\r\n\r\n  two # more\r\n  | \"c\"\r\ntwo ::= \"b\" *\r\n",
               {"a", "", "bb", "c"}, {"ab"});
  expect_texts("root ::= x_1 |\nx_1 ::= \"a\"", {"a", ""}, {"b"});
}

TEST(GbnfTest, ClassesAreOfCharacters) {
  expect_texts("root ::= [^a-z]", {"A", "é", "日", "\U0001F600", "\n"},
               {"a", "\xC3", "\xED\xA0\x80", "\xC0\x80", "\xF4\x90\x80\x80"});
  expect_texts("root ::= [à-þ一-龥\\U00010000-\\U0010FFFF]", {"é", "日", "\U0001F600"},
               {"a", "ÿ", "ß", "\xEF\xBF\xBD"});
}

TEST(GbnfTest, CharactersOfEveryRangeAreExact) {
  std::mt19937 random(7);
  const std::vector<char32_t> edges = {0,       1,        0x42,    0x7F,    0x80,    0xBF,
                                       0x7FF,   0x800,    0xFFF,   0x1000,  0xD7FF,  0xE000,
                                       0xFFFD,  0xFFFF,   0x10000, 0x1F600, 0x3FFFF, 0x40000,
                                       0xFFFFF, 0x100000, 0x10FFFF};
  for (int i = 0; i < 60; ++i) {
    char32_t low = edges[random() % edges.size()], high = edges[random() % edges.size()];
    if (low > high) std::swap(low, high);
    std::string text = "root ::= [";
    utf8::append(text, low);
    text += '-';
    utf8::append(text, high);
    const auto grammar = grammar_of(text + "]");
    ASSERT_NE(grammar, nullptr);
    for (const char32_t edge : edges)
      for (const int step : {-1, 0, 1}) {
        const char32_t c = edge + static_cast<char32_t>(step);
        if (c > 0x10FFFF) continue;

        if (c >= 0xD800 && c <= 0xDFFF) continue;
        std::string character;
        utf8::append(character, c);
        EXPECT_EQ(matches(*grammar, character), low <= c && c <= high)
            << static_cast<std::uint32_t>(c);
      }
  }
}

TEST(GbnfTest, LeftRecursionIsNoLoop) {
  const auto grammar = grammar_of("root ::= list\nlist ::= list \",\" item | item\nitem ::= [0-9]");
  ASSERT_NE(grammar, nullptr);
  EXPECT_TRUE(matches(*grammar, "1,2,3"));
  EXPECT_FALSE(matches(*grammar, "1,,2"));
  // A list's length is not part of its state.
  EXPECT_EQ(grammar->walk(grammar->start(), "1,2,3"), grammar->walk(grammar->start(), "1"));
  expect_texts(
      "root ::= a\na ::= b \"x\" | \"q\"\nb ::= c\nc ::= opt a \"y\" | \"z\"\nopt ::= \"o\"?",
      {"q", "zx", "qyx", "oqyx", "ozxyx"}, {"z", "qy", "x"});
}

TEST(GbnfTest, RightRecursionDoesNotGrow) {
  const auto grammar = grammar_of("root ::= [a-z] root | mid\nmid ::= \".\" root | \"!\"");
  ASSERT_NE(grammar, nullptr);
  EXPECT_EQ(grammar->walk(grammar->start(), "abc.d"), grammar->walk(grammar->start(), "a"));
}

TEST(GbnfTest, TextIsFreeWhereItChangesNothing) {
  const auto grammar = grammar_of(kJson);
  ASSERT_NE(grammar, nullptr);
  const auto state = grammar->walk(grammar->start(), "{\"a\": \"b");
  EXPECT_TRUE(grammar->is_free_text(state));
  EXPECT_TRUE(grammar->is_free_text(state));
  EXPECT_FALSE(grammar->is_free_text(grammar->step(state, '\\')));
  EXPECT_FALSE(grammar->is_free_text(grammar->start()));
  EXPECT_FALSE(grammar->is_free_text(Grammar::kDead));
}

TEST(GbnfTest, NestingIsCounted) {
  const auto grammar = grammar_of("root ::= \"(\" root \")\" | \"x\"");
  ASSERT_NE(grammar, nullptr);
  const std::string open(5000, '(');
  const auto state = grammar->walk(grammar->start(), open);
  EXPECT_EQ(grammar->completion(state), "x" + std::string(5000, ')'));
  EXPECT_FALSE(matches(*grammar, open + "x" + std::string(4999, ')')));
}

TEST(GbnfTest, RulesWithoutTextAreDeadFromTheBeginning) {
  const auto grammar = grammar_of(
      "root ::= \"a\" (endless | \"c\" [] | \"d\") | endless\nendless ::= \"b\" endless | endless");
  ASSERT_NE(grammar, nullptr);
  EXPECT_EQ(grammar->walk(grammar->start(), "ab"), Grammar::kDead);
  EXPECT_EQ(grammar->walk(grammar->start(), "ac"), Grammar::kDead);
  EXPECT_EQ(grammar->walk(grammar->start(), "b"), Grammar::kDead);
  EXPECT_TRUE(matches(*grammar, "ad"));
}

TEST(GbnfTest, WalksCanAlwaysBeCompleted) {
  std::mt19937 random(1);
  for (const auto text : {kArithmetic, kJson, kChess, kList, kC}) {
    const auto grammar = grammar_of(text);
    ASSERT_NE(grammar, nullptr);
    expect_walks_end(*grammar, random, 40, 60);
  }
}

// A grammar as data: for each rule alternatives of symbols; lower case is text, upper case a rule.
using Rules = std::map<char, std::vector<std::string>>;

Rules random_rules(std::mt19937& random) {
  Rules rules;
  const int count = 1 + static_cast<int>(random() % 4);
  for (int i = 0; i < count; ++i) {
    auto& alternatives = rules[static_cast<char>('A' + i)];
    for (std::size_t n = 1 + random() % 3; n > 0; --n) {
      std::string symbols;
      for (std::size_t length = random() % 4; length > 0; --length)
        symbols += random() % 2 == 0
                       ? static_cast<char>('A' + random() % static_cast<unsigned>(count))
                       : static_cast<char>('a' + random() % 2);
      alternatives.push_back(symbols);
    }
  }
  return rules;
}

std::string to_gbnf(const Rules& rules) {
  std::string out = "root ::= A\n";
  for (const auto& [name, alternatives] : rules) {
    out += std::string(1, name) + " ::=";
    for (std::size_t i = 0; i < alternatives.size(); ++i) {
      out += i > 0 ? " |" : "";
      for (const char symbol : alternatives[i])
        out += symbol < 'a' ? std::string(" ") + symbol : std::string(" \"") + symbol + "\"";
    }
    out += '\n';
  }
  return out;
}

// All texts of A up to a length, by adding until nothing is new.
std::set<std::string> texts_of(const Rules& rules, std::size_t length) {
  std::map<char, std::set<std::string>> texts;
  for (bool has_changed = true; has_changed;) {
    has_changed = false;
    for (const auto& [name, alternatives] : rules) {
      for (const auto& symbols : alternatives) {
        std::set<std::string> found = {""};
        for (const char symbol : symbols) {
          std::set<std::string> longer;
          const std::set<std::string> own = {std::string(1, symbol)};
          for (const auto& begin : found)
            for (const auto& end : symbol < 'a' ? texts[symbol] : own)
              if (begin.size() + end.size() <= length) longer.insert(begin + end);
          found = std::move(longer);
        }
        for (const auto& text : found) has_changed |= texts[name].insert(text).second;
      }
    }
  }
  return texts['A'];
}

TEST(GbnfTest, RandomGrammarsAcceptTheirTextsAndCompleteShortest) {
  std::mt19937 random(20);
  constexpr std::size_t kLength = 7;
  std::vector<std::string> all = {""};
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].size() < kLength)
      for (const char byte : {'a', 'b'}) all.push_back(all[i] + byte);
  int with_texts = 0;
  for (int i = 0; i < 600; ++i) {
    const Rules rules = random_rules(random);
    const std::string text = to_gbnf(rules);
    const auto texts = texts_of(rules, kLength);
    const auto grammar = gbnf_grammar(text);
    if (!grammar) {
      EXPECT_THAT(grammar.error().message, HasSubstr("no complete text")) << text;
      EXPECT_TRUE(texts.empty()) << text;
      continue;
    }
    ++with_texts;
    for (const auto& word : all) {
      const auto state = (*grammar)->walk((*grammar)->start(), word);
      ASSERT_EQ((*grammar)->accepts(state), texts.contains(word)) << text << word;
      std::size_t shortest = SIZE_MAX;
      for (auto it = texts.lower_bound(word); it != texts.end() && it->starts_with(word); ++it)
        shortest = std::min(shortest, it->size());
      if (state == Grammar::kDead) {
        ASSERT_EQ(shortest, SIZE_MAX) << text << word;
        continue;
      }
      const std::string whole = word + (*grammar)->completion(state);
      ASSERT_TRUE(matches(**grammar, whole)) << text << word;
      ASSERT_EQ((*grammar)->completion_bytes(state), whole.size() - word.size());
      ASSERT_LE(whole.size(), shortest) << text << word;
      if (whole.size() <= kLength) {
        ASSERT_EQ(whole.size(), shortest) << text << word;
      }
    }
    ASSERT_TRUE((*grammar)->health().has_value());
  }
  EXPECT_GT(with_texts, 300);
}

TEST(GbnfTest, AmbiguityIsNotExponential) {
  const auto grammar = grammar_of("root ::= root root | \"a\" root? | \"a\"");
  ASSERT_NE(grammar, nullptr);
  EXPECT_TRUE(matches(*grammar, std::string(200, 'a')));
  EXPECT_TRUE(grammar->health().has_value());
}

TEST(GbnfTest, ErrorsSayWhereAndWhatWasExpected) {
  EXPECT_EQ(error_of("root ::= \"a\"\nx := \"b\""),
            "GBNF, line 2, column 3: expected '::=' behind the rule's name 'x', found ':'");
  EXPECT_EQ(error_of("root ::= \"é\" )"),
            "GBNF, line 1, column 14: expected a literal, class, name, '.', '(' or the end of rule "
            "'root', found ')'");
  EXPECT_EQ(error_of("root ::= (\"a\""),
            "GBNF, line 1, column 14: expected ')' for the '(' at GBNF, line 1, column 10: or an "
            "item, found the end of the text");
  EXPECT_EQ(error_of("root ::= b\n"),
            "GBNF, line 1, column 10: rule 'b' is not defined; add a line 'b ::= …'");
  EXPECT_THAT(error_of("a ::= \"b\""), HasSubstr("no rule 'root'"));
  EXPECT_THAT(error_of(""), HasSubstr("no rule 'root'"));
  EXPECT_THAT(error_of("root ::= \"a"), HasSubstr("to close the literal"));
  EXPECT_THAT(error_of("root ::= [a"), HasSubstr("to close the class"));
  EXPECT_THAT(error_of("root ::= [z-a]"), HasSubstr("the range z-a ends before it begins"));
  EXPECT_THAT(error_of("root ::= \"\\d\""), HasSubstr("unknown escape"));
  EXPECT_THAT(error_of("root ::= \"\\u12\""), HasSubstr("4 hexadecimal digits"));
  EXPECT_THAT(error_of("root ::= \"\\uD800\""), HasSubstr("surrogate"));
  EXPECT_THAT(error_of("root ::= *"), HasSubstr("before the repetition"));
  EXPECT_THAT(error_of("root ::= \"a\"{x}"), HasSubstr("expected a number, found 'x'"));
  EXPECT_THAT(error_of("root ::= \"a\"{3,2}"), HasSubstr("maximum 2 is below its minimum 3"));
  EXPECT_THAT(error_of("root ::= \"a\"{3"), HasSubstr("expected '}'"));
  EXPECT_THAT(error_of("root ::= \"a\"**"), HasSubstr("parentheses"));
  EXPECT_THAT(error_of("root ::= <think>"), HasSubstr("tokens cannot be named"));
  EXPECT_THAT(error_of("root ::= \"a\"\nroot ::= \"b\""), HasSubstr("'root' is defined already"));
  EXPECT_THAT(error_of("root ::= root"), HasSubstr("'root' has no complete text"));
  EXPECT_THAT(error_of("root ::= \"\xC3\""), HasSubstr("not well-formed UTF-8"));
  EXPECT_THAT(error_of("::="), HasSubstr("expected a rule's name, found ':'"));
}

TEST(GbnfTest, LimitsAreNamed) {
  EXPECT_THAT(error_of("root ::= " + std::string(300, '(')),
              HasSubstr("deeper than 200, the limit"));
  EXPECT_THAT(error_of("root ::= \"a\"{200000}"), HasSubstr("the limit is 50000"));
  EXPECT_THAT(error_of("root ::= [a-z]{30000} [0-9]{30000} [a-z]{50000}"),
              HasSubstr("larger than 100000 positions"));
  EXPECT_THAT(error_of("root ::= ((\"abc\"{1000}){1000}){1000}"), HasSubstr("the limit is 65536"));
  std::string doubling = "root ::= a0\n";
  for (int i = 0; i < 40; ++i) {
    const std::string next = "a" + std::to_string(i + 1);
    doubling += "a" + std::to_string(i) + " ::= " + next + " " + next + "\n";
  }
  EXPECT_THAT(error_of(doubling + "a40 ::= \"x\""), HasSubstr("the limit is 65536"));
  EXPECT_THAT(error_of(std::string((1 << 20) + 1, '#')), HasSubstr("the limit is 1048576"));
}

TEST(GbnfTest, WhatTakesTooMuchWorkSaysSo) {
  std::string nullable = "root ::=";
  for (int i = 0; i < 20'000; ++i) nullable += " \"a\"?";
  const auto grammar = grammar_of(nullable);
  ASSERT_NE(grammar, nullptr);
  EXPECT_EQ(grammar->walk(grammar->start(), "aaa"), Grammar::kDead);
  ASSERT_FALSE(grammar->health().has_value());
  EXPECT_EQ(grammar->health().error().code, Code::exhausted);
  std::string circle = "root ::= r0\n";
  for (int i = 0; i < 9'000; ++i)
    circle += "r" + std::to_string(i) + " ::= r" + std::to_string((i + 1) % 9'000) + " | \"a\"\n";
  EXPECT_THAT(error_of(circle), HasSubstr("steps for one byte, the limit"));
}

TEST(GbnfTest, CountsAreKept) {
  const auto grammar = grammar_of("root ::= ([a-z]+ \",\"?){400}");
  ASSERT_NE(grammar, nullptr);
  EXPECT_EQ(grammar->completion_bytes(grammar->start()), 400u);
  EXPECT_TRUE(matches(*grammar, std::string(400, 'a')));
  EXPECT_FALSE(matches(*grammar, std::string(399, 'a')));
}

}  // namespace
}  // namespace conduit::mdl
