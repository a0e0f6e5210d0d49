// What an adapter's folder may hold, and what is refused by name. Its arithmetic:
// tests/golden/adapter_golden_test.cc.
#include "kernels/model/adapter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "tests/support/shared_dir.h"
#include "tests/support/weight_files.h"

namespace conduit::kernels {
namespace {

using testing::SafetensorsEntry;

ModelConfig tiny_config() {
  ModelConfig config;
  config.architecture = "llama";
  config.hidden = 8;
  config.layers = 2;
  config.heads = 2;
  config.kv_heads = 1;
  config.head_dim = 4;
  config.intermediate = 12;
  config.layer.resize(2);
  return config;
}

SafetensorsEntry floats(const std::string& name, const std::vector<std::int64_t>& shape) {
  std::vector<float> values(static_cast<std::size_t>(shape[0] * shape[1]));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  return {"base_model.model.model." + name, "F32", shape,
          std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float))};
}

std::vector<SafetensorsEntry> of_q() {
  return {floats("layers.1.self_attn.q_proj.lora_A.weight", {2, 8}),
          floats("layers.1.self_attn.q_proj.lora_B.weight", {8, 2})};
}

class AdapterTest : public ::testing::Test {
 protected:
  Result<Adapter> open(const std::string& settings, const std::vector<SafetensorsEntry>& tensors,
                       const ModelConfig& config = tiny_config()) {
    testing::write_file(folder_.path() / "adapter_config.json",
                        R"({"peft_type": "LORA", "r": 2, "lora_alpha": 8)" + settings + "}");
    testing::write_file(folder_.path() / "adapter_model.safetensors",
                        testing::safetensors_file(tensors));
    return open_adapter(folder_.path(), config);
  }
  std::string refusal(const std::string& settings, const std::vector<SafetensorsEntry>& tensors) {
    const auto adapter = open(settings, tensors);
    if (adapter) return "taken";
    EXPECT_NE(adapter.error().code, Code::internal);
    EXPECT_NE(adapter.error().message.find(folder_.path().string()), std::string::npos);
    return adapter.error().message;
  }

  testing::TemporaryDir folder_;
};

TEST_F(AdapterTest, MatricesAndScaleAreRead) {
  const auto adapter = open("", of_q());
  ASSERT_TRUE(adapter) << adapter.error().message;
  EXPECT_EQ(adapter->rank, 2);
  const LowRank& q = adapter->layers[1][static_cast<std::size_t>(Projection::q)];
  EXPECT_EQ(q.rank, 2);
  EXPECT_EQ(q.scale, 4);
  EXPECT_EQ(q.a.size(), 16U);
  EXPECT_EQ(q.b[3], 3);
  EXPECT_EQ(adapter->layers[0][static_cast<std::size_t>(Projection::q)].rank, 0);
}

TEST_F(AdapterTest, ScalesFollowRankAndPatterns) {
  const auto scale = [&](const std::string& settings) {
    const auto adapter = open(settings, of_q());
    EXPECT_TRUE(adapter) << adapter.error().message;
    return adapter ? adapter->layers[1][0].scale : 0;
  };
  EXPECT_FLOAT_EQ(scale(R"(, "use_rslora": true)"), 8 / std::sqrt(2.0F));
  EXPECT_EQ(scale(R"(, "alpha_pattern": {"q_proj": 6})"), 3);
  EXPECT_EQ(scale(R"(, "alpha_pattern": {"layers.1.self_attn.q_proj": 2, "k_proj": 9})"), 1);
  EXPECT_EQ(scale(R"(, "alpha_pattern": {"proj": 6})"), 4);  // whole parts of a name count
}

// As a GGUF file of a llama has its rows.
TEST_F(AdapterTest, RowsOfRotatedHeadsGoToPairs) {
  ModelConfig config = tiny_config();
  config.rope_interleaved = true;
  const auto adapter = open("", of_q(), config);
  ASSERT_TRUE(adapter);
  const std::vector<float>& b = adapter->layers[1][0].b;
  const std::vector<float> first_column{b[0], b[2], b[4], b[6]};
  EXPECT_EQ(first_column, (std::vector<float>{0, 4, 2, 6}));
}

TEST_F(AdapterTest, WhatIsNotSupportedIsRefusedByName) {
  for (const auto& [settings, name] : std::vector<std::pair<std::string, std::string>>{
           {R"("use_dora": true)", "use_dora"},
           {R"("bias": "all")", "bias"},
           {R"("modules_to_save": ["lm_head"])", "modules_to_save"},
           {R"("fan_in_fan_out": true)", "fan_in_fan_out"},
           {R"("layer_replication": [[0, 1]])", "layer_replication"},
           {R"("use_qalora": true)", "use_qalora"},
           {R"("arrow_config": {"a": 1})", "arrow_config"},
           {R"("init_lora_weights": "pissa_niter_4")", "pissa"},
           {R"("alpha_pattern": {".*q_proj": 3})", "alpha_pattern"}})
    EXPECT_NE(refusal(", " + settings, of_q()).find(name), std::string::npos)
        << refusal(", " + settings, of_q());
  EXPECT_NE(refusal(R"(, "peft_type": "IA3")", of_q()), "taken");
}

TEST_F(AdapterTest, NeutralSettingsAreTaken) {
  EXPECT_TRUE(open(R"(, "use_dora": false, "bias": "none", "modules_to_save": null,
                      "target_modules": ["q_proj"], "lora_dropout": 0.1, "megatron_config": null,
                      "loftq_config": {}, "init_lora_weights": "gaussian", "rank_pattern": {})",
                   of_q()));
}

TEST_F(AdapterTest, TensorsThatFitNoMatrixAreRefusedByName) {
  const auto pair = [](const std::string& module, std::int64_t outputs, std::int64_t inputs) {
    return std::vector<SafetensorsEntry>{floats(module + ".lora_A.weight", {2, inputs}),
                                         floats(module + ".lora_B.weight", {outputs, 2})};
  };
  for (const std::string module :
       {"embed_tokens", "layers.2.self_attn.q_proj", "layers.0.self_attn.qkv_proj",
        "layers.0.mlp.experts.0.up_proj", "layers.-1.mlp.up_proj", "layers.0"})
    EXPECT_NE(refusal("", pair(module, 8, 8)).find(module), std::string::npos) << module;
  EXPECT_NE(refusal("", pair("layers.0.self_attn.k_proj", 8, 8)).find("[4, 8]"), std::string::npos);
  EXPECT_EQ(refusal("", pair("layers.0.mlp.down_proj", 8, 12)), "taken");
  auto lonely = of_q();
  lonely.pop_back();
  EXPECT_NE(refusal("", lonely).find("lora_B.weight' is missing"), std::string::npos);
  EXPECT_NE(refusal("", {of_q()[1]}).find("lora_A.weight' is missing"), std::string::npos);
  auto magnitude = of_q();
  magnitude.push_back(floats("layers.1.self_attn.q_proj.lora_magnitude_vector", {1, 8}));
  EXPECT_NE(refusal("", magnitude).find("lora_magnitude_vector"), std::string::npos);
}

TEST_F(AdapterTest, AFolderWithoutFilesIsNotFound) {
  const auto adapter = open_adapter(folder_.path() / "absent", tiny_config());
  ASSERT_FALSE(adapter);
  EXPECT_EQ(adapter.error().code, Code::not_found);
}

}  // namespace
}  // namespace conduit::kernels
