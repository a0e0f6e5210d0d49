// What one engine shows to a scraper.
// The idea: engines of one model share its instruments, so each adds what changed since it last
// did, and takes its share back when it goes.
#pragma once

#include <chrono>
#include <string>

#include "kernels/engine/engine.h"
#include "mdl/base/metrics.h"

namespace conduit::actors {

class DeviceMetrics {
 public:
  explicit DeviceMetrics(const std::string& model);
  ~DeviceMetrics();  // its gauges fall by what it had added
  DeviceMetrics(const DeviceMetrics&) = delete;
  DeviceMetrics& operator=(const DeviceMetrics&) = delete;

  void update(const kernels::EngineStats& stats);
  void observe_step(std::chrono::duration<double> seconds);

 private:
  metrics::Gauge& running_;
  metrics::Gauge& waiting_;
  metrics::Gauge& pages_used_;
  metrics::Gauge& pages_total_;
  metrics::Counter& prompt_tokens_;
  metrics::Counter& generated_tokens_;
  metrics::Histogram& step_seconds_;
  kernels::EngineStats last_;
};

}  // namespace conduit::actors
