// Sums and an order.
#include "actors/memory_budget.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace conduit::actors {

namespace {

constexpr std::int64_t kReserveShare = 16;
constexpr std::int64_t kLargestReserve = std::int64_t{1} << 30;

// What would be left of a budget.
struct Left {
  std::int64_t bytes;
  std::int64_t models;

  bool is_enough() const { return bytes >= 0 && models >= 0; }
  void give_back(const Resident& resident, int sign) {
    bytes += sign * resident.bytes;
    models += sign;
  }
};

}  // namespace

std::int64_t default_budget(std::int64_t memory_bytes) {
  return memory_bytes - std::min(memory_bytes / kReserveShare, kLargestReserve);
}

std::optional<std::vector<std::uint64_t>> who_goes(const MemoryBudget& budget,
                                                   std::span<const Resident> residents,
                                                   std::int64_t bytes) {
  Left left{budget.bytes - bytes,
            budget.models == 0 ? static_cast<std::int64_t>(residents.size()) : budget.models - 1};
  std::vector<const Resident*> order;
  for (const Resident& resident : residents) {
    left.give_back(resident, -1);
    if (!resident.is_kept) order.push_back(&resident);
  }
  std::ranges::sort(order, {}, [](const Resident* resident) {
    return std::tuple(resident->is_busy, resident->last_used, resident->engine);
  });

  std::vector<const Resident*> going;
  for (const Resident* resident : order) {
    if (left.is_enough()) break;
    left.give_back(*resident, 1);
    going.push_back(resident);
  }
  if (!left.is_enough()) return std::nullopt;
  // The last ones may have freed so much that earlier, smaller ones can stay after all.
  std::vector<std::uint64_t> needed;
  for (auto resident = going.rbegin(); resident != going.rend(); ++resident) {
    left.give_back(**resident, -1);
    if (left.is_enough()) continue;
    left.give_back(**resident, 1);
    needed.push_back((*resident)->engine);
  }
  return needed;
}

std::string held_by(std::span<const Resident> residents) {
  std::string text;
  for (const Resident& resident : residents)
    text +=
        fmt::format("{}{} {} bytes{}{}", text.empty() ? "" : ", ", resident.model, resident.bytes,
                    resident.is_kept ? " (stays)" : "", resident.is_busy ? " (answering)" : "");
  return text.empty() ? "nobody" : text;
}

}  // namespace conduit::actors
