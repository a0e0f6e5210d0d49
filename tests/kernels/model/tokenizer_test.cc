// Tokenizer and Detokenizer over a small byte-level BPE, and what files they refuse. Exactness on
// real vocabularies is tests/golden/tokenizer_golden_test.cc's.
#include "kernels/model/tokenizer.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "mdl/base/json.h"
#include "mdl/base/utf8.h"
#include "tests/support/tiny_tokenizer.h"

namespace conduit::kernels {
namespace {

using Ids = std::vector<TokenId>;

constexpr int kTinyVocab = 280;

json::Value tiny_definition() {
  return testing::tiny_tokenizer_json(testing::make_tiny_tokenizer(kTinyVocab));
}

json::Value object(json::Object members) { return members; }

json::Value added_token(TokenId id, std::string content) {
  return object(
      {{"id", id}, {"content", std::move(content)}, {"special", false}, {"normalized", false}});
}

Tokenizer tokenizer_of(const json::Value& definition) {
  auto made = Tokenizer::from_json(json::dump(definition));
  EXPECT_TRUE(made) << made.error().message;
  return *std::move(made);
}

// The tiny tokenizer with one member replaced.
Tokenizer tokenizer_with(std::string key, json::Value value) {
  json::Value definition = tiny_definition();
  definition.set(std::move(key), std::move(value));
  return tokenizer_of(definition);
}

std::vector<std::string> spellings(const Tokenizer& tokenizer, std::string_view text,
                                   const EncodeOptions& options = {}) {
  std::vector<std::string> spelled;
  for (const TokenId id : tokenizer.encode(text, options))
    spelled.emplace_back(tokenizer.token(id));
  return spelled;
}

using Spelled = std::vector<std::string>;

// --- encoding

TEST(TokenizerTest, MergesTheLowestRankFirst) {
  const Tokenizer tokenizer = tokenizer_of(tiny_definition());
  EXPECT_EQ(spellings(tokenizer, "in the"), (Spelled{"in", "Ġthe"}));
  EXPECT_EQ(spellings(tokenizer, "other"), (Spelled{"o", "t", "he", "r"}));  // "h e" before "e r"
}

TEST(TokenizerTest, EveryByteOfATextComesBack) {
  const Tokenizer tokenizer = tokenizer_of(tiny_definition());
  std::string text;
  for (char32_t c = 0; c < 0x900; ++c) utf8::append(text, c);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
}

TEST(TokenizerTest, InvalidUtf8IsReadAsReplacementCharacters) {
  const Tokenizer tokenizer = tokenizer_of(tiny_definition());
  EXPECT_EQ(tokenizer.encode("a\xE2\x82z\xFF"), tokenizer.encode("a\uFFFDz\uFFFD"));
}

TEST(TokenizerTest, AByteWithoutATokenIsDropped) {
  json::Value definition = tiny_definition();
  json::Object& model = definition.as_object().back().value.as_object();
  for (auto& [key, value] : model)
    if (key == "vocab") std::erase_if(value.as_object(), [](auto& m) { return m.key == "z"; });
  EXPECT_EQ(spellings(tokenizer_of(definition), "azb"), (Spelled{"a", "b"}));
}

TEST(TokenizerTest, AnUnknownTokenStandsForAByteWithoutOne) {
  json::Value definition = tiny_definition();
  json::Object& model = definition.as_object().back().value.as_object();
  for (auto& [key, value] : model) {
    if (key == "vocab") std::erase_if(value.as_object(), [](auto& m) { return m.key == "z"; });
    if (key == "unk_token") value = "?";
    if (key == "fuse_unk") value = true;
  }
  EXPECT_EQ(spellings(tokenizer_of(definition), "azzb"), (Spelled{"a", "?", "b"}));
}

TEST(TokenizerTest, IgnoreMergesTakesAWordThatIsATokenWhole) {
  json::Value definition = tiny_definition();
  json::Object& model = definition.as_object().back().value.as_object();
  for (auto& [key, value] : model) {
    if (key == "vocab") value.set("other", kTinyVocab);
    if (key == "ignore_merges") value = true;
  }
  EXPECT_EQ(spellings(tokenizer_of(definition), "other"), (Spelled{"other"}));
}

TEST(TokenizerTest, AMegabyteOfOneLetterIsMerged) {
  json::Value definition = tiny_definition();
  json::Object& model = definition.as_object().back().value.as_object();
  for (auto& [key, value] : model) {
    if (key == "vocab") value.set("aa", kTinyVocab);
    if (key == "merges") value = json::Array{json::Array{"a", "a"}};
  }
  const Ids ids = tokenizer_of(definition).encode(std::string(1'000'001, 'a'));
  EXPECT_EQ(ids.size(), 500'001u);
  EXPECT_EQ(ids.front(), kTinyVocab);  // pairs are made from the left
}

TEST(TokenizerTest, NfcJoinsAMarkToItsLetter) {
  const Tokenizer tokenizer = tokenizer_with("normalizer", object({{"type", "NFC"}}));
  EXPECT_EQ(tokenizer.encode("e\u0301"), tokenizer.encode("\u00E9"));
}

// --- added tokens

TEST(AddedTokensTest, TheLongestIsCutOut) {
  const Tokenizer tokenizer = tokenizer_with(
      "added_tokens", json::Array{added_token(500, "<a>"), added_token(501, "<a><b>")});
  EXPECT_EQ(spellings(tokenizer, "x<a><b><a><"), (Spelled{"x", "<a><b>", "<a>", "<"}));
  EXPECT_EQ(tokenizer.vocab_size(), 502);
  EXPECT_EQ(tokenizer.id_of("<a>"), 500);
}

TEST(AddedTokensTest, OneThatTheVocabularyHasKeepsThatId) {
  const Tokenizer tokenizer = tokenizer_with("added_tokens", json::Array{added_token(900, "he")});
  EXPECT_EQ(tokenizer.encode("he"), (Ids{*tokenizer.id_of("he")}));
  EXPECT_LT(*tokenizer.id_of("he"), kTinyVocab);
}

TEST(AddedTokensTest, ItTakesTheBlanksItIsToldTo) {
  json::Value left = added_token(500, "<l>");
  left.set("lstrip", true);
  json::Value right = added_token(501, "<r>");
  right.set("rstrip", true);
  const Tokenizer tokenizer = tokenizer_with("added_tokens", json::Array{left, right});
  EXPECT_EQ(spellings(tokenizer, "a \u3000<l> b"), (Spelled{"a", "<l>", "Ġ", "b"}));
  EXPECT_EQ(spellings(tokenizer, "a<r> \n<l>b"), (Spelled{"a", "<r>", "<l>", "b"}));
}

TEST(AddedTokensTest, ASingleWordIsTouchedByNone) {
  json::Value token = added_token(500, "hi");
  token.set("single_word", true);
  const Tokenizer tokenizer = tokenizer_with("added_tokens", json::Array{token});
  EXPECT_EQ(spellings(tokenizer, "hi!"), (Spelled{"hi", "!"}));
  EXPECT_EQ(spellings(tokenizer, "hi_"), (Spelled{"h", "i", "_"}));
  EXPECT_EQ(tokenizer.encode("éhi").back(), *tokenizer.id_of("i"));
}

TEST(AddedTokensTest, ANormalizedOneIsFoundInNormalizedText) {
  json::Value definition = tiny_definition();
  json::Value token = added_token(500, "e\u0301!");
  token.set("normalized", true);
  definition.set("added_tokens", json::Array{token});
  definition.set("normalizer", object({{"type", "NFC"}}));
  const Tokenizer tokenizer = tokenizer_of(definition);
  EXPECT_EQ(tokenizer.encode("\u00E9!"), (Ids{500}));
  EXPECT_EQ(tokenizer.encode("e\u0301!"), (Ids{500}));
}

TEST(AddedTokensTest, SpecialOnesStayTextWhereTheyAreNotLookedFor) {
  json::Value definition = tiny_definition();
  json::Array added = definition.find("added_tokens")->as_array();
  added.push_back(added_token(500, "<think>"));
  definition.set("added_tokens", added);
  const Tokenizer tokenizer = tokenizer_of(definition);
  const Ids ids = tokenizer.encode("<|im_end|><think>", {.parse_special = false});
  EXPECT_EQ(
      std::count_if(ids.begin(), ids.end(), [&](TokenId id) { return tokenizer.is_special(id); }),
      0);
  EXPECT_EQ(ids.back(), 500);
  EXPECT_EQ(tokenizer.decode(ids), "<|im_end|><think>");
}

// --- what stands around

TEST(PostProcessorTest, SurroundsTheTextUnlessToldNotTo) {
  const auto special = [](const char* name) {
    return object({{"SpecialToken", object({{"id", name}, {"type_id", 0}})}});
  };
  const json::Value around =
      object({{"type", "TemplateProcessing"},
              {"single", json::Array{special("B"), object({{"Sequence", object({{"id", "A"}})}}),
                                     special("E")}},
              {"special_tokens", object({{"B", object({{"ids", json::Array{1, 0}}})},
                                         {"E", object({{"ids", json::Array{2}}})}})}});
  const Tokenizer tokenizer = tokenizer_with("post_processor", around);
  const TokenId a = *tokenizer.id_of("a");
  EXPECT_EQ(tokenizer.encode("a"), (Ids{1, 0, a, 2}));
  EXPECT_EQ(tokenizer.encode("a", {.add_special = false}), (Ids{a}));
  EXPECT_EQ(tokenizer.encode(""), (Ids{1, 0, 2}));
}

TEST(PostProcessorTest, APairsTemplateSaysTheOrderAndTheTypes) {
  const auto text = [](const char* name, int type) {
    return object({{"Sequence", object({{"id", name}, {"type_id", type}})}});
  };
  const Tokenizer tokenizer =
      tokenizer_with("post_processor", object({{"type", "TemplateProcessing"},
                                               {"single", json::Array{text("A", 0)}},
                                               {"pair", json::Array{text("B", 3), text("A", 2)}},
                                               {"special_tokens", object({})}}));
  const TokenId a = *tokenizer.id_of("a"), b = *tokenizer.id_of("b");
  const PairEncoding pair = tokenizer.encode_pair("aa", "b");
  EXPECT_EQ(pair.ids, (Ids{b, a, a}));
  EXPECT_EQ(pair.type_ids, (std::vector<std::int32_t>{3, 2, 2}));
}

TEST(PostProcessorTest, BertAndRobertaSeparatePairsTheirOwnWays) {
  const auto pair = [](const char* type) {
    return tokenizer_with("post_processor", object({{"type", type},
                                                    {"cls", json::Array{"<s>", 7}},
                                                    {"sep", json::Array{"</s>", 8}}}))
        .encode_pair("a", "a");
  };
  const TokenId a = *tokenizer_of(tiny_definition()).id_of("a");
  EXPECT_EQ(pair("BertProcessing").ids, (Ids{7, a, 8, a, 8}));
  EXPECT_EQ(pair("BertProcessing").type_ids, (std::vector<std::int32_t>{0, 0, 0, 1, 1}));
  EXPECT_EQ(pair("RobertaProcessing").ids, (Ids{7, a, 8, 8, a, 8}));
  EXPECT_EQ(pair("RobertaProcessing").type_ids, (std::vector<std::int32_t>{0, 0, 0, 0, 0, 0}));
}

TEST(PostProcessorTest, WithoutOneAPairIsBothTexts) {
  const PairEncoding pair = tokenizer_of(tiny_definition()).encode_pair("a", "a");
  EXPECT_EQ(pair.ids.size(), 2u);
  EXPECT_EQ(pair.type_ids, (std::vector<std::int32_t>{0, 1}));
}

// --- decoding

TEST(TokenizerTest, DecodingReplacesEachBrokenSequenceOnce) {
  const Tokenizer tokenizer = tokenizer_of(tiny_definition());
  const auto byte = [&](const char* letter) { return *tokenizer.id_of(letter); };
  const Ids ids = {byte("â"), byte("Ĥ"), byte("a"), byte("ÿ"), byte("â"), byte("Ĥ"), byte("¬")};
  EXPECT_EQ(tokenizer.decode(ids), "\uFFFDa\uFFFD\u20AC");
}

TEST(TokenizerTest, IdsOutsideTheVocabularyGiveNothing) {
  const Tokenizer tokenizer = tokenizer_of(tiny_definition());
  EXPECT_EQ(tokenizer.decode(Ids{-1, 1'000'000, *tokenizer.id_of("a"), kTinyVocab}), "a");
  EXPECT_EQ(tokenizer.token(-1), "");
  EXPECT_EQ(tokenizer.bytes(INT32_MAX), "");
  EXPECT_FALSE(tokenizer.is_special(INT32_MIN));
}

TEST(TokenizerTest, ATokenStandsForItsBytes) {
  const Tokenizer tokenizer = tokenizer_with(
      "added_tokens", json::Array{added_token(500, "日本"), added_token(501, "<x>")});
  EXPECT_EQ(tokenizer.bytes(*tokenizer.id_of("Ġthe")), " the");
  EXPECT_EQ(tokenizer.bytes(*tokenizer.id_of("Ĥ")), "\x82");
  EXPECT_EQ(tokenizer.bytes(500), "日本");  // no byte letters: it stands for itself
  EXPECT_EQ(tokenizer.bytes(501), "<x>");
  EXPECT_EQ(tokenizer.bytes(499), "");  // a hole
}

TEST(DetokenizerTest, NeverReleasesABrokenCharacter) {
  const Tokenizer tokenizer = tokenizer_of(tiny_definition());
  const Ids ids = tokenizer.encode("a😀b", {.add_special = false});
  ASSERT_EQ(ids.size(), 6u);
  Detokenizer detokenizer(tokenizer);
  const std::vector<std::string> expected = {"a", "", "", "", "😀", "b"};
  for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(detokenizer.push(ids[i]), expected[i]);
  EXPECT_EQ(detokenizer.flush(), "");
}

TEST(DetokenizerTest, FlushReleasesWhatNeverBecameWhole) {
  const Tokenizer tokenizer = tokenizer_of(tiny_definition());
  const Ids ids = tokenizer.encode("😀");
  Detokenizer detokenizer(tokenizer);
  EXPECT_EQ(detokenizer.push(ids[0]), "");
  EXPECT_EQ(detokenizer.push(ids[1]), "");
  EXPECT_EQ(detokenizer.flush(), "\uFFFD");
  EXPECT_EQ(detokenizer.flush(), "");
}

TEST(DetokenizerTest, LeavesSpecialTokensOut) {
  const Tokenizer tokenizer = tokenizer_of(tiny_definition());
  const TokenId special = *tokenizer.id_of("<|im_end|>");
  EXPECT_EQ(Detokenizer(tokenizer).push(special), "");
  EXPECT_EQ(Detokenizer(tokenizer, /*skip_special=*/false).push(special), "<|im_end|>");
}

TEST(DetokenizerTest, PiecesJoinedAreTheDecodedWhole) {
  const Tokenizer tokenizer = tokenizer_of(tiny_definition());
  std::mt19937 random(20260101);
  for (int round = 0; round < 2000; ++round) {
    Ids ids(random() % 12);
    for (TokenId& id : ids) id = static_cast<TokenId>(random() % kTinyVocab);
    Detokenizer detokenizer(tokenizer);
    std::string joined;
    for (const TokenId id : ids) joined += detokenizer.push(id);
    joined += detokenizer.flush();
    ASSERT_EQ(joined, tokenizer.decode(ids, /*skip_special=*/true));
  }
}

// --- refusals

struct Refusal {
  std::string member;       // of the whole, or model.KEY
  std::string replacement;  // JSON
  Code code;
  std::string named;  // in the message
};

class TokenizerRefusalTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(TokenizerRefusalTest, SaysWhatItIs) {
  const auto& [member, replacement, code, named] = GetParam();
  json::Value definition = tiny_definition();
  const json::Value value = *json::parse(replacement);
  if (member.starts_with("model.")) {
    json::Value model = *definition.find("model");
    model.set(member.substr(6), value);
    definition.set("model", model);
  } else {
    definition.set(member, value);
  }
  const auto made = Tokenizer::from_json(json::dump(definition));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, code) << made.error().message;
  EXPECT_NE(made.error().message.find(named), std::string::npos) << made.error().message;
}

constexpr Code kUnsupported = Code::invalid_argument;

INSTANTIATE_TEST_SUITE_P(
    NotSupported, TokenizerRefusalTest,
    ::testing::Values(
        Refusal{"model.type", R"("WordLevel")", kUnsupported,
                "tokenizer model \"WordLevel\" is not"},
        Refusal{"model.dropout", "0.1", kUnsupported, "dropout"},
        Refusal{"normalizer", R"({"type": "Sequence", "normalizers": [{"type": "Rhyme"}]})",
                kUnsupported, "Rhyme"},
        Refusal{"pre_tokenizer", R"({"type": "UnicodeScripts"})", kUnsupported, "UnicodeScripts"},
        Refusal{"post_processor", R"({"type": "Other"})", kUnsupported, "Other"},
        Refusal{"post_processor",
                R"({"type": "Sequence", "processors": [
                    {"type": "BertProcessing", "cls": ["a", 1], "sep": ["b", 2]},
                    {"type": "BertProcessing", "cls": ["a", 1], "sep": ["b", 2]}]})",
                kUnsupported, "two processors"},
        Refusal{"decoder", R"({"type": "CTC"})", kUnsupported, "CTC"}));

INSTANTIATE_TEST_SUITE_P(
    Corrupt, TokenizerRefusalTest,
    ::testing::Values(
        Refusal{"model", "null", Code::corrupt, "model.type"},
        Refusal{"model", "[]", Code::corrupt, "model.type"},
        Refusal{"model.vocab", "[1]", Code::corrupt, "model.vocab"},
        Refusal{"model.vocab", R"({"a": -1})", Code::corrupt, "model.vocab"},
        Refusal{"model.vocab", R"({"a": 4000000000})", Code::corrupt, "model.vocab"},
        Refusal{"model.vocab", R"({"a": "1"})", Code::corrupt, "model.vocab"},
        Refusal{"model.vocab", "{}", Code::corrupt, "merge 0"},
        Refusal{"model.merges", R"(["a bb"])", Code::corrupt, "\"bb\""},
        Refusal{"model.merges", R"(["a"])", Code::corrupt, "two tokens"},
        Refusal{"model.merges", R"([["a"]])", Code::corrupt, "merges"},
        Refusal{"model.merges", R"([["a", 1]])", Code::corrupt, "merges"},
        Refusal{"model.ignore_merges", "1", Code::corrupt, "ignore_merges"},
        Refusal{"added_tokens", "{}", Code::corrupt, "added_tokens"},
        Refusal{"added_tokens", "[7]", Code::corrupt, "content"},
        Refusal{"added_tokens", R"([{"content": "x"}])", Code::corrupt, "added_tokens.id"},
        Refusal{"post_processor", R"({"type": "TemplateProcessing", "single": []})", Code::corrupt,
                "Sequence A"},
        Refusal{"post_processor",
                R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "x"}}]})",
                Code::corrupt, "special_tokens"},
        Refusal{"post_processor", R"({"type": "BertProcessing", "cls": [], "sep": []})",
                Code::corrupt, "cls"}));

TEST(TokenizerTest, TextThatIsNoTokenizerIsAnError) {
  for (const char* text : {"", "{", "null", "[]", "7", "{}"})
    EXPECT_FALSE(Tokenizer::from_json(text)) << text;
}

}  // namespace
}  // namespace conduit::kernels
