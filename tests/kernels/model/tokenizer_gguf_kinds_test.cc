// GGUF tokenizers that are not byte-level BPE: SentencePiece's (llama, t5) and BERT's.
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "kernels/model/gguf.h"
#include "kernels/model/tokenizer.h"
#include "tests/support/weight_files.h"

namespace conduit::kernels {
namespace {

using Ids = std::vector<TokenId>;
using testing::GgufWriter;

struct Token {
  std::string text;
  float score = 0;
  int kind = 1;
};

void write_scores(GgufWriter& writer, const std::vector<Token>& tokens) {
  constexpr std::uint32_t kArray = 9, kFloat32 = 6;
  std::string bytes(sizeof kFloat32 + sizeof(std::uint64_t) + tokens.size() * sizeof(float), '\0');
  const std::uint64_t count = tokens.size();
  std::memcpy(bytes.data(), &kFloat32, sizeof kFloat32);
  std::memcpy(bytes.data() + sizeof kFloat32, &count, sizeof count);
  for (std::size_t i = 0; i < tokens.size(); ++i)
    std::memcpy(bytes.data() + 12 + i * sizeof(float), &tokens[i].score, sizeof(float));
  writer.raw("tokenizer.ggml.scores", kArray, bytes);
}

GgufWriter metadata(const char* model, const std::vector<Token>& tokens) {
  std::vector<std::string> texts;
  std::vector<std::int32_t> kinds;
  for (const Token& token : tokens) {
    texts.push_back(token.text);
    kinds.push_back(token.kind);
  }
  GgufWriter writer;
  writer.text("tokenizer.ggml.model", model);
  writer.texts("tokenizer.ggml.tokens", texts);
  writer.numbers("tokenizer.ggml.token_type", kinds);
  write_scores(writer, tokens);
  return writer;
}

Result<Tokenizer> read(const GgufWriter& writer) {
  const std::string bytes = writer.finish();
  CONDUIT_TRY(const GgufFile file, GgufFile::parse(std::as_bytes(std::span(bytes))));
  return Tokenizer::from_gguf(file);
}

Tokenizer tokenizer_of(const GgufWriter& writer) {
  auto made = read(writer);
  EXPECT_TRUE(made) << made.error().message;
  return *std::move(made);
}

const std::vector<Token> kPieces = {
    {"<unk>", 0, 2}, {"<s>", 0, 3}, {"</s>", 0, 3}, {"<0xC3>", 0, 6}, {"<0xA9>", 0, 6}, {"▁a", -1},
    {"▁", -2},       {"a", -2},     {"b", -2},      {"ab", -3},       {"  ", -9, 4}};

TEST(LlamaGgufTest, TextsBeginWithItsFirstTokenAndABlank) {
  GgufWriter file = metadata("llama", kPieces);
  file.number("tokenizer.ggml.bos_token_id", 1);
  const Tokenizer tokenizer = tokenizer_of(file);
  EXPECT_EQ(tokenizer.encode("ab"), (Ids{1, 5, 8}));
  EXPECT_EQ(tokenizer.encode("é</s>", {.add_special = false}), (Ids{6, 3, 4, 2}));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("é ab"), true), "é ab");
}

TEST(LlamaGgufTest, UserDefinedBlanksAreFoundAsTheTextHasThem) {
  GgufWriter file = metadata("llama", kPieces);
  file.flag("tokenizer.ggml.add_bos_token", false);
  file.flag("tokenizer.ggml.add_space_prefix", false);
  const Tokenizer tokenizer = tokenizer_of(file);
  EXPECT_EQ(tokenizer.encode("b   a"), (Ids{8, 10, 5}));
  EXPECT_EQ(tokenizer.decode(Ids{8, 10, 5}), "b   a");
}

TEST(LlamaGgufTest, MetadataThatContradictsItselfIsCorrupt) {
  auto pieces = kPieces;
  pieces[5].score = std::numeric_limits<float>::infinity();
  pieces[6].kind = 7;
  const auto kind = read(metadata("llama", pieces));
  ASSERT_FALSE(kind);
  EXPECT_NE(kind.error().message.find("kind 7"), std::string::npos) << kind.error().message;
  pieces[6].kind = 1;
  const auto score = read(metadata("llama", pieces));
  ASSERT_FALSE(score);
  EXPECT_NE(score.error().message.find("score of piece 5"), std::string::npos);

  GgufWriter no_scores;
  no_scores.text("tokenizer.ggml.model", "llama");
  no_scores.texts("tokenizer.ggml.tokens", {"a"});
  const auto without = read(no_scores);
  ASSERT_FALSE(without);
  EXPECT_NE(without.error().message.find("scores"), std::string::npos);
}

TEST(T5GgufTest, PiecesAreChosenByTheirTotalAndExtraBlanksGo) {
  GgufWriter file = metadata("t5", kPieces);
  file.number("tokenizer.ggml.eos_token_id", 2);
  EXPECT_EQ(tokenizer_of(file).encode(" ab  "), (Ids{5, 8, 2}));
}

TEST(BertGgufTest, MarkedTokensBeginWordsAndTheOthersContinueThem) {
  GgufWriter file = metadata("bert", {{"[PAD]", 0, 3},
                                      {"[UNK]", 0, 3},
                                      {"[CLS]", 0, 3},
                                      {"[SEP]", 0, 3},
                                      {"▁the"},
                                      {"▁th"},
                                      {"ing"}});
  file.number("tokenizer.ggml.cls_token_id", 2);
  file.number("tokenizer.ggml.seperator_token_id", 3);
  const Tokenizer tokenizer = tokenizer_of(file);
  EXPECT_EQ(tokenizer.encode("The thing ing"), (Ids{2, 4, 5, 6, 1, 3}));
  const PairEncoding pair = tokenizer.encode_pair("the", "thing");
  EXPECT_EQ(pair.ids, (Ids{2, 4, 3, 5, 6, 3}));
  EXPECT_EQ(pair.type_ids, (std::vector<std::int32_t>{0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(tokenizer.decode(Ids{4, 5, 6}), "the thing");
}

}  // namespace
}  // namespace conduit::kernels
