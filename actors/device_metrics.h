// What one engine shows to a scraper.
// The idea: engines of one model share its instruments, so each adds what changed since it last
// did, and takes its share back when it goes.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "kernels/engine/engine.h"
#include "mdl/base/metrics.h"

namespace conduit::actors {

class DeviceMetrics {
 public:
  // `bytes`: what the model takes while it is loaded.
  DeviceMetrics(const std::string& model, std::int64_t bytes);
  ~DeviceMetrics();  // its gauges fall by what it had added
  DeviceMetrics(const DeviceMetrics&) = delete;
  DeviceMetrics& operator=(const DeviceMetrics&) = delete;

  void update(const kernels::EngineStats& stats);
  void observe_step(std::chrono::duration<double> seconds);
  void observe_use();  // now

 private:
  metrics::Gauge& loaded_;
  metrics::Gauge& bytes_;
  metrics::Gauge& last_used_;
  metrics::Gauge& running_;
  metrics::Gauge& waiting_;
  metrics::Gauge& pages_used_;
  metrics::Gauge& pages_total_;
  metrics::Gauge& usage_;
  metrics::Counter& prompt_tokens_;
  metrics::Counter& generated_tokens_;
  metrics::Gauge& pages_cached_;
  metrics::Counter& prefix_queries_;
  metrics::Counter& prefix_hits_;
  metrics::Counter& preemptions_;
  metrics::Counter& proposed_tokens_;
  metrics::Counter& kept_tokens_;
  metrics::Histogram& step_seconds_;
  kernels::EngineStats last_;
  std::int64_t taken_;
};

void count_load(const std::string& model, bool has_failed);
// `reason`: one word.
void count_unload(const std::string& model, const std::string& reason);
void show_budget(std::int64_t bytes);

}  // namespace conduit::actors
