// Rotary embeddings: how both layouts of config.json state them, and the frequencies against
// numbers computed elsewhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "tests/kernels/model/config_json.h"

namespace conduit::kernels {
namespace {

using conduit::testing::accepted;
using conduit::testing::llama_json;
using conduit::testing::qwen3_json;
using conduit::testing::refused;
using conduit::testing::with;
using conduit::testing::without;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ModelConfigTest, RopeScalingIsReadInTheLayoutsOfTransformers4And5) {
  const std::string fields = R"("factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,
                                "original_max_position_embeddings":64)";
  const json::Value version4 =
      with(llama_json(), "rope_scaling", R"({"rope_type":"llama3",)" + fields + "}");
  const json::Value version5 =
      with(without(llama_json(), "rope_theta"), "rope_parameters",
           R"({"rope_type":"llama3","rope_theta":500000.0,)" + fields + "}");
  for (const json::Value& config : {version4, version5}) {
    const ModelConfig c = accepted(config);
    EXPECT_EQ(c.rope.scaling, RopeScaling::llama3);
    EXPECT_EQ(c.rope.theta, 500000);
    EXPECT_EQ(c.rope.factor, 8);
    EXPECT_EQ(c.rope.low_freq_factor, 1);
    EXPECT_EQ(c.rope.high_freq_factor, 4);
    EXPECT_EQ(c.rope.original_max_position, 64);
  }
  const ModelConfig linear =
      accepted(with(llama_json(), "rope_scaling", R"({"type":"linear","factor":4})"));
  EXPECT_EQ(linear.rope.scaling, RopeScaling::linear);
  EXPECT_EQ(linear.rope.factor, 4);
  const ModelConfig plain =
      accepted(with(without(llama_json(), "rope_theta"), "rope_parameters",
                    R"({"rope_type":"default","rope_theta":20000.0,"partial_rotary_factor":1.0})"));
  EXPECT_EQ(plain.rope.scaling, RopeScaling::none);
  EXPECT_EQ(plain.rope.theta, 20000);
}

TEST(ModelConfigTest, BrokenRopeScalingIsRefused) {
  EXPECT_EQ(refused(with(llama_json(), "rope_scaling", R"({"type":"linear"})")).message,
            "rope_scaling.factor is missing");
  EXPECT_THAT(
      refused(with(llama_json(), "rope_scaling", R"({"type":"linear","factor":0})")).message,
      HasSubstr("rope_scaling.factor is 0"));
  EXPECT_EQ(refused(with(llama_json(), "rope_scaling", "4")).message, "rope_scaling is no object");
  EXPECT_THAT(refused(with(llama_json(), "rope_scaling", R"({"rope_type":"llama3","factor":8,
                      "low_freq_factor":4.0,"high_freq_factor":4.0})"))
                  .message,
              HasSubstr("high_freq_factor above low_freq_factor"));
}

TEST(ModelConfigTest, YarnIsReadInTheLayoutsOfTransformers4And5) {
  const std::string fields = R"("factor":4.0,"original_max_position_embeddings":256)";
  const json::Value version4 =
      with(qwen3_json(), "rope_scaling", R"({"rope_type":"yarn",)" + fields + "}");
  const json::Value version5 = with(without(qwen3_json(), "rope_theta"), "rope_parameters",
                                    R"({"rope_type":"yarn","rope_theta":500000.0,)" + fields + "}");
  for (const json::Value& config : {version4, version5}) {
    const ModelConfig c = accepted(config);
    EXPECT_EQ(c.rope.scaling, RopeScaling::yarn);
    EXPECT_EQ(c.rope.theta, 500000);
    EXPECT_EQ(c.rope.factor, 4);
    EXPECT_EQ(c.rope.beta_fast, 32);
    EXPECT_EQ(c.rope.beta_slow, 1);
    EXPECT_TRUE(c.rope.truncate);
    EXPECT_EQ(c.rope.original_max_position, 256);
    EXPECT_NEAR(c.rope.attention_factor, 0.1 * std::log(4.0) + 1, 1e-6);
    EXPECT_EQ(c.max_position, 1024) << "what the factor makes of the original";
  }
}

TEST(ModelConfigTest, YarnsAttentionFactorIsStatedOrComesFromMscale) {
  const auto factor = [](const std::string& more) {
    return accepted(with(qwen3_json(), "rope_scaling",
                         R"({"type":"yarn","factor":8,"original_max_position_embeddings":64,)" +
                             more + "}"))
        .rope.attention_factor;
  };
  const double log_factor = std::log(8.0);
  EXPECT_FLOAT_EQ(factor(R"("attention_factor":1.25)"), 1.25f);
  EXPECT_NEAR(factor(R"("mscale":2,"mscale_all_dim":0.5)"),
              (0.2 * log_factor + 1) / (0.05 * log_factor + 1), 1e-6);
  EXPECT_NEAR(factor(R"("mscale":2)"), 0.1 * log_factor + 1, 1e-6);
  EXPECT_NEAR(factor(R"("mscale":2,"mscale_all_dim":0)"), 0.1 * log_factor + 1, 1e-6);
  const ModelConfig c =
      accepted(with(qwen3_json(), "rope_scaling",
                    R"({"type":"yarn","factor":8,"beta_fast":16,"beta_slow":2,"truncate":false})"));
  EXPECT_EQ(c.rope.beta_fast, 16);
  EXPECT_EQ(c.rope.beta_slow, 2);
  EXPECT_FALSE(c.rope.truncate);
  EXPECT_EQ(c.rope.original_max_position, 512) << "max_position_embeddings where none is stated";
}

TEST(ModelConfigTest, UnknownRopeScalingIsRefusedByName) {
  const auto refusal = [](const char* scaling) {
    const Error error = refused(with(qwen3_json(), "rope_scaling", scaling));
    EXPECT_EQ(error.code, Code::invalid_argument);
    return error.message;
  };
  for (const char* kind : {"dynamic", "longrope", "mrope", "su", "proportional"})
    EXPECT_EQ(refusal((R"({"rope_type":")" + std::string(kind) + R"(","factor":2})").c_str()),
              "rope scaling '" + std::string(kind) + "' in a qwen3 is not supported yet");
  EXPECT_EQ(refusal(R"({"rope_type":"linear","factor":2,"mrope_section":[1,2]})"),
            "rope_scaling.mrope_section is not supported yet");
}

TEST(ModelConfigTest, BrokenYarnIsRefused) {
  const auto refusal = [](const std::string& more) {
    return refused(with(qwen3_json(), "rope_scaling", R"({"type":"yarn",)" + more + "}")).message;
  };
  EXPECT_EQ(refusal(R"("beta_fast":16)"), "rope_scaling.factor is missing");
  EXPECT_THAT(refusal(R"("factor":2,"beta_fast":1,"beta_slow":4)"), HasSubstr("beta_fast"));
  EXPECT_THAT(refusal(R"("factor":2,"attention_factor":-1)"), HasSubstr("attention_factor is -1"));
  EXPECT_THAT(refusal(R"("factor":2,"mscale":-1)"), HasSubstr("mscale is -1"));
  EXPECT_THAT(refusal(R"("factor":2,"truncate":1)"), HasSubstr("truncate is not true or false"));
  EXPECT_THAT(refused(with(with(qwen3_json(), "rope_theta", "1"), "rope_scaling",
                           R"({"type":"yarn","factor":2})"))
                  .message,
              HasSubstr("rope_theta above 1"));
}

// --- rotary frequencies

RopeConfig rope_of(float theta, RopeScaling scaling = RopeScaling::none, float factor = 1) {
  RopeConfig rope;
  rope.theta = theta;
  rope.scaling = scaling;
  rope.factor = factor;
  return rope;
}

TEST(RopeFrequenciesTest, FallGeometricallyFromOne) {
  EXPECT_THAT(rope_inverse_frequencies(rope_of(10000), 8), ElementsAre(1.0f, 0.1f, 0.01f, 0.001f));
}

TEST(RopeFrequenciesTest, LinearScalingDividesAll) {
  EXPECT_THAT(rope_inverse_frequencies(rope_of(10000, RopeScaling::linear, 4), 4),
              ElementsAre(0.25f, 0.0025f));
}

// Llama 3.1 8B: the values transformers' llama3 rope computes, at an unscaled, a blended and a
// fully scaled pair.
TEST(RopeFrequenciesTest, Llama3ScalingKeepsHighAndSlowsLowFrequencies) {
  RopeConfig rope = rope_of(500000, RopeScaling::llama3, 8);
  rope.low_freq_factor = 1;
  rope.high_freq_factor = 4;
  rope.original_max_position = 8192;
  const std::vector<float> frequencies = rope_inverse_frequencies(rope, 128);
  ASSERT_EQ(frequencies.size(), 64u);
  EXPECT_FLOAT_EQ(frequencies[0], 1.0f);
  EXPECT_NEAR(frequencies[20] / 0.016560440883, 1, 1e-6);
  EXPECT_NEAR(frequencies[30] / 0.0013718936825, 1, 1e-6);
  EXPECT_NEAR(frequencies[63] / 3.0689258779e-07, 1, 1e-6);
}

// Qwen3 with a factor of 4: transformers' values at pairs before, on and behind the ramp, whose
// ends may be whole pairs or not.
TEST(RopeFrequenciesTest, YarnKeepsHighSlowsLowAndBlendsBetween) {
  RopeConfig rope = rope_of(1e6, RopeScaling::yarn, 4);
  rope.original_max_position = 32768;
  const auto near = [](float ours, double theirs) { EXPECT_NEAR(ours / theirs, 1, 1e-6); };
  const std::vector<float> whole = rope_inverse_frequencies(rope, 128);
  near(whole[20], 0.01333521493);
  near(whole[30], 0.001064360957);
  near(whole[35], 0.0002462583943);
  near(whole[63], 3.102344408e-07);
  rope.truncate = false;
  const std::vector<float> exact = rope_inverse_frequencies(rope, 128);
  near(exact[20], 0.01333521493);
  near(exact[30], 0.001079237671);
  near(exact[35], 0.0002445188875);
  near(exact[63], 3.102344408e-07);
}

// An original context so short that the ramp's ends leave the head.
TEST(RopeFrequenciesTest, YarnStaysFiniteWhereTheRampIsOutside) {
  for (int original : {1, 7, 1 << 28}) {
    RopeConfig rope = rope_of(2, RopeScaling::yarn, 4);
    rope.original_max_position = original;
    for (float frequency : rope_inverse_frequencies(rope, 8)) EXPECT_TRUE(std::isfinite(frequency));
  }
}

TEST(RopeFrequenciesTest, FactorsOfTheFileDivideEachPair) {
  RopeConfig rope = rope_of(10000);
  rope.freq_factors = {1, 8};
  EXPECT_THAT(rope_inverse_frequencies(rope, 4), ElementsAre(1.0f, 0.01f / 8));
}

}  // namespace
}  // namespace conduit::kernels
