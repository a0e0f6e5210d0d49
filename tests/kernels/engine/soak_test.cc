// Thousands of random requests at one engine: joins, cancellations, pauses, preemption, shared
// beginnings, every sampling option, a handful of pages. Each ends with the very tokens it gets
// alone, and no page is lost. CONDUIT_SOAK_REQUESTS says how many; 300 by default.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <string>

#include "tests/kernels/engine/tiny_engine.h"

namespace conduit::kernels {
namespace {

constexpr int kPerEngine = 50;  // requests until the next engine, of other sizes

int soak_requests() {
  const char* count = std::getenv("CONDUIT_SOAK_REQUESTS");
  return count == nullptr ? 300 : std::atoi(count);
}

class SoakTest : public testing::TinyEngineTest {
 protected:
  int up_to(int most) { return 1 + static_cast<int>(random_() % static_cast<unsigned>(most)); }
  bool one_in(unsigned n) { return random_() % n == 0; }
  float between(float least, float most) {
    return std::uniform_real_distribution<float>(least, most)(random_);
  }

  Sampling sampling() {
    Sampling made;
    made.seed = random_();
    if (one_in(3)) made.temperature = 0;
    if (one_in(3)) made.top_k = up_to(40);
    if (one_in(3)) made.top_p = between(0.5F, 1);
    if (one_in(4)) made.typical_p = between(0.5F, 1);
    if (one_in(4)) made.min_p = between(0, 0.2F);
    if (one_in(4)) made.repetition_penalty = between(0.8F, 1.5F);
    if (one_in(4)) made.frequency_penalty = between(-1, 1);
    if (one_in(4)) made.presence_penalty = between(-1, 1);
    if (one_in(5)) made.logit_bias = {{up_to(287), between(-5, 5)}, {up_to(287), -100}};
    if (one_in(3)) made.logprobs = up_to(5) - 1;
    if (one_in(6)) made.prompt_logprobs = up_to(4) - 1;
    return made;
  }

  // Its beginning is one of a few.
  SequenceSpec request(SequenceId id) {
    SequenceSpec made = spec(random_() % 4, up_to(50), up_to(40));
    made.id = id;
    for (int i = up_to(6); i > 0; --i) made.prompt.push_back(up_to(287));
    if (one_in(3)) made.stop_ids = {up_to(287), up_to(287)};
    if (one_in(3)) made.min_tokens = up_to(made.max_tokens);
    made.sampling = sampling();
    return made;
  }

  EngineOptions options() {
    EngineOptions made;
    if (one_in(3)) made.precision = Precision::f32;
    made.max_model_len = 128;
    made.max_concurrency = up_to(8);
    made.prefill_chunk = up_to(40);
    made.prefix_cache = !one_in(4);
    made.page_size = up_to(12);
    if (!one_in(4)) made.gap_stretch = 0;  // steps are then cut alike however long they take
    const auto whole = engine(made);
    const std::int64_t page = whole->options().kv_bytes / whole->stats().kv_pages_total;
    // Room for the longest request, and little more.
    made.kv_bytes = page * (100 / made.page_size + up_to(30));
    return made;
  }

  void soak(const EngineOptions& options);
  void disturb(Engine& engine);

  struct Asked {
    SequenceSpec spec;
    std::vector<SequenceOutput> outputs{};
    bool is_cancelled = false;
  };
  std::mt19937 random_{17};
  std::map<SequenceId, Asked> asked_;
  SequenceId next_id_ = 0;
  std::uint64_t preemptions_ = 0, prefix_hits_ = 0;
};

void SoakTest::disturb(Engine& engine) {
  if (next_id_ == 0) return;
  const SequenceId any = next_id_ - 1 - random_() % std::min<SequenceId>(next_id_, 12);
  if (one_in(6)) engine.pause(any);
  if (one_in(3)) engine.resume(next_id_ - 1 - random_() % std::min<SequenceId>(next_id_, 12));
  if (const auto found = asked_.find(any); found != asked_.end() && one_in(60)) {
    engine.cancel(any);
    found->second.is_cancelled = true;
  }
}

void expect_same(const std::vector<SequenceOutput>& found,
                 const std::vector<SequenceOutput>& alone) {
  ASSERT_EQ(found.size(), alone.size());
  for (std::size_t i = 0; i < alone.size(); ++i) {
    ASSERT_EQ(found[i].token, alone[i].token);
    ASSERT_EQ(found[i].index, alone[i].index);
    ASSERT_EQ(found[i].reason, alone[i].reason);
    ASSERT_EQ(found[i].logprobs.size(), alone[i].logprobs.size());
    for (std::size_t j = 0; j < alone[i].logprobs.size(); ++j)
      ASSERT_EQ(found[i].logprobs[j].logprob, alone[i].logprobs[j].logprob);
    ASSERT_EQ(found[i].prompt_logprobs.ranks, alone[i].prompt_logprobs.ranks);
    const auto& entries = alone[i].prompt_logprobs.entries;
    ASSERT_EQ(found[i].prompt_logprobs.entries.size(), entries.size());
    for (std::size_t j = 0; j < entries.size(); ++j)
      ASSERT_EQ(found[i].prompt_logprobs.entries[j].logprob, entries[j].logprob);
  }
}

void SoakTest::soak(const EngineOptions& options) {
  asked_.clear();
  const auto engine = this->engine(options);
  const Clock::time_point now = Clock::now() + std::chrono::hours(1);
  int left = kPerEngine;
  for (int steps = 0; left > 0 || engine->stats().running + engine->stats().waiting > 0; ++steps) {
    ASSERT_LT(steps, 100'000) << "no progress";
    if (left > 0 && one_in(3)) {
      Asked asked{request(next_id_)};
      const Status added = engine->add(asked.spec);
      ASSERT_TRUE(added) << added.error().message;
      asked_.emplace(next_id_++, std::move(asked));
      --left;
    }
    disturb(*engine);
    if (left == 0 && steps % 50 == 0)
      for (const auto& entry : asked_) engine->resume(entry.first);
    for (SequenceOutput& output : engine->step(now)) {
      ASSERT_FALSE(asked_.at(output.id).is_cancelled) << "output after cancel";
      asked_.at(output.id).outputs.push_back(std::move(output));
    }
    const Status pages = engine->check_pages();
    ASSERT_TRUE(pages) << pages.error().message;
  }
  ASSERT_EQ(engine->stats().kv_pages_used, 0);
  preemptions_ += engine->stats().preemptions;
  prefix_hits_ += engine->stats().prefix_hits;
  const auto alone = this->engine({.precision = options.precision,
                                   .max_model_len = 128,
                                   .max_concurrency = 1,
                                   .prefix_cache = false,
                                   .speculative_tokens = 0,
                                   .page_size = options.page_size});
  for (auto& [id, asked] : asked_) {
    if (asked.is_cancelled) continue;
    SCOPED_TRACE("request " + std::to_string(id));
    ASSERT_TRUE(alone->add(asked.spec));
    expect_same(asked.outputs, run(*alone)[id]);
    if (HasFatalFailure()) return;
  }
}

TEST_F(SoakTest, EveryRequestGetsItsTokensAndNoPageIsLost) {
  for (int done = 0; done < soak_requests(); done += kPerEngine) {
    SCOPED_TRACE("engine " + std::to_string(done / kPerEngine));
    testing::TinyModelOptions model;
    model.architecture = done / kPerEngine % 2 == 0 ? "llama" : "qwen3";
    open(model);
    soak(options());
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(preemptions_, 0u) << "pages ran out";
  EXPECT_GT(prefix_hits_, 0u) << "and beginnings were shared";
  RecordProperty("preemptions", std::to_string(preemptions_));
  RecordProperty("prefix_hits", std::to_string(prefix_hits_));
}

}  // namespace
}  // namespace conduit::kernels
