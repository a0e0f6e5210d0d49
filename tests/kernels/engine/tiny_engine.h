// A tiny random model on the CPU, and engines over it: what the engine's tests run.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/engine/engine.h"
#include "tests/support/shared_dir.h"
#include "tests/support/tiny_model.h"

namespace conduit::testing {

class TinyEngineTest : public ::testing::Test {
 protected:
  using Clock = kernels::Engine::Clock;

  void SetUp() override {
    auto device = kernels::make_cpu_device();
    ASSERT_TRUE(device) << device.error().message;
    device_ = *std::move(device);
    open({});
  }

  void open(const TinyModelOptions& options) {
    auto model = kernels::open_model(write_tiny_hf_model(folder_.path() / "model", options));
    ASSERT_TRUE(model) << model.error().message;
    model_ = *std::move(model);
  }

  std::unique_ptr<kernels::Engine> engine(const kernels::EngineOptions& options = {}) {
    auto made = kernels::Engine::create(*device_, model_, options);
    if (!made) {
      ADD_FAILURE() << made.error().message;
      return nullptr;
    }
    return *std::move(made);
  }

  // Greedy, of a prompt made from its id.
  static kernels::SequenceSpec spec(kernels::SequenceId id, int prompt = 5, int max_tokens = 8) {
    kernels::SequenceSpec spec;
    spec.id = id;
    for (int i = 0; i < prompt; ++i) {
      spec.prompt.push_back(static_cast<kernels::TokenId>((id * 37 + i * 11) % 288));
    }
    spec.max_tokens = max_tokens;
    spec.sampling.temperature = 0;
    return spec;
  }

  // All outputs until nothing is left to compute, by sequence.
  using Outputs = std::map<kernels::SequenceId, std::vector<kernels::SequenceOutput>>;
  static Outputs run(kernels::Engine& engine) {
    Outputs outputs;
    const Clock::time_point now = Clock::now() + std::chrono::hours(1);
    while (engine.next_step(now) <= now) {
      for (kernels::SequenceOutput& output : engine.step(now)) {
        outputs[output.id].push_back(std::move(output));
      }
    }
    return outputs;
  }

  TemporaryDir folder_;
  std::unique_ptr<kernels::Device> device_;
  std::shared_ptr<const kernels::Model> model_;
};

}  // namespace conduit::testing
