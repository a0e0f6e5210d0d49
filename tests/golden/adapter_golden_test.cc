// Adapters against PEFT's own numbers (own/adapters, made by make_adapters.py): every logit with
// the adapter and without, over safetensors and GGUF, alone and in a batch of several adapters.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/engine/engine.h"
#include "kernels/model/adapter.h"
#include "tests/golden/reference.h"
#include "tests/golden/teacher_forcing.h"
#include "tests/support/shared_dir.h"

namespace conduit::testing {
namespace {

namespace fs = std::filesystem;
using kernels::AdapterId;
using kernels::Precision;
using kernels::TokenId;

struct AdapterCase {
  std::string name;
  fs::path adapter, model;
};

void PrintTo(const AdapterCase& adapter_case, std::ostream* out) { *out << adapter_case.name; }

std::vector<AdapterCase> find_cases() {
  std::vector<AdapterCase> cases;
  const fs::path own = own_golden_dir() / "own";
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(own / "adapters", absent)) {
    const json::Value golden = read_json(entry.path() / "golden.json");
    for (const json::Value& model : member(golden, "models").as_array())
      cases.push_back({entry.path().filename().string() + "_of_" + model.as_string(), entry.path(),
                       own / model.as_string()});
  }
  for (AdapterCase& found : cases)
    std::replace_if(
        found.name.begin(), found.name.end(), [](unsigned char c) { return std::isalnum(c) == 0; },
        '_');
  std::sort(cases.begin(), cases.end(),
            [](const AdapterCase& a, const AdapterCase& b) { return a.name < b.name; });
  return cases;
}

class AdapterGoldenTest : public ::testing::TestWithParam<AdapterCase> {
 protected:
  void SetUp() override {
    auto model = kernels::open_model(GetParam().model);
    ASSERT_TRUE(model) << model.error().message;
    model_ = *model;
    auto adapter = kernels::open_adapter(GetParam().adapter, model_->config);
    ASSERT_TRUE(adapter) << adapter.error().message;
    adapter_ = *std::move(adapter);
    const json::Value golden = read_json(GetParam().adapter / "golden.json");
    for (const json::Value& prompt : member(golden, "prompts").as_array())
      prompts_.push_back(ids_of(prompt, "input_ids"));
    tolerance_ =
        member(member(member(golden, "tolerances"), "float32_engine"), "max_abs").as_double();
  }

  std::unique_ptr<TeacherForcing> teacher(Precision precision = Precision::f32) const {
    auto made = TeacherForcing::create(*model_, {precision, 16, 4096, 256});
    EXPECT_TRUE(made) << made.error().message;
    return *std::move(made);
  }

  using Logits = std::vector<float>;
  static TeacherForcing::OnLogits keep(std::map<std::size_t, Logits>& texts) {
    return [&texts](std::size_t text, std::int64_t, std::span<const float> row) {
      texts[text].insert(texts[text].end(), row.begin(), row.end());
    };
  }

  // Of a text by itself, in one pass.
  Logits alone(const std::vector<TokenId>& ids, bool has_adapter, Precision precision) const {
    const auto pass = teacher(precision);
    const AdapterId adapter = has_adapter ? *pass->load(adapter_) : 0;
    pass->add(ids, adapter);
    std::map<std::size_t, Logits> logits;
    pass->step({{0, static_cast<std::int64_t>(ids.size())}}, keep(logits));
    return logits[0];
  }

  std::shared_ptr<const kernels::Model> model_;
  kernels::Adapter adapter_;
  std::vector<std::vector<TokenId>> prompts_;
  double tolerance_ = 0;
};

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double difference = std::abs(double{a[i]} - b[i]);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

TEST_P(AdapterGoldenTest, EveryLogitIsPeftsWithItAndTransformersWithout) {
  const ReferenceArrays arrays(GetParam().adapter / "golden.safetensors");
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    const std::string prompt = "prompt" + std::to_string(i);
    const Logits with = alone(prompts_[i], true, Precision::f32);
    EXPECT_LE(largest_difference(with, arrays.floats(prompt + ".logits")), tolerance_);
    const Logits without = alone(prompts_[i], false, Precision::f32);
    EXPECT_LE(largest_difference(without, arrays.floats(prompt + ".base")), tolerance_);
    EXPECT_GT(largest_difference(with, without), 100 * tolerance_);  // it does something
  }
}

// Bit for bit, in both precisions: with and without, and two adapters, in one batch and in chunks.
TEST_P(AdapterGoldenTest, ARowDoesNotDependOnTheAdaptersBesideIt) {
  for (Precision precision : {Precision::f32, Precision::fast}) {
    const auto pass = teacher(precision);
    const AdapterId first = *pass->load(adapter_), second = *pass->load(adapter_);
    std::vector<bool> has_adapter;
    for (AdapterId adapter : {first, AdapterId{0}, second, first})
      for (const auto& ids : prompts_) {
        pass->add(ids, adapter);
        has_adapter.push_back(adapter != 0);
      }
    std::map<std::size_t, Logits> logits;
    for (bool is_left = true; is_left;) {
      std::vector<TeacherForcing::Feed> feeds;
      for (std::size_t text = 0; text < has_adapter.size(); ++text)
        if (pass->left(text) > 0)
          feeds.push_back({text, std::min<std::int64_t>(pass->left(text), 1 + text % 5)});
      is_left = !feeds.empty();
      if (is_left) pass->step(feeds, keep(logits));
    }
    for (std::size_t text = 0; text < has_adapter.size(); ++text) {
      const Logits expected = alone(prompts_[text % prompts_.size()], has_adapter[text], precision);
      ASSERT_EQ(logits[text].size(), expected.size());
      EXPECT_EQ(std::memcmp(logits[text].data(), expected.data(), expected.size() * sizeof(float)),
                0)
          << "text " << text;
    }
  }
}

// The engine's pages of one prompt are another's with an adapter.
TEST_P(AdapterGoldenTest, AnswersDoNotMixThroughThePrefixCache) {
  const auto device = kernels::make_cpu_device({.threads = 1, .instructions = ""});
  ASSERT_TRUE(device);
  kernels::EngineOptions options;
  options.precision = Precision::f32;
  options.page_size = 4;
  options.max_model_len = 64;
  const auto answers = [&](const std::vector<bool>& requests) {
    auto engine = kernels::Engine::create(**device, model_, options);
    EXPECT_TRUE(engine);
    const AdapterId adapter = *(*engine)->load_adapter(GetParam().adapter);
    std::vector<std::vector<TokenId>> made;
    for (bool has_adapter : requests) {
      kernels::SequenceSpec spec;
      spec.id = made.size() + 1;
      spec.prompt = prompts_[1];
      spec.max_tokens = 12;
      spec.sampling.temperature = 0;
      spec.adapter = has_adapter ? adapter : 0;
      EXPECT_TRUE((*engine)->add(spec));
      std::vector<TokenId>& tokens = made.emplace_back();
      while (tokens.size() < 12)
        for (const auto& output : (*engine)->step(kernels::Engine::Clock::now()))
          tokens.push_back(output.token);
    }
    EXPECT_TRUE((*engine)->check_pages());
    return made;
  };
  const auto plain = answers({false})[0], adapted = answers({true})[0];
  EXPECT_EQ(answers({false, true, false, true}), (std::vector{plain, adapted, plain, adapted}));
  EXPECT_EQ(answers({true, false, true}), (std::vector{adapted, plain, adapted}));
}

INSTANTIATE_TEST_SUITE_P(Own, AdapterGoldenTest, ::testing::ValuesIn(find_cases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace conduit::testing
