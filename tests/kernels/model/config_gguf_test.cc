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

TEST_F(GgufConfigTest, AKeyThatIsNotUnderstoodIsRefusedByName) {
  for (const char* key : {"llama.attention.scale", "llama.residual_scale", "llama.logit_scale",
                          "llama.rope.scaling.yarn_log_multiplier", "llama.unheard_of"})
    EXPECT_EQ(refusal([&](GgufWriter& w) { w.real(key, 2); }),
              "key '" + std::string(key) + "' is not supported yet");
  EXPECT_EQ(refusal([](GgufWriter& w) { w.real("llama.final_logit_softcapping", 30); }),
            "key 'llama.final_logit_softcapping' is not supported yet");
  EXPECT_EQ(refusal([](GgufWriter& w) { w.real("other.unheard_of", 2); }), "accepted");
}

TEST_F(GgufConfigTest, AMistralsWindowIsOfEveryLayer) {
  const auto c = read([](GgufWriter& w) { w.number("llama.attention.sliding_window", 64); });
  ASSERT_TRUE(c) << c.error().message;
  EXPECT_EQ(c->window, 64);
  EXPECT_TRUE(c->layer[0].is_windowed && c->layer[1].is_windowed);
  const auto none = read([](GgufWriter& w) { w.number("llama.attention.sliding_window", 0); });
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->layer[0].is_windowed);
}

TEST_F(GgufConfigTest, YarnMultipliesItsAttentionFactor) {
  const auto c = read([](GgufWriter& w) {
    w.text("llama.rope.scaling.type", "yarn");
    w.real("llama.rope.scaling.factor", 4);
    w.number("llama.rope.scaling.original_context_length", 128);
    w.real("llama.rope.scaling.attn_factor", 2);
  });
  ASSERT_TRUE(c) << c.error().message;
  EXPECT_EQ(c->rope.scaling, RopeScaling::yarn);
  EXPECT_EQ(c->rope.original_max_position, 128);
  EXPECT_NEAR(c->rope.attention_factor, 2 * (0.1 * std::log(4.0) + 1), 1e-6);
  EXPECT_THAT(refusal([](GgufWriter& w) {
                w.text("llama.rope.scaling.type", "yarn");
                w.real("llama.rope.scaling.yarn_ext_factor", 0.5f);
              }),
              HasSubstr("yarn_ext_factor"));
}

TEST_F(GgufConfigTest, PoolingIsLlamaCppsNumber) {
  const auto pooling = [](std::uint32_t number) {
    return read([number](GgufWriter& w) { w.number("llama.pooling_type", number); });
  };
  EXPECT_EQ(pooling(0)->pooling, Pooling::none);
  EXPECT_EQ(pooling(1)->pooling, Pooling::mean);
  EXPECT_EQ(pooling(2)->pooling, Pooling::cls);
  EXPECT_EQ(pooling(3)->pooling, Pooling::last);
  EXPECT_TRUE(pooling(3)->normalise_embedding);
  EXPECT_EQ(pooling(4).error().message, "llama.pooling_type 4 is not supported yet");
}

// A file of tests/golden/own/gguf, and what its architecture needs beyond llama's keys.
class OwnGgufConfigTest : public ::testing::Test {
 protected:
  static ModelConfig of(const char* name) {
    const auto file = GgufFile::open(conduit::testing::own_golden_dir() / "own/gguf" / name);
    EXPECT_TRUE(file) << file.error().message;
    const auto config = config_from_gguf(*file);
    EXPECT_TRUE(config) << config.error().message;
    return config.value_or(ModelConfig{});
  }
  // The same but for the case's own switches.
  static std::string missing(const char* architecture, const std::vector<std::string>& keys) {
    GgufWriter writer;
    const std::string prefix = std::string(architecture) + ".";
    writer.text("general.architecture", architecture);
    for (const std::string& key : keys) writer.number(prefix + key, 8);
    writer.real(prefix + "attention.layer_norm_rms_epsilon", 1e-5f);
    writer.real(prefix + "attention.layer_norm_epsilon", 1e-5f);
    writer.tensor("token_embd.weight", {3, 8}, 0, std::string(3 * 8 * 4, '\0'));
    const std::string text = writer.finish();
    const auto file =
        GgufFile::parse({reinterpret_cast<const std::byte*>(text.data()), text.size()});
    if (!file) return file.error().message;
    const auto config = config_from_gguf(*file);
    return config ? "accepted" : config.error().message;
  }
};

TEST_F(OwnGgufConfigTest, Gemma3sNormsAreWholeAndItsPatternIsKnown) {
  const ModelConfig c = of("gemma3-six-layers.gguf");
  EXPECT_EQ(c.norms, NormPlacement::around);
  EXPECT_FALSE(c.norms_are_offsets);
  EXPECT_TRUE(c.tied_embeddings);
  EXPECT_TRUE(c.layer[4].is_windowed);
  EXPECT_FALSE(c.layer[5].is_windowed);
  EXPECT_EQ(c.rope.scaling, RopeScaling::linear);
  EXPECT_EQ(c.windowed_rope.scaling, RopeScaling::none);
  EXPECT_EQ(c.windowed_rope.theta, 5000);
}

TEST_F(OwnGgufConfigTest, ALayerHasExpertsWhereItHasARouter) {
  const ModelConfig c = of("qwen3-moe-sparse-step.gguf");
  EXPECT_TRUE(c.normalise_experts);
  EXPECT_FALSE(c.layer[0].has_experts);
  EXPECT_TRUE(c.layer[1].has_experts);
}

TEST_F(OwnGgufConfigTest, BertPoolsAsItsFileSays) {
  const ModelConfig c = of("embedding-bert-positions-buffer.gguf");
  EXPECT_FALSE(c.is_causal);
  EXPECT_EQ(c.token_types, 3);
  EXPECT_EQ(c.pooling, Pooling::mean);
}

TEST_F(OwnGgufConfigTest, EachKeyThatIsMissingIsNamed) {
  std::vector<std::string> keys = {"embedding_length", "block_count", "attention.head_count",
                                   "feed_forward_length", "context_length"};
  for (const char* architecture : {"llama", "qwen2", "qwen3", "gemma3", "phi3", "bert"}) {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      std::vector<std::string> fewer = keys;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      EXPECT_THAT(missing(architecture, fewer),
                  HasSubstr(std::string(architecture) + "." + keys[i]));
    }
  }
  EXPECT_EQ(missing("qwen3moe", keys), "qwen3moe.expert_count is missing");
  keys.push_back("expert_count");
  EXPECT_THAT(missing("qwen3moe", keys), HasSubstr("qwen3moe.expert_used_count"));
  keys.push_back("expert_used_count");
  EXPECT_THAT(missing("qwen3moe", keys), HasSubstr("qwen3moe.expert_feed_forward_length"));
  EXPECT_EQ(missing("bert", {keys.begin(), keys.begin() + 5}),
            "tensor 'token_types.weight' is missing");
}

TEST_F(GgufConfigTest, RefusesOtherArchitecturesByName) {
  GgufWriter writer;
  writer.text("general.architecture", "mamba");
  const std::string text = writer.finish();
  const auto file = GgufFile::parse({reinterpret_cast<const std::byte*>(text.data()), text.size()});
  ASSERT_TRUE(file);
  EXPECT_EQ(config_from_gguf(*file).error().message,
            "architecture 'mamba' is not supported yet; these are: llama, qwen2, qwen3, qwen3moe, "
            "gemma2, gemma3, phi3, bert");
}

}  // namespace
}  // namespace conduit::kernels
