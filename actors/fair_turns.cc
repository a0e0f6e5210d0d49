// Accounts of time.
#include "actors/fair_turns.h"

#include <algorithm>
#include <tuple>

#include "mdl/base/check.h"

namespace conduit::actors {

std::uint64_t FairTurns::next(std::span<const std::uint64_t> ready) {
  CONDUIT_CHECK(!ready.empty(), "somebody has work");
  ++turn_;
  for (std::uint64_t engine : ready) {
    Account& account = accounts_[engine];
    const bool was_ready = account.last_ready + 1 == turn_;
    if (!was_ready) account.served = std::max(account.served, present_);
    account.last_ready = turn_;
  }
  const std::uint64_t chosen = *std::ranges::min_element(ready, {}, [this](std::uint64_t engine) {
    const Account& account = accounts_[engine];
    return std::tuple(account.served, account.last_turn, engine);
  });
  accounts_[chosen].last_turn = turn_;
  present_ = accounts_[chosen].served;
  return chosen;
}

void FairTurns::charge(std::uint64_t engine, Duration took) { accounts_[engine].served += took; }

void FairTurns::remove(std::uint64_t engine) { accounts_.erase(engine); }

}  // namespace conduit::actors
