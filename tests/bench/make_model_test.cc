// Models of random weights open like any other, and are the same model in both notations.
#include "bench/make_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "kernels/dequantise.h"
#include "kernels/model/model.h"
#include "tests/support/shared_dir.h"

namespace conduit::bench {
namespace {

using kernels::DType;
using ::testing::HasSubstr;

ModelShape small_shape(const std::string& architecture) {
  ModelShape shape;
  shape.architecture = architecture;
  shape.layers = 2;
  shape.hidden = 64;
  shape.heads = 4;
  shape.kv_heads = 2;
  shape.head_dim = 32;
  shape.intermediate = 96;
  shape.vocab = 300;
  return shape;
}

std::vector<float> values_of(const kernels::Model& model, const std::string& name) {
  const kernels::TensorView& view = model.tensors.at(name);
  std::vector<float> values(static_cast<std::size_t>(view.elements()));
  kernels::dequantise(view.dtype, view.data, view.elements(), values.data());
  return values;
}

class MakeModelTest : public ::testing::Test {
 protected:
  Result<std::shared_ptr<const kernels::Model>> make(const ModelShape& shape, DType dtype,
                                                     const std::string& name) {
    MakeModelOptions options{shape, dtype, folder_.path() / name, 1};
    CONDUIT_TRY_STATUS(make_model(options));
    return kernels::open_model(options.out);
  }

  conduit::testing::TemporaryDir folder_;
};

TEST_F(MakeModelTest, EveryTypeOpensWithTokenizerAndTemplate) {
  for (const char* architecture : {"llama", "qwen3"}) {
    for (DType dtype :
         {DType::f32, DType::f16, DType::bf16, DType::q8_0, DType::q4_0, DType::q4_1}) {
      const auto model = make(small_shape(architecture), dtype, "model.gguf");
      ASSERT_TRUE(model) << model.error().message;
      EXPECT_EQ((*model)->config.layers, 2);
      EXPECT_EQ((*model)->config.vocab, 300);
      EXPECT_TRUE((*model)->tokenizer.has_value());
      EXPECT_TRUE((*model)->chat_template.has_value());
    }
  }
}

TEST_F(MakeModelTest, FolderAndFileAreTheSameModel) {
  const auto file = make(small_shape("qwen3"), DType::bf16, "model.gguf");
  const auto folder = make(small_shape("qwen3"), DType::bf16, "model");
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_TRUE(folder) << folder.error().message;
  EXPECT_EQ(values_of(**file, "blk.1.attn_q.weight"),
            values_of(**folder, "model.layers.1.self_attn.q_proj.weight"));
  EXPECT_EQ(values_of(**file, "token_embd.weight"),
            values_of(**folder, "model.embed_tokens.weight"));
  EXPECT_EQ((*file)->config.rope.theta, (*folder)->config.rope.theta);
}

TEST_F(MakeModelTest, LlamaRowsOfAHeadArePairedInGguf) {
  const auto file = make(small_shape("llama"), DType::f32, "model.gguf");
  const auto folder = make(small_shape("llama"), DType::f32, "model");
  ASSERT_TRUE(file && folder);
  const std::vector<float> paired = values_of(**file, "blk.0.attn_k.weight");
  const std::vector<float> halves = values_of(**folder, "model.layers.0.self_attn.k_proj.weight");
  const std::ptrdiff_t cols = 64, half = 16;
  EXPECT_TRUE(std::equal(paired.begin() + cols, paired.begin() + 2 * cols,
                         halves.begin() + half * cols));  // row 1 is the first of the second half
}

TEST_F(MakeModelTest, TheSameSeedMakesTheSameBytes) {
  const auto first = make(small_shape("llama"), DType::q8_0, "first.gguf");
  const auto second = make(small_shape("llama"), DType::q8_0, "second.gguf");
  ASSERT_TRUE(first && second);
  EXPECT_EQ(values_of(**first, "blk.1.ffn_up.weight"), values_of(**second, "blk.1.ffn_up.weight"));
}

TEST_F(MakeModelTest, RowsThatBlocksDoNotDivideAreRefusedByName) {
  ModelShape shape = small_shape("llama");
  shape.intermediate = 100;
  const auto model = make(shape, DType::q4_0, "model.gguf");
  ASSERT_FALSE(model);
  EXPECT_THAT(model.error().message, HasSubstr("ffn_down"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "model.gguf"));
}

TEST_F(MakeModelTest, AFolderOfQuantisedWeightsIsRefused) {
  const auto model = make(small_shape("llama"), DType::q8_0, "model");
  ASSERT_FALSE(model);
  EXPECT_THAT(model.error().message, HasSubstr("Hugging Face folder"));
}

TEST_F(MakeModelTest, AnUnknownShapeListsTheNames) {
  const auto shape = find_shape("qwen9");
  ASSERT_FALSE(shape);
  EXPECT_THAT(shape.error().message, HasSubstr("qwen3-0.6b"));
}

TEST_F(MakeModelTest, AConfigFileGivesTheShape) {
  const auto folder = make(small_shape("qwen3"), DType::bf16, "model");
  ASSERT_TRUE(folder) << folder.error().message;
  const auto shape = find_shape((folder_.path() / "model" / "config.json").string());
  ASSERT_TRUE(shape) << shape.error().message;
  EXPECT_EQ(shape->head_dim, 32);
  EXPECT_EQ(shape->vocab, 300);
  EXPECT_TRUE(shape->is_tied);
}

}  // namespace
}  // namespace conduit::bench
