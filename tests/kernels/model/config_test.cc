// ModelConfig from config.json: what every family shares, and what is refused, by the field's name.
// Families: config_families_test.cc; rotary embeddings: config_rope_test.cc; GGUF:
// config_gguf_test.cc.
#include "kernels/model/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kernels/model/config_json.h"

namespace conduit::kernels {
namespace {

using conduit::testing::accepted;
using conduit::testing::llama_json;
using conduit::testing::parsed;
using conduit::testing::qwen3_json;
using conduit::testing::refused;
using conduit::testing::with;
using conduit::testing::without;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ModelConfigTest, ReadsEveryFieldOfALlama) {
  const ModelConfig c = accepted(llama_json());
  EXPECT_EQ(c.architecture, "llama");
  EXPECT_EQ(c.hidden, 64);
  EXPECT_EQ(c.layers, 3);
  EXPECT_EQ(c.heads, 4);
  EXPECT_EQ(c.kv_heads, 2);
  EXPECT_EQ(c.head_dim, 16);
  EXPECT_EQ(c.intermediate, 96);
  EXPECT_EQ(c.vocab, 300);
  EXPECT_EQ(c.max_position, 512);
  EXPECT_FLOAT_EQ(c.norm_eps, 1e-5f);
  EXPECT_FLOAT_EQ(c.rope.theta, 500000);
  EXPECT_TRUE(c.tied_embeddings);
  EXPECT_FALSE(c.qk_norm);
  EXPECT_FALSE(c.qkv_bias);
  EXPECT_FALSE(c.out_bias);
  EXPECT_FALSE(c.mlp_bias);
  EXPECT_FALSE(c.rope_interleaved);
  EXPECT_EQ(c.rope.scaling, RopeScaling::none);
  EXPECT_EQ(c.bos, 1);
  EXPECT_THAT(c.eos, ElementsAre(2, 3));
}

TEST(ModelConfigTest, Qwen3HasHeadNormsAndItsOwnHeadSize) {
  const ModelConfig c = accepted(qwen3_json());
  EXPECT_EQ(c.architecture, "qwen3");
  EXPECT_TRUE(c.qk_norm);
  EXPECT_EQ(c.head_dim, 32);
  for (const char* key : {"head_dim", "num_key_value_heads", "rope_theta"})
    EXPECT_EQ(refused(without(qwen3_json(), key)).message, std::string(key) + " is missing");
}

TEST(ModelConfigTest, LlamasDocumentedDefaultsFillWhatOldConfigsLeaveOut) {
  json::Value config = llama_json();
  for (const char* key : {"num_key_value_heads", "rope_theta", "tie_word_embeddings",
                          "architectures", "hidden_act", "bos_token_id", "eos_token_id"})
    config = without(config, key);
  const ModelConfig c = accepted(config);
  EXPECT_EQ(c.kv_heads, 4);
  EXPECT_EQ(c.rope.theta, 10000);
  EXPECT_FALSE(c.tied_embeddings);
  EXPECT_EQ(c.bos, -1);
  EXPECT_TRUE(c.eos.empty());
  EXPECT_EQ(accepted(with(llama_json(), "head_dim", "null")).head_dim, 16);
}

TEST(ModelConfigTest, FieldsWithoutADefaultAreAskedForByName) {
  for (const char* key :
       {"hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size",
        "intermediate_size", "max_position_embeddings", "rms_norm_eps", "model_type"}) {
    const Error error = refused(without(llama_json(), key));
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
      EXPECT_THAT(refused(with(llama_json(), key, value)).message, HasSubstr(key)) << value;
  for (const char* key : {"rms_norm_eps", "rope_theta"})
    for (const char* value : {"0", "-1.0", "1e-40", "1e300", "\"1\"", "[]"})
      EXPECT_THAT(refused(with(llama_json(), key, value)).message, HasSubstr(key)) << value;
  for (const char* key : {"tie_word_embeddings", "attention_bias", "mlp_bias"})
    EXPECT_THAT(refused(with(llama_json(), key, "1")).message, HasSubstr(key));
}

TEST(ModelConfigTest, FieldsThatContradictEachOtherAreRefused) {
  EXPECT_THAT(refused(with(llama_json(), "num_key_value_heads", "3")).message,
              HasSubstr("does not divide the number of heads, 4"));
  EXPECT_THAT(refused(with(llama_json(), "num_key_value_heads", "8")).message,
              HasSubstr("does not divide"));
  EXPECT_THAT(refused(with(llama_json(), "head_dim", "15")).message, HasSubstr("is odd"));
}

TEST(ModelConfigTest, OtherArchitecturesAreRefusedByName) {
  for (const char* name : {"gpt2", "gemma3", "roberta", "xlm-roberta", "mixtral"}) {
    const Error error = refused(with(llama_json(), "model_type", json::quote(name)));
    EXPECT_EQ(error.code, Code::invalid_argument);
    EXPECT_EQ(error.message,
              "architecture '" + std::string(name) +
                  "' is not supported yet; these are: llama, mistral, qwen2, qwen3, qwen3_moe, "
                  "gemma2, gemma3_text, phi3, bert");
  }
  EXPECT_THAT(
      refused(with(llama_json(), "architectures", "[\"LlamaForSequenceClassification\"]")).message,
      HasSubstr("LlamaForSequenceClassification"));
  accepted(with(llama_json(), "architectures", "[\"LlamaModel\"]"));
}

TEST(ModelConfigTest, FeaturesNotSupportedAreNamed) {
  const auto unsupported = [](const char* key, const char* value) {
    const Error error = refused(with(qwen3_json(), key, value));
    EXPECT_EQ(error.code, Code::invalid_argument) << key;
    return error.message;
  };
  EXPECT_THAT(unsupported("hidden_act", "\"relu\""), HasSubstr("hidden_act 'relu'"));
  EXPECT_THAT(unsupported("quantization_config", "{\"quant_method\":\"gptq\"}"),
              HasSubstr("quantization_config"));
  EXPECT_THAT(unsupported("layer_types", R"(["full_attention","full_attention","chunked"])"),
              HasSubstr("chunked"));
  EXPECT_THAT(unsupported("partial_rotary_factor", "0.5"), HasSubstr("partial_rotary_factor"));
}

// A model would run with any of these ignored, and say something else than it should.
TEST(ModelConfigTest, KeysThatChangeTheArithmeticOfOtherFamiliesAreRefusedByName) {
  for (const char* key :
       {"attn_logit_softcapping", "final_logit_softcapping", "query_pre_attn_scalar",
        "sliding_window", "num_local_experts", "logit_scale", "embedding_multiplier", "clip_qkv"}) {
    EXPECT_EQ(refused(with(llama_json(), key, "30")).message,
              std::string(key) + " in a llama is not supported yet");
    accepted(with(llama_json(), key, "null"));
  }
  accepted(with(llama_json(), "logit_scale", "1.0"));
  EXPECT_EQ(refused(with(llama_json(), "is_causal", "false")).message,
            "is_causal false is not supported yet");
  accepted(with(llama_json(), "sliding_window", "0"));
}

TEST(ModelConfigTest, GenerationConfigDecidesWhereAnswersEnd) {
  EXPECT_THAT(accepted(llama_json(), parsed(R"({"eos_token_id":7})")).eos, ElementsAre(7));
  EXPECT_THAT(accepted(llama_json(), parsed(R"({"eos_token_id":[8,9]})")).eos, ElementsAre(8, 9));
  EXPECT_THAT(accepted(llama_json(), parsed(R"({"bos_token_id":1})")).eos, ElementsAre(2, 3));
  EXPECT_THAT(refused(llama_json(), parsed(R"({"eos_token_id":"x"})")).message,
              HasSubstr("generation_config.eos_token_id is neither"));
  EXPECT_THAT(refused(with(llama_json(), "eos_token_id", "[-1]")).message,
              HasSubstr("eos_token_id is -1, no token id"));
}

}  // namespace
}  // namespace conduit::kernels
