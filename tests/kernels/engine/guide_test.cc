// Constrained answers: valid whatever the model, the seed and max_tokens are, and the same with
// speculation and without.
#include "kernels/engine/guide.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/kernels/engine/list_grammar.h"
#include "tests/kernels/engine/tiny_engine.h"

namespace conduit::kernels {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class GuideTest : public testing::TinyEngineTest {
 protected:
  static constexpr TokenId kEos = 2;

  void SetUp() override {
    TinyEngineTest::SetUp();
    table_ = testing::token_table(*model_->tokenizer, {kEos});
    grammar_ = grammar("{\"list\": [");
  }

  std::shared_ptr<mdl::TokenGrammar> grammar(std::string beginning) {
    return std::make_shared<mdl::TokenGrammar>(
        std::make_shared<testing::ListGrammar>(std::move(beginning)), table_);
  }

  SequenceSpec constrained(SequenceId id, int max_tokens, std::uint64_t seed = 0) {
    SequenceSpec made = spec(id, 5, max_tokens);
    made.grammar = grammar_;
    made.stop_ids = {kEos};
    made.sampling = {.temperature = 1, .seed = seed};
    return made;
  }

  // The answer, as its reader gets it.
  std::string text(const std::vector<SequenceOutput>& outputs) {
    std::vector<TokenId> tokens;
    for (const SequenceOutput& output : outputs)
      if (output.reason != FinishReason::stop || output.ends_in_text)
        tokens.push_back(output.token);
    return model_->tokenizer->decode(tokens);
  }

  std::string answer(Engine& engine, SequenceSpec spec) {
    const SequenceId id = spec.id;
    const auto added = engine.add(std::move(spec));
    EXPECT_TRUE(added) << added.error().message;
    return text(run(engine)[id]);
  }

  static EngineOptions options(int proposals) {
    EngineOptions options;
    options.speculative_tokens = proposals;
    options.max_concurrency = 8;
    return options;
  }

  std::shared_ptr<const mdl::TokenTable> table_;
  std::shared_ptr<mdl::TokenGrammar> grammar_;
  testing::ListGrammar lists_;
};

TEST_F(GuideTest, EveryAnswerIsValidWhateverTheSeedAndTheLength) {
  const auto made = engine(options(8));
  const int least = static_cast<int>(mdl::Matcher(grammar_).cost());
  for (SequenceId id = 0; id < 60; ++id)
    ASSERT_TRUE(made->add(constrained(id, least + static_cast<int>(id % 20), 100 + id)));
  auto outputs = run(*made);
  int long_ones = 0;
  for (SequenceId id = 0; id < 60; ++id) {
    const std::string found = text(outputs[id]);
    EXPECT_TRUE(lists_.has(found)) << id << ": " << found;
    EXPECT_EQ(outputs[id].back().reason, FinishReason::stop);
    long_ones += found.size() > std::string("{\"list\": [12]}").size();
  }
  EXPECT_GT(long_ones, 10);
}

TEST_F(GuideTest, SpeculationChangesNothing) {
  const auto plain = engine(options(0));
  const auto speculative = engine(options(8));
  for (SequenceId id = 0; id < 12; ++id) {
    SequenceSpec wanted = constrained(id, 60, id);
    if (id % 3 == 0) wanted.sampling.temperature = 0;
    if (id % 3 == 1) wanted.sampling.top_p = 0.8F;
    wanted.sampling.logit_bias = {{kEos, 5}};
    EXPECT_EQ(answer(*plain, wanted), answer(*speculative, wanted)) << id;
  }
  EXPECT_GT(speculative->stats().kept_tokens, 0u);
}

TEST_F(GuideTest, WhatMustComeIsComputedInOnePass) {
  const auto made = engine(options(8));
  grammar_ = grammar("{\"list\": [7,7,7,7,7,7,7,");
  const std::string found = answer(*made, constrained(1, 40));
  EXPECT_THAT(found, StartsWith("{\"list\": [7,7,7,7,7,7,7,"));
  const EngineStats stats = made->stats();
  EXPECT_LT(stats.steps + 8, stats.generated_tokens);
}

TEST_F(GuideTest, EachAnswerOfABatchHasItsOwnGrammar) {
  const auto made = engine(options(4));
  std::vector<std::string> beginnings;
  for (SequenceId id = 0; id < 8; ++id) {
    beginnings.push_back(std::string(id, 'a') + "[");
    SequenceSpec wanted = constrained(id, 30, id);
    wanted.grammar = grammar(beginnings.back());
    ASSERT_TRUE(made->add(wanted));
  }
  ASSERT_TRUE(made->add(spec(8, 5, 30)));  // and one has none
  auto outputs = run(*made);
  for (SequenceId id = 0; id < 8; ++id)
    EXPECT_TRUE(testing::ListGrammar(beginnings[id]).has(text(outputs[id]))) << text(outputs[id]);
  EXPECT_EQ(outputs[8].size(), 30u);
}

TEST_F(GuideTest, NeighboursChangeNothing) {
  const auto alone = engine(options(8));
  const auto together = engine(options(8));
  for (SequenceId id = 0; id < 8; ++id) ASSERT_TRUE(together->add(constrained(id, 40, id)));
  auto outputs = run(*together);
  for (SequenceId id = 0; id < 8; ++id)
    EXPECT_EQ(answer(*alone, constrained(id, 40, id)), text(outputs[id]));
}

TEST_F(GuideTest, PreemptionChangesNothing) {
  EngineOptions small = options(8);
  small.max_model_len = 64;
  small.page_size = 4;
  const auto with_room = engine(small);
  small.kv_bytes = with_room->options().kv_bytes / 6;
  const auto crowded = engine(small);
  const auto ask = [&](Engine& made) {
    for (SequenceId id = 0; id < 16; ++id) EXPECT_TRUE(made.add(constrained(id, 50, id)));
    auto outputs = run(made);
    std::string all;
    for (auto& [id, output] : outputs) all += text(output) + "\n";
    return all;
  };
  EXPECT_EQ(ask(*crowded), ask(*with_room));
  EXPECT_GT(crowded->stats().preemptions, 0u);
  EXPECT_TRUE(crowded->check_pages());
}

TEST_F(GuideTest, TooFewTokensForAnyAnswerAreRefusedAtOnce) {
  const auto made = engine(options(0));
  const std::size_t least = mdl::Matcher(grammar_).cost();
  const auto added = made->add(constrained(1, static_cast<int>(least) - 1));
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Code::invalid_argument);
  EXPECT_THAT(added.error().message, AllOf(HasSubstr("max_tokens is " + std::to_string(least - 1)),
                                           HasSubstr(std::to_string(least) + " tokens")));
  EXPECT_TRUE(made->add(constrained(1, static_cast<int>(least))));
}

TEST_F(GuideTest, AnswersThatMustGoOnIgnoreTheEnd) {
  const auto made = engine(options(8));
  SequenceSpec wanted = constrained(1, 30);
  wanted.sampling.logit_bias = {{kEos, 100}};
  EXPECT_TRUE(lists_.has(answer(*made, wanted)));
  wanted.stop_ids.clear();  // ignore_eos: the grammar ends it all the same
  EXPECT_TRUE(lists_.has(answer(*made, wanted)));
  wanted.stop_ids = {kEos};
  wanted.min_tokens = 30;
  EXPECT_TRUE(lists_.has(answer(*made, wanted)));
}

TEST_F(GuideTest, LogProbabilitiesAreOfWhatTheModelSaid) {
  const auto made = engine(options(8));
  SequenceSpec wanted = constrained(1, 20);
  wanted.sampling.logprobs = 2;
  ASSERT_TRUE(made->add(wanted));
  const auto outputs = run(*made)[1];
  SequenceSpec free = spec(1, 5, 1);
  free.sampling.logprobs = 2;
  ASSERT_TRUE(made->add(free));
  const auto unconstrained = run(*made)[1];
  ASSERT_EQ(outputs[0].logprobs.size(), 3u);
  EXPECT_EQ(outputs[0].logprobs[1].id, unconstrained[0].logprobs[1].id);
  EXPECT_EQ(outputs[0].logprobs[1].logprob, unconstrained[0].logprobs[1].logprob);
}

TEST_F(GuideTest, ThoughtsComeFirstAndEndInTime) {
  constexpr TokenId kOpen = 0, kClose = 1;  // special tokens, which no text has
  const auto made = engine(options(8));
  const std::size_t least = mdl::Matcher(grammar_).cost();
  for (const bool is_open : {true, false}) {
    SequenceSpec wanted = constrained(1, static_cast<int>(least) + 12, 7);
    wanted.thoughts = ThoughtTags{kOpen, kClose, is_open};
    wanted.sampling.logit_bias = {{kOpen, is_open ? -100.F : 100.F}, {kClose, -100}};
    ASSERT_TRUE(made->add(wanted));
    const auto outputs = run(*made)[1];
    std::size_t close = 0;
    while (close < outputs.size() && outputs[close].token != kClose) ++close;
    ASSERT_LT(close, outputs.size());
    EXPECT_GE(close, 10u);  // as long as there was room
    EXPECT_EQ(outputs[0].token == kOpen, !is_open);
    const std::vector<SequenceOutput> answered(outputs.begin() + static_cast<long>(close) + 1,
                                               outputs.end());
    EXPECT_TRUE(lists_.has(text(answered))) << text(answered);
  }
}

TEST_F(GuideTest, AModelThatDoesNotThinkAnswersAtOnce) {
  const auto made = engine(options(8));
  SequenceSpec wanted = constrained(1, 30);
  wanted.thoughts = ThoughtTags{0, 1, false};
  wanted.sampling.logit_bias = {{0, -100}};
  EXPECT_TRUE(lists_.has(answer(*made, wanted)));
}

}  // namespace
}  // namespace conduit::kernels
