// The device actor: owns one Device, its memory and its time. Here models are loaded and unloaded,
// here batches form.
// The idea: one step is one message, which the actor sends itself while any engine has work. What
// arrived meanwhile (requests, cancellations) is handled between two steps, so nothing needs a
// lock, and engines take turns step by step. An engine belongs to the actor that loaded it and goes
// when that actor ends.
// Not here: what a step does (kernels/engine), what becomes of the tokens (replica.h).
#pragma once

#include <memory>

#include "actors/messages.h"
#include "kernels/device.h"

namespace conduit::actors {

// Where it runs. A step takes milliseconds and would hold up a thread that other actors share.
enum class DeviceThread : std::uint8_t {
  own,
  shared,  // a test steps it by hand
};

DeviceActor spawn_device(caf::actor_system& system, std::unique_ptr<kernels::Device> device,
                         DeviceThread thread = DeviceThread::own);

}  // namespace conduit::actors
