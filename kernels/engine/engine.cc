// The parts of an engine put together, the checks at its door, and its step.
#include "kernels/engine/engine.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <string>
#include <utility>

#include "kernels/engine/adjusted_logits.h"
#include "kernels/engine/draft.h"
#include "kernels/engine/kv_cache.h"
#include "kernels/engine/memory_plan.h"
#include "kernels/engine/pooling.h"
#include "kernels/engine/request_check.h"
#include "kernels/engine/sampler.h"
#include "kernels/engine/scheduler.h"
#include "kernels/engine/transformer.h"

namespace conduit::kernels {
namespace {

std::span<float> row_of(Tensor logits, std::int64_t row) {
  return {logits.row(row), static_cast<std::size_t>(logits.cols)};
}

}  // namespace

struct Engine::Parts {
  std::shared_ptr<const Model> model;
  EngineOptions options;
  KvCache cache;
  KvPages pages;
  Transformer transformer;
  Scheduler scheduler;
  std::unique_ptr<Draft> draft;  // or null
  DraftTrial draft_trial{};
  std::size_t device_bytes = 0;
  EngineStats stats{};  // the counters; the gauges are read where they arise

  Parts(std::shared_ptr<const Model> served, const EngineOptions& filled_in, KvPages kv,
        Transformer pass, std::size_t bytes)
      : model(std::move(served)),
        options(filled_in),
        cache(kv.pages, kv.page_size, options.prefix_cache && model->config.is_causal),
        pages(std::move(kv)),
        transformer(std::move(pass)),
        scheduler({options.max_concurrency, options.prefill_chunk,
                   std::chrono::milliseconds(options.batch_execute_timeout_ms),
                   model->config.is_causal ? options.gap_stretch : 0, row_work_of(model->config),
                   model->config.is_causal,
                   std::max<std::int64_t>(options.max_concurrency,
                                          std::int64_t{options.speculative_tokens} + 1)},
                  cache),
        device_bytes(bytes) {}

  Status check(const SequenceSpec& spec);
  void propose();
  void cut_proposals();
  Tensor forward(const Batch& batch);
  void pool_rows(const Batch& batch, Tensor hidden);
  void verify(Sequence& sequence, Tensor logits, std::int64_t row,
              std::vector<SequenceOutput>& outputs);
  SequenceOutput answer(Sequence& sequence, std::span<float> logits);
  SequenceOutput sample_next(Sequence& sequence, std::span<float> logits);
  Result<TokenId> draw(Sequence& sequence, std::span<float> logits);
  void score_prompts(const Batch& batch);
  void score_prompt(Sequence& sequence, std::int64_t position, Tensor logits);
};

Result<std::unique_ptr<Engine>> Engine::create(Device& device, std::shared_ptr<const Model> model,
                                               const EngineOptions& options,
                                               std::shared_ptr<const Model> draft) {
  const ModelConfig& config = model->config;
  CONDUIT_TRY(MemoryPlan plan, plan_memory(options, *model, device, draft.get()));
  CONDUIT_TRY(Weights weights,
              load_weights(device, config, model->tensors, plan.options.precision,
                           [&](const TensorView& view) { model->release_pages(view); }));
  CONDUIT_TRY_STATUS(model->check_files());
  model->release_pages();
  std::size_t bytes = device_bytes_of(weights);
  CONDUIT_TRY(Transformer transformer,
              Transformer::create(device, config, std::move(weights), plan.largest_batch));
  bytes += Transformer::scratch_bytes(config, plan.largest_batch);
  CONDUIT_TRY(KvPages kv, device.allocate_kv(config.kv_layers(), plan.pages, plan.options.page_size,
                                             config.kv_heads, config.head_dim, plan.kv_dtype));
  bytes += kv.storage.bytes;
  auto parts = std::make_unique<Parts>(std::move(model), plan.options, std::move(kv),
                                       std::move(transformer), bytes);
  if (draft != nullptr) {
    CONDUIT_TRY(parts->draft, Draft::create(device, std::move(draft), *parts->model, plan.draft));
    parts->device_bytes += parts->draft->device_bytes();
  }
  for (const Adapter& adapter : plan.adapters) {
    CONDUIT_TRY([[maybe_unused]] const AdapterId id, parts->transformer.adapters().load(adapter));
  }
  return std::unique_ptr<Engine>(new Engine(std::move(parts)));
}

Engine::Engine(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Engine::~Engine() = default;

Status Engine::Parts::check(const SequenceSpec& spec) {
  const ModelConfig& config = model->config;
  CONDUIT_TRY_STATUS(check_request(spec, config));
  if (!transformer.adapters().has(spec.adapter))
    return Error{Code::invalid_argument,
                 "adapter " + std::to_string(spec.adapter) + " is not loaded"};
  if (scheduler.find(spec.id) != nullptr) {
    return Error{Code::invalid_argument,
                 "sequence " + std::to_string(spec.id) + " is already in the engine"};
  }

  const auto prompt = static_cast<std::int64_t>(spec.prompt.size());
  const std::int64_t longest = prompt + spec.max_tokens;
  const std::string asked = std::to_string(prompt) + " prompt tokens and max_tokens " +
                            std::to_string(spec.max_tokens) + " make " + std::to_string(longest);
  if (longest > options.max_model_len) {
    return Error{Code::exhausted,
                 asked + ", max_model_len is " + std::to_string(options.max_model_len)};
  }
  if (!config.is_causal && prompt > options.prefill_chunk) {
    return Error{Code::exhausted, std::to_string(prompt) +
                                      " tokens of a text that is computed in one step, "
                                      "prefill_chunk is " +
                                      std::to_string(options.prefill_chunk) + " (the model has " +
                                      std::to_string(config.max_position) + " positions)"};
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

Result<AdapterId> Engine::load_adapter(const std::filesystem::path& folder) {
  CONDUIT_TRY(const Adapter adapter, open_adapter(folder, parts_->model->config));
  return parts_->transformer.adapters().load(adapter);
}

Status Engine::add(SequenceSpec spec) {
  CONDUIT_TRY_STATUS(parts_->check(spec));
  Sequence sequence{std::move(spec), Clock::now()};
  if (has_penalties(sequence.spec.sampling)) {
    for (TokenId id : sequence.spec.prompt) sequence.counts.emplace(id, 0);
  }
  if (sequence.spec.grammar) {
    CONDUIT_TRY(sequence.guide, Guide::make(sequence.spec));
  }
  parts_->scheduler.add(std::move(sequence));
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
  const Clock::time_point begin = Clock::now();
  parts_->propose();
  const Batch batch = parts_->scheduler.schedule(now);
  if (batch.is_empty()) return outputs;
  const std::uint64_t prompt_tokens = parts_->stats.prompt_tokens;
  const Tensor logits = parts_->forward(batch);
  std::int64_t logit_row = 0;
  for (std::size_t i = 0; i < batch.ids.size(); ++i) {
    Sequence& sequence = *parts_->scheduler.find(batch.ids[i]);
    const std::int64_t proposed = std::ssize(sequence.proposed);
    const std::int64_t rows = batch.sequences[i].rows - proposed;
    if (sequence.generated.empty()) {
      parts_->stats.prompt_tokens += static_cast<std::uint64_t>(rows);
    }
    parts_->scheduler.advance(sequence, rows);
    if (sequence.computed < sequence.length()) continue;  // more of its prompt is to come
    const bool has_logits = sequence.spec.needs_logits();
    outputs.push_back(
        parts_->answer(sequence, has_logits ? row_of(logits, logit_row) : std::span<float>()));
    if (proposed > 0) parts_->verify(sequence, logits, logit_row + 1, outputs);
    logit_row += has_logits ? 1 + proposed : 0;
  }
  parts_->score_prompts(batch);  // after the draws, whose logits it overwrites
  for (SequenceOutput& output : outputs) {
    if (output.index == 0) {
      output.prompt_logprobs = std::move(parts_->scheduler.find(output.id)->prompt_logprobs);
    }
    if (output.reason != FinishReason::none) parts_->scheduler.remove(output.id);
  }
  ++parts_->stats.steps;
  const std::chrono::duration<double> took = Clock::now() - begin;
  parts_->scheduler.took(took);
  if (parts_->stats.prompt_tokens == prompt_tokens)
    parts_->draft_trial.observe(outputs.size(), took);
  return outputs;
}

// What probably follows in each answer; a full batch has no rows left for it, nor would it pay.
void Engine::Parts::propose() {
  std::vector<Draft::Text> unknown;
  scheduler.each_decoding([&](Sequence& sequence) {
    const std::int64_t left = sequence.longest() - sequence.length() - 1;  // one is drawn anyway
    sequence.proposed = sequence.guide ? sequence.guide->forced() : std::vector<TokenId>{};
    sequence.is_forced = !sequence.proposed.empty();
    if (std::ssize(sequence.proposed) > left)
      sequence.proposed.resize(static_cast<std::size_t>(left));
    if (sequence.is_forced || options.speculative_tokens == 0) return;
    const int most = sequence.confidence.proposals(
        static_cast<int>(std::min<std::int64_t>(options.speculative_tokens, left)));
    sequence.proposed = sequence.lookup.propose(sequence, most);
    if (most > 0 && sequence.proposed.empty()) unknown.push_back({&sequence, most});
  });
  if (draft != nullptr && draft_trial.is_on()) draft->propose(unknown);
  cut_proposals();
}

// Guesses that a grammar refuses would cost rows.
void Engine::Parts::cut_proposals() {
  scheduler.each_decoding([](Sequence& sequence) {
    if (sequence.guide && !sequence.is_forced)
      sequence.proposed.resize(sequence.guide->allowed(sequence.proposed));
  });
}

// Draws on from the rows of the proposals, of which `row` is the first, for as long as they are
// what is drawn.
void Engine::Parts::verify(Sequence& sequence, Tensor logits, std::int64_t row,
                           std::vector<SequenceOutput>& outputs) {
  const std::vector<TokenId> proposed = std::exchange(sequence.proposed, {});
  std::size_t kept = 0;
  while (kept < proposed.size() && outputs.back().reason == FinishReason::none &&
         outputs.back().token == proposed[kept]) {
    scheduler.advance(sequence, 1);
    outputs.push_back(answer(sequence, row_of(logits, row + static_cast<std::int64_t>(kept++))));
  }
  if (!sequence.is_forced)
    sequence.confidence.observe(static_cast<int>(proposed.size()), static_cast<int>(kept));
  stats.proposed_tokens += proposed.size();
  stats.kept_tokens += kept;
}

// The logits of batch.logit_rows; what embeds or is classified keeps what it needs of the others.
Tensor Engine::Parts::forward(const Batch& batch) {
  const auto needs_logits = [&](SequenceId id) { return scheduler.find(id)->spec.needs_logits(); };
  if (std::all_of(batch.ids.begin(), batch.ids.end(), needs_logits)) {
    return transformer.forward(batch, pages);
  }
  pool_rows(batch, transformer.hidden_states(batch, pages));
  return batch.logit_rows.empty() ? Tensor{} : transformer.logits(batch.logit_rows);
}

// `hidden`: of all rows.
void Engine::Parts::pool_rows(const Batch& batch, Tensor hidden) {
  for (std::size_t i = 0; i < batch.ids.size(); ++i) {
    Sequence& sequence = *scheduler.find(batch.ids[i]);
    if (sequence.spec.needs_logits()) continue;
    const SequenceRows& part = batch.sequences[i];
    if (sequence.spec.task == Task::embed) {
      const Tensor rows{hidden.row(part.first_row), part.rows, hidden.cols};
      pool(sequence.pooled, rows, model->config.pooling);
    } else {  // an encoder's text, whole: its first token has seen all of it
      sequence.pooled = {*transformer.score(hidden, {&part.first_row, 1}).row(0)};
    }
  }
}

// What a sequence whose prompt is computed gives; `logits`: where it needs them.
SequenceOutput Engine::Parts::answer(Sequence& sequence, std::span<float> logits) {
  const SequenceSpec& spec = sequence.spec;
  if (spec.task == Task::generate) return sample_next(sequence, logits);
  SequenceOutput output;
  output.id = spec.id;
  if (spec.task == Task::embed) {
    output.embedding = embedding(std::move(sequence.pooled), sequence.length(), model->config);
  } else if (spec.score_ids.empty()) {
    output.score = sigmoid(sequence.pooled[0]);
  } else {
    output.score = yes_probability(logits, spec.score_ids[0], spec.score_ids[1]);
  }
  const bool is_sound =
      std::isfinite(output.score) && std::all_of(output.embedding.begin(), output.embedding.end(),
                                                 [](float value) { return std::isfinite(value); });
  output.reason = is_sound ? FinishReason::stop : FinishReason::error;  // error: broken weights
  if (!is_sound) output.error.message = "the model gave no usable numbers";
  return output;
}

// Draws the next token and appends it. `logits` is changed for the draw and put back, so
// log-probabilities are of what the model said.
SequenceOutput Engine::Parts::sample_next(Sequence& sequence, std::span<float> logits) {
  const SequenceSpec& spec = sequence.spec;
  SequenceOutput output;
  output.id = spec.id;
  output.index = static_cast<int>(sequence.generated.size());
  if (output.index == 0) output.cached_tokens = static_cast<int>(sequence.cached);

  const Result<TokenId> token = draw(sequence, logits);
  if (!token) {
    output.reason = FinishReason::error;
    output.error = token.error();
    return output;
  }

  output.token = *token;
  if (spec.sampling.logprobs >= 0) {
    output.logprobs = logprobs(logits, *token, spec.sampling.logprobs);
  }
  sequence.generated.push_back(*token);
  if (has_penalties(spec.sampling)) ++sequence.counts[*token];
  ++stats.generated_tokens;
  if (std::find(spec.stop_ids.begin(), spec.stop_ids.end(), *token) != spec.stop_ids.end()) {
    output.reason = FinishReason::stop;
  } else if (sequence.guide && sequence.guide->is_over()) {
    output.reason = FinishReason::stop;
    output.ends_in_text = !sequence.guide->has_ended();
  } else if (output.index + 1 == spec.max_tokens) {
    output.reason = FinishReason::length;
  }
  return output;
}

Result<TokenId> Engine::Parts::draw(Sequence& sequence, std::span<float> logits) {
  const SequenceSpec& spec = sequence.spec;
  const auto index = static_cast<int>(sequence.generated.size());
  AdjustedLogits adjusted(logits, spec.sampling, sequence.counts);
  if (index < spec.min_tokens) adjusted.forbid(spec.stop_ids);
  if (sequence.guide)
    return sequence.guide->next(adjusted, spec.sampling, static_cast<std::uint64_t>(index),
                                static_cast<std::size_t>(spec.max_tokens - index));
  const auto token = sample(adjusted.row(), spec.sampling, static_cast<std::uint64_t>(index));
  if (!token)  // NaN or infinite logits: broken weights
    return Error{Code::internal, "the model gave no usable probabilities"};
  return *token;
}

// Of the rows of this pass whose next token is the prompt's too. A few rows at a time: a row of
// logits is larger than all else of a row.
void Engine::Parts::score_prompts(const Batch& batch) {
  const std::int64_t at_once = options.max_concurrency;  // as many as there are logits for
  for (std::size_t i = 0; i < batch.ids.size(); ++i) {
    Sequence& sequence = *scheduler.find(batch.ids[i]);
    if (sequence.spec.sampling.prompt_logprobs < 0) continue;
    const SequenceRows& part = batch.sequences[i];
    if (sequence.scored == 0) {
      sequence.prompt_logprobs.entries.push_back({sequence.token(0), 0});
      sequence.scored = 1;
    }
    const std::int64_t end = std::min(part.rows, sequence.prompt_length() - 1 - part.context);
    // Those before were scored before it was preempted.
    for (std::int64_t begin = sequence.scored - 1 - part.context; begin < end; begin += at_once) {
      std::vector<std::int64_t> rows(static_cast<std::size_t>(std::min(at_once, end - begin)));
      std::iota(rows.begin(), rows.end(), part.first_row + begin);
      score_prompt(sequence, part.context + begin, transformer.logits(rows));
    }
  }
}

// `logits`: of the tokens from `position` on.
void Engine::Parts::score_prompt(Sequence& sequence, std::int64_t position, Tensor logits) {
  PromptLogprobs& scores = sequence.prompt_logprobs;
  for (std::int64_t row = 0; row < logits.rows; ++row) {
    const std::span<const float> values(logits.row(row), static_cast<std::size_t>(logits.cols));
    const TokenId next = sequence.token(position + row + 1);
    const auto entries = logprobs(values, next, sequence.spec.sampling.prompt_logprobs);
    scores.entries.insert(scores.entries.end(), entries.begin(), entries.end());
    scores.ranks.push_back(rank(values, next));
  }
  sequence.scored += logits.rows;
}

EngineStats Engine::stats() const {
  EngineStats stats = parts_->stats;
  stats.running = parts_->scheduler.running();
  stats.waiting = parts_->scheduler.waiting();
  stats.kv_pages_total = parts_->cache.total_pages();
  stats.kv_pages_used = stats.kv_pages_total - parts_->cache.free_pages();
  stats.kv_pages_cached = parts_->cache.kept_pages();
  stats.preemptions = parts_->scheduler.counts().preemptions;
  stats.prefix_queries = parts_->scheduler.counts().prefix_queries;
  stats.prefix_hits = parts_->scheduler.counts().prefix_hits;
  return stats;
}

Status Engine::check_pages() const { return parts_->cache.check(); }
const EngineOptions& Engine::options() const { return parts_->options; }
const Model& Engine::model() const { return *parts_->model; }
std::size_t Engine::device_bytes() const {
  return parts_->device_bytes + parts_->transformer.adapters().device_bytes();
}

}  // namespace conduit::kernels
