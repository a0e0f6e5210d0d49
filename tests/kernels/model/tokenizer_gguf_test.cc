// The tokenizer in a GGUF file's metadata: the same ids as from tokenizer.json, and what is
// refused.
#include <gtest/gtest.h>

#include <span>
#include <string>
#include <vector>

#include "kernels/model/gguf.h"
#include "kernels/model/tokenizer.h"
#include "tests/support/tiny_tokenizer.h"
#include "tests/support/weight_files.h"

namespace conduit::kernels {
namespace {

using Ids = std::vector<TokenId>;
using testing::GgufWriter;

constexpr int kVocab = 281;

// The tiny tokenizer and a token of two digits.
testing::TinyTokenizer tokens() {
  auto tiny = testing::make_tiny_tokenizer(kVocab - 1);
  tiny.tokens.emplace_back("12");
  tiny.merges.emplace_back("1 2");
  return tiny;
}

// Metadata of the tiny tokenizer, but for what a test writes itself.
struct TinyMetadata {
  std::string model = "gpt2";
  std::string pre = "gpt-2";
  bool has_merges = true;
  std::size_t types = kVocab;
  int bos = 1;
  std::string control = "<|endoftext|>";

  void write(GgufWriter& writer) const {
    auto tiny = tokens();
    tiny.tokens[0] = control;
    writer.text("tokenizer.ggml.model", model);
    writer.text("tokenizer.ggml.pre", pre);
    writer.texts("tokenizer.ggml.tokens", tiny.tokens);
    if (has_merges) writer.texts("tokenizer.ggml.merges", tiny.merges);
    std::vector<std::int32_t> kinds(types, 1);
    for (std::size_t i = 0; i < std::min<std::size_t>(types, 2); ++i) kinds[i] = 3;  // control
    if (types > 2) kinds[2] = 4;                                                     // user-defined
    writer.numbers("tokenizer.ggml.token_type", kinds);
    writer.number("tokenizer.ggml.bos_token_id", static_cast<std::uint32_t>(bos));
  }
};

Result<Tokenizer> read(const GgufWriter& writer) {
  const std::string bytes = writer.finish();
  CONDUIT_TRY(const GgufFile file, GgufFile::parse(std::as_bytes(std::span(bytes))));
  return Tokenizer::from_gguf(file);
}

Result<Tokenizer> read(const TinyMetadata& metadata) {
  GgufWriter writer;
  metadata.write(writer);
  return read(writer);
}

TEST(TokenizerGgufTest, GivesTheIdsOfTheSameTokenizerJson) {
  const auto from_gguf = read(TinyMetadata{});
  ASSERT_TRUE(from_gguf) << from_gguf.error().message;
  const auto from_json = Tokenizer::from_json(json::dump(testing::tiny_tokenizer_json(tokens())));
  ASSERT_TRUE(from_json) << from_json.error().message;
  const std::string text = "<|im_start|>the other's 12 naïve 😀  \n<|im_end|>";
  EXPECT_EQ(from_gguf->encode(text), from_json->encode(text));
  EXPECT_EQ(from_gguf->vocab_size(), kVocab);
}

TEST(TokenizerGgufTest, TheKindOfATokenSaysWhetherItIsSpecial) {
  const auto tokenizer = read(TinyMetadata{});
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_TRUE(tokenizer->is_special(1));
  EXPECT_FALSE(tokenizer->is_special(2));                // user-defined …
  EXPECT_EQ(tokenizer->encode("<|im_end|>"), (Ids{2}));  // … but found whole
  EXPECT_EQ(tokenizer->decode(Ids{1, 2}, true), "<|im_end|>");
}

TEST(TokenizerGgufTest, EachFamilyCutsDigitsItsOwnWay) {
  const auto digits = [](const char* pre) {
    const auto tokenizer = read(TinyMetadata{.pre = pre});
    EXPECT_TRUE(tokenizer) << tokenizer.error().message;
    return tokenizer->encode("12", {.add_special = false}).size();
  };
  for (const char* pre : {"gpt-2", "default", "llama-bpe", "gpt-4o", "deepseek-v3", "bloom"})
    EXPECT_EQ(digits(pre), 1u) << pre;
  for (const char* pre : {"smollm", "qwen2", "tekken", "deepseek-coder", "viking"})
    EXPECT_EQ(digits(pre), 2u) << pre;
}

TEST(TokenizerGgufTest, QwensTextIsNormalized) {
  const auto tokenizer = read(TinyMetadata{.pre = "qwen2"});
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->encode("e\u0301"), tokenizer->encode("\u00E9"));
}

TEST(TokenizerGgufTest, TheFileSaysWhatStandsAroundAText) {
  GgufWriter writer;
  TinyMetadata{}.write(writer);
  writer.flag("tokenizer.ggml.add_bos_token", true);
  writer.flag("tokenizer.ggml.add_eos_token", true);
  writer.number("tokenizer.ggml.eos_token_id", 2);
  const auto tokenizer = read(writer);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->encode(""), (Ids{1, 2}));
}

TEST(TokenizerGgufTest, Llama3BeginsWithItsBosUnlessTheFileSaysNot) {
  for (const bool says_not : {false, true}) {
    GgufWriter writer;
    TinyMetadata{.pre = "llama-bpe"}.write(writer);
    if (says_not) writer.flag("tokenizer.ggml.add_bos_token", false);
    const auto tokenizer = read(writer);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    EXPECT_EQ(tokenizer->encode("").size(), says_not ? 0u : 1u);
  }
}

TEST(TokenizerGgufTest, AVocabularyWithoutMergesIsReadable) {
  const auto tokenizer = read(TinyMetadata{.has_merges = false});
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->encode("the").size(), 3u);
}

TEST(TokenizerGgufTest, WhatIsNotSupportedIsNamed) {
  const auto model = read(TinyMetadata{.model = "rwkv"});
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, Code::invalid_argument);
  EXPECT_NE(model.error().message.find("\"rwkv\""), std::string::npos);
  const auto pre = read(TinyMetadata{.pre = "tomorrow's"});
  ASSERT_FALSE(pre);
  EXPECT_EQ(pre.error().code, Code::invalid_argument);
  EXPECT_NE(pre.error().message.find("\"tomorrow's\""), std::string::npos);
}

TEST(TokenizerGgufTest, MetadataThatContradictsItselfIsCorrupt) {
  const auto kinds = read(TinyMetadata{.types = kVocab - 1});
  ASSERT_FALSE(kinds);
  EXPECT_EQ(kinds.error().code, Code::corrupt);

  const auto half = read(TinyMetadata{.control = "\xE4"});
  ASSERT_FALSE(half);
  EXPECT_NE(half.error().message.find("UTF-8"), std::string::npos);

  GgufWriter no_tokens;
  no_tokens.text("tokenizer.ggml.model", "gpt2");
  EXPECT_FALSE(read(no_tokens));

  const auto beyond = read(TinyMetadata{.pre = "llama-bpe", .bos = kVocab});
  ASSERT_FALSE(beyond);
  EXPECT_NE(beyond.error().message.find("bos_token_id"), std::string::npos);
}

}  // namespace
}  // namespace conduit::kernels
