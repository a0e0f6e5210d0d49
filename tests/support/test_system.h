// An actor system that a test steps by hand: no threads, no sleeps, and time passes when the test
// says so. With it the actors that a test puts in the place of others.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "actors/errors.h"
#include "actors/messages.h"

namespace conduit::testing {

// What a request brought: nothing until it is answered.
template <class Reply>
using Pending = std::shared_ptr<std::optional<Result<Reply>>>;

class TestSystem {
 public:
  TestSystem();
  ~TestSystem();  // ends what was kept
  TestSystem(const TestSystem&) = delete;
  TestSystem& operator=(const TestSystem&) = delete;

  caf::actor_system& system() { return *system_; }
  // Handles messages until none is left.
  void run();
  // The next message only, actors taking turns; false when there is none.
  bool run_one();
  // Lets time pass, then handles what became due.
  void advance(std::chrono::milliseconds time);

  // Ends the actor with the test, at the latest.
  template <class Handle>
  Handle keep(Handle handle) {
    kept_.push_back(caf::actor_cast<caf::strong_actor_ptr>(handle));
    return handle;
  }
  template <class Handle>
  void kill(const Handle& handle) {
    caf::anon_send_exit(handle, caf::exit_reason::kill);
  }

  // Asks, without running anybody.
  template <class Reply, class Handle, class... Message>
  Pending<Reply> ask_later(const Handle& handle, Message... message) {
    auto slot = std::make_shared<std::optional<Result<Reply>>>();
    system_->spawn([slot, handle, message...](caf::event_based_actor* self) {
      actors::ask(self, handle, std::chrono::hours(24), message...)
          .then([slot](Reply& reply) { *slot = std::move(reply); },
                [slot](const caf::error& error) { *slot = actors::from_caf(error); });
    });
    return slot;
  }
  // Asks and runs; an error when nobody answered.
  template <class Reply, class Handle, class... Message>
  Result<Reply> ask(const Handle& handle, Message... message) {
    auto slot = ask_later<Reply>(handle, std::move(message)...);
    run();
    if (!*slot) return Error{Code::internal, "no answer came"};
    return **slot;
  }

 private:
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  std::vector<caf::strong_actor_ptr> kept_;
};

// What the sink of an answer received.
struct ReceivedAnswer {
  std::vector<actors::TokenChunk> chunks;
  std::vector<actors::Finished> finished;  // a correct sender sends one

  std::string text() const;
  std::vector<std::int32_t> tokens() const;
};
actors::TokenSink spawn_sink(TestSystem& test, std::shared_ptr<ReceivedAnswer> received);

// A replica that does what the test sets; by default it admits everything and stays silent.
struct FakeReplica {
  std::function<Result<actors::Admitted>(const actors::GenerateRequest&)> on_generate;
  bool is_silent = false;  // never answers a request
  std::vector<actors::GenerateRequest> requests;
  std::vector<actors::TokenSink> sinks;
  std::vector<std::uint64_t> cancelled;
  std::uint32_t granted = 0;
};
actors::ReplicaActor spawn_fake_replica(TestSystem& test, std::shared_ptr<FakeReplica> fake);

// A device that loads whatever the test gives it and runs nothing: the test sends the outputs.
struct FakeDevice {
  Result<actors::ModelLoaded> loaded = Error{Code::not_found, "no model was given to the test"};
  std::optional<Error> add_error;
  bool is_silent = false;  // never answers AddSequence
  actors::StepSink sink;   // of the last load
  int loads = 0;
  std::vector<kernels::SequenceSpec> added;
  std::vector<actors::ControlSequence> controls;
  std::optional<actors::Residency> residency;  // the last that it was told of
};
actors::DeviceActor spawn_fake_device(TestSystem& test, std::shared_ptr<FakeDevice> fake);

}  // namespace conduit::testing
