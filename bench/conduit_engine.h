// Conduit's engine under the bench: opened once, then one workload after another.
#pragma once

#include <memory>

#include "bench/workload.h"
#include "kernels/engine/engine.h"
#include "mdl/base/result.h"

namespace conduit::bench {

class ConduitEngine {
 public:
  static Result<ConduitEngine> open(const Workload& workload);

  Result<Timing> run(const Prompts& prompts);

  const kernels::Model& model() const { return engine_->model(); }
  std::string device_name() const { return device_->name(); }
  double load_seconds() const { return load_seconds_; }

 private:
  ConduitEngine(Workload workload, std::unique_ptr<kernels::Device> device,
                std::unique_ptr<kernels::Engine> engine, double load_seconds);

  Workload workload_;
  std::unique_ptr<kernels::Device> device_;
  std::unique_ptr<kernels::Engine> engine_;
  double load_seconds_;
  kernels::SequenceId next_id_ = 1;
};

}  // namespace conduit::bench
