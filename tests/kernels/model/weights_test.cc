// Weights: every notation lands in the same places, and a tensor that is missing, misshapen or left
// over is refused by its name.
#include "kernels/model/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <set>

#include "kernels/dequantise.h"
#include "kernels/model/model.h"
#include "tests/support/shared_dir.h"
#include "tests/support/tiny_model.h"

namespace conduit::kernels {
namespace {

using conduit::testing::TinyModelOptions;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class WeightsTest : public ::testing::Test {
 protected:
  WeightsTest() {
    auto device = make_cpu_device({.threads = 1, .instructions = "scalar"});
    EXPECT_TRUE(device) << device.error().message;
    device_ = *std::move(device);
    options_.chat_template = false;
  }

  void open(const std::filesystem::path& path) {
    auto model = open_model(path);
    ASSERT_TRUE(model) << model.error().message;
    model_ = *model;
  }
  void open_hf() { open(write_tiny_hf_model(folder_.path() / "hf", options_)); }
  void open_gguf() { open(write_tiny_gguf(folder_.path() / "gguf", options_)); }

  Result<Weights> load(const NamedTensors& tensors) {
    return load_weights(*device_, model_->config, tensors, Precision::f32);
  }
  std::string refusal(const NamedTensors& tensors) {
    const auto weights = load(tensors);
    const Status checked = check_weights(model_->config, tensors);
    EXPECT_EQ(bool(checked), bool(weights)) << "without a device the verdict is another";
    if (weights) return "accepted";
    EXPECT_EQ(weights.error().code, Code::corrupt);
    EXPECT_EQ(checked.error().message, weights.error().message);
    return weights.error().message;
  }

  // A row of a matrix, as the device reads it back.
  std::vector<float> row(const Matrix& matrix, std::int32_t index) {
    std::vector<float> values(static_cast<std::size_t>(matrix.cols));
    device_->embed({values.data(), 1, matrix.cols}, matrix, std::span(&index, 1));
    return values;
  }

  conduit::testing::TemporaryDir folder_;
  TinyModelOptions options_;
  std::unique_ptr<Device> device_;
  std::shared_ptr<const Model> model_;
};

void expect_shape(const Matrix& matrix, std::int64_t rows, std::int64_t cols) {
  EXPECT_EQ(matrix.rows, rows);
  EXPECT_EQ(matrix.cols, cols);
}

TEST_F(WeightsTest, EveryPartOfALayerHasItsShape) {
  options_.architecture = "qwen3";
  options_.head_dim = 24;
  options_.attention_bias = true;
  open_hf();
  const auto weights = load(model_->tensors);
  ASSERT_TRUE(weights) << weights.error().message;
  ASSERT_EQ(weights->layers.size(), 2u);
  const LayerWeights& layer = weights->layers[1];
  expect_shape(weights->embedding, 288, 64);
  expect_shape(weights->output(), 288, 64);
  expect_shape(layer.q.weight, 96, 64);
  expect_shape(layer.k.weight, 48, 64);
  expect_shape(layer.v.weight, 48, 64);
  expect_shape(layer.out.weight, 64, 96);
  expect_shape(layer.mlp.gate.weight, 96, 64);
  expect_shape(layer.mlp.up.weight, 96, 64);
  expect_shape(layer.mlp.down.weight, 64, 96);
  EXPECT_EQ(layer.attention_norm.weight.bytes, 64 * sizeof(float));
  EXPECT_EQ(layer.attention_norm.bias.data, nullptr);
  EXPECT_EQ(layer.mlp_norm.weight.bytes, 64 * sizeof(float));
  EXPECT_EQ(layer.q_norm.bytes, 24 * sizeof(float));
  EXPECT_EQ(layer.k_norm.bytes, 24 * sizeof(float));
  EXPECT_EQ(layer.q.bias.bytes, 96 * sizeof(float));
  EXPECT_EQ(layer.k.bias.bytes, 48 * sizeof(float));
  EXPECT_EQ(layer.v.bias.bytes, 48 * sizeof(float));
  EXPECT_EQ(layer.out.bias.bytes, 64 * sizeof(float));
  EXPECT_EQ(layer.mlp.gate.bias.data, nullptr);
}

TEST_F(WeightsTest, NotationsOfOneModelGiveTheSameWeights) {
  options_.architecture = "qwen3";  // whose rows GGUF does not reorder
  open_hf();
  const auto from_hf = load(model_->tensors);
  NamedTensors bare;
  for (const auto& [name, view] : model_->tensors)
    bare.emplace(name.starts_with("model.") ? name.substr(6) : name, view);
  const auto from_bare = load(bare);
  open_gguf();
  const auto from_gguf = load(model_->tensors);
  ASSERT_TRUE(from_hf) << from_hf.error().message;
  ASSERT_TRUE(from_bare) << from_bare.error().message;
  ASSERT_TRUE(from_gguf) << from_gguf.error().message;
  const auto parts = [](const Weights& w) {
    const LayerWeights& layer = w.layers[1];
    return std::vector<const Matrix*>{
        &w.embedding,           &w.output(),          &layer.q.weight,
        &layer.k.weight,        &layer.v.weight,      &layer.out.weight,
        &layer.mlp.gate.weight, &layer.mlp.up.weight, &layer.mlp.down.weight};
  };
  for (std::size_t i = 0; i < parts(*from_hf).size(); ++i) {
    const std::vector<float> expected = row(*parts(*from_hf)[i], 5);
    EXPECT_EQ(row(*parts(*from_bare)[i], 5), expected) << i;
    EXPECT_EQ(row(*parts(*from_gguf)[i], 5), expected) << i;
  }
  EXPECT_NE(row(from_hf->layers[1].mlp.gate.weight, 5), row(from_hf->layers[1].mlp.up.weight, 5));
  EXPECT_NE(row(from_hf->layers[1].mlp.gate.weight, 5), row(from_hf->layers[0].mlp.gate.weight, 5));
}

// Of every family that tests/golden/own/models has a checkpoint of.
TEST_F(WeightsTest, EachMissingOrMisshapenTensorIsNamed) {
  std::set<std::string> families;
  for (const auto& entry :
       std::filesystem::directory_iterator(conduit::testing::own_golden_dir() / "own/models")) {
    open(entry.path());
    families.insert(model_->config.architecture);
    SCOPED_TRACE(entry.path());
    for (const auto& [name, view] : model_->tensors) {
      // Dropped, or of no use to this model.
      if (name.ends_with("position_ids")) continue;
      if (model_->config.labels == 0 && name.starts_with("pooler.")) continue;
      NamedTensors damaged = model_->tensors;
      damaged.at(name).shape.front() += 1;
      EXPECT_THAT(refusal(damaged), StartsWith("tensor '" + name + "' has shape ["));
      damaged.erase(name);
      EXPECT_THAT(refusal(damaged), StartsWith("tensor '"));
      EXPECT_THAT(refusal(damaged), HasSubstr(name));
      EXPECT_THAT(refusal(damaged), HasSubstr("is missing"));
    }
  }
  EXPECT_EQ(families.size(), 9u) << "all of kFamilies";
}

TEST_F(WeightsTest, GemmasNormsMultiplyByOnePlusWhatTheFileHolds) {
  open(conduit::testing::own_golden_dir() / "own/models/gemma3-six-layers");
  const auto as_offsets = load(model_->tensors);
  ModelConfig plain = model_->config;
  plain.norms_are_offsets = false;
  const auto as_they_are = load_weights(*device_, plain, model_->tensors, Precision::f32);
  ASSERT_TRUE(as_offsets && as_they_are);
  const auto first = [](const Buffer& buffer) {
    float value = 0;
    std::memcpy(&value, buffer.data, sizeof value);
    return value;
  };
  const LayerWeights& offsets = as_offsets->layers[1];
  const LayerWeights& stored = as_they_are->layers[1];
  EXPECT_EQ(first(offsets.mlp_post_norm.weight), 1 + first(stored.mlp_post_norm.weight));
  EXPECT_EQ(first(offsets.q_norm), 1 + first(stored.q_norm));
  EXPECT_EQ(first(as_offsets->final_norm.weight), 1 + first(as_they_are->final_norm.weight));
}

// Its parts lie one below the other in the file.
TEST_F(WeightsTest, Phi3sFusedMatricesAreSplit) {
  open(conduit::testing::own_golden_dir() / "own/models/phi3-partial-rotary");
  const auto weights = load(model_->tensors);
  ASSERT_TRUE(weights) << weights.error().message;
  const ModelConfig& c = model_->config;
  const auto file_row = [&](const std::string& name, std::int64_t index) {
    const TensorView& view = model_->tensors.at(name);
    std::vector<float> values(static_cast<std::size_t>(c.hidden));
    dequantise(view.dtype, view.data + index * bytes_of(view.dtype, c.hidden), c.hidden,
               values.data());
    return values;
  };
  const std::string qkv = "model.layers.1.self_attn.qkv_proj.weight";
  const LayerWeights& layer = weights->layers[1];
  const int q_rows = c.heads * c.head_dim, kv_rows = c.kv_heads * c.head_dim;
  expect_shape(layer.q.weight, q_rows, c.hidden);
  expect_shape(layer.v.weight, kv_rows, c.hidden);
  EXPECT_EQ(row(layer.q.weight, 3), file_row(qkv, 3));
  EXPECT_EQ(row(layer.k.weight, 3), file_row(qkv, q_rows + 3));
  EXPECT_EQ(row(layer.v.weight, 3), file_row(qkv, q_rows + kv_rows + 3));
  const std::string gate_up = "model.layers.1.mlp.gate_up_proj.weight";
  EXPECT_EQ(row(layer.mlp.gate.weight, 3), file_row(gate_up, 3));
  EXPECT_EQ(row(layer.mlp.up.weight, 3), file_row(gate_up, c.intermediate + 3));
}

TEST_F(WeightsTest, ATensorWithoutAPlaceIsNamed) {
  open_hf();
  for (const char* name : {"model.layers.2.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.bias",
                           "model.layers.0.self_attn.q_norm.weight", "extra"}) {
    NamedTensors tensors = model_->tensors;
    tensors.emplace(name, tensors.at("model.norm.weight"));
    EXPECT_EQ(refusal(tensors),
              "tensor '" + std::string(name) + "' has no place in a llama model of 2 layers");
  }
}

TEST_F(WeightsTest, WhatTheConfigAlreadySaysMayAlsoBeATensor) {
  open_hf();
  NamedTensors tensors = model_->tensors;
  for (const char* name : {"model.layers.0.self_attn.rotary_emb.inv_freq",
                           "model.rotary_emb.inv_freq", "rope_freqs.weight"})
    tensors.emplace(name, tensors.at("model.norm.weight"));
  EXPECT_EQ(refusal(tensors), "accepted");
}

TEST_F(WeightsTest, ATiedHeadIsTheEmbeddingUnlessTheFileHasAnotherOne) {
  options_.tied_embeddings = true;
  open_hf();
  EXPECT_FALSE(load(model_->tensors)->head.has_value());
  const TensorView& embedding = model_->tensors.at("model.embed_tokens.weight");
  NamedTensors tensors = model_->tensors;
  tensors.emplace("lm_head.weight", embedding);
  EXPECT_FALSE(load(tensors)->head.has_value());
  std::vector<std::byte> other(embedding.data, embedding.data + embedding.bytes());
  other[3] = static_cast<std::byte>(0x41);
  tensors.at("lm_head.weight").data = other.data();
  const auto weights = load(tensors);
  ASSERT_TRUE(weights) << weights.error().message;
  ASSERT_TRUE(weights->head.has_value());
  EXPECT_NE(row(weights->output(), 0), row(weights->embedding, 0));
}

TEST_F(WeightsTest, VectorsOfBlocksAreRefused) {
  open_hf();
  NamedTensors tensors = model_->tensors;
  tensors.at("model.norm.weight").dtype = DType::q8_0;
  EXPECT_EQ(refusal(tensors),
            "tensor 'model.norm.weight' is a vector of type Q8_0; F32, F16, BF16 or F8 is needed");
}

TEST_F(WeightsTest, WhatWeightsTakeOnTheDeviceIsCounted) {
  open_hf();
  const auto weights = load(model_->tensors);
  ASSERT_TRUE(weights);
  std::size_t floats = 0;
  for (const auto& [name, view] : model_->tensors)
    floats += static_cast<std::size_t>(view.elements());
  EXPECT_GE(device_bytes_of(*weights), floats * sizeof(float));
  EXPECT_LT(device_bytes_of(*weights), 2 * floats * sizeof(float)) << "whole panels at most";
}

TEST_F(WeightsTest, NothingOfAModelIsRecognisedByEmptyHands) {
  open_hf();
  EXPECT_THAT(refusal({}), HasSubstr("'model.embed_tokens.weight'"));
}

}  // namespace
}  // namespace conduit::kernels
