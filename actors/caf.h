// The CAF calls whose spelling differs between 0.17 and 1.x, under names of ours, so that an
// upgrade touches this file. Nothing is hidden that reads the same in both.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/sec.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <chrono>
#include <memory>
#include <utility>

namespace conduit::actors {

// Settings of every actor system of ours: scheduler policy `sharing`, since the default `stealing`
// sleeps in 50 µs steps while idle and makes a remote round trip two to three times slower.
inline void configure(caf::actor_system_config& config, int threads) {
  config.set("scheduler.policy", caf::atom("sharing"));
  config.set("scheduler.max-threads", static_cast<std::size_t>(threads));
}

// One-way message from an actor.
template <class Self, class Target, class... Message>
void tell(Self* self, const Target& target, Message&&... message) {
  self->send(target, std::forward<Message>(message)...);
}

// The same from outside any actor, and to an actor with nobody to answer to.
template <class Target, class... Message>
void tell_anonymously(const Target& target, Message&&... message) {
  caf::anon_send(target, std::forward<Message>(message)...);
}

template <class Self, class Target, class... Message>
void tell_later(Self* self, std::chrono::milliseconds delay, const Target& target,
                Message&&... message) {
  self->delayed_send(target, delay, std::forward<Message>(message)...);
}

// A request; continue with `.then(on_value, on_error)` or, on a scoped actor, `.receive(…)`.
template <class Self, class Target, class... Message>
auto ask(Self* self, const Target& target, std::chrono::milliseconds timeout,
         Message&&... message) {
  return self->request(target, timeout, std::forward<Message>(message)...);
}

// The reply that a handler owes and will give later: `return promise;` now, `deliver` once, from a
// copy in whatever continues. In 0.17 a promise that is dropped, as when its actor ends, leaves its
// asker in silence until the time-out; this one then says that the receiver is gone.
template <class Reply>
class Promise {
 public:
  template <class Self>
  explicit Promise(Self* self)
      : owed_(std::make_shared<Owed>(self->template make_response_promise<Reply>())) {}

  template <class Value>
  void deliver(Value&& value) const {
    owed_->promise.deliver(std::forward<Value>(value));
  }
  operator caf::result<Reply>() const { return owed_->promise; }

 private:
  struct Owed {
    explicit Owed(caf::typed_response_promise<Reply> made) : promise(std::move(made)) {}
    Owed(const Owed&) = delete;
    Owed& operator=(const Owed&) = delete;
    ~Owed() {
      if (promise.pending()) promise.deliver(make_error(caf::sec::request_receiver_down));
    }
    caf::typed_response_promise<Reply> promise;
  };
  std::shared_ptr<Owed> owed_;
};

}  // namespace conduit::actors
