// The loader: reads a model's file and puts its weights on a device, beside the steps that the
// device makes for other models meanwhile.
// The idea: it has a thread of its own, of lower priority than the device's, so running answers
// lose little and none of them waits. First it opens a file and tells what the model would take;
// the device makes room; then it loads. One model at a time, as its mailbox has them.
// Not here: who is loaded when (device.cc).
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>

#include "actors/messages.h"
#include "kernels/device.h"

namespace conduit::actors {

struct OpenModel {
  ModelSpec spec;
  std::int64_t budget = 0;  // bytes; a cache whose size nobody chose gets a share of them
};
struct OpenedModel {
  std::shared_ptr<const kernels::Model> model;
  std::shared_ptr<const kernels::Model> draft;  // or null
  kernels::EngineOptions options;               // defaults filled in
  std::int64_t bytes = 0;  // that it will take: these, the cache, adapters, draft, and scratch
  std::int64_t weight_bytes = 0;
};
// Also for who only wants to know. Errors: why the file cannot be served on that device.
Result<OpenedModel> open_and_plan(const OpenModel& wanted, const kernels::Device& device,
                                  const std::stop_token& stop = {});
struct CreateEngine {
  OpenedModel opened;
};
struct CreatedEngine {
  std::shared_ptr<kernels::Engine> engine;  // shared as messages are; it keeps its device alive
};
using LoaderActor = caf::typed_actor<               //
    caf::replies_to<OpenModel>::with<OpenedModel>,  //
    caf::replies_to<CreateEngine>::with<CreatedEngine>>;

// `has_thread`: one of its own; otherwise a test steps it by hand. `stop`: what is being opened is
// given up; Device::stop_loading does the same to weights.
LoaderActor spawn_loader(caf::actor_system& system, std::shared_ptr<kernels::Device> device,
                         bool has_thread, std::stop_token stop);

}  // namespace conduit::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::OpenModel)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::OpenedModel)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::CreateEngine)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::CreatedEngine)
