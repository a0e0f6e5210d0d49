// ModelConfig from config.json in both layouts and from GGUF metadata; what is refused, by the
// field's name; and rotary frequencies against numbers computed elsewhere.
#include "kernels/model/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "kernels/model/gguf.h"
#include "mdl/base/json.h"
#include "tests/support/shared_dir.h"
#include "tests/support/tiny_model.h"
#include "tests/support/weight_files.h"

namespace conduit::kernels {
namespace {

using conduit::testing::GgufWriter;
using conduit::testing::TinyModelOptions;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

json::Value parsed(std::string_view text) {
  auto value = json::parse(text);
  EXPECT_TRUE(value) << text;
  return value.value_or(json::Value());
}

// A config.json of Llama 3's kind, in the layout of transformers 4.
json::Value llama() {
  return parsed(R"({"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_act":"silu",
    "hidden_size":64,"num_hidden_layers":3,"num_attention_heads":4,"num_key_value_heads":2,
    "intermediate_size":96,"vocab_size":300,"max_position_embeddings":512,"rms_norm_eps":1e-05,
    "rope_theta":500000.0,"bos_token_id":1,"eos_token_id":[2,3],"tie_word_embeddings":true})");
}

json::Value qwen3() {
  json::Value config = llama();
  config.set("architectures", json::Array{"Qwen3ForCausalLM"});
  config.set("model_type", "qwen3");
  config.set("head_dim", 32);
  return config;
}

json::Value with(json::Value config, const char* key, std::string_view value) {
  config.set(key, parsed(value));
  return config;
}

json::Value without(json::Value config, std::string_view key) {
  std::erase_if(config.as_object(), [&](const json::Member& member) { return member.key == key; });
  return config;
}

ModelConfig accepted(const json::Value& config, const json::Value& generation = {}) {
  const auto result = config_from_hf(config, generation);
  EXPECT_TRUE(result) << result.error().message;
  return result.value_or(ModelConfig{});
}

Error refused(const json::Value& config, const json::Value& generation = {}) {
  const auto result = config_from_hf(config, generation);
  EXPECT_FALSE(result) << json::dump(config);
  return result ? Error{} : result.error();
}

TEST(ModelConfigTest, ReadsEveryFieldOfALlama) {
  const ModelConfig c = accepted(llama());
  EXPECT_EQ(c.architecture, "llama");
  EXPECT_EQ(c.hidden, 64);
  EXPECT_EQ(c.layers, 3);
  EXPECT_EQ(c.heads, 4);
  EXPECT_EQ(c.kv_heads, 2);
  EXPECT_EQ(c.head_dim, 16);
  EXPECT_EQ(c.intermediate, 96);
  EXPECT_EQ(c.vocab, 300);
  EXPECT_EQ(c.max_position, 512);
  EXPECT_FLOAT_EQ(c.rms_eps, 1e-5f);
  EXPECT_FLOAT_EQ(c.rope_theta, 500000);
  EXPECT_TRUE(c.tied_embeddings);
  EXPECT_FALSE(c.qk_norm);
  EXPECT_FALSE(c.attention_bias);
  EXPECT_FALSE(c.mlp_bias);
  EXPECT_FALSE(c.rope_interleaved);
  EXPECT_EQ(c.rope_scaling, RopeScaling::none);
  EXPECT_EQ(c.bos, 1);
  EXPECT_THAT(c.eos, ElementsAre(2, 3));
}

TEST(ModelConfigTest, Qwen3HasHeadNormsAndItsOwnHeadSize) {
  const ModelConfig c = accepted(qwen3());
  EXPECT_EQ(c.architecture, "qwen3");
  EXPECT_TRUE(c.qk_norm);
  EXPECT_EQ(c.head_dim, 32);
  for (const char* key : {"head_dim", "num_key_value_heads", "rope_theta"})
    EXPECT_EQ(refused(without(qwen3(), key)).message, std::string(key) + " is missing");
}

TEST(ModelConfigTest, LlamasDocumentedDefaultsFillWhatOldConfigsLeaveOut) {
  json::Value config = llama();
  for (const char* key : {"num_key_value_heads", "rope_theta", "tie_word_embeddings",
                          "architectures", "hidden_act", "bos_token_id", "eos_token_id"})
    config = without(config, key);
  const ModelConfig c = accepted(config);
  EXPECT_EQ(c.kv_heads, 4);
  EXPECT_EQ(c.rope_theta, 10000);
  EXPECT_FALSE(c.tied_embeddings);
  EXPECT_EQ(c.bos, -1);
  EXPECT_TRUE(c.eos.empty());
  EXPECT_EQ(accepted(with(llama(), "head_dim", "null")).head_dim, 16);
}

TEST(ModelConfigTest, FieldsWithoutADefaultAreAskedForByName) {
  for (const char* key :
       {"hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size",
        "intermediate_size", "max_position_embeddings", "rms_norm_eps", "model_type"}) {
    const Error error = refused(without(llama(), key));
    EXPECT_EQ(error.code, Code::corrupt);
    EXPECT_EQ(error.message, std::string(key) + " is missing");
  }
}

TEST(ModelConfigTest, NumbersOutOfRangeOrOfAnotherKindAreRefused) {
  for (const char* key :
       {"hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
        "head_dim", "vocab_size", "intermediate_size", "max_position_embeddings"})
    for (const char* value :
         {"0", "-4", "4.5", "\"4\"", "[4]", "true", "99999999999", "18446744073709551615"})
      EXPECT_THAT(refused(with(llama(), key, value)).message, HasSubstr(key)) << value;
  for (const char* key : {"rms_norm_eps", "rope_theta"})
    for (const char* value : {"0", "-1.0", "1e-40", "1e300", "\"1\"", "[]"})
      EXPECT_THAT(refused(with(llama(), key, value)).message, HasSubstr(key)) << value;
  for (const char* key : {"tie_word_embeddings", "attention_bias", "mlp_bias"})
    EXPECT_THAT(refused(with(llama(), key, "1")).message, HasSubstr(key));
}

TEST(ModelConfigTest, FieldsThatContradictEachOtherAreRefused) {
  EXPECT_THAT(refused(with(llama(), "num_key_value_heads", "3")).message,
              HasSubstr("does not divide the number of heads, 4"));
  EXPECT_THAT(refused(with(llama(), "num_key_value_heads", "8")).message,
              HasSubstr("does not divide"));
  EXPECT_THAT(refused(with(llama(), "head_dim", "15")).message, HasSubstr("is odd"));
}

TEST(ModelConfigTest, OtherArchitecturesAreRefusedByName) {
  const Error error = refused(with(llama(), "model_type", "\"qwen2\""));
  EXPECT_EQ(error.code, Code::invalid_argument);
  EXPECT_EQ(error.message, "architecture 'qwen2' is not supported yet; llama and qwen3 are");
  EXPECT_THAT(
      refused(with(llama(), "architectures", "[\"LlamaForSequenceClassification\"]")).message,
      HasSubstr("LlamaForSequenceClassification"));
}

TEST(ModelConfigTest, FeaturesNotSupportedAreNamed) {
  const auto unsupported = [](const char* key, const char* value) {
    const Error error = refused(with(qwen3(), key, value));
    EXPECT_EQ(error.code, Code::invalid_argument) << key;
    return error.message;
  };
  EXPECT_THAT(unsupported("hidden_act", "\"gelu\""), HasSubstr("hidden_act 'gelu'"));
  EXPECT_THAT(unsupported("quantization_config", "{\"quant_method\":\"gptq\"}"),
              HasSubstr("quantization_config"));
  EXPECT_THAT(unsupported("layer_types", R"(["full_attention","sliding_attention"])"),
              HasSubstr("sliding_attention"));
  EXPECT_THAT(unsupported("partial_rotary_factor", "0.5"), HasSubstr("partial_rotary_factor"));
  EXPECT_THAT(unsupported("rope_scaling", R"({"type":"yarn","factor":4.0})"), HasSubstr("'yarn'"));
  json::Value windowed = with(qwen3(), "use_sliding_window", "true");
  accepted(with(windowed, "sliding_window", "null"));
  EXPECT_THAT(refused(with(windowed, "sliding_window", "128")).message,
              HasSubstr("use_sliding_window"));
}

TEST(ModelConfigTest, RopeScalingIsReadInTheLayoutsOfTransformers4And5) {
  const std::string fields = R"("factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,
                                "original_max_position_embeddings":64)";
  const json::Value version4 =
      with(llama(), "rope_scaling", R"({"rope_type":"llama3",)" + fields + "}");
  const json::Value version5 =
      with(without(llama(), "rope_theta"), "rope_parameters",
           R"({"rope_type":"llama3","rope_theta":500000.0,)" + fields + "}");
  for (const json::Value& config : {version4, version5}) {
    const ModelConfig c = accepted(config);
    EXPECT_EQ(c.rope_scaling, RopeScaling::llama3);
    EXPECT_EQ(c.rope_theta, 500000);
    EXPECT_EQ(c.rope_factor, 8);
    EXPECT_EQ(c.rope_low_freq_factor, 1);
    EXPECT_EQ(c.rope_high_freq_factor, 4);
    EXPECT_EQ(c.rope_original_max_position, 64);
  }
  const ModelConfig linear =
      accepted(with(llama(), "rope_scaling", R"({"type":"linear","factor":4})"));
  EXPECT_EQ(linear.rope_scaling, RopeScaling::linear);
  EXPECT_EQ(linear.rope_factor, 4);
  const ModelConfig plain =
      accepted(with(without(llama(), "rope_theta"), "rope_parameters",
                    R"({"rope_type":"default","rope_theta":20000.0,"partial_rotary_factor":1.0})"));
  EXPECT_EQ(plain.rope_scaling, RopeScaling::none);
  EXPECT_EQ(plain.rope_theta, 20000);
}

TEST(ModelConfigTest, BrokenRopeScalingIsRefused) {
  EXPECT_EQ(refused(with(llama(), "rope_scaling", R"({"type":"linear"})")).message,
            "rope_scaling.factor is missing");
  EXPECT_THAT(refused(with(llama(), "rope_scaling", R"({"type":"linear","factor":0})")).message,
              HasSubstr("rope_scaling.factor is 0"));
  EXPECT_EQ(refused(with(llama(), "rope_scaling", "4")).message, "rope_scaling is no object");
  EXPECT_THAT(refused(with(llama(), "rope_scaling", R"({"rope_type":"llama3","factor":8,
                      "low_freq_factor":4.0,"high_freq_factor":4.0})"))
                  .message,
              HasSubstr("high_freq_factor above low_freq_factor"));
}

TEST(ModelConfigTest, GenerationConfigDecidesWhereAnswersEnd) {
  EXPECT_THAT(accepted(llama(), parsed(R"({"eos_token_id":7})")).eos, ElementsAre(7));
  EXPECT_THAT(accepted(llama(), parsed(R"({"eos_token_id":[8,9]})")).eos, ElementsAre(8, 9));
  EXPECT_THAT(accepted(llama(), parsed(R"({"bos_token_id":1})")).eos, ElementsAre(2, 3));
  EXPECT_THAT(refused(llama(), parsed(R"({"eos_token_id":"x"})")).message,
              HasSubstr("generation_config.eos_token_id is neither"));
  EXPECT_THAT(refused(with(llama(), "eos_token_id", "[-1]")).message,
              HasSubstr("eos_token_id is -1, no token id"));
}

// --- GGUF

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
  EXPECT_EQ(c->rope_theta, 10000);
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
  EXPECT_EQ(linear->rope_scaling, RopeScaling::linear);
  EXPECT_EQ(linear->rope_factor, 4);
  const auto none = read([](GgufWriter& w) {
    w.text("llama.rope.scaling.type", "none");
    w.real("llama.rope.scaling.factor", 4);
  });
  ASSERT_TRUE(none);
  EXPECT_EQ(none->rope_scaling, RopeScaling::none);
  TinyModelOptions options;
  options.rope_scaling = "llama3";
  const auto factors = read(options);
  ASSERT_TRUE(factors) << factors.error().message;
  EXPECT_EQ(factors->rope_freq_factors.size(), 8u);
  EXPECT_EQ(factors->rope_freq_factors.front(), 1);
  EXPECT_NEAR(factors->rope_freq_factors.back(), 4, 1e-5);
}

TEST_F(GgufConfigTest, RefusesWhatItCannotRunByTheKeysName) {
  EXPECT_EQ(refusal([](GgufWriter& w) { w.text("llama.rope.scaling.type", "yarn"); }),
            "rope scaling 'yarn' is not supported yet");
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
            "architecture 'mamba' is not supported yet; llama and qwen3 are");
}

// --- rotary frequencies

ModelConfig rope_of(int head_dim, float theta) {
  ModelConfig config;
  config.head_dim = head_dim;
  config.rope_theta = theta;
  return config;
}

TEST(RopeFrequenciesTest, FallGeometricallyFromOne) {
  EXPECT_THAT(rope_inverse_frequencies(rope_of(8, 10000)), ElementsAre(1.0f, 0.1f, 0.01f, 0.001f));
}

TEST(RopeFrequenciesTest, LinearScalingDividesAll) {
  ModelConfig config = rope_of(4, 10000);
  config.rope_scaling = RopeScaling::linear;
  config.rope_factor = 4;
  EXPECT_THAT(rope_inverse_frequencies(config), ElementsAre(0.25f, 0.0025f));
}

// Llama 3.1 8B: the values transformers' llama3 rope computes, at an unscaled, a blended and a
// fully scaled pair.
TEST(RopeFrequenciesTest, Llama3ScalingKeepsHighAndSlowsLowFrequencies) {
  ModelConfig config = rope_of(128, 500000);
  config.rope_scaling = RopeScaling::llama3;
  config.rope_factor = 8;
  config.rope_low_freq_factor = 1;
  config.rope_high_freq_factor = 4;
  config.rope_original_max_position = 8192;
  const std::vector<float> frequencies = rope_inverse_frequencies(config);
  ASSERT_EQ(frequencies.size(), 64u);
  EXPECT_FLOAT_EQ(frequencies[0], 1.0f);
  EXPECT_NEAR(frequencies[20] / 0.016560440883, 1, 1e-6);
  EXPECT_NEAR(frequencies[30] / 0.0013718936825, 1, 1e-6);
  EXPECT_NEAR(frequencies[63] / 3.0689258779e-07, 1, 1e-6);
}

TEST(RopeFrequenciesTest, FactorsOfTheFileDivideEachPair) {
  ModelConfig config = rope_of(4, 10000);
  config.rope_freq_factors = {1, 8};
  EXPECT_THAT(rope_inverse_frequencies(config), ElementsAre(1.0f, 0.01f / 8));
}

}  // namespace
}  // namespace conduit::kernels
