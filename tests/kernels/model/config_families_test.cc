// What each family's config.json says beyond Llama's, with transformers' defaults; and what
// contradicts itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "tests/kernels/model/config_json.h"

namespace conduit::kernels {
namespace {

using conduit::testing::accepted;
using conduit::testing::family_json;
using conduit::testing::parsed;
using conduit::testing::refused;
using conduit::testing::with;
using conduit::testing::without;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<bool> windowed(const ModelConfig& config) {
  std::vector<bool> result;
  for (const LayerConfig& layer : config.layer) result.push_back(layer.is_windowed);
  return result;
}

std::vector<bool> sparse(const ModelConfig& config) {
  std::vector<bool> result;
  for (const LayerConfig& layer : config.layer) result.push_back(layer.has_experts);
  return result;
}

// --- Mistral

json::Value mistral() {
  return with(family_json("mistral", "MistralForCausalLM"), "sliding_window", "128");
}

TEST(MistralConfigTest, EveryLayerHasTheWindow) {
  const ModelConfig c = accepted(mistral());
  EXPECT_EQ(c.window, 128);
  EXPECT_THAT(windowed(c), ElementsAre(true, true, true));
  EXPECT_EQ(c.head_dim, 32);
  EXPECT_FALSE(c.qkv_bias);
  EXPECT_EQ(accepted(without(mistral(), "head_dim")).head_dim, 16);
}

TEST(MistralConfigTest, ANullWindowIsNoneAndAnAbsentOneIsTransformersDefault) {
  EXPECT_THAT(windowed(accepted(with(mistral(), "sliding_window", "null"))),
              ElementsAre(false, false, false));
  const ModelConfig c = accepted(without(mistral(), "sliding_window"));
  EXPECT_EQ(c.window, 4096);
  EXPECT_THAT(windowed(c), ElementsAre(true, true, true));
  EXPECT_THAT(refused(with(mistral(), "sliding_window", "0")).message,
              HasSubstr("sliding_window is 0"));
  EXPECT_THAT(refused(with(mistral(), "layer_types",
                           R"(["full_attention","sliding_attention","sliding_attention"])"))
                  .message,
              HasSubstr("layer_types of several kinds in a mistral"));
}

// --- Qwen2, Qwen3

json::Value qwen2() { return family_json("qwen2", "Qwen2ForCausalLM"); }

TEST(Qwen2ConfigTest, HasBiasesOnQKAndVAlone) {
  const ModelConfig c = accepted(qwen2());
  EXPECT_TRUE(c.qkv_bias);
  EXPECT_FALSE(c.out_bias);
  EXPECT_FALSE(c.qk_norm);
}

TEST(Qwen2ConfigTest, TheWindowCountsOnlyWhereItIsUsed) {
  json::Value config = with(qwen2(), "sliding_window", "64");
  EXPECT_THAT(windowed(accepted(config)), ElementsAre(false, false, false));
  config = with(config, "use_sliding_window", "true");
  EXPECT_THAT(windowed(accepted(config)), ElementsAre(false, false, false)) << "28 layers see all";
  EXPECT_THAT(windowed(accepted(with(config, "max_window_layers", "1"))),
              ElementsAre(false, true, true));
  EXPECT_THAT(windowed(accepted(with(config, "max_window_layers", "0"))),
              ElementsAre(true, true, true));
  EXPECT_EQ(accepted(config).window, 64);
  EXPECT_EQ(accepted(without(config, "sliding_window")).window, 4096);
  EXPECT_EQ(accepted(with(config, "sliding_window", "null")).window, 0);
}

TEST(Qwen2ConfigTest, LayerTypesSayWhichLayersHaveAWindow) {
  const json::Value config = with(with(qwen2(), "sliding_window", "64"), "layer_types",
                                  R"(["sliding_attention","full_attention","sliding_attention"])");
  EXPECT_THAT(refused(config).message, HasSubstr("but there is no sliding_window"));
  const json::Value used = with(config, "use_sliding_window", "true");
  EXPECT_THAT(windowed(accepted(used)), ElementsAre(true, false, true));
  EXPECT_EQ(refused(with(used, "layer_types", R"(["full_attention"])")).message,
            "layer_types has 1 entries; num_hidden_layers is 3");
  EXPECT_EQ(refused(with(used, "layer_types", "3")).message, "layer_types is not a list");
}

// --- Qwen3-MoE

json::Value moe() {
  json::Value config = family_json("qwen3_moe", "Qwen3MoeForCausalLM");
  for (const auto& [key, value] : std::vector<std::pair<const char*, int>>{
           {"num_experts", 6}, {"num_experts_per_tok", 2}, {"moe_intermediate_size", 24}})
    config.set(key, value);
  return config;
}

TEST(Qwen3MoeConfigTest, ReadsTheExperts) {
  const ModelConfig c = accepted(moe());
  EXPECT_EQ(c.experts, 6);
  EXPECT_EQ(c.experts_per_token, 2);
  EXPECT_EQ(c.expert_intermediate, 24);
  EXPECT_FALSE(c.normalise_experts);
  EXPECT_TRUE(c.qk_norm);
  EXPECT_THAT(sparse(c), ElementsAre(true, true, true));
  EXPECT_TRUE(accepted(with(moe(), "norm_topk_prob", "true")).normalise_experts);
  EXPECT_EQ(accepted(with(without(moe(), "num_experts"), "num_local_experts", "4")).experts, 4);
}

TEST(Qwen3MoeConfigTest, SomeLayersMayBeDense) {
  EXPECT_THAT(sparse(accepted(with(moe(), "decoder_sparse_step", "2"))),
              ElementsAre(false, true, false));
  EXPECT_THAT(sparse(accepted(with(moe(), "mlp_only_layers", "[0]"))),
              ElementsAre(false, true, true));
}

TEST(Qwen3MoeConfigTest, WhatIsMissingOrContradictsItselfIsNamed) {
  for (const char* key : {"num_experts", "num_experts_per_tok", "moe_intermediate_size"}) {
    EXPECT_EQ(refused(without(moe(), key)).message, std::string(key) + " is missing");
    for (const char* value : {"0", "-1", "1.5", "99999999999"})
      EXPECT_THAT(refused(with(moe(), key, value)).message, HasSubstr(key));
  }
  EXPECT_THAT(refused(with(moe(), "num_experts_per_tok", "7")).message,
              HasSubstr("experts per token, 7, is above the number of experts, 6"));
  EXPECT_THAT(refused(with(moe(), "decoder_sparse_step", "0")).message,
              HasSubstr("decoder_sparse_step is 0"));
  EXPECT_EQ(refused(with(moe(), "mlp_only_layers", "[3]")).message,
            "mlp_only_layers has 3; layers 0 to 2 exist");
  EXPECT_EQ(refused(with(moe(), "mlp_only_layers", "1")).message, "mlp_only_layers is not a list");
  EXPECT_THAT(refused(with(moe(), "use_sliding_window", "true")).message,
              HasSubstr("use_sliding_window in a qwen3_moe"));
}

// --- Gemma 3

json::Value gemma3() {
  json::Value config = family_json("gemma3_text", "Gemma3ForCausalLM");
  config = without(without(config, "hidden_act"), "tie_word_embeddings");
  config.set("query_pre_attn_scalar", 48);
  config.set("sliding_window", 16);
  config.set("num_hidden_layers", 7);
  return config;
}

TEST(Gemma3ConfigTest, ReadsTheTextModel) {
  const ModelConfig c = accepted(gemma3());
  EXPECT_EQ(c.norms, NormPlacement::around);
  EXPECT_TRUE(c.norms_are_offsets);
  EXPECT_TRUE(c.qk_norm);
  EXPECT_TRUE(c.tied_embeddings) << "transformers' default for Gemma";
  EXPECT_EQ(c.activation, Activation::gelu_tanh);
  EXPECT_FLOAT_EQ(c.embedding_scale, 8);
  EXPECT_FLOAT_EQ(c.attention_scale, 1 / std::sqrt(48.0f));
  EXPECT_EQ(c.window, 16);
  EXPECT_THAT(windowed(c), ElementsAre(true, true, true, true, true, false, true));
  EXPECT_EQ(c.rope.theta, 500000);
  EXPECT_EQ(c.windowed_rope.theta, 10000);
  EXPECT_EQ(c.attention_softcap, 0);
  EXPECT_EQ(c.logit_softcap, 0);
}

TEST(Gemma3ConfigTest, PatternTypesAndSoftcapsAreRead) {
  EXPECT_THAT(windowed(accepted(with(gemma3(), "sliding_window_pattern", "2"))),
              ElementsAre(true, false, true, false, true, false, true));
  const ModelConfig c = accepted(with(with(with(gemma3(), "num_hidden_layers", "2"), "layer_types",
                                           R"(["full_attention","sliding_attention"])"),
                                      "attn_logit_softcapping", "50.0"));
  EXPECT_THAT(windowed(c), ElementsAre(false, true));
  EXPECT_EQ(c.attention_softcap, 0) << "as in transformers, which reads it and leaves it out";
  EXPECT_EQ(accepted(with(gemma3(), "final_logit_softcapping", "30")).logit_softcap, 30);
  EXPECT_EQ(accepted(without(gemma3(), "sliding_window")).window, 4096);
}

TEST(Gemma2ConfigTest, EverySecondLayerIsWindowedAndScoresAreCapped) {
  const json::Value gemma2 =
      with(with(without(gemma3(), "rope_local_base_freq"), "model_type", R"("gemma2")"),
           "architectures", R"(["Gemma2ForCausalLM"])");
  const ModelConfig c = accepted(gemma2);
  EXPECT_THAT(windowed(c), ElementsAre(true, false, true, false, true, false, true));
  EXPECT_FALSE(c.qk_norm);
  EXPECT_EQ(c.attention_softcap, 50);
  EXPECT_EQ(c.logit_softcap, 30);
  EXPECT_EQ(accepted(with(gemma2, "attn_logit_softcapping", "null")).attention_softcap, 0);
  EXPECT_EQ(accepted(with(gemma2, "final_logit_softcapping", "20.0")).logit_softcap, 20);
}

TEST(Gemma3ConfigTest, ScalingIsOfTheLayersThatSeeEverything) {
  const json::Value version4 = with(with(gemma3(), "rope_scaling", R"({"rope_type":"linear",
      "factor":8.0})"),
                                    "rope_local_base_freq", "20000.0");
  const json::Value version5 =
      with(without(gemma3(), "rope_theta"), "rope_parameters",
           R"({"full_attention":{"rope_type":"linear","factor":8.0,"rope_theta":500000.0},
               "sliding_attention":{"rope_type":"default","rope_theta":20000.0}})");
  for (const json::Value& config : {version4, version5}) {
    const ModelConfig c = accepted(config);
    EXPECT_EQ(c.rope.theta, 500000);
    EXPECT_EQ(c.rope.scaling, RopeScaling::linear);
    EXPECT_EQ(c.rope.factor, 8);
    EXPECT_EQ(c.windowed_rope.theta, 20000);
    EXPECT_EQ(c.windowed_rope.scaling, RopeScaling::none);
  }
  const ModelConfig bare = accepted(without(gemma3(), "rope_theta"));
  EXPECT_EQ(bare.rope.theta, 1e6f);
  EXPECT_EQ(bare.windowed_rope.theta, 1e4f);
  EXPECT_THAT(refused(with(gemma3(), "rope_parameters", R"({"rope_theta":1e4})")).message,
              HasSubstr("rope_parameters.rope_theta in a gemma3_text"));
}

TEST(Gemma3ConfigTest, WhatIsNotUnderstoodIsNamed) {
  EXPECT_THAT(refused(with(gemma3(), "use_bidirectional_attention", "true")).message,
              HasSubstr("use_bidirectional_attention"));
  EXPECT_THAT(refused(with(gemma3(), "hidden_activation", "\"relu\"")).message,
              HasSubstr("hidden_activation 'relu'"));
  EXPECT_THAT(refused(with(gemma3(), "sliding_window", "null")).message,
              HasSubstr("there is no sliding_window"));
  EXPECT_EQ(refused(without(gemma3(), "head_dim")).message, "head_dim is missing");
  for (const char* key : {"query_pre_attn_scalar", "attn_logit_softcapping",
                          "final_logit_softcapping", "rope_local_base_freq"})
    for (const char* value : {"0", "-1", "\"1\""})
      EXPECT_THAT(refused(with(gemma3(), key, value)).message, HasSubstr(key)) << value;
}

// --- Phi-3

json::Value phi3() { return without(family_json("phi3", "Phi3ForCausalLM"), "head_dim"); }

TEST(Phi3ConfigTest, HasFusedInputsAndMayTurnAPartOfEachHead) {
  const ModelConfig c = accepted(phi3());
  EXPECT_TRUE(c.has_fused_inputs);
  EXPECT_EQ(c.rotary_dim, 16);
  EXPECT_EQ(c.window, 0);
  EXPECT_EQ(accepted(with(phi3(), "partial_rotary_factor", "0.75")).rotary_dim, 12);
  EXPECT_EQ(
      accepted(with(phi3(), "rope_parameters",
                    R"({"rope_theta":1e4,"rope_type":"default","partial_rotary_factor":0.5})"))
          .rotary_dim,
      8);
  EXPECT_THAT(windowed(accepted(with(phi3(), "sliding_window", "32"))),
              ElementsAre(true, true, true));
  EXPECT_EQ(accepted(with(phi3(), "num_key_value_heads", "null")).kv_heads, 4);
}

TEST(Phi3ConfigTest, LongropeUnderAnyOfItsNamesIsRefused) {
  for (const char* name : {"longrope", "su", "yarn"})
    EXPECT_THAT(refused(with(phi3(), "rope_scaling",
                             (R"({"type":")" + std::string(name) +
                              R"(","short_factor":[1],"long_factor":[1]})")))
                    .message,
                HasSubstr("rope scaling '" + std::string(name) + "' in a phi3"));
}

TEST(Phi3ConfigTest, ARotaryPartThatIsNoneOrOddIsRefused) {
  for (const char* value : {"0", "-1", "1.5", "0.01", "0.2"})
    EXPECT_THAT(refused(with(phi3(), "partial_rotary_factor", value)).message,
                ::testing::AnyOf(HasSubstr("partial_rotary_factor"), HasSubstr("is odd")))
        << value;
}

// --- BERT

json::Value bert() {
  return parsed(R"({"architectures":["BertModel"],"model_type":"bert","hidden_act":"gelu",
    "hidden_size":64,"num_hidden_layers":2,"num_attention_heads":4,"intermediate_size":96,
    "vocab_size":300,"max_position_embeddings":128})");
}

TEST(BertConfigTest, IsAnEncoderWithoutAHead) {
  const ModelConfig c = accepted(bert());
  EXPECT_FALSE(c.is_causal);
  EXPECT_FALSE(c.has_head);
  EXPECT_FALSE(c.is_gated);
  EXPECT_TRUE(c.is_layer_norm);
  EXPECT_TRUE(c.has_learned_positions);
  EXPECT_EQ(c.norms, NormPlacement::after);
  EXPECT_EQ(c.activation, Activation::gelu);
  EXPECT_EQ(c.token_types, 2);
  EXPECT_FLOAT_EQ(c.norm_eps, 1e-12f);
  EXPECT_EQ(c.kv_heads, 4);
  EXPECT_EQ(c.head_dim, 16);
  EXPECT_EQ(c.rotary_dim, 0);
  EXPECT_EQ(c.kv_layers(), 1);
  EXPECT_EQ(c.labels, 0);
}

TEST(BertConfigTest, AClassifiersLabelsAreCounted) {
  const json::Value config = with(bert(), "architectures", "[\"BertForSequenceClassification\"]");
  EXPECT_EQ(accepted(config).labels, 2) << "transformers' default";
  EXPECT_EQ(accepted(with(config, "id2label", R"({"0":"a"})")).labels, 1);
  EXPECT_EQ(accepted(with(config, "num_labels", "5")).labels, 5);
  EXPECT_THAT(refused(with(config, "id2label", "{}")).message, HasSubstr("id2label is 0"));
  EXPECT_EQ(refused(with(config, "id2label", "3")).message, "id2label is no object");
}

TEST(BertConfigTest, WhatIsNoPlainEncoderIsNamed) {
  EXPECT_THAT(refused(with(bert(), "architectures", "[\"BertForMaskedLM\"]")).message,
              HasSubstr("BertForMaskedLM"));
  EXPECT_THAT(refused(with(bert(), "position_embedding_type", "\"relative_key\"")).message,
              HasSubstr("relative_key"));
  EXPECT_THAT(refused(with(bert(), "is_decoder", "true")).message, HasSubstr("is_decoder"));
  EXPECT_THAT(refused(with(bert(), "hidden_act", "\"relu\"")).message, HasSubstr("'relu'"));
  EXPECT_THAT(refused(with(bert(), "num_attention_heads", "5")).message,
              HasSubstr("heads, 5, does not divide the hidden size, 64"));
  for (const char* key : {"type_vocab_size", "layer_norm_eps"})
    EXPECT_THAT(refused(with(bert(), key, "0")).message, HasSubstr(key));
}

}  // namespace
}  // namespace conduit::kernels
