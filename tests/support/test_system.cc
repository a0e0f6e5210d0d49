// CAF's test scheduler, and the actors of tests.
#include "tests/support/test_system.h"

#include <caf/scheduler/test_coordinator.hpp>

namespace conduit::testing {

namespace {

using namespace actors;  // every message is one of theirs

caf::scheduler::test_coordinator& coordinator(caf::actor_system& system) {
  return dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
}

struct FakeReplicaState {
  std::vector<Promise<Admitted>> unanswered;
};

ReplicaActor::behavior_type fake_replica(ReplicaActor::stateful_pointer<FakeReplicaState> self,
                                         const std::shared_ptr<FakeReplica>& fake) {
  return {
      [self, fake](const GenerateRequest& request, const TokenSink& sink) -> caf::result<Admitted> {
        fake->requests.push_back(request);
        fake->sinks.push_back(sink);
        if (fake->is_silent) return self->state.unanswered.emplace_back(self);
        Admitted admitted;
        admitted.id = request.id;
        if (!fake->on_generate) return admitted;
        auto answer = fake->on_generate(request);
        if (!answer) return to_caf(answer.error());
        return *std::move(answer);
      },
      [fake](const Cancel& cancel) { fake->cancelled.push_back(cancel.id); },
      [fake](const Credit& credit) { fake->granted += credit.chunks; },
      [](const TokenizeRequest& request) {
        TokenizeReply reply;
        reply.tokens.assign(request.prompt.begin(), request.prompt.end());
        return reply;
      },
      [](const DetokenizeRequest& request) {
        DetokenizeReply reply;
        reply.text.assign(request.tokens.begin(), request.tokens.end());
        return reply;
      },
      [](const PoolRequest&) { return PoolReply{}; },
      [](const StatusQuery&) { return ReplicaStatus{}; },
  };
}

struct FakeDeviceState {
  std::vector<Promise<SequenceAdded>> unanswered;
};

DeviceActor::behavior_type fake_device(DeviceActor::stateful_pointer<FakeDeviceState> self,
                                       const std::shared_ptr<FakeDevice>& fake) {
  return {
      [fake](const LoadModel&, const StepSink& sink) -> caf::result<ModelLoaded> {
        ++fake->loads;
        fake->sink = sink;
        if (!fake->loaded) return to_caf(fake->loaded.error());
        return *fake->loaded;
      },
      [](const ModelTaken&) {},
      [fake](const SetResidency& message) { fake->residency = message.residency; },
      [](const UnloadModel&) {},
      [self, fake](const AddSequence& message) -> caf::result<SequenceAdded> {
        if (fake->add_error) return to_caf(*fake->add_error);
        fake->added.push_back(message.spec);
        if (fake->is_silent) return self->state.unanswered.emplace_back(self);
        return SequenceAdded{};
      },
      [fake](const ControlSequence& message) { fake->controls.push_back(message); },
      [](const EngineStatsQuery&) { return kernels::EngineStats{}; },
      [](const StepDue&) {},
      [](IdleDue) {},
      [](const LoadDue&) {},
  };
}

TokenSink::behavior_type sink(const std::shared_ptr<ReceivedAnswer>& received) {
  return {
      [received](const TokenChunk& chunk) { received->chunks.push_back(chunk); },
      [received](const Finished& finished) { received->finished.push_back(finished); },
  };
}

}  // namespace

TestSystem::TestSystem() {
  config_.set("scheduler.policy", caf::atom("testing"));
  system_ = std::make_unique<caf::actor_system>(config_);
}

TestSystem::~TestSystem() {
  for (const caf::strong_actor_ptr& actor : kept_)
    caf::anon_send_exit(actor, caf::exit_reason::kill);
  run();
  kept_.clear();
}

void TestSystem::run() {
  while (run_one()) continue;
}

bool TestSystem::run_one() {
  auto& scheduler = coordinator(*system_);
  if (!scheduler.has_job()) return false;
  caf::resumable* const job = scheduler.jobs.front();
  scheduler.run_once();
  // CAF puts an actor that has more messages first again, so one that writes to itself, as a device
  // does, would run alone until it rests.
  if (scheduler.has_job() && scheduler.jobs.front() == job) {
    scheduler.jobs.pop_front();
    scheduler.jobs.push_back(job);
  }
  return true;
}

void TestSystem::advance(std::chrono::milliseconds time) {
  coordinator(*system_).advance_time(time);
  run();
}

std::string ReceivedAnswer::text() const {
  std::string all;
  for (const TokenChunk& chunk : chunks) all += chunk.text;
  return all;
}

std::vector<std::int32_t> ReceivedAnswer::tokens() const {
  std::vector<std::int32_t> all;
  for (const TokenChunk& chunk : chunks)
    all.insert(all.end(), chunk.tokens.begin(), chunk.tokens.end());
  return all;
}

TokenSink spawn_sink(TestSystem& test, std::shared_ptr<ReceivedAnswer> received) {
  return test.keep(test.system().spawn(
      [received](TokenSink::pointer) -> TokenSink::behavior_type { return sink(received); }));
}

ReplicaActor spawn_fake_replica(TestSystem& test, std::shared_ptr<FakeReplica> fake) {
  return test.keep(test.system().spawn(fake_replica, std::move(fake)));
}

DeviceActor spawn_fake_device(TestSystem& test, std::shared_ptr<FakeDevice> fake) {
  return test.keep(test.system().spawn(fake_device, std::move(fake)));
}

}  // namespace conduit::testing
