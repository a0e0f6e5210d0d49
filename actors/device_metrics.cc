// Differences to gauges and counters.
#include "actors/device_metrics.h"

namespace conduit::actors {

namespace {

// From a tiny model on a GPU to a long prefill on two cores.
const std::vector<double> kStepBounds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                         0.05,   0.1,   0.25,   0.5,   1,    2.5};

}  // namespace

DeviceMetrics::DeviceMetrics(const std::string& model)
    : running_(
          metrics::gauge("conduit_requests_running", "Requests in the batch", {{"model", model}})),
      waiting_(metrics::gauge("conduit_requests_waiting", "Requests admitted, not yet in the batch",
                              {{"model", model}})),
      pages_used_(metrics::gauge("conduit_kv_pages_used", "KV cache pages held by requests",
                                 {{"model", model}})),
      pages_total_(
          metrics::gauge("conduit_kv_pages_total", "KV cache pages in all", {{"model", model}})),
      prompt_tokens_(metrics::counter("conduit_prompt_tokens_total", "Prompt tokens computed",
                                      {{"model", model}})),
      generated_tokens_(metrics::counter("conduit_generation_tokens_total", "Tokens generated",
                                         {{"model", model}})),
      step_seconds_(metrics::histogram("conduit_step_seconds", "Time of one step of the engine",
                                       kStepBounds, {{"model", model}})) {}

DeviceMetrics::~DeviceMetrics() {
  kernels::EngineStats gone;
  gone.prompt_tokens = last_.prompt_tokens;  // counters never fall
  gone.generated_tokens = last_.generated_tokens;
  update(gone);
}

void DeviceMetrics::update(const kernels::EngineStats& stats) {
  running_.add(stats.running - last_.running);
  waiting_.add(stats.waiting - last_.waiting);
  pages_used_.add(static_cast<double>(stats.kv_pages_used - last_.kv_pages_used));
  pages_total_.add(static_cast<double>(stats.kv_pages_total - last_.kv_pages_total));
  prompt_tokens_.increment(static_cast<double>(stats.prompt_tokens - last_.prompt_tokens));
  generated_tokens_.increment(static_cast<double>(stats.generated_tokens - last_.generated_tokens));
  last_ = stats;
}

void DeviceMetrics::observe_step(std::chrono::duration<double> seconds) {
  step_seconds_.observe(seconds.count());
}

}  // namespace conduit::actors
