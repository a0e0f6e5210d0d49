// Tasks and pauses.
#include "actors/load_queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace conduit::actors {

namespace {

using std::chrono::seconds;

constexpr seconds kFirstPause{1};  // doubles with each failure …
constexpr seconds kLongestPause{60};

seconds pause_after(int failures) {
  seconds pause = kFirstPause;
  for (int i = 1; i < failures && pause < kLongestPause; ++i) pause *= 2;
  return std::min(pause, kLongestPause);
}

}  // namespace

Status LoadQueue::check(TimePoint now, std::size_t most_waiting) const {
  if (now < retry_at_)
    return Error{Code::unavailable,
                 fmt::format("{}; it is not tried again for another {} s", last_error_,
                             std::chrono::ceil<seconds>(retry_at_ - now).count())};
  if (waiting_.size() >= most_waiting)
    return Error{Code::exhausted, fmt::format("{} requests already wait for the model to be loaded",
                                              waiting_.size())};
  return ok();
}

bool LoadQueue::has(std::uint64_t request) const {
  return std::ranges::any_of(waiting_,
                             [&](const Waiting& w) { return w.sink && w.request == request; });
}

void LoadQueue::cancel(std::uint64_t request) {
  cancel_if([&](const Waiting& waiting) { return waiting.sink && waiting.request == request; });
}

void LoadQueue::cancel_all_of(const caf::actor_addr& sink) {
  cancel_if([&](const Waiting& waiting) { return waiting.sink == sink; });
}

void LoadQueue::cancel_if(const std::function<bool(const Waiting&)>& is_meant) {
  const Error error{Code::cancelled, "the request was cancelled while its model was being loaded"};
  std::erase_if(waiting_, [&](const Waiting& waiting) {
    if (!is_meant(waiting)) return false;
    waiting.task(error);
    return true;
  });
}

void LoadQueue::loaded() {
  failures_ = 0;
  release(ok());
}

void LoadQueue::failed(const Error& error, TimePoint now, bool is_fault) {
  if (is_fault) {
    last_error_ = error.message;
    retry_at_ = now + pause_after(++failures_);
  }
  release(error);
}

// A task may queue itself again.
void LoadQueue::release(const Status& status) {
  for (const Waiting& waiting : std::exchange(waiting_, {})) waiting.task(status);
}

}  // namespace conduit::actors
