// Weights: every notation lands in the same places, and a tensor that is missing, misshapen or left
// over is refused by its name.
#include "kernels/model/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>

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

  void open_hf() { open(write_tiny_hf_model(folder_.path() / "hf", options_)); }
  void open_gguf() { open(write_tiny_gguf(folder_.path() / "gguf", options_)); }

  Result<Weights> load(const NamedTensors& tensors) {
    return load_weights(*device_, model_->config, tensors, Precision::f32);
  }
  std::string refusal(const NamedTensors& tensors) {
    const auto weights = load(tensors);
    if (weights) return "accepted";
    EXPECT_EQ(weights.error().code, Code::corrupt);
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

 private:
  void open(const std::filesystem::path& path) {
    auto model = open_model(path);
    ASSERT_TRUE(model) << model.error().message;
    model_ = *model;
  }
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
  expect_shape(layer.q, 96, 64);
  expect_shape(layer.k, 48, 64);
  expect_shape(layer.v, 48, 64);
  expect_shape(layer.out, 64, 96);
  expect_shape(layer.gate, 96, 64);
  expect_shape(layer.up, 96, 64);
  expect_shape(layer.down, 64, 96);
  EXPECT_EQ(layer.attention_norm.bytes, 64 * sizeof(float));
  EXPECT_EQ(layer.mlp_norm.bytes, 64 * sizeof(float));
  EXPECT_EQ(layer.q_norm.bytes, 24 * sizeof(float));
  EXPECT_EQ(layer.k_norm.bytes, 24 * sizeof(float));
  EXPECT_EQ(layer.q_bias.bytes, 96 * sizeof(float));
  EXPECT_EQ(layer.k_bias.bytes, 48 * sizeof(float));
  EXPECT_EQ(layer.v_bias.bytes, 48 * sizeof(float));
  EXPECT_EQ(layer.out_bias.bytes, 64 * sizeof(float));
  EXPECT_EQ(layer.gate_bias.data, nullptr);
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
    return std::vector<const Matrix*>{&w.embedding, &w.output(), &layer.q,  &layer.k,   &layer.v,
                                      &layer.out,   &layer.gate, &layer.up, &layer.down};
  };
  for (std::size_t i = 0; i < parts(*from_hf).size(); ++i) {
    const std::vector<float> expected = row(*parts(*from_hf)[i], 5);
    EXPECT_EQ(row(*parts(*from_bare)[i], 5), expected) << i;
    EXPECT_EQ(row(*parts(*from_gguf)[i], 5), expected) << i;
  }
  EXPECT_NE(row(from_hf->layers[1].gate, 5), row(from_hf->layers[1].up, 5));
  EXPECT_NE(row(from_hf->layers[1].gate, 5), row(from_hf->layers[0].gate, 5));
}

TEST_F(WeightsTest, EachMissingOrMisshapenTensorIsNamed) {
  options_.architecture = "qwen3";
  options_.attention_bias = true;
  open_hf();
  for (const auto& [name, view] : model_->tensors) {
    NamedTensors damaged = model_->tensors;
    damaged.at(name).shape.front() += 1;
    EXPECT_THAT(refusal(damaged), StartsWith("tensor '" + name + "' has shape ["));
    damaged.erase(name);
    EXPECT_THAT(refusal(damaged), StartsWith("tensor '" + name + "'"));
    EXPECT_THAT(refusal(damaged), HasSubstr("is missing"));
  }
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
            "tensor 'model.norm.weight' is a vector of type Q8_0; F32, F16 or BF16 is needed");
}

TEST_F(WeightsTest, NothingOfAModelIsRecognisedByEmptyHands) {
  open_hf();
  EXPECT_THAT(refusal({}), HasSubstr("'model.embed_tokens.weight'"));
}

}  // namespace
}  // namespace conduit::kernels
