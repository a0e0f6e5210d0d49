// open → plan; create.
#include "actors/loader.h"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "actors/errors.h"
#include "kernels/engine/memory_plan.h"

namespace conduit::actors {

namespace {

using kernels::Engine;
using kernels::MemoryPlan;

// Of a budget, for a cache whose size nobody chose: other models should find room too.
constexpr std::int64_t kCacheShare = 4;
// Beside running answers a load gets about a quarter of the cores; alone, all of them.
constexpr int kNiceness = 5;

}  // namespace

Result<OpenedModel> open_and_plan(const OpenModel& message, const kernels::Device& device,
                                  const std::stop_token& stop) {
  CONDUIT_TRY(auto model, kernels::open_model(message.spec.path, stop));
  std::shared_ptr<const kernels::Model> draft;
  if (!message.spec.draft.empty()) {
    CONDUIT_TRY(draft, kernels::open_model(message.spec.draft, stop));
  }
  kernels::EngineOptions options = message.spec.engine;
  CONDUIT_TRY(MemoryPlan plan, plan_memory(options, *model, device, draft.get()));
  if (options.kv_bytes == 0 && plan.options.kv_bytes > message.budget / kCacheShare) {
    options.kv_bytes = message.budget / kCacheShare;
    CONDUIT_TRY(plan, plan_memory(options, *model, device, draft.get()));
  }
  return OpenedModel{std::move(model), std::move(draft), plan.options, plan.bytes(),
                     plan.weight_bytes};
}

namespace {

Result<CreatedEngine> create(const OpenedModel& opened,
                             const std::shared_ptr<kernels::Device>& device) {
  CONDUIT_TRY(auto engine, Engine::create(*device, opened.model, opened.options, opened.draft));
  // The device goes after its engines, also after one in a message that nobody takes.
  return CreatedEngine{{engine.release(), [device](Engine* loaded) { delete loaded; }}};
}

template <class Reply>
caf::result<Reply> reply(Result<Reply> result) {
  if (!result) return to_caf(result.error());
  return *std::move(result);
}

LoaderActor::behavior_type loader(LoaderActor::pointer,
                                  const std::shared_ptr<kernels::Device>& device, bool has_thread,
                                  const std::stop_token& stop) {
  // Of this thread alone, and of those it starts. That it may not be lowered does no harm.
  if (has_thread) (void)setpriority(PRIO_PROCESS, 0, kNiceness);
  return {
      [device, stop](const OpenModel& message) {
        return reply(open_and_plan(message, *device, stop));
      },
      [device](const CreateEngine& message) { return reply(create(message.opened, device)); },
  };
}

}  // namespace

LoaderActor spawn_loader(caf::actor_system& system, std::shared_ptr<kernels::Device> device,
                         bool has_thread, std::stop_token stop) {
  if (has_thread)
    return system.spawn<caf::detached>(loader, std::move(device), has_thread, std::move(stop));
  return system.spawn(loader, std::move(device), has_thread, std::move(stop));
}

}  // namespace conduit::actors
