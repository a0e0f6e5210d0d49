// Hidden states against the reference: the residual stream before each layer and what follows the
// last one, of decoders (prompt0.hidden.{j}), of embedding models (last_hidden_state of every
// input, all in one batch), and the logits of rerankers. Embeddings and scores as an engine gives
// them are another test's.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/engine/transformer.h"
#include "kernels/model/model.h"
#include "tests/golden/model_cases.h"
#include "tests/golden/reference.h"

namespace conduit::testing {
namespace {

using kernels::Precision;
using kernels::TokenId;

struct Text {
  std::vector<TokenId> ids;
  std::vector<std::int32_t> type_ids;  // empty: all 0
};

// A transformer with a cache for some texts, computed whole, one behind another.
class Pass {
 public:
  static Result<std::unique_ptr<Pass>> create(const kernels::Model& model,
                                              const std::vector<Text>& texts) {
    auto pass = std::make_unique<Pass>();
    pass->add(texts);
    const std::int64_t rows = pass->batch_.rows();
    CONDUIT_TRY(pass->device_, kernels::make_cpu_device());
    CONDUIT_TRY(kernels::Weights weights,
                kernels::load_weights(*pass->device_, model.config, model.tensors, Precision::f32));
    CONDUIT_TRY(auto transformer, kernels::Transformer::create(*pass->device_, model.config,
                                                               std::move(weights), {rows, rows}));
    pass->transformer_ = std::make_unique<kernels::Transformer>(std::move(transformer));
    CONDUIT_TRY(pass->kv_,
                pass->device_->allocate_kv(
                    model.config.kv_layers(), static_cast<std::int64_t>(pass->pages_.size()),
                    kPageSize, model.config.kv_heads, model.config.head_dim, kernels::DType::f32));
    return pass;
  }

  kernels::Tensor residual(int layers) { return transformer_->residual(batch_, kv_, layers); }
  kernels::Tensor hidden_states() { return transformer_->hidden_states(batch_, kv_); }
  kernels::Tensor logits() { return transformer_->forward(batch_, kv_); }
  // Of each text's first row.
  kernels::Tensor scores() { return transformer_->score(hidden_states(), first_rows_); }
  std::int64_t first_row(std::size_t text) const { return first_rows_[text]; }

 private:
  static constexpr std::int64_t kPageSize = 7;

  void add(const std::vector<Text>& texts) {
    std::size_t pages = 0;
    for (const Text& text : texts) pages += (text.ids.size() + kPageSize - 1) / kPageSize;
    pages_.resize(pages);
    std::iota(pages_.begin(), pages_.end(), 0);
    std::size_t first_page = 0;
    for (const Text& text : texts) {
      const std::size_t count = (text.ids.size() + kPageSize - 1) / kPageSize;
      first_rows_.push_back(batch_.rows());
      batch_.sequences.push_back({batch_.rows(), static_cast<std::int64_t>(text.ids.size()), 0,
                                  std::span(pages_).subspan(first_page, count)});
      first_page += count;
      for (std::size_t i = 0; i < text.ids.size(); ++i) {
        batch_.tokens.push_back(text.ids[i]);
        batch_.positions.push_back(static_cast<std::int32_t>(i));
        batch_.type_ids.push_back(text.type_ids.empty() ? 0 : text.type_ids[i]);
      }
      batch_.logit_rows.push_back(batch_.rows() - 1);
    }
  }

  std::unique_ptr<kernels::Device> device_;
  std::unique_ptr<kernels::Transformer> transformer_;
  kernels::KvPages kv_;
  kernels::Batch batch_;
  std::vector<std::int32_t> pages_;
  std::vector<std::int64_t> first_rows_;
};

bool has_arrays(const ModelCase& found) {
  return std::filesystem::exists(found.golden / "golden.safetensors");
}

// "prompt0" of a causal model, "input0" of an embedding model.
std::string stem_of(const json::Value& golden) {
  return golden.find("inputs") != nullptr ? "input0.hidden." : "prompt0.hidden.";
}

std::vector<ModelCase> cases_with_layers() {
  std::vector<ModelCase> cases = find_model_cases();
  std::erase_if(cases, [](const ModelCase& found) {
    const json::Value golden = read_json(found.golden / "golden.json");
    return !has_arrays(found) ||
           !ReferenceArrays(found.golden / "golden.safetensors").has(stem_of(golden) + "0");
  });
  return cases;
}

std::vector<ModelCase> embedding_cases() {
  std::vector<ModelCase> cases = find_model_cases_with("inputs");
  std::erase_if(cases, [](const ModelCase& found) { return !has_arrays(found); });
  return cases;
}

// "prompts" of a causal model, "inputs" of an embedding model or a reranker, "classifications" of a
// classifier of several labels.
const json::Array& texts_of(const json::Value& golden) {
  for (const char* key : {"inputs", "classifications"})
    if (const json::Value* texts = golden.find(key)) return texts->as_array();
  return member(golden, "prompts").as_array();
}

std::vector<ModelCase> reranker_cases() {
  std::vector<ModelCase> cases = find_model_cases();
  std::erase_if(cases, [](const ModelCase& found) {
    const json::Value golden = read_json(found.golden / "golden.json");
    const json::Value& text = texts_of(golden).front();
    return text.find("logit") == nullptr && text.find("logit_yes") == nullptr;
  });
  return cases;
}

class HiddenStatesGolden : public ::testing::TestWithParam<ModelCase> {
 protected:
  void SetUp() override {
    golden_ = read_json(GetParam().golden / "golden.json");
    auto model = kernels::open_model(GetParam().model);
    ASSERT_TRUE(model) << model.error().message;
    model_ = *std::move(model);
    for (const json::Value& input : texts_of(golden_)) {
      Text& text = texts_.emplace_back();
      text.ids = ids_of(input, "input_ids");
      if (input.find("token_type_ids") != nullptr) text.type_ids = ids_of(input, "token_type_ids");
    }
  }

  // The bound of float32, whatever it is called in this kind of golden.
  double tolerance() const {
    const json::Value& bounds = member(member(golden_, "tolerances"), "float32_engine");
    return bounds.as_object().front().value.as_double();
  }

  void expect_near(kernels::Tensor ours, const std::vector<float>& reference,
                   const std::string& what) const {
    ASSERT_EQ(static_cast<std::size_t>(ours.rows * ours.cols), reference.size()) << what;
    float largest = 1;
    for (float value : reference) largest = std::max(largest, std::fabs(value));
    for (std::size_t i = 0; i < reference.size(); ++i)
      ASSERT_NEAR(ours.data[i], reference[i], tolerance() * largest) << what << ", value " << i;
  }

  json::Value golden_;
  std::shared_ptr<const kernels::Model> model_;
  std::vector<Text> texts_;
};

class LayersGoldenTest : public HiddenStatesGolden {};

TEST_P(LayersGoldenTest, EveryLayersResidualStreamMeetsFloat32) {
  const ReferenceArrays arrays(GetParam().golden / "golden.safetensors");
  auto pass = Pass::create(*model_, {texts_.front()});
  ASSERT_TRUE(pass) << pass.error().message;
  const int layers = model_->config.layers;
  for (int layer = 0; layer < layers; ++layer) {
    const std::string name = stem_of(golden_) + std::to_string(layer);
    expect_near((*pass)->residual(layer), arrays.floats(name), name);
  }
  const std::string name = stem_of(golden_) + std::to_string(layers);
  expect_near((*pass)->hidden_states(), arrays.floats(name), name);
}

class EmbeddedTextsGoldenTest : public HiddenStatesGolden {};

TEST_P(EmbeddedTextsGoldenTest, TextsSideBySideMeetFloat32) {
  const ReferenceArrays arrays(GetParam().golden / "golden.safetensors");
  auto pass = Pass::create(*model_, texts_);
  ASSERT_TRUE(pass) << pass.error().message;
  const kernels::Tensor hidden = (*pass)->hidden_states();
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    const kernels::Tensor rows{hidden.row((*pass)->first_row(i)),
                               static_cast<std::int64_t>(texts_[i].ids.size()), hidden.cols};
    const std::string name = "input" + std::to_string(i) + ".last_hidden_state";
    expect_near(rows, arrays.floats(name), name);
  }
}

class RerankerLogitsGoldenTest : public HiddenStatesGolden {
 protected:
  // The bound is of a score, whose slope is at most a quarter of a logit's.
  void expect_logit(float ours, const json::Value& reference) const {
    EXPECT_NEAR(ours, reference.as_double(), 4 * tolerance());
  }
  // A classifier's logit, or a list of one for each label.
  void expect_labels(std::span<const float> ours, const json::Value& reference) const {
    const json::Array all = reference.is_array() ? reference.as_array() : json::Array{reference};
    ASSERT_EQ(ours.size(), all.size());
    for (std::size_t label = 0; label < all.size(); ++label) expect_logit(ours[label], all[label]);
  }
};

TEST_P(RerankerLogitsGoldenTest, MeetFloat32) {
  auto pass = Pass::create(*model_, texts_);
  ASSERT_TRUE(pass) << pass.error().message;
  const bool is_classifier = model_->config.labels > 0;
  const kernels::Tensor logits = is_classifier ? (*pass)->scores() : (*pass)->logits();
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    SCOPED_TRACE("input " + std::to_string(i));
    const json::Value& input = texts_of(golden_)[i];
    const std::span row(logits.row(static_cast<std::int64_t>(i)),
                        static_cast<std::size_t>(logits.cols));
    if (is_classifier) {
      expect_labels(row, member(input, "logit"));
      continue;
    }
    for (const std::string answer : {"yes", "no"})
      expect_logit(row[member(golden_, answer + "_token_id").as_uint()],
                   member(input, "logit_" + answer));
  }
}

const auto kName = [](const auto& info) { return info.param.name; };

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LayersGoldenTest);
INSTANTIATE_TEST_SUITE_P(Models, LayersGoldenTest, ::testing::ValuesIn(cases_with_layers()), kName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EmbeddedTextsGoldenTest);
INSTANTIATE_TEST_SUITE_P(Models, EmbeddedTextsGoldenTest, ::testing::ValuesIn(embedding_cases()),
                         kName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RerankerLogitsGoldenTest);
INSTANTIATE_TEST_SUITE_P(Models, RerankerLogitsGoldenTest, ::testing::ValuesIn(reranker_cases()),
                         kName);

}  // namespace
}  // namespace conduit::testing
