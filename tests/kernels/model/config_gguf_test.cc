// ModelConfig from GGUF metadata of every architecture, and what is refused, by the key's name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "kernels/model/config.h"
#include "kernels/model/gguf.h"
#include "tests/support/shared_dir.h"
#include "tests/support/tiny_model.h"
#include "tests/support/weight_files.h"

namespace conduit::kernels {
namespace {

using conduit::testing::GgufWriter;
using conduit::testing::TinyModelOptions;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class GgufConfigTest : public ::testing::Test {
 protected:
  // Of a whole tiny file.
  static Result<ModelConfig> read(const TinyModelOptions& options) {
    conduit::testing::TemporaryDir folder;
    const auto file = GgufFile::open(write_tiny_gguf(folder.path(), options));
    if (!file) return file.error();
    return config_from_gguf(*file);
  }

  // Of the fewest keys that make a llama, and more.
  static Result<ModelConfig> read(const std::function<void(GgufWriter&)>& more) {
    GgufWriter writer;
    writer.text("general.architecture", "llama");
    writer.number("llama.embedding_length", 64);
    writer.number("llama.block_count", 2);
    writer.number("llama.attention.head_count", 4);
    writer.number("llama.feed_forward_length", 96);
    writer.number("llama.context_length", 512);
    writer.real("llama.attention.layer_norm_rms_epsilon", 1e-5f);
    writer.tensor("token_embd.weight", {3, 64}, 0, std::string(3 * 64 * 4, '\0'));
    more(writer);
    const std::string text = writer.finish();
    const auto file =
        GgufFile::parse({reinterpret_cast<const std::byte*>(text.data()), text.size()});
    if (!file) return file.error();
    return config_from_gguf(*file);
  }

  static std::string refusal(const std::function<void(GgufWriter&)>& more) {
    const auto result = read(more);
    return result ? "accepted" : result.error().message;
  }
};

TEST_F(GgufConfigTest, LlamaTurnsInterleavedPairsAndQwen3DoesNot) {
  TinyModelOptions options;
  options.tied_embeddings = true;
  const auto llama = read(options);
  ASSERT_TRUE(llama) << llama.error().message;
  EXPECT_TRUE(llama->rope_interleaved);
  EXPECT_TRUE(llama->tied_embeddings);
  EXPECT_FALSE(llama->qk_norm);
  EXPECT_EQ(llama->vocab, options.vocab);
  EXPECT_EQ(llama->bos, 1);
  EXPECT_THAT(llama->eos, ElementsAre(2));
  options.architecture = "qwen3";
  options.tied_embeddings = false;
  options.head_dim = 24;
  const auto qwen3 = read(options);
  ASSERT_TRUE(qwen3) << qwen3.error().message;
  EXPECT_FALSE(qwen3->rope_interleaved);
  EXPECT_FALSE(qwen3->tied_embeddings);
  EXPECT_TRUE(qwen3->qk_norm);
  EXPECT_EQ(qwen3->head_dim, 24);
}

TEST_F(GgufConfigTest, DefaultsAreLlamaCpps) {
  const auto c = read([](GgufWriter&) {});
  ASSERT_TRUE(c) << c.error().message;
  EXPECT_EQ(c->kv_heads, 4);
  EXPECT_EQ(c->head_dim, 16);
  EXPECT_EQ(c->vocab, 3);
  EXPECT_EQ(c->rope.theta, 10000);
  EXPECT_EQ(c->bos, -1);
  EXPECT_TRUE(c->eos.empty());
}

TEST_F(GgufConfigTest, EveryEndOfGenerationIdCountsOnce) {
  const auto c = read([](GgufWriter& w) {
    w.number("tokenizer.ggml.eos_token_id", 2);
    w.number("tokenizer.ggml.eot_token_id", 2);
    w.number("tokenizer.ggml.eom_token_id", 1);
  });
  ASSERT_TRUE(c) << c.error().message;
  EXPECT_THAT(c->eos, ElementsAre(2, 1));
}

TEST_F(GgufConfigTest, RopeScalingComesFromKeysOrFromTheFactorsTensor) {
  const auto linear = read([](GgufWriter& w) { w.real("llama.rope.scaling.factor", 4); });
  ASSERT_TRUE(linear) << linear.error().message;
  EXPECT_EQ(linear->rope.scaling, RopeScaling::linear);
  EXPECT_EQ(linear->rope.factor, 4);
  const auto none = read([](GgufWriter& w) {
    w.text("llama.rope.scaling.type", "none");
    w.real("llama.rope.scaling.factor", 4);
  });
  ASSERT_TRUE(none);
  EXPECT_EQ(none->rope.scaling, RopeScaling::none);
  TinyModelOptions options;
  options.rope_scaling = "llama3";
  const auto factors = read(options);
  ASSERT_TRUE(factors) << factors.error().message;
  EXPECT_EQ(factors->rope.freq_factors.size(), 8u);
  EXPECT_EQ(factors->rope.freq_factors.front(), 1);
  EXPECT_NEAR(factors->rope.freq_factors.back(), 4, 1e-5);
}

TEST_F(GgufConfigTest, RefusesWhatItCannotRunByTheKeysName) {
  EXPECT_EQ(refusal([](GgufWriter& w) { w.text("llama.rope.scaling.type", "longrope"); }),
            "rope scaling 'longrope' in a llama is not supported yet");
  EXPECT_EQ(refusal([](GgufWriter& w) { w.number("llama.expert_count", 8); }),
            "llama.expert_count 8 is not supported yet");
  EXPECT_EQ(refusal([](GgufWriter& w) { w.number("llama.rope.dimension_count", 8); }),
            "llama.rope.dimension_count 8 with heads of 16 is not supported yet");
  EXPECT_EQ(refusal([](GgufWriter& w) { w.number("llama.vocab_size", 4); }),
            "llama.vocab_size is 4, but tensor 'token_embd.weight' has 3 rows");
  EXPECT_THAT(refusal([](GgufWriter& w) { w.number("llama.attention.head_count_kv", 0); }),
              HasSubstr("llama.attention.head_count_kv is 0"));
  EXPECT_THAT(refusal([](GgufWriter& w) { w.text("llama.rope.freq_base", "x"); }),
              HasSubstr("'llama.rope.freq_base' is not a number"));
  EXPECT_THAT(
      refusal([](GgufWriter& w) { w.tensor("rope_freqs.weight", {8}, 0, std::string(32, '\0')); }),
      HasSubstr("a value of tensor 'rope_freqs.weight' is 0"));
  EXPECT_THAT(refusal([](GgufWriter& w) {
                w.tensor("rope_freqs.weight", {4}, 0, std::string(16, '\x3f'));
              }),
              HasSubstr("tensor 'rope_freqs.weight' is not F32 [8]"));
}

TEST_F(GgufConfigTest, RefusesOtherArchitecturesByName) {
  GgufWriter writer;
  writer.text("general.architecture", "mamba");
  const std::string text = writer.finish();
  const auto file = GgufFile::parse({reinterpret_cast<const std::byte*>(text.data()), text.size()});
  ASSERT_TRUE(file);
  EXPECT_EQ(config_from_gguf(*file).error().message,
            "architecture 'mamba' is not supported yet; these are: llama, qwen2, qwen3, qwen3moe, "
            "gemma3, phi3, bert");
}

}  // namespace
}  // namespace conduit::kernels
