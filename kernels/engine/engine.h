// Engine: one model on one device. add, step, cancel; a step is schedule → forward → sample (or
// pool, or score) → what came out. The idea: requests join and leave the running batch at any step;
// nothing outside knows a page, nothing inside knows HTTP or actors. Plain and single-threaded: the
// device actor calls it between messages.
//
// What a request may rely on:
// - Its tokens, to the last bit, are its own affair: they depend neither on what else is in the
//   batch, nor on how its prompt is cut, what of it was found in the cache, or how often it was
//   preempted. Always; there is nothing to switch on.
// - Latency: while prompts are computed, however long and many, the gaps between a running answer's
//   tokens are steered to `gap_stretch` times those without them, to stay within 2.5 times.
// - An answer that a grammar constrains is valid, whatever ends it but a cancellation, a stop
// string
//   or a stop id of the request (guide.h).
// - Progress: who came first is never held up by who came later, and ends, whatever the cache
//   holds.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "kernels/device.h"
#include "kernels/engine/sequence.h"
#include "kernels/model/model.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

// A PEFT folder whose changes of the model's matrices sequences may ask for.
struct AdapterFile {
  std::string name;
  std::filesystem::path folder;
};

struct EngineOptions {
  Precision precision = Precision::fast;
  int max_model_len =
      0;  // tokens of prompt and answer together; 0: the model's own limit, at most 8192
  int max_concurrency =
      16;  // sequences in the batch (the original framework's max_model_concurrency)
  int batch_execute_timeout_ms =
      0;  // how long a batch may wait to fill before its first step; 0: single-request latency
  int max_waiting = 1024;      // requests beyond the batch; one more is refused
  int prefill_chunk = 512;     // prompt tokens of one step, at most: so many while nobody decodes
  double gap_stretch = 1.75;   // how many times longer steps may take running answers while prompts
                               // are computed beside them; 0: as long as prefill_chunk takes
  bool prefix_cache = true;    // what one request computed of a text, the next ones need not
  int speculative_tokens = 8;  // proposed at a time, at most, of one answer; 0: none
  int page_size = 32;
  std::int64_t kv_bytes =
      0;  // 0: room for max_concurrency sequences of max_model_len, at most a quarter of memory
  std::vector<AdapterFile> adapters{};  // loaded with the model; the first is AdapterId 1
};

struct EngineStats {
  int running = 0;                   // in the batch
  int waiting = 0;                   // admitted, not yet in it
  std::int64_t kv_pages_used = 0;    // held by requests
  std::int64_t kv_pages_cached = 0;  // not held, kept for requests to come
  std::int64_t kv_pages_total = 0;
  std::uint64_t prompt_tokens = 0;  // computed since start
  std::uint64_t generated_tokens = 0;
  std::uint64_t steps = 0;
  std::uint64_t preemptions = 0;
  std::uint64_t prefix_queries = 0;  // prompt tokens that were looked for in the cache
  std::uint64_t prefix_hits = 0;     // of them, found
  std::uint64_t proposed_tokens = 0;
  std::uint64_t kept_tokens = 0;  // of them, those that came true
};

class Engine {
 public:
  using Clock = std::chrono::steady_clock;

  // Puts the weights on the device and allocates the cache. `device` outlives the engine.
  // `draft`: a smaller model of the same vocabulary that proposes tokens; null: only what stood in
  // a text before is proposed.
  static Result<std::unique_ptr<Engine>> create(Device& device, std::shared_ptr<const Model> model,
                                                const EngineOptions& options,
                                                std::shared_ptr<const Model> draft = nullptr);
  ~Engine();

  // A PEFT folder's changes of the model's matrices, for sequences that ask for what this returns
  // (SequenceSpec::adapter). At any time between steps. Errors: open_adapter's, exhausted.
  Result<AdapterId> load_adapter(const std::filesystem::path& folder);

  // Errors: invalid_argument (empty, ids outside the vocabulary, a known id, a task the model is
  // not made for, max_tokens below what the shortest answer that fits its grammar takes), exhausted
  // (longer than max_model_len or, for an encoder, than prefill_chunk, more pages than there are,
  // queue full): nothing is kept then.
  Status add(SequenceSpec spec);
  // The sequence is gone when this returns and its pages are free; no output follows. Unknown ids:
  // nothing.
  void cancel(SequenceId id);
  // A paused sequence makes no tokens, as its reader is slow, and keeps its pages unless others
  // need them. Unknown ids: nothing.
  void pause(SequenceId id);
  void resume(SequenceId id);

  // When step() has something to do: now, at a time (a batch that waits to fill), or never (nothing
  // runnable).
  Clock::time_point next_step(Clock::time_point now) const;  // time_point::max(): never
  // One forward pass. A sequence whose prompt is not yet complete gives no output.
  std::vector<SequenceOutput> step(Clock::time_point now);

  EngineStats stats() const;
  const EngineOptions& options() const;  // with defaults filled in
  const Model& model() const;
  std::size_t device_bytes() const;  // weights, cache and scratch on the device
  // Counts every page again. Error: internal, what does not add up.
  Status check_pages() const;

 private:
  struct Parts;
  explicit Engine(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace conduit::kernels
