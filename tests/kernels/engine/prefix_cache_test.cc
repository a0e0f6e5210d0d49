// Chats over an engine that keeps what it computed: nothing but the time to the first token may
// change.
#include <gtest/gtest.h>

#include <random>

#include "tests/kernels/engine/tiny_engine.h"

namespace conduit::kernels {
namespace {

class PrefixCacheTest : public testing::TinyEngineTest {
 protected:
  static std::vector<SequenceOutput> ask(Engine& engine, SequenceSpec spec) {
    const SequenceId id = spec.id;
    const Status added = engine.add(std::move(spec));
    EXPECT_TRUE(added) << added.error().message;
    return run(engine)[id];
  }
  static void continue_with(SequenceSpec& chat, const std::vector<SequenceOutput>& answer,
                            std::initializer_list<TokenId> question) {
    for (const SequenceOutput& output : answer) chat.prompt.push_back(output.token);
    chat.prompt.insert(chat.prompt.end(), question);
  }
};

TEST_F(PrefixCacheTest, ASecondTurnComputesOnlyWhatIsNew) {
  auto engine = this->engine({.page_size = 4});
  SequenceSpec chat = spec(1, 21, 10);
  const auto first = ask(*engine, chat);
  EXPECT_EQ(first[0].cached_tokens, 0);
  continue_with(chat, first, {5, 6, 7});
  const std::uint64_t before = engine->stats().prompt_tokens;
  const auto second = ask(*engine, chat);
  EXPECT_EQ(second[0].cached_tokens, 28) << "of 21 + 10, the last of which was never computed";
  EXPECT_EQ(second[1].cached_tokens, 0) << "told once";
  EXPECT_EQ(engine->stats().prompt_tokens - before, 34 - 28u);
  EXPECT_EQ(engine->stats().prefix_queries, 21 + 34u);
  EXPECT_EQ(engine->stats().prefix_hits, 28u);
}

TEST_F(PrefixCacheTest, ASystemPromptIsSharedAmongRequests) {
  auto engine = this->engine({.max_concurrency = 8, .page_size = 4});
  ask(*engine, spec(1, 40, 1));
  for (SequenceId id : {2, 3, 4}) {
    SequenceSpec other = spec(1, 40, 4);
    other.id = id;
    other.prompt.push_back(static_cast<TokenId>(id));
    ASSERT_TRUE(engine->add(other));
  }
  engine->step(Clock::now());
  EXPECT_EQ(engine->stats().kv_pages_used, 10 + 3);
  for (const auto& [id, outputs] : run(*engine)) EXPECT_EQ(outputs.size(), 3u);
  EXPECT_EQ(engine->stats().prefix_hits, 3 * 40u);
}

TEST_F(PrefixCacheTest, SwitchedOffNothingIsCached) {
  auto engine = this->engine({.prefix_cache = false, .page_size = 4});
  ask(*engine, spec(1, 21, 10));
  EXPECT_EQ(ask(*engine, spec(1, 21, 10))[0].cached_tokens, 0);
  EXPECT_EQ(engine->stats().kv_pages_cached, 0);
}

TEST_F(PrefixCacheTest, PromptLogprobsAreOfTheWholePromptAllTheSame) {
  auto engine = this->engine({.page_size = 4});
  SequenceSpec scored = spec(1, 21, 2);
  scored.sampling.prompt_logprobs = 2;
  const PromptLogprobs first = ask(*engine, scored)[0].prompt_logprobs;
  const auto second = ask(*engine, scored);
  EXPECT_EQ(second[0].cached_tokens, 0);
  ASSERT_EQ(second[0].prompt_logprobs.ranks, first.ranks);
  EXPECT_EQ(first.ranks.size(), 20u);
}

// Random chats that share beginnings, over a cache too small for them, against an engine that
// computes everything.
TEST_F(PrefixCacheTest, AnswersAreTheSameToTheLastBitWithAndWithoutIt) {
  for (const char* architecture : {"llama", "qwen3"}) {
    SCOPED_TRACE(architecture);
    testing::TinyModelOptions options;
    options.architecture = architecture;
    open(options);
    const std::int64_t page = engine({.page_size = 4})->options().kv_bytes /
                              engine({.page_size = 4})->stats().kv_pages_total;
    auto cached =
        engine({.max_concurrency = 4, .prefill_chunk = 13, .page_size = 4, .kv_bytes = 40 * page});
    auto plain = engine({.max_concurrency = 1, .prefix_cache = false, .page_size = 4});
    std::mt19937 random(7);
    std::vector<SequenceSpec> chats(5);
    for (int turn = 0; turn < 80; ++turn) {
      SequenceSpec& chat = chats[random() % chats.size()];
      if (chat.prompt.empty() || chat.prompt.size() > 120) chat = spec(random() % 3, 18);
      chat.prompt.push_back(static_cast<TokenId>(random() % 288));
      chat.max_tokens = 1 + static_cast<int>(random() % 9);
      chat.sampling = {.temperature = 0.7F, .seed = random(), .logprobs = 3};
      const auto found = ask(*cached, chat);
      const auto right = ask(*plain, chat);
      ASSERT_EQ(found.size(), right.size());
      for (std::size_t i = 0; i < right.size(); ++i) {
        ASSERT_EQ(found[i].token, right[i].token) << "turn " << turn;
        for (std::size_t j = 0; j < right[i].logprobs.size(); ++j)
          ASSERT_EQ(found[i].logprobs[j].logprob, right[i].logprobs[j].logprob);
      }
      const Status pages = cached->check_pages();
      ASSERT_TRUE(pages) << pages.error().message;
      continue_with(chat, right, {});
    }
    EXPECT_GT(cached->stats().prefix_hits, 1000u);
    EXPECT_GT(cached->stats().kv_pages_cached, 30) << "the cache was full";
  }
}

}  // namespace
}  // namespace conduit::kernels
