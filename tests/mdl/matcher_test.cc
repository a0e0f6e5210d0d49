#include "mdl/matcher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "mdl/json_grammar.h"
#include "mdl/validate.h"
#include "tests/support/random_schema.h"

namespace conduit::mdl {
namespace {

// Every byte, and what the merges of real vocabularies look like around JSON.
std::shared_ptr<const TokenTable> table() {
  static const auto made = [] {
    std::vector<std::string> texts;
    for (int byte = 0; byte < 256; ++byte) texts.emplace_back(1, static_cast<char>(byte));
    for (const char* text :
         {"\"a",      "\":",        "\": ",        "\", \"",
          "\"}",      "\"]",        "},",          "}}",
          "]}",       " \"",        "{\"",         "\",",
          "[\"",      "true",       "false",       "null",
          "12",       "1,",         "1,1",         "ab",
          "abc",      "x\"",        "b\"}",        "\\n",
          "\\u00",    "a\\",        "\\\"",        "\\\\\"",
          "\xC3\xA9", "\xC3\xA9\"", "\xA9",        "a long text of many characters",
          ", ",       "\n",         "  ",          "\": \"",
          "name",     "\"name\"",   "p1",          "2024-",
          "-x",       "e+",         "0.25",        "\":{\"",
          "\":[",     "\",\"",      "\"a\",\"b\"", "a\":1",
          "px\":"}) {
      texts.emplace_back(text);
    }
    texts.emplace_back();
    const auto end = static_cast<TokenId>(texts.size() - 1);
    return TokenTable::make(std::move(texts), {end});
  }();
  return made;
}

std::shared_ptr<TokenGrammar> grammar_of(const json::Value& document) {
  auto schema = read_schema(document);
  EXPECT_TRUE(schema) << json::dump(document);
  auto grammar = json_grammar(*std::move(schema));
  return grammar ? std::make_shared<TokenGrammar>(*std::move(grammar), table()) : nullptr;
}

TEST(MatcherTest, MasksAllowWhatTheGrammarDoes) {
  for (unsigned seed = 0; seed < 150; ++seed) {
    std::mt19937 random(seed);
    const json::Value document = conduit::testing::random_schema(random, 3);
    const auto grammar = grammar_of(document);
    if (grammar == nullptr) continue;
    Matcher matcher(grammar);
    std::string text;
    for (int i = 0; i < 25 && !matcher.is_finished(); ++i) {
      const Mask mask = matcher.mask();
      std::vector<TokenId> allowed;
      for (TokenId id = 0; id < table()->size(); ++id) {
        const bool is_end = id == table()->ends().front();
        const bool fits = is_end ? matcher.may_end()
                                 : grammar->grammar().walk(
                                       grammar->grammar().walk(grammar->grammar().start(), text),
                                       table()->text(id)) != Grammar::kDead;
        ASSERT_EQ(mask.allows(id), fits)
            << json::dump(document) << "\nafter " << text << "\nof " << table()->text(id);
        if (fits) allowed.push_back(id);
      }
      ASSERT_EQ(mask.count(), allowed.size());
      ASSERT_FALSE(allowed.empty()) << json::dump(document) << "\nafter " << text;
      const TokenId next = allowed[random() % allowed.size()];
      ASSERT_TRUE(matcher.accept(next));
      text += table()->text(next);
    }
  }
}

// At any number of tokens: as long as only what fits is accepted, the answer is whole when they are
// used up.
TEST(MatcherTest, AnswersAreWholeWhenTokensRunOut) {
  for (unsigned seed = 0; seed < 150; ++seed) {
    std::mt19937 random(seed);
    const json::Value document = conduit::testing::random_schema(random, 3);
    const auto grammar = grammar_of(document);
    if (grammar == nullptr) continue;
    auto schema = read_schema(document);
    auto validator = Validator::make(*schema);
    Matcher matcher(grammar);
    std::size_t left = matcher.cost() + random() % 12;
    std::string text;
    for (; left > 0; --left) {
      const Mask mask = matcher.mask();
      std::vector<TokenId> allowed;
      for (TokenId id = 0; id < table()->ends().front(); ++id) {
        if (mask.allows(id)) allowed.push_back(id);
      }
      if (allowed.empty()) break;
      TokenId next = allowed[random() % allowed.size()];
      if (!matcher.fits(next, left - 1)) next = matcher.ending();
      if (next == table()->ends().front()) break;
      ASSERT_TRUE(matcher.accept(next));
      text += table()->text(next);
    }
    ASSERT_TRUE(matcher.may_end()) << json::dump(document) << "\n" << text;
    const auto value = json::parse(text);
    ASSERT_TRUE(value) << text;
    const auto mismatch = validator->check(*value);
    ASSERT_TRUE(mismatch && !*mismatch) << json::dump(document) << "\n" << text;
  }
}

TEST(MatcherTest, RollsBackAndForks) {
  const auto grammar = grammar_of(*json::parse(R"({"type":"array","items":{"type":"integer"}})"));
  Matcher matcher(grammar);
  for (const char c : std::string("[12")) ASSERT_TRUE(matcher.accept(static_cast<std::uint8_t>(c)));
  Matcher fork = matcher;
  ASSERT_TRUE(fork.accept(']'));
  EXPECT_TRUE(fork.may_end());
  EXPECT_FALSE(matcher.may_end());
  matcher.rollback(2);
  EXPECT_FALSE(matcher.accept(','));
  EXPECT_TRUE(matcher.accept(']'));
  EXPECT_TRUE(matcher.accept(table()->ends().front()));
  EXPECT_TRUE(matcher.is_finished());
  EXPECT_FALSE(matcher.accept(']'));
}

TEST(MatcherTest, ForcedTextIsKnownBeforehand) {
  const auto grammar = grammar_of(*json::parse(R"({"const":{"name":true}})"));
  Matcher matcher(grammar);
  std::string text;
  // A space may stand nearly everywhere, so little is forced but names and words.
  for (const char c : std::string("{\"")) ASSERT_TRUE(matcher.accept(static_cast<std::uint8_t>(c)));
  for (const TokenId id : matcher.forced()) text += table()->text(id);
  EXPECT_EQ(text.substr(0, 4), "name");
}

}  // namespace
}  // namespace conduit::mdl
