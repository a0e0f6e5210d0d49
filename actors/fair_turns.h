// Whose turn it is on a device: of the engines that have work, the one that has had the least time.
// The idea: a large model's step takes as long as twenty of a small one's, so turns are counted in
// time. Each engine's account grows by what its steps took; one that comes back from a pause starts
// at the present, so it can neither make up for the time it did not want nor fall behind. An engine
// with work therefore waits, for each of the others, at most as long as its own last step and one
// step of that other.
// Plain: no actor, no clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <span>

namespace conduit::actors {

class FairTurns {
 public:
  using Duration = std::chrono::nanoseconds;

  // `ready`: the engines that have work now, at least one.
  std::uint64_t next(std::span<const std::uint64_t> ready);
  // What the step of that engine took.
  void charge(std::uint64_t engine, Duration took);
  void remove(std::uint64_t engine);

 private:
  struct Account {
    Duration served{0};
    std::uint64_t last_turn = 0;  // the lower, the longer ago: decides between equals
    std::uint64_t last_ready = 0;
  };
  std::map<std::uint64_t, Account> accounts_;
  Duration present_{0};  // the account of who had the last turn, as it was before
  std::uint64_t turn_ = 0;
};

}  // namespace conduit::actors
