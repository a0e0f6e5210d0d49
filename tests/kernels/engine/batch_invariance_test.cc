// A request's tokens and log-probabilities, to the last bit, do not depend on what else is in its
// batch: hundreds of random schedules against each request alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <string>

#include "tests/kernels/engine/tiny_engine.h"

namespace conduit::kernels {
namespace {

constexpr int kSchedules = 60;  // of each of the engines below
constexpr SequenceId kRequests = 10;

struct Variant {
  const char* name;
  const char* architecture;
  EngineOptions options;
};

class BatchInvarianceTest : public testing::TinyEngineTest,
                            public ::testing::WithParamInterface<Variant> {
 protected:
  // Greedy and seeded, short and long, with and without log-probabilities.
  static SequenceSpec request(SequenceId id) {
    SequenceSpec made =
        spec(id, 1 + static_cast<int>(id * 7 % 23), 4 + static_cast<int>(id * 5 % 17));
    if (id % 3 != 0) made.sampling = {.temperature = 0.8F, .top_p = 0.95F, .seed = 1000 + id};
    if (id % 4 == 1) made.sampling.top_k = 20;
    if (id % 2 == 0) made.sampling.logprobs = 2;
    return made;
  }

  static void expect_same(const SequenceOutput& found, const SequenceOutput& alone) {
    ASSERT_EQ(found.token, alone.token);
    ASSERT_EQ(found.index, alone.index);
    ASSERT_EQ(found.reason, alone.reason);
    ASSERT_EQ(found.logprobs.size(), alone.logprobs.size());
    for (std::size_t i = 0; i < found.logprobs.size(); ++i) {
      ASSERT_EQ(found.logprobs[i].id, alone.logprobs[i].id);
      ASSERT_EQ(found.logprobs[i].logprob, alone.logprobs[i].logprob);
    }
  }
};

TEST_P(BatchInvarianceTest, ARequestsTokensDoNotDependOnItsBatch) {
  testing::TinyModelOptions options;
  options.architecture = GetParam().architecture;
  open(options);
  auto engine = this->engine(GetParam().options);
  std::vector<std::vector<SequenceOutput>> alone(kRequests);
  for (SequenceId id = 0; id < kRequests; ++id) {
    ASSERT_TRUE(engine->add(request(id)));
    alone[id] = run(*engine).at(id);
  }
  for (unsigned seed = 0; seed < kSchedules; ++seed) {
    SCOPED_TRACE("schedule " + std::to_string(seed));
    std::mt19937 random(seed);
    std::vector<SequenceId> order(kRequests);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random);
    std::vector<std::size_t> received(kRequests);
    std::vector<bool> is_cancelled(kRequests);
    const Clock::time_point now = Clock::now();
    while (!order.empty() || engine->stats().running + engine->stats().waiting > 0) {
      if (!order.empty() && random() % 2 == 0) {
        ASSERT_TRUE(engine->add(request(order.back())));
        order.pop_back();
      }
      const SequenceId any = random() % kRequests;
      if (random() % 30 == 0 && std::find(order.begin(), order.end(), any) == order.end()) {
        engine->cancel(any);
        is_cancelled[any] = true;
      }
      engine->resume(random() % kRequests);
      if (random() % 4 == 0) engine->pause(any);
      for (const SequenceOutput& output : engine->step(now)) {
        ASSERT_FALSE(is_cancelled[output.id]) << "output after cancel";
        ASSERT_LT(received[output.id], alone[output.id].size());
        expect_same(output, alone[output.id][received[output.id]++]);
      }
      if (HasFatalFailure()) return;
    }
    for (SequenceId id = 0; id < kRequests; ++id) {
      if (is_cancelled[id]) continue;
      EXPECT_EQ(received[id], alone[id].size()) << "request " << id;
    }
    ASSERT_EQ(engine->stats().kv_pages_used, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Engines, BatchInvarianceTest,
    ::testing::Values(
        Variant{"Fast", "llama", {.max_concurrency = 4, .prefill_chunk = 8, .page_size = 4}},
        Variant{"Float32",
                "llama",
                {.precision = Precision::f32,
                 .max_concurrency = 6,
                 .prefill_chunk = 5,
                 .page_size = 1}},
        Variant{"Qwen3", "qwen3", {.max_concurrency = 10, .prefill_chunk = 64, .page_size = 16}},
        Variant{"FewPages",
                "qwen3",
                {.max_model_len = 48,
                 .max_concurrency = 8,
                 .prefill_chunk = 7,
                 .page_size = 2,
                 .kv_bytes = 48 * 1024}}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace conduit::kernels
