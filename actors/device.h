// The device actor: owns one Device, its memory and its time. Here models are loaded and unloaded,
// here batches form.
// The idea: one step is one message, which the actor sends itself while any engine has work. What
// arrived meanwhile (requests, cancellations) is handled between two steps, so nothing needs a
// lock, and engines take turns by the time they had (fair_turns.h). An engine belongs to the actor
// that loaded it and goes when that actor ends, when its memory is needed (memory_budget.h), or
// when it was idle for as long as it is kept. It never goes under a running sequence: one that must
// go takes no more and finishes what it has.
// Loads come one after the other, as they were asked for, each in a thread beside the steps
// (loader.h). So models that do not fit together take turns in memory, and none waits forever.
// Not here: what a step does (kernels/engine), what becomes of the tokens (replica.h).
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "actors/memory_budget.h"
#include "actors/messages.h"
#include "kernels/device.h"

namespace conduit::actors {

// Where it runs. A step takes milliseconds and would hold up a thread that other actors share.
enum class DeviceThread : std::uint8_t {
  own,
  shared,  // a test steps it by hand
};

struct DeviceOptions {
  DeviceThread thread = DeviceThread::own;
  MemoryBudget budget{};  // 0 bytes: what the device has, less a reserve
  // How long a load waits for running answers to finish, before it is given up.
  std::chrono::milliseconds memory_wait{60'000};
  // Measures steps.
  std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
};

DeviceActor spawn_device(caf::actor_system& system, std::unique_ptr<kernels::Device> device,
                         DeviceOptions options = {});

}  // namespace conduit::actors
