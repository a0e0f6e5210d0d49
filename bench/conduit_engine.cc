// add, step until all are done, and when the first tokens came.
#include "bench/conduit_engine.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "kernels/model/model.h"

namespace conduit::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

Result<ConduitEngine> ConduitEngine::open(const Workload& workload) {
  const auto start = Clock::now();
  CONDUIT_TRY(auto model, kernels::open_model(workload.model));
  CONDUIT_TRY(auto device, kernels::make_cpu_device({workload.threads, ""}));
  kernels::EngineOptions options;
  options.precision = workload.precision;
  options.max_model_len = workload.prompt + workload.generate;
  options.max_concurrency = workload.batch;
  options.prefill_chunk = std::max(options.prefill_chunk, workload.prompt);
  options.gap_stretch = 0;         // all come at once: what counts is when the last prompt is done
  options.prefix_cache = false;    // every prompt is computed
  options.speculative_tokens = 0;  // and every token a step of its own
  CONDUIT_TRY(auto engine, kernels::Engine::create(*device, model, options));
  return ConduitEngine(workload, std::move(device), std::move(engine),
                       seconds(Clock::now() - start));
}

ConduitEngine::ConduitEngine(Workload workload, std::unique_ptr<kernels::Device> device,
                             std::unique_ptr<kernels::Engine> engine, double load_seconds)
    : workload_(std::move(workload)),
      device_(std::move(device)),
      engine_(std::move(engine)),
      load_seconds_(load_seconds) {}

Result<Timing> ConduitEngine::run(const Prompts& prompts) {
  const auto start = Clock::now();
  for (const auto& prompt : prompts) {
    kernels::SequenceSpec spec;
    spec.id = next_id_++;
    spec.prompt = prompt;
    spec.max_tokens = workload_.generate;
    spec.sampling.temperature = 0;
    CONDUIT_TRY_STATUS(engine_->add(std::move(spec)));
  }
  auto prefilled = start;
  std::size_t begun = 0;
  for (std::size_t finished = 0; finished < prompts.size();) {
    for (const kernels::SequenceOutput& output : engine_->step(Clock::now())) {
      if (output.reason == kernels::FinishReason::error)
        return Error{Code::internal, "the engine gave up on a sequence"};
      begun += output.index == 0;
      finished += output.reason != kernels::FinishReason::none;
      if (output.index == 0 && begun == prompts.size()) prefilled = Clock::now();
    }
  }
  return Timing{seconds(prefilled - start), seconds(Clock::now() - prefilled)};
}

}  // namespace conduit::bench
