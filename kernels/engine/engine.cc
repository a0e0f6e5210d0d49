// The parts of an engine put together, the checks at its door, and its step.
#include "kernels/engine/engine.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "kernels/engine/kv_cache.h"
#include "kernels/engine/memory_plan.h"
#include "kernels/engine/sampler.h"
#include "kernels/engine/scheduler.h"
#include "kernels/engine/transformer.h"

namespace conduit::kernels {
namespace {

Status check_sampling(const Sampling& sampling) {
  const auto wrong = [](const char* name, auto value, const char* right) {
    return Error{Code::invalid_argument,
                 std::string(name) + " is " + std::to_string(value) + ", must be " + right};
  };
  // Written so that NaN fails.
  if (!(sampling.temperature >= 0 && std::isfinite(sampling.temperature))) {
    return wrong("temperature", sampling.temperature, "a finite number of at least 0");
  }
  if (!(sampling.top_p > 0 && sampling.top_p <= 1)) {
    return wrong("top_p", sampling.top_p, "above 0 and at most 1");
  }
  if (!(sampling.min_p >= 0 && sampling.min_p <= 1)) {
    return wrong("min_p", sampling.min_p, "between 0 and 1");
  }
  if (sampling.top_k < 0) return wrong("top_k", sampling.top_k, "at least 0 (0: all)");
  if (sampling.logprobs < -1) return wrong("logprobs", sampling.logprobs, "at least -1 (-1: none)");
  return ok();
}

}  // namespace

struct Engine::Parts {
  std::shared_ptr<const Model> model;
  EngineOptions options;
  KvCache cache;
  KvPages pages;
  Transformer transformer;
  Scheduler scheduler;
  std::size_t device_bytes = 0;
  EngineStats stats{};  // the counters; the gauges are read where they arise

  Parts(std::shared_ptr<const Model> served, const EngineOptions& filled_in, KvPages kv,
        Transformer pass, std::size_t bytes)
      : model(std::move(served)),
        options(filled_in),
        cache(kv.pages, kv.page_size),
        pages(std::move(kv)),
        transformer(std::move(pass)),
        scheduler({options.max_concurrency, options.prefill_chunk,
                   std::chrono::milliseconds(options.batch_execute_timeout_ms)},
                  cache),
        device_bytes(bytes) {}

  Status check(const SequenceSpec& spec);
  SequenceOutput sample_next(Sequence& sequence, std::span<float> logits);
};

Result<std::unique_ptr<Engine>> Engine::create(Device& device, std::shared_ptr<const Model> model,
                                               const EngineOptions& options) {
  const ModelConfig& config = model->config;
  CONDUIT_TRY(MemoryPlan plan, plan_memory(options, *model, device));
  CONDUIT_TRY(Weights weights,
              load_weights(device, config, model->tensors, plan.options.precision));
  model->release_pages();
  std::size_t bytes = device_bytes_of(weights);
  CONDUIT_TRY(Transformer transformer,
              Transformer::create(device, config, std::move(weights), plan.largest_batch));
  bytes += Transformer::scratch_bytes(config, plan.largest_batch);
  CONDUIT_TRY(KvPages kv, device.allocate_kv(config.layers, plan.pages, plan.options.page_size,
                                             config.kv_heads, config.head_dim, plan.kv_dtype));
  bytes += kv.storage.bytes;
  return std::unique_ptr<Engine>(new Engine(std::make_unique<Parts>(
      std::move(model), plan.options, std::move(kv), std::move(transformer), bytes)));
}

Engine::Engine(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Engine::~Engine() = default;

Status Engine::Parts::check(const SequenceSpec& spec) {
  const int vocab = model->config.vocab;
  if (spec.prompt.empty()) {
    return Error{Code::invalid_argument, "the prompt is empty, it must have at least one token"};
  }
  for (TokenId id : spec.prompt) {
    if (id < 0 || id >= vocab) {
      return Error{
          Code::invalid_argument,
          "token " + std::to_string(id) + " is outside the vocabulary of " + std::to_string(vocab)};
    }
  }
  if (spec.max_tokens < 1) {
    return Error{Code::invalid_argument,
                 "max_tokens is " + std::to_string(spec.max_tokens) + ", must be at least 1"};
  }
  if (scheduler.find(spec.id) != nullptr) {
    return Error{Code::invalid_argument,
                 "sequence " + std::to_string(spec.id) + " is already in the engine"};
  }
  CONDUIT_TRY_STATUS(check_sampling(spec.sampling));

  const auto prompt = static_cast<std::int64_t>(spec.prompt.size());
  const std::int64_t longest = prompt + spec.max_tokens;
  const std::string asked = std::to_string(prompt) + " prompt tokens and max_tokens " +
                            std::to_string(spec.max_tokens) + " make " + std::to_string(longest);
  if (longest > options.max_model_len) {
    return Error{Code::exhausted,
                 asked + ", max_model_len is " + std::to_string(options.max_model_len)};
  }
  if (cache.pages_for(longest) > cache.total_pages()) {
    return Error{Code::exhausted, asked + ", the whole cache holds " +
                                      std::to_string(cache.total_pages() * cache.page_size()) +
                                      " tokens (kv_bytes)"};
  }
  const std::int64_t inside = std::int64_t{scheduler.running()} + scheduler.waiting();
  if (inside >= std::int64_t{options.max_concurrency} + options.max_waiting) {
    return Error{Code::exhausted, "the queue is full: " + std::to_string(inside) +
                                      " requests, max_concurrency " +
                                      std::to_string(options.max_concurrency) + ", max_waiting " +
                                      std::to_string(options.max_waiting)};
  }
  return ok();
}

Status Engine::add(SequenceSpec spec) {
  CONDUIT_TRY_STATUS(parts_->check(spec));
  parts_->scheduler.add({std::move(spec), Clock::now()});
  return ok();
}

void Engine::cancel(SequenceId id) { parts_->scheduler.remove(id); }

void Engine::pause(SequenceId id) {
  if (Sequence* sequence = parts_->scheduler.find(id)) sequence->is_paused = true;
}

void Engine::resume(SequenceId id) {
  if (Sequence* sequence = parts_->scheduler.find(id)) sequence->is_paused = false;
}

Engine::Clock::time_point Engine::next_step(Clock::time_point now) const {
  return parts_->scheduler.next_step(now);
}

std::vector<SequenceOutput> Engine::step(Clock::time_point now) {
  std::vector<SequenceOutput> outputs;
  const Batch batch = parts_->scheduler.schedule(now);
  if (batch.is_empty()) return outputs;
  const Tensor logits = parts_->transformer.forward(batch, parts_->pages);
  for (std::size_t i = 0; i < batch.ids.size(); ++i) {
    Sequence& sequence = *parts_->scheduler.find(batch.ids[i]);
    const std::int64_t rows = batch.sequences[i].rows;
    if (sequence.generated.empty()) {
      parts_->stats.prompt_tokens += static_cast<std::uint64_t>(rows);
    }
    sequence.computed += rows;
    if (sequence.computed < sequence.length()) continue;  // more of its prompt is to come
    float* row = logits.row(static_cast<std::int64_t>(outputs.size()));
    outputs.push_back(parts_->sample_next(sequence, {row, static_cast<std::size_t>(logits.cols)}));
  }
  for (const SequenceOutput& output : outputs) {
    if (output.reason != FinishReason::none) parts_->scheduler.remove(output.id);
  }
  ++parts_->stats.steps;
  return outputs;
}

// Draws the next token and appends it. `logits` is changed and put back: stop ids are hidden from
// the draw below min_tokens, yet log-probabilities are of what the model said.
SequenceOutput Engine::Parts::sample_next(Sequence& sequence, std::span<float> logits) {
  const SequenceSpec& spec = sequence.spec;
  SequenceOutput output;
  output.id = spec.id;
  output.index = static_cast<int>(sequence.generated.size());

  std::vector<std::pair<float*, float>> hidden;
  if (output.index < spec.min_tokens) {
    for (TokenId id : spec.stop_ids) {
      if (id < 0 || static_cast<std::size_t>(id) >= logits.size()) continue;
      hidden.emplace_back(&logits[id], logits[id]);
      logits[id] = -std::numeric_limits<float>::infinity();
    }
  }
  const std::optional<TokenId> token = sample(logits, spec.sampling, output.index);
  for (auto it = hidden.rbegin(); it != hidden.rend(); ++it) *it->first = it->second;
  if (!token) {  // NaN or infinite logits: broken weights
    output.reason = FinishReason::error;
    return output;
  }

  output.token = *token;
  if (spec.sampling.logprobs >= 0) {
    output.logprobs = logprobs(logits, *token, spec.sampling.logprobs);
  }
  sequence.generated.push_back(*token);
  ++stats.generated_tokens;
  if (std::find(spec.stop_ids.begin(), spec.stop_ids.end(), *token) != spec.stop_ids.end()) {
    output.reason = FinishReason::stop;
  } else if (output.index + 1 == spec.max_tokens) {
    output.reason = FinishReason::length;
  }
  return output;
}

EngineStats Engine::stats() const {
  EngineStats stats = parts_->stats;
  stats.running = parts_->scheduler.running();
  stats.waiting = parts_->scheduler.waiting();
  stats.kv_pages_total = parts_->cache.total_pages();
  stats.kv_pages_used = stats.kv_pages_total - parts_->cache.free_pages();
  return stats;
}

const EngineOptions& Engine::options() const { return parts_->options; }
const Model& Engine::model() const { return *parts_->model; }
std::size_t Engine::device_bytes() const { return parts_->device_bytes; }

}  // namespace conduit::kernels
