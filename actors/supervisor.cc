// Wanted models, each with its replica or the pause before the next one.
#include "actors/supervisor.h"

#include <algorithm>
#include <caf/exit_reason.hpp>
#include <optional>
#include <random>
#include <utility>

#include "actors/errors.h"
#include "actors/replica.h"
#include "mdl/base/log.h"

namespace conduit::actors {

namespace {

using std::chrono::milliseconds;
using TimePoint = caf::actor_clock::time_point;

// A replica that does not say how busy it is within this time counts as busy.
constexpr std::chrono::seconds kStatusTimeout{2};
// Between two looks whether a model that is no longer wanted has finished its answers.
constexpr milliseconds kRetirePoll{100};

struct Wanted {
  explicit Wanted(ModelSpec model) : spec(std::move(model)) {}

  ModelSpec spec;
  bool is_retiring = false;              // finishes what it answers …
  std::optional<ModelSpec> replacement;  // … for this one, or
  bool is_gone = false;                  // for none: a place that nobody uses
  bool is_given_up = false;              // until it is wanted anew
  LocalReplica replica;                  // null between an end and a restart
  bool is_ready = false;
  bool was_ever_ready = false;
  TimePoint ready_since{};
  int restarts = 0;  // in a row
};

class Supervisor {
 public:
  explicit Supervisor(SupervisorActor::pointer self) : self_(self) {}
  ~Supervisor();

  void start(DeviceFactory make_device, const RouterActor& router, std::vector<ModelSpec> models,
             const RestartPolicy& policy);
  caf::result<AllReady> wait_ready();
  void want(WantModel& message);
  void drop(const DropModel& message);
  void retire_due(const RetireDue& message);
  void ready(const ReplicaReady& message);
  void restart(const RestartReplica& message) { start_replica(message.model); }
  void down(const caf::down_msg& message);

 private:
  Wanted* find(const std::string& model);
  void expect(const ModelSpec& model);
  void retire(Wanted& wanted, std::optional<ModelSpec> replacement);
  void retired(std::size_t index);
  Status ensure_device();
  void start_replica(std::size_t index);
  void ended(std::size_t index, const Error& reason);
  void restart_later(std::size_t index, const Error& reason);
  milliseconds pause(int restarts);
  void answer_waiting();

  SupervisorActor::pointer self_;
  DeviceFactory make_device_;
  DeviceActor device_;
  RouterActor router_;
  RestartPolicy policy_;
  std::vector<Wanted> wanted_;
  std::optional<Error> failure_;  // of a model that will not be tried again
  std::vector<Promise<AllReady>> waiting_;
  std::mt19937_64 chance_{std::random_device{}()};
};

// What it started ends with it.
Supervisor::~Supervisor() {
  for (const Wanted& wanted : wanted_)
    if (wanted.replica) caf::anon_send_exit(wanted.replica, caf::exit_reason::user_shutdown);
  if (device_) caf::anon_send_exit(device_, caf::exit_reason::user_shutdown);
}

void Supervisor::start(DeviceFactory make_device, const RouterActor& router,
                       std::vector<ModelSpec> models, const RestartPolicy& policy) {
  make_device_ = std::move(make_device);
  router_ = router;
  policy_ = policy;
  for (const ModelSpec& model : models) expect(model);
  for (ModelSpec& model : models) wanted_.emplace_back(std::move(model));
  for (std::size_t i = 0; i < wanted_.size(); ++i) start_replica(i);
}

void Supervisor::expect(const ModelSpec& model) {
  tell(self_, router_, ExpectModel{model.name});
  for (const auto& adapter : model.engine.adapters) tell(self_, router_, ExpectModel{adapter.name});
}

// --- what is wanted changes

Wanted* Supervisor::find(const std::string& model) {
  for (Wanted& wanted : wanted_)
    if (!wanted.is_gone && wanted.spec.name == model) return &wanted;
  return nullptr;
}

bool is_same_but_residency(const ModelSpec& a, const ModelSpec& b) {
  return a.path == b.path && a.draft == b.draft &&
         std::ranges::equal(a.engine.adapters, b.engine.adapters, [](auto& one, auto& other) {
           return one.name == other.name && one.folder == other.folder;
         });
}

void Supervisor::want(WantModel& message) {
  ModelSpec& model = message.spec;
  Wanted* known = find(model.name);
  if (known == nullptr) {
    expect(model);
    wanted_.emplace_back(std::move(model));
    start_replica(wanted_.size() - 1);
  } else if (!known->is_retiring && !known->is_given_up &&
             is_same_but_residency(known->spec, model)) {
    known->spec.residency = model.residency;
    if (known->replica) tell(self_, known->replica, model.residency);
  } else {
    retire(*known, std::move(model));
  }
}

void Supervisor::drop(const DropModel& message) {
  if (Wanted* known = find(message.model)) retire(*known, std::nullopt);
}

void Supervisor::retire(Wanted& wanted, std::optional<ModelSpec> replacement) {
  wanted.replacement = std::move(replacement);
  tell(self_, router_, ForgetModel{wanted.spec.name});
  for (const auto& adapter : wanted.spec.engine.adapters)
    tell(self_, router_, ForgetModel{adapter.name});
  if (wanted.replacement) expect(*wanted.replacement);  // its requests are told to come again
  const std::size_t index = static_cast<std::size_t>(&wanted - wanted_.data());
  if (!wanted.replica) return retired(index);
  if (!std::exchange(wanted.is_retiring, true)) retire_due({index});
}

void Supervisor::retire_due(const RetireDue& message) {
  const LocalReplica replica = wanted_[message.model].replica;
  if (!replica || !wanted_[message.model].is_retiring) return;
  ask(self_, ReplicaActor(replica), kStatusTimeout, StatusQuery{})
      .then(
          [this, message, replica](const ReplicaStatus& status) {
            if (status.running + status.waiting == 0)
              return caf::anon_send_exit(replica, caf::exit_reason::user_shutdown);
            tell_later(self_, kRetirePoll, caf::actor_cast<SupervisorActor>(self_), message);
          },
          [this, message](const caf::error&) {  // busy; should it be gone, nothing is due any more
            tell_later(self_, kRetirePoll, caf::actor_cast<SupervisorActor>(self_), message);
          });
}

void Supervisor::retired(std::size_t index) {
  Wanted& wanted = wanted_[index];
  log::info("model retired",
            {{"model", wanted.spec.name},
             {"replaced_by", wanted.replacement ? wanted.replacement->path : "none"}});
  std::optional<ModelSpec> replacement = std::move(wanted.replacement);
  const bool is_gone = !replacement;
  ModelSpec spec = replacement ? *std::move(replacement) : std::move(wanted.spec);
  wanted = Wanted(std::move(spec));
  wanted.is_gone = is_gone;
  if (!is_gone) start_replica(index);
  answer_waiting();
}

// --- what runs

Status Supervisor::ensure_device() {
  if (device_) return ok();
  CONDUIT_TRY(device_, make_device_());
  self_->monitor(device_);
  return ok();
}

void Supervisor::start_replica(std::size_t index) {
  if (wanted_[index].is_gone || wanted_[index].replica) return;  // a restart that is out of date
  if (auto device = ensure_device(); !device) {
    ended(index, device.error());
    return;
  }
  Wanted& wanted = wanted_[index];
  wanted.replica =
      spawn_replica(self_->system(), device_, caf::actor_cast<SupervisorActor>(self_), wanted.spec);
  self_->monitor(wanted.replica);
}

void Supervisor::ready(const ReplicaReady& message) {
  for (Wanted& wanted : wanted_) {
    if (wanted.replica != message.replica || wanted.is_retiring) continue;
    wanted.is_ready = wanted.was_ever_ready = true;
    wanted.ready_since = self_->clock().now();
    tell(self_, router_, message);
  }
  answer_waiting();
}

void Supervisor::down(const caf::down_msg& message) {
  if (device_ && message.source == device_.address()) {
    log::error("device ended", {{"reason", from_caf(message.reason).message}});
    device_ = nullptr;  // its replicas end too; the first restart makes another
    return;
  }
  for (std::size_t i = 0; i < wanted_.size(); ++i)
    if (wanted_[i].replica && wanted_[i].replica.address() == message.source)
      wanted_[i].is_retiring ? retired(i) : ended(i, from_caf(message.reason));
}

void Supervisor::ended(std::size_t index, const Error& reason) {
  Wanted& wanted = wanted_[index];
  const bool was_healthy =
      wanted.is_ready && self_->clock().now() - wanted.ready_since >= policy_.healthy_after;
  if (was_healthy) wanted.restarts = 0;
  wanted.replica = nullptr;
  wanted.is_ready = false;
  // Before the first success only a receiver that was gone may be chance; the rest is the model.
  const bool is_hopeless = !wanted.was_ever_ready && reason.code != Code::unavailable;
  if (!is_hopeless && wanted.restarts < policy_.budget) {
    restart_later(index, reason);
    return;
  }
  wanted.is_given_up = true;
  log::error(
      "model given up",
      {{"model", wanted.spec.name}, {"restarts", wanted.restarts}, {"reason", reason.message}});
  failure_ = Error{reason.code, "model " + wanted.spec.name + ": " + reason.message};
  tell(self_, router_, ModelFailed{wanted.spec.name, reason.message});
  for (const auto& adapter : wanted.spec.engine.adapters)
    tell(self_, router_, ModelFailed{adapter.name, reason.message});
  answer_waiting();
}

void Supervisor::restart_later(std::size_t index, const Error& reason) {
  Wanted& wanted = wanted_[index];
  const milliseconds wait = pause(wanted.restarts++);
  log::warning("replica ended", {{"model", wanted.spec.name},
                                 {"reason", reason.message},
                                 {"restart", wanted.restarts},
                                 {"in_ms", wait.count()}});
  tell_later(self_, wait, caf::actor_cast<SupervisorActor>(self_), RestartReplica{index});
}

milliseconds Supervisor::pause(int restarts) {
  milliseconds pause = policy_.first_pause;
  for (int i = 0; i < restarts && pause < policy_.longest_pause; ++i) pause *= 2;
  pause = std::min(pause, policy_.longest_pause);
  std::uniform_real_distribution<double> share(1 - policy_.jitter, 1 + policy_.jitter);
  return std::chrono::duration_cast<milliseconds>(pause * share(chance_));
}

caf::result<AllReady> Supervisor::wait_ready() {
  const Promise<AllReady> promise(self_);
  waiting_.push_back(promise);
  answer_waiting();
  return promise;
}

void Supervisor::answer_waiting() {
  const bool all_ready = std::all_of(wanted_.begin(), wanted_.end(), [](const Wanted& wanted) {
    return wanted.is_ready || wanted.is_gone;
  });
  if (!failure_ && !all_ready) return;
  for (const auto& promise : std::exchange(waiting_, {})) {
    if (failure_)
      promise.deliver(to_caf(*failure_));
    else
      promise.deliver(AllReady{});
  }
}

SupervisorActor::behavior_type supervisor(SupervisorActor::stateful_pointer<Supervisor> self,
                                          const DeviceFactory& make_device,
                                          const RouterActor& router,
                                          const std::vector<ModelSpec>& models,
                                          const RestartPolicy& policy) {
  Supervisor& state = self->state;
  self->set_down_handler([&state](const caf::down_msg& message) { state.down(message); });
  state.start(make_device, router, models, policy);
  return {
      [&state](const WaitReady&) { return state.wait_ready(); },
      [&state](WantModel& message) { state.want(message); },
      [&state](const DropModel& message) { state.drop(message); },
      [&state](const RetireDue& message) { state.retire_due(message); },
      [&state](const ReplicaReady& message) { state.ready(message); },
      [&state](const RestartReplica& message) { state.restart(message); },
  };
}

}  // namespace

SupervisorActor spawn_supervisor(caf::actor_system& system, DeviceFactory make_device,
                                 const RouterActor& router, std::vector<ModelSpec> models,
                                 RestartPolicy policy) {
  return system.spawn(supervisor, std::move(make_device), router, std::move(models), policy);
}

}  // namespace conduit::actors
