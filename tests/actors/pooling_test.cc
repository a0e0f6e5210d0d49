// Texts to embed and to compare: what reaches the engine, and what is refused.
#include "actors/pooling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/actor_models.h"

namespace conduit::actors {
namespace {

using ::conduit::testing::byte_tokens;
using ::conduit::testing::open_tiny_model;
using kernels::Task;
using ::testing::HasSubstr;

class PoolingTest : public ::testing::Test {
 protected:
  PoolingTest() : model_(*open_tiny_model()) { options_.max_model_len = 64; }

  static PoolRequest text(std::string prompt) {
    PoolRequest request;
    request.task = wire::PoolTask::embed;
    request.prompt_kind = wire::PromptKind::text;
    request.prompt = std::move(prompt);
    return request;
  }
  static PoolRequest pair(std::string query, std::string document) {
    PoolRequest request = text(std::move(query));
    request.task = wire::PoolTask::score;
    request.document = std::move(document);
    return request;
  }
  Result<kernels::SequenceSpec> prepare(const PoolRequest& request) {
    return prepare_pooling(request, name_, model_, options_);
  }
  std::string refusal(const PoolRequest& request) {
    const auto spec = prepare(request);
    EXPECT_FALSE(spec);
    if (spec) return "";
    EXPECT_EQ(spec.error().code, Code::invalid_argument);
    return spec.error().message;
  }

  kernels::Model model_;
  kernels::EngineOptions options_;
  std::string name_ = "tiny";
};

TEST_F(PoolingTest, TextsAndTokensAreEmbedded) {
  model_.config.pooling = kernels::Pooling::mean;
  const auto spec = prepare(text("xyz"));
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->task, Task::embed);
  EXPECT_EQ(spec->prompt, byte_tokens("xyz"));
  EXPECT_EQ(spec->max_tokens, 0);
  PoolRequest tokens = text("");
  tokens.prompt_kind = wire::PromptKind::tokens;
  tokens.prompt_tokens = {5, 6};
  EXPECT_EQ(prepare(tokens)->prompt, (std::vector<kernels::TokenId>{5, 6}));
}

TEST_F(PoolingTest, SpecialTokensSpelledInATextAreText) {
  model_.config.pooling = kernels::Pooling::mean;
  EXPECT_GT(prepare(text("<|im_end|>"))->prompt.size(), 1u);
}

TEST_F(PoolingTest, TextsThatDoNotFitAreRefusedWithTheirLength) {
  model_.config.pooling = kernels::Pooling::mean;
  EXPECT_TRUE(prepare(text(std::string(64, 'x'))));
  EXPECT_THAT(refusal(text(std::string(65, 'x'))), HasSubstr("65 tokens"));
  EXPECT_THAT(refusal(text(std::string(1 << 20, 'x'))), HasSubstr("bytes"));
  EXPECT_THAT(refusal(text("")), HasSubstr("0 tokens"));
  model_.config.is_causal = false;
  options_.prefill_chunk = 8;  // which an encoder's text is not cut for
  EXPECT_THAT(refusal(text("123456789")), HasSubstr("takes 1 to 8"));
}

TEST_F(PoolingTest, ModelsAreAskedForWhatTheyAreMadeFor) {
  EXPECT_THAT(refusal(text("a")), HasSubstr("states no pooling"));
  EXPECT_THAT(refusal(pair("a", "b")), HasSubstr("is no reranker"));
  EXPECT_EQ(task_of("tiny", model_), wire::ModelTask::generate);
  EXPECT_EQ(task_of("Qwen3-Reranker-0.6B", model_), wire::ModelTask::rerank);
  model_.config.labels = 1;
  EXPECT_EQ(task_of("tiny", model_), wire::ModelTask::rerank);
  model_.config.pooling = kernels::Pooling::cls;
  EXPECT_EQ(task_of("tiny", model_), wire::ModelTask::embed);
}

TEST_F(PoolingTest, CausalRerankersNeedTheirWords) {
  name_ = "my-reranker";
  EXPECT_THAT(refusal(pair("a", "b")), HasSubstr("vocabulary lacks"));
}

TEST_F(PoolingTest, CrossEncodersGetBothTexts) {
  model_.config.labels = 1;
  const auto spec = prepare(pair("ab", "cd"));
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->task, Task::score);
  EXPECT_EQ(spec->prompt, byte_tokens("abcd"));
  EXPECT_TRUE(spec->type_ids.empty());
  EXPECT_TRUE(spec->score_ids.empty());
}

TEST_F(PoolingTest, TextsAreCutToTheirBeginningWhereThatIsWanted) {
  model_.config.pooling = kernels::Pooling::mean;
  PoolRequest request = text("abcdef");
  request.truncate_prompt = 4;
  EXPECT_EQ(prepare(request)->prompt, byte_tokens("abcd"));
  request.prompt = std::string(100, 'x');
  request.truncate_prompt = -1;
  EXPECT_EQ(prepare(request)->prompt.size(), 64u);
  request.truncate_prompt = 65;
  EXPECT_THAT(refusal(request), HasSubstr("-1 (what fits) or 1 to 64"));
}

TEST_F(PoolingTest, OfAPairTheLongerIsCutFirst) {
  model_.config.labels = 1;
  PoolRequest request = pair("ab", "cdefg");
  request.truncate_prompt = 4;
  EXPECT_EQ(prepare(request)->prompt, byte_tokens("abcd"));
}

TEST_F(PoolingTest, WarmingUpAsksForWhatTheModelCan) {
  EXPECT_EQ(warm_up_of(model_).task, Task::generate);
  EXPECT_EQ(warm_up_of(model_).max_tokens, 1);
  model_.config.has_head = false;
  EXPECT_EQ(warm_up_of(model_).task, Task::score);
  model_.config.pooling = kernels::Pooling::last;
  EXPECT_EQ(warm_up_of(model_).task, Task::embed);
  EXPECT_EQ(warm_up_of(model_).max_tokens, 0);
}

}  // namespace
}  // namespace conduit::actors
