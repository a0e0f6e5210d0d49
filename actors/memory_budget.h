// Which models share a device's memory: who has to go when another comes.
// The idea: a model counts with its weights, its whole cache and its scratch, known before it is
// loaded, so the sum never exceeds the budget. Who is idle goes first, then who has not been used
// for longest, and nobody whose going would not be needed. One that is answering goes only once it
// has finished: waiting for that is the device's affair (device.cc).
// Plain: no actor, no clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace conduit::actors {

struct MemoryBudget {
  std::int64_t bytes = 0;
  int models = 0;  // loaded at once; 0: as many as fit
};

struct Resident {  // a loaded model
  std::uint64_t engine = 0;
  std::string model{};
  std::int64_t bytes = 0;
  std::chrono::steady_clock::time_point last_used{};
  bool is_kept = false;  // not to be unloaded for the model that comes
  bool is_busy = false;
};

// What a device with `memory_bytes` gives to models where no budget is set: the rest is for
// tokenizers, requests and the system.
std::int64_t default_budget(std::int64_t memory_bytes);

// Who must go so that one more model of `bytes` fits; nothing: it cannot, whoever goes.
std::optional<std::vector<std::uint64_t>> who_goes(const MemoryBudget& budget,
                                                   std::span<const Resident> residents,
                                                   std::int64_t bytes);

// "a 1000 bytes (stays), b 500 bytes (answering)", for an error.
std::string held_by(std::span<const Resident> residents);

}  // namespace conduit::actors
