// Streams, prompts, and the time from step to step.
#include "bench/storm_bench.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <utility>

#include "kernels/cpu/machine.h"
#include "kernels/engine/engine.h"
#include "kernels/model/model.h"

namespace conduit::bench {
namespace {

using kernels::SequenceId;
using Clock = std::chrono::steady_clock;

constexpr int kStreamPrompt = 64;    // tokens
constexpr int kStreamTokens = 4096;  // at most; one that ends begins anew
constexpr int kWarmUpSteps = 64;     // clocks rise, pages come in
constexpr int kUndisturbedSteps = 256;

double seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

long involuntary_switches() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_nivcsw;
}

class Storm {
 public:
  static Result<Storm> open(const StormOptions& options);

  Result<StormReport> run();

 private:
  Storm(StormOptions options, std::unique_ptr<kernels::Device> device,
        std::unique_ptr<kernels::Engine> engine)
      : options_(std::move(options)), device_(std::move(device)), engine_(std::move(engine)) {}

  Status add(int prompt_tokens, int max_tokens);
  Status add_stream() {
    return add(kStreamPrompt,
               std::min(kStreamTokens, engine_->options().max_model_len - kStreamPrompt));
  }
  Status add_prompt();
  Status decode(int steps, std::vector<StormStep>& into);
  Result<StormStep> step(bool& is_gap);
  Status take(const kernels::SequenceOutput& output, bool& is_gap);

  StormOptions options_;
  std::unique_ptr<kernels::Device> device_;
  std::unique_ptr<kernels::Engine> engine_;
  std::mt19937_64 random_{1};
  SequenceId next_id_ = 1;
  std::map<SequenceId, Clock::time_point> arrived_;  // prompts that are there
  int to_come_ = 0;                                  // prompts
  Clock::time_point last_step_{};
  long last_switches_ = 0;
  StormReport report_{options_, {}, {}, {}, 0};
};

Result<Storm> Storm::open(const StormOptions& options) {
  CONDUIT_TRY(auto model, kernels::open_model(options.model));
  CONDUIT_TRY(auto device, kernels::make_cpu_device({options.threads, ""}));
  kernels::EngineOptions made;
  made.max_concurrency = options.streams + options.at_once;
  made.max_model_len = std::min(std::max(kStreamPrompt + kStreamTokens, options.prompt_tokens + 1),
                                model->config.max_position);
  made.speculative_tokens = options.speculative_tokens;
  CONDUIT_TRY(auto engine, kernels::Engine::create(*device, model, made));
  return Storm(options, std::move(device), std::move(engine));
}

// Any tokens do: what they say changes nothing about the arithmetic.
Status Storm::add(int prompt_tokens, int max_tokens) {
  std::uniform_int_distribution<kernels::TokenId> token(0, engine_->model().config.vocab - 1);
  kernels::SequenceSpec spec;
  spec.id = next_id_++;
  spec.max_tokens = max_tokens;
  spec.sampling.seed = spec.id;
  for (int i = 0; i < prompt_tokens; ++i) spec.prompt.push_back(token(random_));
  return engine_->add(std::move(spec));
}

Status Storm::add_prompt() {
  --to_come_;
  arrived_[next_id_] = Clock::now();
  return add(options_.prompt_tokens, 1);
}

Status Storm::take(const kernels::SequenceOutput& output, bool& is_gap) {
  if (output.reason == kernels::FinishReason::error)
    return Error{Code::internal, "the engine gave up on a sequence"};
  const auto prompt = arrived_.find(output.id);
  if (prompt == arrived_.end()) {
    is_gap |= output.index > 0;
    return output.reason == kernels::FinishReason::none ? ok() : add_stream();
  }
  report_.first_tokens.push_back(seconds(Clock::now() - prompt->second));
  arrived_.erase(prompt);
  return to_come_ > 0 ? add_prompt() : ok();
}

// `is_gap`: whether an answer that had begun got a token.
Result<StormStep> Storm::step(bool& is_gap) {
  const std::uint64_t prompt_tokens = engine_->stats().prompt_tokens;
  const auto outputs = engine_->step(Clock::now());
  const auto now = Clock::now();
  const long switches = involuntary_switches();
  StormStep step;
  step.seconds = seconds(now - std::exchange(last_step_, now));
  step.prompt_rows = static_cast<std::int64_t>(engine_->stats().prompt_tokens - prompt_tokens);
  step.switches = switches - std::exchange(last_switches_, switches);
  for (const auto& output : outputs) CONDUIT_TRY_STATUS(take(output, is_gap));
  return step;
}

Status Storm::decode(int steps, std::vector<StormStep>& into) {
  while (steps > 0) {
    bool is_gap = false;
    CONDUIT_TRY(const StormStep step, this->step(is_gap));
    if (!is_gap || step.prompt_rows > 0) continue;  // one that begins
    into.push_back(step);
    --steps;
  }
  return ok();
}

Result<StormReport> Storm::run() {
  for (int i = 0; i < options_.streams; ++i) CONDUIT_TRY_STATUS(add_stream());
  std::vector<StormStep> warm_up;
  CONDUIT_TRY_STATUS(decode(kWarmUpSteps, warm_up));
  CONDUIT_TRY_STATUS(decode(kUndisturbedSteps, report_.undisturbed));
  const auto begin = Clock::now();
  to_come_ = options_.prompts;
  for (int i = 0; i < options_.at_once && to_come_ > 0; ++i) CONDUIT_TRY_STATUS(add_prompt());
  while (!arrived_.empty()) {
    bool is_gap = false;
    CONDUIT_TRY(const StormStep step, this->step(is_gap));
    if (is_gap) report_.beside.push_back(step);
  }
  report_.storm_seconds = seconds(Clock::now() - begin);
  return std::move(report_);
}

}  // namespace

Result<StormReport> measure_storm(StormOptions options) {
  if (options.threads == 0) options.threads = kernels::cpu::usable_cores();
  CONDUIT_TRY(Storm storm, Storm::open(options));
  return storm.run();
}

Status run_storm_bench(const StormOptions& options, std::ostream& out) {
  CONDUIT_TRY(const StormReport report, measure_storm(options));
  print_report(report, out);
  return ok();
}

}  // namespace conduit::bench
