// Differences to gauges and counters.
#include "actors/device_metrics.h"

namespace conduit::actors {

namespace {

// From a tiny model on a GPU to a long prefill on two cores.
const std::vector<double> kStepBounds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                         0.05,   0.1,   0.25,   0.5,   1,    2.5};

}  // namespace

DeviceMetrics::DeviceMetrics(const std::string& model, std::int64_t bytes)
    : loaded_(metrics::gauge("conduit_model_loaded", "Whether the model is in memory",
                             {{"model", model}})),
      bytes_(
          metrics::gauge("conduit_model_bytes", "Memory of the loaded model", {{"model", model}})),
      last_used_(metrics::gauge("conduit_model_last_used_timestamp_seconds",
                                "When the model last had work, as a Unix time",
                                {{"model", model}})),
      running_(
          metrics::gauge("conduit_requests_running", "Requests in the batch", {{"model", model}})),
      waiting_(metrics::gauge("conduit_requests_waiting", "Requests admitted, not yet in the batch",
                              {{"model", model}})),
      pages_used_(metrics::gauge("conduit_kv_pages_used", "KV cache pages held by requests",
                                 {{"model", model}})),
      pages_total_(
          metrics::gauge("conduit_kv_pages_total", "KV cache pages in all", {{"model", model}})),
      usage_(metrics::gauge("conduit_kv_cache_usage_ratio",
                            "Share of the KV cache pages that requests hold, 0 to 1",
                            {{"model", model}})),
      prompt_tokens_(metrics::counter("conduit_prompt_tokens_total", "Prompt tokens computed",
                                      {{"model", model}})),
      generated_tokens_(metrics::counter("conduit_generation_tokens_total", "Tokens generated",
                                         {{"model", model}})),
      pages_cached_(metrics::gauge("conduit_kv_pages_cached",
                                   "KV cache pages that no request holds, kept for those to come",
                                   {{"model", model}})),
      prefix_queries_(metrics::counter("conduit_prefix_cache_queries_total",
                                       "Prompt tokens looked for in the prefix cache",
                                       {{"model", model}})),
      prefix_hits_(metrics::counter("conduit_prefix_cache_hits_total",
                                    "Prompt tokens found in the prefix cache", {{"model", model}})),
      preemptions_(metrics::counter("conduit_num_preemptions_total",
                                    "Times a request gave its KV cache pages to others",
                                    {{"model", model}})),
      proposed_tokens_(metrics::counter("conduit_spec_decode_num_draft_tokens_total",
                                        "Tokens proposed by speculation", {{"model", model}})),
      kept_tokens_(metrics::counter("conduit_spec_decode_num_accepted_tokens_total",
                                    "Of them, those that came true", {{"model", model}})),
      step_seconds_(metrics::histogram("conduit_step_seconds", "Time of one step of the engine",
                                       kStepBounds, {{"model", model}})),
      taken_(bytes) {
  loaded_.add(1);
  bytes_.add(static_cast<double>(taken_));
  observe_use();
}

DeviceMetrics::~DeviceMetrics() {
  kernels::EngineStats gone;
  gone.prompt_tokens = last_.prompt_tokens;  // counters never fall
  gone.generated_tokens = last_.generated_tokens;
  gone.prefix_queries = last_.prefix_queries;
  gone.prefix_hits = last_.prefix_hits;
  gone.preemptions = last_.preemptions;
  gone.proposed_tokens = last_.proposed_tokens;
  gone.kept_tokens = last_.kept_tokens;
  update(gone);
  loaded_.add(-1);
  bytes_.add(-static_cast<double>(taken_));
}

void DeviceMetrics::update(const kernels::EngineStats& stats) {
  running_.add(stats.running - last_.running);
  waiting_.add(stats.waiting - last_.waiting);
  pages_used_.add(static_cast<double>(stats.kv_pages_used - last_.kv_pages_used));
  pages_total_.add(static_cast<double>(stats.kv_pages_total - last_.kv_pages_total));
  prompt_tokens_.increment(static_cast<double>(stats.prompt_tokens - last_.prompt_tokens));
  generated_tokens_.increment(static_cast<double>(stats.generated_tokens - last_.generated_tokens));
  pages_cached_.add(static_cast<double>(stats.kv_pages_cached - last_.kv_pages_cached));
  prefix_queries_.increment(static_cast<double>(stats.prefix_queries - last_.prefix_queries));
  prefix_hits_.increment(static_cast<double>(stats.prefix_hits - last_.prefix_hits));
  preemptions_.increment(static_cast<double>(stats.preemptions - last_.preemptions));
  proposed_tokens_.increment(static_cast<double>(stats.proposed_tokens - last_.proposed_tokens));
  kept_tokens_.increment(static_cast<double>(stats.kept_tokens - last_.kept_tokens));
  const double total = pages_total_.value();
  usage_.set(total > 0 ? pages_used_.value() / total : 0);
  last_ = stats;
}

void DeviceMetrics::observe_step(std::chrono::duration<double> seconds) {
  step_seconds_.observe(seconds.count());
}

void DeviceMetrics::observe_use() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  last_used_.set(std::chrono::duration<double>(now).count());
}

void count_load(const std::string& model, bool has_failed) {
  metrics::counter("conduit_model_loads_total", "Attempts to load the model",
                   {{"model", model}, {"result", has_failed ? "failed" : "loaded"}})
      .increment();
}

void count_unload(const std::string& model, const std::string& reason) {
  metrics::counter("conduit_model_unloads_total", "How often the model was unloaded",
                   {{"model", model}, {"reason", reason}})
      .increment();
}

void show_budget(std::int64_t bytes) {
  metrics::gauge("conduit_device_memory_budget_bytes", "What loaded models may take together")
      .set(static_cast<double>(bytes));
}

}  // namespace conduit::actors
