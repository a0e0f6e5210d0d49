// Proposals change how many steps an answer takes and nothing else: not a token, not a bit of a
// log-probability.
#include "kernels/engine/speculation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>
#include <random>
#include <string>
#include <utility>

#include "kernels/model/mapped_file.h"
#include "tests/kernels/engine/tiny_engine.h"
#include "tests/support/weight_files.h"

namespace conduit::kernels {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Sequence text_of(std::vector<TokenId> tokens) {
  Sequence sequence;
  sequence.spec.prompt = std::move(tokens);
  return sequence;
}

TEST(PromptLookupTest, WhatFollowedBeforeIsProposed) {
  PromptLookup lookup;
  EXPECT_THAT(lookup.propose(text_of({1, 2, 3, 4, 5, 6, 1, 2, 3}), 2), ElementsAre(4, 5));
}

TEST(PromptLookupTest, TheLatestPlaceCounts) {
  PromptLookup lookup;
  EXPECT_THAT(lookup.propose(text_of({1, 2, 3, 4, 1, 2, 3, 5, 1, 2, 3}), 1), ElementsAre(5));
}

TEST(PromptLookupTest, ARepetitionGoesOn) {
  PromptLookup lookup;
  EXPECT_THAT(lookup.propose(text_of({7, 8, 7, 8, 7}), 5), ElementsAre(8, 7, 8, 7, 8));
  PromptLookup same;
  EXPECT_THAT(same.propose(text_of({9, 9, 9, 9}), 3), ElementsAre(9, 9, 9));
}

TEST(PromptLookupTest, NewTokensProposeNothing) {
  PromptLookup lookup;
  EXPECT_THAT(lookup.propose(text_of({}), 4), IsEmpty());
  EXPECT_THAT(lookup.propose(text_of({1, 2}), 4), IsEmpty());
  EXPECT_THAT(lookup.propose(text_of({1, 2, 3}), 4), IsEmpty());
  EXPECT_THAT(lookup.propose(text_of({1, 2, 3, 1, 2}), 4), IsEmpty());
}

TEST(PromptLookupTest, ATextThatGrowsIsKnownAsOneThatIsReadWhole) {
  std::mt19937 random(1);
  Sequence text = text_of({});
  PromptLookup lookup;
  for (int i = 0; i < 500; ++i) {
    text.generated.push_back(static_cast<TokenId>(random() % 4));
    EXPECT_EQ(lookup.propose(text, 5), PromptLookup().propose(text, 5)) << i;
  }
}

TEST(ConfidenceTest, GrowsWithWhatComesTrueAndPausesAfterFailures) {
  Confidence confidence;
  EXPECT_EQ(confidence.proposals(100), 2);
  confidence.observe(2, 2);
  EXPECT_EQ(confidence.proposals(100), 4);
  EXPECT_EQ(confidence.proposals(3), 3);
  confidence.observe(4, 1);
  EXPECT_EQ(confidence.proposals(100), 2);
  int pause = 0;
  for (int i = 0; i < 20; ++i) {
    while (confidence.proposals(100) == 0) ++pause;
    confidence.observe(1, 0);
  }
  EXPECT_GT(pause, 500);  // of 520 steps
}

// What each step gives and takes, with the draft model and without; how many steps used it.
int steps_with_draft(double with_tokens, double with_seconds, int steps) {
  DraftTrial trial;
  int with = 0;
  for (int i = 0; i < steps; ++i) {
    with += trial.is_on();
    if (trial.is_on())
      trial.observe(static_cast<std::size_t>(with_tokens),
                    std::chrono::duration<double>(with_seconds));
    else
      trial.observe(1, std::chrono::duration<double>(0.010));
  }
  return with;
}

TEST(DraftTrialTest, ADraftThatPaysIsUsed) { EXPECT_GT(steps_with_draft(3, 0.015, 5000), 4700); }

TEST(DraftTrialTest, ADraftThatIsAlwaysRightAndTooSlowIsLeftAlone) {
  EXPECT_LT(steps_with_draft(3, 0.040, 5000), 300);
}

TEST(DraftTrialTest, IsTriedAgainWhenTimesHaveChanged) {
  DraftTrial trial;
  const auto step = [&](double with_seconds) {
    const bool is_on = trial.is_on();
    trial.observe(is_on ? 3 : 1, std::chrono::duration<double>(is_on ? with_seconds : 0.010));
    return is_on;
  };
  for (int i = 0; i < 3000; ++i) step(0.040);
  int with = 0;
  for (int i = 0; i < 6000; ++i) with += step(0.015);
  EXPECT_GT(with, 3000);
}

class SpeculationTest : public testing::TinyEngineTest {
 protected:
  static constexpr SequenceId kRequests = 12;

  static EngineOptions options(int proposals) {
    EngineOptions options;
    options.speculative_tokens = proposals;
    options.gap_stretch = 0;  // steps are cut alike however long they take
    return options;
  }

  // Texts that repeat themselves, under every kind of sampling.
  static SequenceSpec request(SequenceId id) {
    SequenceSpec made = spec(id, 3 + static_cast<int>(id % 5), 20 + static_cast<int>(id * 7 % 40));
    const std::vector<TokenId> once = made.prompt;
    for (int i = 0; i < 3; ++i) made.prompt.insert(made.prompt.end(), once.begin(), once.end());
    if (id % 3 == 1) made.sampling = {.temperature = 0.2F, .top_p = 0.95F, .seed = 1000 + id};
    if (id % 4 == 2) made.sampling.frequency_penalty = 0.1F;
    if (id % 4 == 3) made.stop_ids = {made.prompt[1], made.prompt[2]};
    if (id % 2 == 0) made.sampling.logprobs = 2;
    return made;
  }

  static Outputs answers(Engine& engine) {
    for (SequenceId id = 0; id < kRequests; ++id) EXPECT_TRUE(engine.add(request(id)));
    return run(engine);
  }

  static void expect_same(const Outputs& found, const Outputs& expected) {
    ASSERT_EQ(found.size(), expected.size());
    for (const auto& [id, outputs] : expected) {
      SCOPED_TRACE("sequence " + std::to_string(id));
      ASSERT_EQ(found.at(id).size(), outputs.size());
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        const SequenceOutput& output = found.at(id)[i];
        EXPECT_EQ(output.token, outputs[i].token);
        EXPECT_EQ(output.index, static_cast<int>(i));
        EXPECT_EQ(output.reason, outputs[i].reason);
        ASSERT_EQ(output.logprobs.size(), outputs[i].logprobs.size());
        for (std::size_t j = 0; j < output.logprobs.size(); ++j)
          EXPECT_EQ(output.logprobs[j].logprob, outputs[i].logprobs[j].logprob);
      }
    }
  }
};

TEST_F(SpeculationTest, AnswersAreTheSameWithIt) {
  const auto plain = engine(options(0));
  const Outputs expected = answers(*plain);
  const auto speculative = engine(options(8));
  expect_same(answers(*speculative), expected);
  EXPECT_GT(speculative->stats().proposed_tokens, 0u);
  EXPECT_TRUE(speculative->check_pages());
}

TEST_F(SpeculationTest, AnswersAreTheSameWhereThereAreHardlyPages) {
  EngineOptions plain = options(0);
  plain.max_model_len = 128;
  plain.page_size = 8;
  const auto with_room = engine(plain);
  const Outputs expected = answers(*with_room);
  EngineOptions small = plain;
  small.speculative_tokens = 8;
  small.kv_bytes = with_room->options().kv_bytes / 12;
  const auto speculative = engine(small);
  expect_same(answers(*speculative), expected);
  EXPECT_GT(speculative->stats().preemptions, 0u);
  EXPECT_TRUE(speculative->check_pages());
}

TEST_F(SpeculationTest, ARepetitionTakesFewerSteps) {
  SequenceSpec repeating = spec(1, 4, 100);
  repeating.sampling.logit_bias = {{7, 100}};
  const auto plain = engine(options(0));
  ASSERT_TRUE(plain->add(repeating));
  const Outputs expected = run(*plain);
  const auto speculative = engine(options(8));
  ASSERT_TRUE(speculative->add(repeating));
  expect_same(run(*speculative), expected);
  const EngineStats stats = speculative->stats();
  EXPECT_EQ(stats.steps + stats.kept_tokens, plain->stats().steps);
  EXPECT_LT(stats.steps, plain->stats().steps / 2);
}

TEST_F(SpeculationTest, ASecondModelMayPropose) {
  const Outputs expected = answers(*engine(options(0)));
  auto made = Engine::create(*device_, model_, options(4), model_);
  ASSERT_TRUE(made) << made.error().message;
  expect_same(answers(**made), expected);
  EXPECT_GT((*made)->stats().kept_tokens, 0u);
}

TEST_F(SpeculationTest, ADraftOfItselfIsRightWheneverTheDrawIsGreedy) {
  auto made = Engine::create(*device_, model_, options(4), model_);
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_TRUE((*made)->add(spec(1, 6, 60)));
  run(**made);
  const EngineStats stats = (*made)->stats();
  EXPECT_EQ(stats.kept_tokens, stats.proposed_tokens);
  EXPECT_LT(stats.steps, 20u);
}

TEST_F(SpeculationTest, ADraftReadsALongTextBitByBit) {
  const SequenceSpec asked = spec(1, 400, 40);
  const auto plain = engine(options(0));
  ASSERT_TRUE(plain->add(asked));
  const Outputs expected = run(*plain);
  auto made = Engine::create(*device_, model_, options(4), model_);
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_TRUE((*made)->add(asked));
  expect_same(run(**made), expected);
  EXPECT_GT((*made)->stats().kept_tokens, 0u);
}

TEST_F(SpeculationTest, ADraftMayHaveMoreIdsThanTheOther) {
  const auto large = model_;
  std::filesystem::remove_all(folder_.path() / "model");  // what is open stays
  testing::TinyModelOptions padded;
  padded.vocab = 320;
  open(padded);
  const auto draft = std::exchange(model_, large);
  const Outputs expected = answers(*engine(options(0)));
  auto made = Engine::create(*device_, large, options(4), draft);
  ASSERT_TRUE(made) << made.error().message;
  expect_same(answers(**made), expected);
}

TEST_F(SpeculationTest, ADraftWhoseTokensAreSpelledOtherwiseIsRefused) {
  const auto large = model_;
  const auto path = folder_.path() / "model" / "tokenizer.json";
  auto text = read_text_file(path, 1 << 20);
  ASSERT_TRUE(text);
  for (std::size_t at = 0; (at = text->find("im_start", at)) != std::string::npos;)
    text->replace(at, 8, "im_begin");
  testing::write_file(path, *text);
  const auto draft = open_model(folder_.path() / "model");
  ASSERT_TRUE(draft) << draft.error().message;
  const auto made = Engine::create(*device_, large, options(4), *draft);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::invalid_argument);
  EXPECT_THAT(made.error().message,
              AllOf(HasSubstr("<|im_begin|>"), HasSubstr("<|im_start|>"), HasSubstr("vocabulary")));
}

TEST_F(SpeculationTest, WithoutTokenizersTheNumberOfIdsDecides) {
  std::filesystem::remove_all(folder_.path() / "model");
  testing::TinyModelOptions bare;
  bare.tokenizer = false;
  open(bare);
  const auto large = model_;
  std::filesystem::remove_all(folder_.path() / "model");
  bare.vocab = 320;
  open(bare);
  const auto made = Engine::create(*device_, large, options(4), model_);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, AllOf(HasSubstr("320"), HasSubstr("288")));
}

TEST_F(SpeculationTest, AFullBatchProposesNothing) {
  EngineOptions full = options(8);
  full.max_concurrency = kRequests;
  full.speculative_tokens = 1;
  const auto speculative = engine(full);
  for (SequenceId id = 0; id < kRequests; ++id) {
    SequenceSpec same_length = spec(id, 4, 30);
    ASSERT_TRUE(speculative->add(same_length));
  }
  run(*speculative);
  EXPECT_EQ(speculative->stats().proposed_tokens, 0u);
}

}  // namespace
}  // namespace conduit::kernels
