// Engine: one model on one device. add, step, cancel; a step is schedule → forward → sample (or
// pool, or score) → what came out. The idea: requests join and leave the running batch at any step;
// nothing outside knows a page, nothing inside knows HTTP or actors. Plain and single-threaded: the
// device actor calls it between messages.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/device.h"
#include "kernels/engine/sequence.h"
#include "kernels/model/model.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

struct EngineOptions {
  Precision precision = Precision::fast;
  int max_model_len =
      0;  // tokens of prompt and answer together; 0: the model's own limit, at most 8192
  int max_concurrency =
      16;  // sequences in the batch (the original framework's max_model_concurrency)
  int batch_execute_timeout_ms =
      0;  // how long a batch may wait to fill before its first step; 0: single-request latency
  int max_waiting = 1024;  // requests beyond the batch; one more is refused
  int prefill_chunk =
      512;  // prompt tokens of one step, so that running answers go on beside a long prompt
  int page_size = 32;
  std::int64_t kv_bytes =
      0;  // 0: room for max_concurrency sequences of max_model_len, at most a quarter of memory
};

struct EngineStats {
  int running = 0;  // in the batch
  int waiting = 0;  // admitted, not yet in it
  std::int64_t kv_pages_used = 0;
  std::int64_t kv_pages_total = 0;
  std::uint64_t prompt_tokens = 0;  // computed since start
  std::uint64_t generated_tokens = 0;
  std::uint64_t steps = 0;
};

class Engine {
 public:
  using Clock = std::chrono::steady_clock;

  // Puts the weights on the device and allocates the cache. `device` outlives the engine.
  static Result<std::unique_ptr<Engine>> create(Device& device, std::shared_ptr<const Model> model,
                                                const EngineOptions& options);
  ~Engine();

  // Errors: invalid_argument (empty, ids outside the vocabulary, a known id, a task the model is
  // not made for), exhausted (longer than max_model_len or, for an encoder, than prefill_chunk,
  // more pages than there are, queue full): nothing is kept then.
  Status add(SequenceSpec spec);
  // The sequence is gone when this returns and its pages are free; no output follows. Unknown ids:
  // nothing.
  void cancel(SequenceId id);
  // A paused sequence keeps its pages and makes no tokens: its reader is slow. Unknown ids:
  // nothing.
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

 private:
  struct Parts;
  explicit Engine(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace conduit::kernels
