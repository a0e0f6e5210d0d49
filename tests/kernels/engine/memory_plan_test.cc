// How large an engine is for each kind of model: no more than it uses, and no less.
#include "kernels/engine/memory_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/shared_dir.h"

namespace conduit::kernels {
namespace {

using ::testing::HasSubstr;

class MemoryPlanTest : public ::testing::Test {
 protected:
  MemoryPlanTest() : device_(*make_cpu_device({.threads = 1, .instructions = "scalar"})) {}

  // Of tests/golden/own/models.
  static Model model(const char* name) {
    auto opened = open_model(conduit::testing::own_golden_dir() / "own/models" / name);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? **opened : Model{};
  }
  MemoryPlan plan(const EngineOptions& options, const Model& model) {
    const auto made = plan_memory(options, model, *device_);
    EXPECT_TRUE(made) << made.error().message;
    return made.value_or(MemoryPlan{});
  }
  static std::int64_t scratch_of(const Model& model) {
    return static_cast<std::int64_t>(Transformer::scratch_bytes(model.config, {8, 4}));
  }

  std::unique_ptr<Device> device_;
};

TEST_F(MemoryPlanTest, ADecodersCacheHoldsAFullBatchOfTheLongestTexts) {
  const Model llama = model("llama-linear-rope");
  const MemoryPlan made = plan({.max_concurrency = 3, .page_size = 16}, llama);
  EXPECT_EQ(made.options.max_model_len, llama.config.max_position);
  EXPECT_EQ(made.pages, 3 * llama.config.max_position / 16);
  EXPECT_EQ(made.options.kv_bytes, made.pages * 16 * 2 * llama.config.layers *
                                       llama.config.kv_heads * llama.config.head_dim * 2);
}

TEST_F(MemoryPlanTest, AnEncodersCacheHoldsOneLayerOfOneStep) {
  const Model bert = model("embedding-bert-positions-buffer");
  const MemoryPlan made = plan({.max_concurrency = 3, .prefill_chunk = 48, .page_size = 16}, bert);
  EXPECT_EQ(made.options.max_model_len, 48) << "a text is computed in one step";
  EXPECT_EQ(made.pages, 3 + 2);
  EXPECT_EQ(made.options.kv_bytes,
            made.pages * 16 * 2 * bert.config.kv_heads * bert.config.head_dim * 2);
  EXPECT_EQ(plan({}, bert).options.max_model_len, bert.config.max_position);
}

TEST_F(MemoryPlanTest, AModelWithoutAHeadHasNoLogits) {
  Model qwen = model("embedding-qwen2-headless");
  EXPECT_FALSE(qwen.config.has_head);
  const std::int64_t without = scratch_of(qwen);
  qwen.config.has_head = true;
  EXPECT_EQ(scratch_of(qwen) - without,
            4 * (qwen.config.vocab + qwen.config.hidden) * static_cast<int>(sizeof(float)));
}

TEST_F(MemoryPlanTest, ExpertsHaveScratchOfTheirOwn) {
  Model moe = model("qwen3-moe-sparse-step");
  const ModelConfig with_experts = moe.config;
  const std::int64_t with = scratch_of(moe);
  moe.config.experts = 0;
  EXPECT_GE(
      with - scratch_of(moe),
      8 * (2 * with_experts.hidden + 2 * with_experts.expert_intermediate + with_experts.experts) *
          static_cast<int>(sizeof(float)));
}

TEST_F(MemoryPlanTest, MorePositionsThanTheModelHasAreRefused) {
  for (const char* name : {"llama-linear-rope", "embedding-bert-positions-buffer"}) {
    const Model served = model(name);
    const auto refused =
        plan_memory({.max_model_len = served.config.max_position + 1}, served, *device_);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message,
                HasSubstr("this model has " + std::to_string(served.config.max_position)));
  }
}

TEST_F(MemoryPlanTest, AdaptersAndTheDraftCountBeforeTheyAreThere) {
  const auto own = conduit::testing::own_golden_dir() / "own";
  const auto served = open_model(own / "models/qwen3-tied-v5config");
  ASSERT_TRUE(served) << served.error().message;
  EngineOptions options{.max_concurrency = 3, .prefill_chunk = 16};
  const auto bytes_of = [&](const std::shared_ptr<const Model>& draft) {
    const auto planned = plan_memory(options, **served, *device_, draft.get());
    EXPECT_TRUE(planned) << planned.error().message;
    const auto engine = Engine::create(*device_, *served, options, draft);
    EXPECT_TRUE(engine) << engine.error().message;
    if (!planned || !engine) return std::int64_t{0};
    EXPECT_EQ(planned->bytes(), static_cast<std::int64_t>((*engine)->device_bytes()));
    return planned->bytes();
  };
  const std::int64_t alone = bytes_of(nullptr);
  options.adapters = {{"tuned", own / "adapters/qwen3-all-matrices"}};
  const std::int64_t tuned = bytes_of(nullptr);
  EXPECT_GT(tuned, alone);
  EXPECT_GT(bytes_of(*served), tuned + alone / 2) << "weights, keys and values of a second model";
}

// What the factor makes of the original context, whatever max_position_embeddings says.
TEST_F(MemoryPlanTest, YarnExtendsThePositions) {
  const Model served = model("qwen3-yarn");
  EXPECT_EQ(served.config.max_position, 256);
  EXPECT_EQ(plan({}, served).options.max_model_len, 256);
}

}  // namespace
}  // namespace conduit::kernels
