// Small embedding models and rerankers whose every answer is known: <shared>/golden/models and
// tests/golden/own/models, golden.json with `inputs`. Each test is one way to ask the engine the
// same (one by one, all at once, in chunks and company), and each meets the bound that comes with
// the data.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <string>

#include "kernels/engine/engine.h"
#include "tests/golden/reference.h"
#include "tests/golden/supported.h"
#include "tests/support/shared_dir.h"

namespace conduit::testing {
namespace {

namespace fs = std::filesystem;
using kernels::EngineOptions;
using kernels::Precision;
using kernels::SequenceOutput;
using kernels::SequenceSpec;
using kernels::Task;
using Outputs = std::map<kernels::SequenceId, SequenceOutput>;

// Ids of requests that keep the others company, above those of the inputs.
constexpr kernels::SequenceId kCompany = 1000;

std::vector<fs::path> find_cases() {
  std::vector<fs::path> folders;
  for (const fs::path& root : {shared_dir() / "golden/models", own_golden_dir() / "own/models"}) {
    std::error_code absent;
    for (const fs::directory_entry& entry : fs::directory_iterator(root, absent)) {
      const fs::path golden = entry.path() / "golden.json";
      if (fs::exists(golden) && read_json(golden).find("inputs") != nullptr)
        folders.push_back(entry.path());
    }
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

std::string name_of(const ::testing::TestParamInfo<fs::path>& instance) {
  std::string name = instance.param.filename();
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return name + "_" + std::to_string(instance.index);
}

double dot(std::span<const float> a, std::span<const float> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}
double cosine(std::span<const float> a, std::span<const float> b) {
  return dot(a, b) / std::sqrt(dot(a, a) * dot(b, b));
}

class EmbeddingGoldenTest : public ::testing::TestWithParam<fs::path> {
 protected:
  struct Input {
    SequenceSpec spec;
    std::vector<float> embedding;  // of task embed
    double score = 0;              // of task score
  };

  void SetUp() override {
    golden_ = read_json(GetParam() / "golden.json");
    auto model = kernels::open_model(GetParam());
    ASSERT_TRUE(is_supported(model, GetParam().string()));
    model_ = *std::move(model);
    device_ = *kernels::make_cpu_device();
    read_inputs();
  }

  bool makes_embeddings() const { return golden_.find("pooling") != nullptr; }

  void read_inputs() {
    for (const json::Value& asked : member(golden_, "inputs").as_array()) {
      Input& input = inputs_.emplace_back();
      input.spec.id = inputs_.size() - 1;
      input.spec.prompt = ids_of(asked, "input_ids");
      if (asked.find("token_type_ids") != nullptr)
        input.spec.type_ids = ids_of(asked, "token_type_ids");
      input.spec.task = makes_embeddings() ? Task::embed : Task::score;
      if (!makes_embeddings()) input.score = member(asked, "score").as_double();
      if (golden_.find("yes_token_id") != nullptr)
        input.spec.score_ids = {
            static_cast<kernels::TokenId>(member(golden_, "no_token_id").as_int()),
            static_cast<kernels::TokenId>(member(golden_, "yes_token_id").as_int())};
    }
    if (!makes_embeddings()) return;
    const ReferenceArrays arrays(GetParam() / "golden.safetensors");
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      inputs_[i].embedding = arrays.floats("input" + std::to_string(i) + ".embedding");
    similarity_ = arrays.floats("similarity");
  }

  std::unique_ptr<kernels::Engine> engine(const EngineOptions& options) {
    auto made = kernels::Engine::create(*device_, model_, options);
    CONDUIT_CHECK(made, made.error().message.c_str());
    return *std::move(made);
  }
  std::unique_ptr<kernels::Engine> engine(Precision precision) {
    EngineOptions options;
    options.precision = precision;
    return engine(options);
  }

  // Steps until nothing is left; keeps what ended.
  static void run(kernels::Engine& engine, Outputs& outputs) {
    const auto now = kernels::Engine::Clock::now() + std::chrono::hours(1);
    while (engine.next_step(now) <= now)
      for (SequenceOutput& output : engine.step(now)) outputs[output.id] = std::move(output);
    EXPECT_EQ(engine.stats().kv_pages_used, 0);
  }

  Outputs alone(Precision precision) {
    Outputs outputs;
    auto made = engine(precision);
    for (const Input& input : inputs_) {
      const Status added = made->add(input.spec);
      CONDUIT_CHECK(added, added.error().message.c_str());
      run(*made, outputs);
    }
    return outputs;
  }

  double tolerance(const char* engine, const char* measure) const {
    return member(member(member(golden_, "tolerances"), engine), measure).as_double();
  }

  void expect_within(const Outputs& outputs, const char* engine) {
    const double bound =
        tolerance(engine, makes_embeddings() ? "embedding_max_abs" : "score_max_abs");
    for (const Input& input : inputs_) {
      SCOPED_TRACE("input " + std::to_string(input.spec.id));
      const SequenceOutput& output = outputs.at(input.spec.id);
      EXPECT_EQ(output.reason, kernels::FinishReason::stop);
      EXPECT_NEAR(output.score, input.score, bound);
      ASSERT_EQ(output.embedding.size(), input.embedding.size());
      for (std::size_t i = 0; i < input.embedding.size(); ++i)
        ASSERT_NEAR(output.embedding[i], input.embedding[i], bound) << "at " << i;
    }
  }

  json::Value golden_;
  std::shared_ptr<const kernels::Model> model_;
  std::unique_ptr<kernels::Device> device_;
  std::vector<Input> inputs_;
  std::vector<float> similarity_;  // [inputs, inputs], cosines; empty of scores
};

TEST_P(EmbeddingGoldenTest, EachInputAloneMeetsFloat32) {
  const Outputs outputs = alone(Precision::f32);
  expect_within(outputs, "float32_engine");
  for (std::size_t i = 0; i < similarity_.size(); ++i) {
    const auto& a = outputs.at(i / inputs_.size()).embedding;
    const auto& b = outputs.at(i % inputs_.size()).embedding;
    EXPECT_NEAR(cosine(a, b), similarity_[i], tolerance("float32_engine", "embedding_max_abs"));
  }
}

TEST_P(EmbeddingGoldenTest, OneBatchOfAllMakesTheSameBits) {
  auto made = engine(Precision::f32);
  for (const Input& input : inputs_) ASSERT_TRUE(made->add(input.spec));
  Outputs together;
  run(*made, together);
  expect_within(together, "float32_engine");
  for (const auto& [id, output] : alone(Precision::f32)) {
    EXPECT_EQ(together.at(id).embedding, output.embedding);
    EXPECT_EQ(together.at(id).score, output.score);
  }
}

// Inputs in random order beside each other, repeated, and beside requests that generate, where the
// model can; prompts in chunks where they may be cut.
TEST_P(EmbeddingGoldenTest, RandomCompanyMeetsFloat32) {
  for (unsigned seed = 0; seed < 4; ++seed) {
    std::mt19937 random(seed);
    EngineOptions options;
    options.precision = Precision::f32;
    options.page_size = 1 + static_cast<int>(random() % 9);
    options.max_concurrency = 2 + static_cast<int>(random() % 4);
    if (model_->config.is_causal) options.prefill_chunk = 3 + static_cast<int>(random() % 20);
    auto made = engine(options);
    std::vector<SequenceSpec> specs;
    for (const Input& input : inputs_) {
      specs.push_back(input.spec);
      SequenceSpec other = input.spec;
      other.id += kCompany;
      if (model_->config.has_head) {
        other.task = Task::generate;
        other.max_tokens = 1 + static_cast<int>(random() % 12);
        other.score_ids.clear();
      }
      specs.push_back(std::move(other));
    }
    std::shuffle(specs.begin(), specs.end(), random);
    Outputs outputs;
    const auto now = kernels::Engine::Clock::now() + std::chrono::hours(1);
    for (SequenceSpec& spec : specs) {
      const Status added = made->add(std::move(spec));
      ASSERT_TRUE(added) << added.error().message;
      if (random() % 2 == 0)
        for (SequenceOutput& output : made->step(now)) outputs[output.id] = std::move(output);
    }
    run(*made, outputs);
    SCOPED_TRACE(seed);
    expect_within(outputs, "float32_engine");
  }
}

// An encoder's text is never cut: what one step cannot hold is refused when it is added.
TEST_P(EmbeddingGoldenTest, EncodersRefuseTextsLongerThanAStep) {
  if (model_->config.is_causal) return;
  EngineOptions options;
  options.precision = Precision::f32;
  options.prefill_chunk = static_cast<int>(inputs_[0].spec.prompt.size());
  auto made = engine(options);
  SequenceSpec longer = inputs_[0].spec;
  longer.id = kCompany;
  longer.prompt.push_back(longer.prompt.back());
  longer.type_ids.clear();
  const Status refused = made->add(std::move(longer));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::exhausted);
  EXPECT_NE(refused.error().message.find(std::to_string(options.prefill_chunk + 1)),
            std::string::npos);
  ASSERT_TRUE(made->add(inputs_[0].spec));
}

TEST_P(EmbeddingGoldenTest, FastModeIsAsExactAsBfloat16) {
  if (member(golden_, "tolerances").find("bfloat16_engine") == nullptr)
    GTEST_SKIP() << GetParam() << " states no bound for bfloat16";
  const Outputs outputs = alone(Precision::fast);
  expect_within(outputs, "bfloat16_engine");
  if (!makes_embeddings()) return;
  for (const Input& input : inputs_)
    EXPECT_GE(cosine(outputs.at(input.spec.id).embedding, input.embedding),
              tolerance("bfloat16_engine", "min_cosine"));
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EmbeddingGoldenTest);
INSTANTIATE_TEST_SUITE_P(All, EmbeddingGoldenTest, ::testing::ValuesIn(find_cases()), name_of);

}  // namespace
}  // namespace conduit::testing
