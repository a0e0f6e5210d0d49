// What waits for a replica's model to be loaded, and how soon a load that failed is tried again.
// The idea: a request to a model that is not in memory waits here, at most as many as would be let
// wait in an engine; all of them go on when the model is there, or get the error. After a failed
// load, requests get that error at once for a pause that doubles, so a broken file is not read for
// each of them.
// Plain: no actor, no clock.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "actors/messages.h"
#include "mdl/base/result.h"

namespace conduit::actors {

class LoadQueue {
 public:
  using TimePoint = caf::actor_clock::time_point;
  // Called once: with ok when the model is there, or with why it is not.
  using Task = std::function<void(const Status&)>;
  struct Waiting {
    Task task;
    std::uint64_t request = 0;  // of a GenerateRequest, which may be cancelled
    caf::actor_addr sink{};
  };

  // Errors: unavailable (the last load failed a moment ago), exhausted (the queue is full).
  Status check(TimePoint now, std::size_t most_waiting) const;
  void push(Waiting waiting) { waiting_.push_back(std::move(waiting)); }
  std::size_t size() const { return waiting_.size(); }
  bool has(std::uint64_t request) const;
  // They hear that they were cancelled.
  void cancel(std::uint64_t request);
  void cancel_all_of(const caf::actor_addr& sink);

  void loaded();
  // `is_fault`: of the model rather than of the moment, so the next attempt comes after a pause.
  void failed(const Error& error, TimePoint now, bool is_fault);

 private:
  void cancel_if(const std::function<bool(const Waiting&)>& is_meant);
  void release(const Status& status);

  std::vector<Waiting> waiting_;
  int failures_ = 0;  // in a row
  TimePoint retry_at_{};
  std::string last_error_;
};

}  // namespace conduit::actors
