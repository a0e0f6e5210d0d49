// Where a thread of the code under test puts things and the test takes them, waiting as long as it
// takes; only a test that would otherwise hang ends at kPatience.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace conduit::testing {

inline constexpr std::chrono::seconds kPatience{60};

template <class Item>
class Inbox {
 public:
  void put(Item item) {
    std::lock_guard lock(mutex_);
    items_.push_back(std::move(item));
    changed_.notify_all();
  }
  // Nothing: the test has failed.
  std::optional<Item> take() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kPatience, [&] { return !items_.empty(); })) return std::nullopt;
    Item item = std::move(items_.front());
    items_.pop_front();
    return item;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;
};

}  // namespace conduit::testing
