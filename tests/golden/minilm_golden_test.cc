// all-MiniLM-L6-v2, a real encoder: text → tokens → embedding, against Hugging Face tokenizers,
// transformers 5.23.0 and torch 2.15.0 in float32, mean pooling, length 1. The weights are no part
// of the data: CONDUIT_TEST_MINILM names the folder, or it lies where tests/run.sh fetches it to;
// without it the tests skip and say where they looked.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/engine/engine.h"
#include "mdl/base/check.h"

namespace conduit::testing {
namespace {

namespace fs = std::filesystem;
using kernels::Precision;
using kernels::TokenId;

struct Sentence {
  const char* text;
  std::vector<TokenId> ids;
  std::array<float, 4> embedding;  // its first elements
};
const std::vector<Sentence> kSentences = {
    {"A cat sat on the mat.",
     {101, 1037, 4937, 2938, 2006, 1996, 13523, 1012, 102},
     {0.12081315f, -0.02353623f, -0.03668953f, 0.05646265f}},
    {"A kitten is resting on a rug.",
     {101, 1037, 18401, 2003, 8345, 2006, 1037, 20452, 1012, 102},
     {0.07535680f, 0.01511041f, 0.01209375f, 0.06079047f}},
    {"The stock market fell sharply today.",
     {101, 1996, 4518, 3006, 3062, 9249, 2651, 1012, 102},
     {0.06045499f, 0.00544526f, 0.07656572f, 0.05382952f}},
    {"Les marchés boursiers ont chuté aujourd'hui.",
     {101, 4649, 20691, 8945, 9236, 10136, 2006, 2102, 14684, 2618, 8740, 23099, 4103, 1005, 17504,
      1012, 102},
     {-0.05534744f, -0.01612789f, 0.01347557f, -0.07763001f}},
    {"How do I reset my password?",
     {101, 2129, 2079, 1045, 25141, 2026, 20786, 1029, 102},
     {0.00690305f, -0.06302342f, -0.07204400f, -0.03249606f}},
    {"", {101, 102}, {-0.11883847f, 0.04829873f, -0.00254808f, -0.01101115f}},
    {"I forgot my login credentials; what can I do to recover my account? It says: \"unknown "
     "user\" — even though I've used it for years.",
     {101,  1045, 9471, 2026, 8833, 2378, 22496, 1025, 2054, 2064, 1045, 2079,
      2000, 8980, 2026, 4070, 1029, 2009, 2758,  1024, 1000, 4242, 5310, 1000,
      1517, 2130, 2295, 1045, 1005, 2310, 2109,  2009, 2005, 2086, 1012, 102},
     {-0.06242172f, 0.00699098f, -0.00006987f, -0.00472563f}}};

// Cosines of each pair, row by row: (0, 1), (0, 2) … (5, 6).
constexpr float kSimilarities[] = {
    0.62113106f,  0.07742063f,  0.00786860f,  0.06338177f,  0.03626470f, 0.00176869f, 0.09316798f,
    -0.05201435f, -0.05006620f, -0.01800229f, -0.07952279f, 0.02268643f, 0.03352148f, 0.00270971f,
    0.02972553f,  0.09139227f,  0.10472444f,  -0.01617990f, 0.06857833f, 0.62661320f, 0.12111247f};

fs::path model_folder() {
  if (const char* named = std::getenv("CONDUIT_TEST_MINILM")) return named;
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const fs::path root =
      cache != nullptr ? fs::path(cache) : fs::path(home != nullptr ? home : ".") / ".cache";
  return root / "conduit/models/all-MiniLM-L6-v2";
}

class MiniLmGoldenTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(model_folder()))
      GTEST_SKIP() << "no all-MiniLM-L6-v2 at " << model_folder() << " (CONDUIT_TEST_MINILM)";
    auto model = kernels::open_model(model_folder());
    ASSERT_TRUE(model) << model.error().message;
    model_ = *std::move(model);
    ASSERT_TRUE(model_->tokenizer);
    device_ = *kernels::make_cpu_device();
  }

  // Of all sentences, in one batch.
  std::vector<std::vector<float>> embeddings(Precision precision) {
    kernels::EngineOptions options;
    options.precision = precision;
    auto engine = kernels::Engine::create(*device_, model_, options);
    CONDUIT_CHECK(engine, engine.error().message.c_str());
    for (std::size_t i = 0; i < kSentences.size(); ++i) {
      kernels::SequenceSpec spec;
      spec.id = i;
      spec.task = kernels::Task::embed;
      spec.prompt = model_->tokenizer->encode(kSentences[i].text);
      const Status added = (*engine)->add(std::move(spec));
      CONDUIT_CHECK(added, added.error().message.c_str());
    }
    std::vector<std::vector<float>> embeddings(kSentences.size());
    const auto now = kernels::Engine::Clock::now();
    while ((*engine)->next_step(now) <= now)
      for (kernels::SequenceOutput& output : (*engine)->step(now))
        embeddings[output.id] = std::move(output.embedding);
    return embeddings;
  }

  void expect_similarities(Precision precision, double tolerance) {
    const auto made = embeddings(precision);
    const float* expected = kSimilarities;
    for (std::size_t a = 0; a < made.size(); ++a) {
      ASSERT_EQ(made[a].size(), 384u);
      for (std::size_t i = 0; i < kSentences[a].embedding.size(); ++i)
        EXPECT_NEAR(made[a][i], kSentences[a].embedding[i], tolerance) << "sentence " << a;
      for (std::size_t b = a + 1; b < made.size(); ++b, ++expected)
        EXPECT_NEAR(std::inner_product(made[a].begin(), made[a].end(), made[b].begin(), 0.0),
                    *expected, tolerance)
            << "sentences " << a << " and " << b;
    }
  }

  std::shared_ptr<const kernels::Model> model_;
  std::unique_ptr<kernels::Device> device_;
};

TEST_F(MiniLmGoldenTest, TokensAreTheReferences) {
  for (const Sentence& sentence : kSentences)
    EXPECT_EQ(model_->tokenizer->encode(sentence.text), sentence.ids) << sentence.text;
}

TEST_F(MiniLmGoldenTest, SimilaritiesAreTheReferencesInFloat32) {
  expect_similarities(Precision::f32, 2e-6);
}

TEST_F(MiniLmGoldenTest, SimilaritiesAreNearTheReferencesInFastMode) {
  expect_similarities(Precision::fast, 2e-3);
}

}  // namespace
}  // namespace conduit::testing
