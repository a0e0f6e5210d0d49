// Requests that embed and score, beside others that generate, on a tiny decoder.
#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "tests/kernels/engine/tiny_engine.h"

namespace conduit::kernels {
namespace {

class EmbeddingTest : public testing::TinyEngineTest {
 protected:
  void SetUp() override {
    TinyEngineTest::SetUp();
    const std::filesystem::path model = folder_.path() / "model";
    std::filesystem::create_directory(model / "1_Pooling");
    std::ofstream(model / "modules.json") << R"([
      {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
      {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
      {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}])";
    std::ofstream(model / "1_Pooling/config.json")
        << R"({"word_embedding_dimension": 64, "pooling_mode_mean_tokens": true})";
    auto opened = open_model(model);
    ASSERT_TRUE(opened) << opened.error().message;
    model_ = *std::move(opened);
  }

  static SequenceSpec asking(SequenceId id, int prompt, Task task) {
    SequenceSpec asked = spec(id, prompt, 0);
    asked.task = task;
    if (task == Task::score) asked.score_ids = {7, 9};
    return asked;
  }
};

TEST_F(EmbeddingTest, AnEmbeddingHasLengthOneAndComesOnce) {
  auto engine = this->engine();
  ASSERT_TRUE(engine->add(asking(3, 20, Task::embed)));
  const Outputs outputs = run(*engine);
  ASSERT_EQ(outputs.at(3).size(), 1u);
  const SequenceOutput& output = outputs.at(3)[0];
  EXPECT_EQ(output.reason, FinishReason::stop);
  ASSERT_EQ(output.embedding.size(), 64u);
  double squares = 0;
  for (float value : output.embedding) squares += double{value} * double{value};
  EXPECT_NEAR(squares, 1, 1e-6);
  EXPECT_EQ(engine->stats().kv_pages_used, 0);
  EXPECT_EQ(engine->stats().prompt_tokens, 20u);
  EXPECT_EQ(engine->stats().generated_tokens, 0u);
}

TEST_F(EmbeddingTest, NeitherChunksNorCompanyChangeABit) {
  auto engine = this->engine();
  ASSERT_TRUE(engine->add(asking(1, 50, Task::embed)));
  ASSERT_TRUE(engine->add(asking(2, 40, Task::score)));
  ASSERT_TRUE(engine->add(spec(3, 30, 6)));
  const Outputs together = run(*engine);
  ASSERT_TRUE(engine->add(spec(3, 30, 6)));
  const Outputs generated = run(*engine);
  EXPECT_GT(together.at(2)[0].score, 0);
  EXPECT_LT(together.at(2)[0].score, 1);

  EngineOptions chunks;
  chunks.prefill_chunk = 7;
  engine = this->engine(chunks);
  for (Task task : {Task::embed, Task::score}) {
    const SequenceId id = task == Task::embed ? 1 : 2;
    ASSERT_TRUE(engine->add(asking(id, task == Task::embed ? 50 : 40, task)));
    const Outputs alone = run(*engine);
    EXPECT_EQ(alone.at(id)[0].embedding, together.at(id)[0].embedding);
    EXPECT_EQ(alone.at(id)[0].score, together.at(id)[0].score);
  }
  ASSERT_EQ(together.at(3).size(), 6u);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(together.at(3)[i].token, generated.at(3)[i].token);
}

TEST_F(EmbeddingTest, ATextCancelledBetweenItsChunksGivesItsPagesBack) {
  EngineOptions chunks;
  chunks.prefill_chunk = 7;
  auto engine = this->engine(chunks);
  ASSERT_TRUE(engine->add(asking(1, 50, Task::embed)));
  EXPECT_TRUE(engine->step(Clock::now()).empty());
  EXPECT_GT(engine->stats().kv_pages_used, 0);
  engine->cancel(1);
  EXPECT_EQ(engine->stats().kv_pages_used, 0);
  EXPECT_TRUE(run(*engine).empty());
}

}  // namespace
}  // namespace conduit::kernels
