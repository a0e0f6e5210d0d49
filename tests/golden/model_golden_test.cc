// Small checkpoints whose every logit is known: <shared>/golden/models, <shared>/golden/gguf and
// tests/golden/own/models. Each test is one way to compute the same numbers (whole, in chunks,
// token by token, in tiny pages, in company), and each meets the same bound, which comes with the
// data. Hidden states, encoders and rerankers: hidden_states_golden_test.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <set>
#include <string>

#include "kernels/engine/engine.h"
#include "tests/golden/model_cases.h"
#include "tests/golden/reference.h"
#include "tests/golden/teacher_forcing.h"
#include "tests/support/shared_dir.h"

namespace conduit::testing {
namespace {

namespace fs = std::filesystem;
using kernels::Precision;
using kernels::TokenId;

TEST(GoldenDataTest, SharedModelsArePresent) {
  const fs::path models = shared_dir() / "golden/models";
  if (!fs::exists(models)) GTEST_SKIP() << "no reference models: " << models << " is absent";
  EXPECT_FALSE(find_model_cases().empty()) << models << " holds no golden.json";
}

struct Prompt {
  std::vector<TokenId> input;
  std::vector<TokenId> greedy;
  std::vector<float> logits;         // [input, vocab]
  std::vector<float> greedy_logits;  // [greedy, vocab], or empty; row s chose greedy[s]
};

class ModelGoldenTest : public ::testing::TestWithParam<ModelCase> {
 protected:
  void SetUp() override {
    golden_ = read_json(GetParam().golden / "golden.json");
    Result<std::shared_ptr<const kernels::Model>> model = kernels::open_model(GetParam().model);
    ASSERT_TRUE(model) << model.error().message;
    model_ = *model;
    read_prompts();
  }

  void read_prompts() {
    const ReferenceArrays arrays(GetParam().golden / "golden.safetensors");
    const json::Array& prompts = member(golden_, "prompts").as_array();
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      const std::string name = "prompt" + std::to_string(i);
      Prompt& prompt = prompts_.emplace_back();
      prompt.input = ids_of(prompts[i], "input_ids");
      prompt.greedy = ids_of(prompts[i], "greedy_ids");
      prompt.logits = arrays.floats(name + ".logits");
      if (arrays.has(name + ".greedy_logits")) {
        prompt.greedy_logits = arrays.floats(name + ".greedy_logits");
      }
    }
  }

  double tolerance(const char* engine, const char* measure) const {
    return member(member(member(golden_, "tolerances"), engine), measure).as_double();
  }

  // All prompts, each followed by its greedy tokens, ready to be fed.
  std::unique_ptr<TeacherForcing> teacher(Precision precision, int page_size) const {
    TeacherForcing::Shape shape{precision, page_size, 0, 0};
    std::vector<std::vector<TokenId>> texts;
    for (const Prompt& prompt : prompts_) {
      std::vector<TokenId>& text = texts.emplace_back(prompt.input);
      text.insert(text.end(), prompt.greedy.begin(), prompt.greedy.end() - 1);
      const auto length = static_cast<std::int64_t>(text.size());
      shape.rows += length;
      shape.cache_tokens += (length + page_size - 1) / page_size * page_size;
    }
    auto made = TeacherForcing::create(*model_, shape);
    if (!made) {
      ADD_FAILURE() << made.error().message;
      return nullptr;
    }
    for (std::vector<TokenId>& text : texts) (*made)->add(std::move(text));
    return *std::move(made);
  }

  // Largest and root-mean-square difference, over what was compared.
  struct Difference {
    double max = 0;
    double squares = 0;
    std::int64_t values = 0;
    std::int64_t positions = 0;
    std::int64_t same_best = 0;  // positions whose best token is the reference's
    double rms() const { return std::sqrt(squares / static_cast<double>(values)); }
  };

  // Compares a position with the reference where there is one.
  void compare(Difference& difference, std::size_t text, std::int64_t position,
               std::span<const float> logits) const {
    const Prompt& prompt = prompts_[text];
    const auto last = static_cast<std::int64_t>(prompt.input.size()) - 1;
    const std::vector<float>& reference = position <= last ? prompt.logits : prompt.greedy_logits;
    if (reference.empty()) return;
    const std::size_t row = static_cast<std::size_t>(position <= last ? position : position - last);
    ASSERT_LE((row + 1) * logits.size(), reference.size());
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const double error = std::abs(double{logits[i]} - reference[row * logits.size() + i]);
      // Written so that NaN counts as the worst.
      if (!(error <= difference.max)) difference.max = error;
      difference.squares += error * error;
      ++difference.values;
    }
    const float* expected = reference.data() + row * logits.size();
    const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
    const auto expected_best = std::max_element(expected, expected + logits.size()) - expected;
    ++difference.positions;
    if (best == expected_best) ++difference.same_best;
  }

  // Every position of every prompt was within the float32 bound and chose the greedy token.
  TeacherForcing::OnLogits expecting_reference(Difference& difference) const {
    return [this, &difference](std::size_t text, std::int64_t position,
                               std::span<const float> logits) {
      compare(difference, text, position, logits);
      const Prompt& prompt = prompts_[text];
      const std::int64_t step = position - static_cast<std::int64_t>(prompt.input.size()) + 1;
      if (step < 0) return;
      const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
      EXPECT_EQ(best, prompt.greedy[static_cast<std::size_t>(step)])
          << "prompt " << text << ", greedy token " << step;
    };
  }

  void expect_float32(const Difference& difference) {
    EXPECT_GT(difference.values, 0);
    EXPECT_LE(difference.max, tolerance("float32_engine", "max_abs"));
    RecordProperty("max_abs", std::to_string(difference.max));
  }

  // As often the reference's best token as a bfloat16 run of the reference itself; its lowest
  // agreement is of one prompt, so disagreement may be 2.5 times that, as rms may.
  void expect_agreement(const Difference& difference) {
    const double agreement =
        static_cast<double>(difference.same_best) / static_cast<double>(difference.positions);
    RecordProperty("top1_agree", std::to_string(agreement));
    const json::Value* checks = golden_.find("checks");
    if (checks == nullptr) return;
    const json::Value& run = member(member(*checks, "precision"), "bfloat16_vs_float32");
    EXPECT_GE(agreement, 1 - 2.5 * (1 - member(run, "top1_agree").as_double()) - 0.01);
  }

  json::Value golden_;
  std::shared_ptr<const kernels::Model> model_;
  std::vector<Prompt> prompts_;
};

TEST_P(ModelGoldenTest, WholePromptsMeetFloat32) {
  auto teacher_forcing = teacher(Precision::f32, 16);
  ASSERT_TRUE(teacher_forcing);
  Difference difference;
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    teacher_forcing->run(i, teacher_forcing->left(i), expecting_reference(difference));
  }
  expect_float32(difference);
}

TEST_P(ModelGoldenTest, ChunkedPromptsMeetFloat32) {
  for (std::int64_t chunk : {2, 3, 7, 16, 33}) {
    auto teacher_forcing = teacher(Precision::f32, 16);
    ASSERT_TRUE(teacher_forcing);
    Difference difference;
    for (std::size_t i = 0; i < prompts_.size(); ++i) {
      teacher_forcing->run(i, chunk, expecting_reference(difference));
    }
    SCOPED_TRACE(chunk);
    expect_float32(difference);
  }
}

TEST_P(ModelGoldenTest, CachedDecodeMeetsFloat32) {
  auto teacher_forcing = teacher(Precision::f32, 16);
  ASSERT_TRUE(teacher_forcing);
  Difference difference;
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    const auto prompt = static_cast<std::int64_t>(prompts_[i].input.size());
    teacher_forcing->step({{i, prompt}}, expecting_reference(difference));
    teacher_forcing->run(i, 1, expecting_reference(difference));
  }
  expect_float32(difference);
}

// All prompts together, joining at different steps, in chunks of random lengths, their pages
// interleaved.
TEST_P(ModelGoldenTest, BatchesInTinyPagesMeetFloat32) {
  for (int page_size : {1, 3, 16}) {
    auto teacher_forcing = teacher(Precision::f32, page_size);
    ASSERT_TRUE(teacher_forcing);
    Difference difference;
    std::mt19937 random(static_cast<unsigned>(page_size));
    for (bool is_done = false; !is_done;) {
      std::vector<TeacherForcing::Feed> feeds;
      is_done = true;
      for (std::size_t i = 0; i < prompts_.size(); ++i) {
        if (teacher_forcing->left(i) == 0) continue;
        is_done = false;
        if (random() % 3 == 0) continue;
        const std::int64_t count = random() % 2 == 0 ? 1 : 1 + random() % 9;
        feeds.push_back({i, std::min(count, teacher_forcing->left(i))});
      }
      std::shuffle(feeds.begin(), feeds.end(), random);
      if (!feeds.empty()) teacher_forcing->step(feeds, expecting_reference(difference));
    }
    SCOPED_TRACE(page_size);
    expect_float32(difference);
  }
}

// The engine itself: requests that join a running batch, prompts in chunks, small pages.
TEST_P(ModelGoldenTest, EngineGeneratesTheGreedyTokens) {
  auto device = kernels::make_cpu_device();
  ASSERT_TRUE(device) << device.error().message;
  kernels::EngineOptions options;
  options.precision = Precision::f32;
  options.prefill_chunk = 11;
  options.page_size = 5;
  options.max_concurrency = 3;
  auto engine = kernels::Engine::create(**device, model_, options);
  ASSERT_TRUE(engine) << engine.error().message;

  std::vector<std::vector<TokenId>> generated(prompts_.size());
  const auto now = kernels::Engine::Clock::now();
  std::size_t added = 0;
  for (int step = 0; added < prompts_.size() || (*engine)->next_step(now) == now; ++step) {
    if (added < prompts_.size() && step % 5 == 0) {
      kernels::SequenceSpec spec;
      spec.id = added;
      spec.prompt = prompts_[added].input;
      spec.max_tokens = static_cast<int>(prompts_[added].greedy.size());
      spec.sampling.temperature = 0;
      const Status status = (*engine)->add(std::move(spec));
      ASSERT_TRUE(status) << status.error().message;
      ++added;
    }
    for (const kernels::SequenceOutput& output : (*engine)->step(now)) {
      ASSERT_NE(output.reason, kernels::FinishReason::error);
      generated[output.id].push_back(output.token);
    }
  }
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    EXPECT_EQ(generated[i], prompts_[i].greedy) << "prompt " << i;
  }
  EXPECT_EQ((*engine)->stats().kv_pages_used, 0);
}

TEST_P(ModelGoldenTest, FastModeIsAsExactAsBfloat16) {
  auto teacher_forcing = teacher(Precision::fast, 16);
  ASSERT_TRUE(teacher_forcing);
  Difference difference;
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    teacher_forcing->run(i, 64, [&](std::size_t text, std::int64_t position, auto logits) {
      compare(difference, text, position, logits);
    });
  }
  // Of a mixture of experts, rounding may choose another expert: single logits say nothing then.
  if (model_->config.experts == 0) {
    EXPECT_LE(difference.max, tolerance("bfloat16_engine", "max_abs"));
  }
  EXPECT_LE(difference.rms(), tolerance("bfloat16_engine", "rms"));
  expect_agreement(difference);
  RecordProperty("max_abs", std::to_string(difference.max));
  RecordProperty("rms", std::to_string(difference.rms()));
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ModelGoldenTest);
INSTANTIATE_TEST_SUITE_P(Models, ModelGoldenTest,
                         ::testing::ValuesIn(find_model_cases_with("prompts")),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace conduit::testing
