// The forward pass on a tiny random model: which rows give logits, and that neither cuts nor pages
// nor company change them. Right values: tests/golden.
#include "kernels/engine/transformer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "tests/golden/teacher_forcing.h"
#include "tests/kernels/engine/tiny_engine.h"
#include "tests/support/shared_dir.h"

namespace conduit::kernels {
namespace {

using testing::TeacherForcing;

constexpr std::int64_t kTokens = 40;

class TransformerTest : public testing::TinyEngineTest {
 protected:
  static std::vector<TokenId> text(int seed) {
    std::vector<TokenId> tokens;
    for (int i = 0; i < kTokens; ++i) tokens.push_back((seed * 61 + i * 17) % 288);
    return tokens;
  }

  // The logits of two texts' positions, [text][position * vocab], fed as `cut` says.
  using Logits = std::vector<std::vector<float>>;
  using Cut = std::function<std::vector<TeacherForcing::Feed>(const TeacherForcing&)>;
  Logits logits(int page_size, const Cut& cut) {
    auto made =
        TeacherForcing::create(*model_, {Precision::f32, page_size, 4 * kTokens, 2 * kTokens});
    EXPECT_TRUE(made);
    Logits logits(2);
    for (int i = 0; i < 2; ++i) (*made)->add(text(i));
    while ((*made)->left(0) > 0 || (*made)->left(1) > 0) {
      (*made)->step(cut(**made), [&](std::size_t text, std::int64_t, std::span<const float> row) {
        logits[text].insert(logits[text].end(), row.begin(), row.end());
      });
    }
    return logits;
  }

  static std::vector<TeacherForcing::Feed> together(const TeacherForcing& state) {
    return {{0, state.left(0)}, {1, state.left(1)}};
  }
  static void expect_near(const Logits& a, const Logits& b) {
    for (std::size_t text : {0, 1}) {
      ASSERT_EQ(a[text].size(), b[text].size());
      for (std::size_t i = 0; i < a[text].size(); ++i) ASSERT_NEAR(a[text][i], b[text][i], 1e-4);
    }
  }
};

TEST_F(TransformerTest, ACutPromptGivesTheLogitsOfAWholeOne) {
  const Logits whole = logits(16, together);
  for (std::int64_t chunk : {1, 3, 16}) {
    expect_near(
        whole, logits(16, [chunk](const TeacherForcing& state) {
          const std::size_t text = state.left(0) > 0 ? 0 : 1;
          return std::vector<TeacherForcing::Feed>{{text, std::min(chunk, state.left(text))}};
        }));
  }
}

TEST_F(TransformerTest, TextsSideBySideInInterleavedPagesDoNotMix) {
  const Logits whole = logits(16, together);
  for (int page_size : {1, 2, 5}) {
    expect_near(whole, logits(page_size, [](const TeacherForcing& state) {
                  std::vector<TeacherForcing::Feed> feeds;
                  for (std::size_t text : {1, 0}) {
                    if (state.left(text) > 0)
                      feeds.push_back({text, std::min<std::int64_t>(2, state.left(text))});
                  }
                  return feeds;
                }));
  }
}

TEST_F(TransformerTest, LogitsAreOfTheRowsAskedForInTheirOrder) {
  const Logits all = logits(16, together);
  auto weights = load_weights(*device_, model_->config, model_->tensors, Precision::f32);
  ASSERT_TRUE(weights);
  auto transformer =
      Transformer::create(*device_, model_->config, *std::move(weights), {kTokens, 2});
  ASSERT_TRUE(transformer);
  const ModelConfig& config = model_->config;
  auto kv = device_->allocate_kv(config.kv_layers(), 1, kTokens, config.kv_heads, config.head_dim,
                                 DType::f32);
  ASSERT_TRUE(kv);
  Sequence sequence;
  sequence.spec.prompt = text(0);
  const std::vector<std::int32_t> pages = {0};
  Batch batch;
  batch.append(sequence, kTokens, pages);
  EXPECT_EQ(batch.logit_rows, (std::vector<std::int64_t>{kTokens - 1}));
  batch.logit_rows = {7, kTokens - 1};
  const Tensor some = transformer->forward(batch, *kv);
  ASSERT_EQ(some.rows, 2);
  for (std::int64_t i = 0; i < 2; ++i) {
    for (std::int64_t id = 0; id < config.vocab; ++id) {
      ASSERT_NEAR(some.row(i)[id], all[0][batch.logit_rows[i] * config.vocab + id], 1e-4);
    }
  }
  batch.logit_rows.clear();
  EXPECT_EQ(transformer->forward(batch, *kv).rows, 0);
}

// Every family that tests/golden/own/models has a causal checkpoint of, experts included: the same
// bits whoever else is in the pass.
TEST_F(TransformerTest, ARowsBitsDoNotDependOnItsBatch) {
  for (const auto& entry :
       std::filesystem::directory_iterator(conduit::testing::own_golden_dir() / "own/models")) {
    const auto model = open_model(entry.path());
    ASSERT_TRUE(model) << model.error().message;
    if (!(*model)->config.has_head) continue;
    SCOPED_TRACE(entry.path());
    for (Precision precision : {Precision::f32, Precision::fast}) {
      // The texts of one pass, of which the first is looked at.
      const auto first_of = [&](int texts) {
        auto made = TeacherForcing::create(**model, {precision, 5, 200, 100});
        EXPECT_TRUE(made);
        std::vector<TeacherForcing::Feed> feeds;
        for (int i = 0; i < texts; ++i) {
          std::vector<TokenId> tokens;
          for (int j = 0; j < 9 + 4 * i; ++j) tokens.push_back((i * 31 + j * 7 + 3) % 96);
          feeds.push_back({static_cast<std::size_t>(i), static_cast<std::int64_t>(tokens.size())});
          (*made)->add(std::move(tokens));
        }
        std::reverse(feeds.begin(), feeds.end());
        std::vector<float> logits;
        (*made)->step(feeds, [&](std::size_t text, std::int64_t, std::span<const float> row) {
          if (text == 0) logits.insert(logits.end(), row.begin(), row.end());
        });
        return logits;
      };
      const std::vector<float> alone = first_of(1);
      EXPECT_EQ(first_of(2), alone);
      EXPECT_EQ(first_of(4), alone);
    }
  }
}

}  // namespace
}  // namespace conduit::kernels
