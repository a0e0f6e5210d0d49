// What requests may ask of which model; how sampling is checked: engine_test.cc.
#include "kernels/engine/request_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace conduit::kernels {
namespace {

using ::testing::HasSubstr;

ModelConfig decoder() {
  ModelConfig config;
  config.vocab = 100;
  return config;
}
ModelConfig classifier() {
  ModelConfig config = decoder();
  config.has_head = false;
  config.is_causal = false;
  config.labels = 1;
  config.token_types = 2;
  return config;
}

SequenceSpec request(Task task) {
  SequenceSpec spec;
  spec.task = task;
  spec.prompt = {1, 2, 3};
  spec.max_tokens = task == Task::generate ? 5 : 0;
  return spec;
}

// Empty when it is fine.
std::string refusal(const SequenceSpec& spec, const ModelConfig& config) {
  const Status status = check_request(spec, config);
  if (status) return "";
  EXPECT_EQ(status.error().code, Code::invalid_argument);
  return status.error().message;
}

TEST(RequestCheckTest, TasksNeedAModelMadeForThem) {
  EXPECT_EQ(refusal(request(Task::generate), decoder()), "");
  EXPECT_THAT(refusal(request(Task::generate), classifier()), HasSubstr("cannot generate"));
  EXPECT_THAT(refusal(request(Task::embed), decoder()), HasSubstr("1_Pooling"));
  ModelConfig embedder = decoder();
  embedder.pooling = Pooling::last;
  EXPECT_EQ(refusal(request(Task::embed), embedder), "");
  EXPECT_EQ(refusal(request(Task::score), classifier()), "");
  EXPECT_THAT(refusal(request(Task::score), decoder()), HasSubstr("score_ids"));
}

TEST(RequestCheckTest, AClassifierOfSeveralLabelsHasNoScore) {
  ModelConfig config = classifier();
  config.labels = 3;
  EXPECT_THAT(refusal(request(Task::score), config), HasSubstr("3 labels"));
}

TEST(RequestCheckTest, ScoreIdsAreTwoTokensOfTheVocabulary) {
  SequenceSpec spec = request(Task::score);
  spec.score_ids = {5, 6};
  EXPECT_EQ(refusal(spec, decoder()), "");
  EXPECT_THAT(refusal(spec, classifier()), HasSubstr("no output layer"));
  spec.score_ids = {5, 100};
  EXPECT_THAT(refusal(spec, decoder()), HasSubstr("token 100"));
  spec.score_ids = {5};
  EXPECT_THAT(refusal(spec, decoder()), HasSubstr("must be 2"));
}

TEST(RequestCheckTest, OnlyGenerationHasMaxTokens) {
  SequenceSpec spec = request(Task::score);
  spec.max_tokens = 1;
  EXPECT_THAT(refusal(spec, classifier()), HasSubstr("max_tokens is 1"));
  spec = request(Task::generate);
  spec.max_tokens = 0;
  EXPECT_THAT(refusal(spec, decoder()), HasSubstr("max_tokens is 0"));
}

TEST(RequestCheckTest, TypeIdsAreOnePerTokenAndKnown) {
  SequenceSpec spec = request(Task::score);
  spec.type_ids = {0, 0, 1};
  EXPECT_EQ(refusal(spec, classifier()), "");
  spec.type_ids = {0, 1};
  EXPECT_THAT(refusal(spec, classifier()), HasSubstr("2 type_ids for 3 tokens"));
  for (std::int32_t wrong : {-1, 2}) {
    spec.type_ids = {0, wrong, 1};
    EXPECT_THAT(refusal(spec, classifier()), HasSubstr("type_ids have " + std::to_string(wrong)));
  }
}

}  // namespace
}  // namespace conduit::kernels
