// Known tokens through a real Transformer, in any cut, order and company, with the logits of every
// position handed to the test. The scheduler is left out on purpose: a test says which rows go
// together, also in ways that no schedule would.
#pragma once

#include <functional>
#include <memory>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "kernels/engine/kv_cache.h"
#include "kernels/engine/memory_plan.h"
#include "kernels/engine/transformer.h"
#include "kernels/model/model.h"
#include "mdl/base/check.h"

namespace conduit::testing {

class TeacherForcing {
 public:
  struct Shape {
    kernels::Precision precision = kernels::Precision::f32;
    int page_size = 16;
    std::int64_t cache_tokens = 0;  // of all texts together, each rounded up to whole pages
    std::int64_t rows = 0;          // of one pass
  };
  // `position` counts within the text; logits: [vocab], of the token that follows it.
  using OnLogits =
      std::function<void(std::size_t text, std::int64_t position, std::span<const float> logits)>;

  static Result<std::unique_ptr<TeacherForcing>> create(const kernels::Model& model,
                                                        const Shape& shape) {
    CONDUIT_TRY(std::unique_ptr<kernels::Device> device, kernels::make_cpu_device());
    CONDUIT_TRY(kernels::Weights weights,
                kernels::load_weights(*device, model.config, model.tensors, shape.precision));
    CONDUIT_TRY(kernels::Transformer transformer,
                kernels::Transformer::create(*device, model.config, std::move(weights),
                                             {shape.rows, shape.rows}));
    CONDUIT_TRY(kernels::KvPages kv,
                device->allocate_kv(model.config.kv_layers(),
                                    (shape.cache_tokens + shape.page_size - 1) / shape.page_size,
                                    shape.page_size, model.config.kv_heads, model.config.head_dim,
                                    kernels::kv_dtype(shape.precision, model, *device)));
    return std::unique_ptr<TeacherForcing>(
        new TeacherForcing(std::move(device), std::move(transformer), std::move(kv)));
  }

  // For texts that are added after it.
  Result<kernels::AdapterId> load(const kernels::Adapter& adapter) {
    return transformer_.adapters().load(adapter);
  }
  // A text to be fed; its number is its place among those added.
  void add(std::vector<kernels::TokenId> tokens, kernels::AdapterId adapter = 0) {
    kernels::Sequence text;
    text.spec.adapter = adapter;
    text.spec.id = texts_.size();
    text.spec.prompt = std::move(tokens);
    texts_.push_back(std::move(text));
  }
  std::int64_t left(std::size_t text) const {
    return texts_[text].prompt_length() - texts_[text].computed;
  }
  // Its pages go back.
  void drop(std::size_t text) { cache_.release(texts_[text].spec.id); }

  // One pass over the next `count` tokens of each of some texts. Pages are taken as they are
  // needed, so texts that grow side by side have theirs interleaved.
  struct Feed {
    std::size_t text = 0;
    std::int64_t count = 0;
  };
  void step(const std::vector<Feed>& feeds, const OnLogits& on_logits) {
    kernels::Batch batch;
    for (const Feed& feed : feeds) {
      const kernels::Sequence& text = texts_[feed.text];
      CONDUIT_CHECK(cache_.reserve(text.spec.id, text.computed + feed.count), "cache_tokens");
    }
    for (const Feed& feed : feeds) {  // after all reservations: they may move the page lists
      const kernels::Sequence& text = texts_[feed.text];
      batch.append(text, feed.count, cache_.pages(text.spec.id));
    }
    batch.logit_rows.resize(batch.tokens.size());
    std::iota(batch.logit_rows.begin(), batch.logit_rows.end(), 0);
    const kernels::Tensor logits = transformer_.forward(batch, kv_);
    std::int64_t row = 0;
    for (const Feed& feed : feeds) {
      kernels::Sequence& text = texts_[feed.text];
      for (std::int64_t i = 0; i < feed.count; ++i) {
        on_logits(feed.text, text.computed++,
                  {logits.row(row++), static_cast<std::size_t>(logits.cols)});
      }
    }
  }
  // One text to its end, `chunk` tokens a pass.
  void run(std::size_t text, std::int64_t chunk, const OnLogits& on_logits) {
    while (left(text) > 0) step({{text, std::min(chunk, left(text))}}, on_logits);
  }

 private:
  TeacherForcing(std::unique_ptr<kernels::Device> device, kernels::Transformer transformer,
                 kernels::KvPages kv)
      : device_(std::move(device)),
        transformer_(std::move(transformer)),
        kv_(std::move(kv)),
        cache_(kv_.pages, kv_.page_size) {}

  std::unique_ptr<kernels::Device> device_;
  kernels::Transformer transformer_;
  kernels::KvPages kv_;
  kernels::KvCache cache_;
  std::vector<kernels::Sequence> texts_;
};

}  // namespace conduit::testing
