// Tarjan's strongly connected components make the groups ("Depth-first search and linear graph
// algorithms", 1972); the rest is closures over positions without bytes.
#include "mdl/network_tables.h"

#include <algorithm>
#include <string>
#include <utility>

namespace conduit::mdl {

Status NetworkBudget::status() const {
  if (is_kept_) return ok();
  if (cells_ > limits_.cells)
    return Error{Code::exhausted, "the grammar's states need more than " +
                                      std::to_string(limits_.cells * 8 >> 20) +
                                      " MB, the limit; a less ambiguous grammar needs fewer"};
  return Error{Code::exhausted, "the grammar takes more than " + std::to_string(work_limit_) +
                                    " steps for one byte, the limit; a less ambiguous one takes "
                                    "fewer"};
}

NetworkTables::NetworkTables(const Network& network, NetworkBudget& budget)
    : network_(network), budget_(budget), closures_(network.size()), seen_in_(network.size(), 0) {
  number_bytes();
  group_rules();
  find_beginnings();
  find_returns();
}

void NetworkTables::number_bytes() {
  std::array<bool, 257> is_cut{};
  for (Position p = 1; p < network_.size(); ++p) {
    if (network_.at(p).kind != Network::Kind::bytes) continue;
    for (const Network::Edge& edge : network_.edges(network_.at(p)))
      is_cut[edge.low] = is_cut[edge.high + std::size_t{1}] = true;
  }
  std::uint8_t byte_class = 0;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    if (byte > 0 && is_cut[byte]) ++byte_class;
    class_of_[byte] = byte_class;
  }
  byte_classes_ = byte_class + std::size_t{1};
}

const NetworkTables::Closure& NetworkTables::closure(Position position) {
  auto& known = closures_[position];
  if (known) return *known;
  known = std::make_unique<Closure>();
  std::vector<Position> open = {position};
  std::size_t seen = 0;
  const std::uint32_t closure_number = ++closures_found_;
  seen_in_[position] = closure_number;
  const auto add = [&](Position next) {
    if (!network_.is_productive(next) || seen_in_[next] == closure_number) return;
    seen_in_[next] = closure_number;
    open.push_back(next);
  };
  while (!open.empty()) {
    const Position p = open.back();
    open.pop_back();
    ++seen;
    const Network::Place& place = network_.at(p);
    if (place.kind == Network::Kind::end) known->is_end = true;
    if (place.kind == Network::Kind::bytes) known->bytes.push_back(p);
    if (place.kind == Network::Kind::split)
      for (const Position target : network_.targets(place)) add(target);
    if (place.kind == Network::Kind::call && network_.is_productive(p)) {
      known->calls.push_back({place.rule, place.callee, place.next});
      if (network_.is_nullable(place.callee)) add(place.next);
    }
  }
  budget_.take_cells(seen);
  budget_.take_work(seen);
  return *known;
}

void NetworkTables::group_rules() {
  struct Visit {
    Rule rule;
    std::size_t next_call;
  };
  const std::size_t count = network_.rules();
  std::vector<std::uint32_t> index(count, 0), low(count, 0);
  std::vector<Rule> stack;
  std::vector<Visit> visits;
  std::uint32_t visited = 0;
  group_of_.assign(count, kNone);
  place_in_group_.assign(count, 0);
  for (Rule first = 0; first < count; ++first) {
    if (index[first] != 0 || !network_.is_productive(network_.start(first))) continue;
    visits.push_back({first, 0});
    while (!visits.empty()) {
      const Rule rule = visits.back().rule;
      if (visits.back().next_call == 0) {
        index[rule] = low[rule] = ++visited;
        stack.push_back(rule);
      }
      const auto& calls = closure(network_.start(rule)).calls;
      if (visits.back().next_call < calls.size()) {
        const Rule callee = calls[visits.back().next_call++].callee;
        if (index[callee] == 0) {
          visits.push_back({callee, 0});
        } else if (group_of_[callee] == kNone) {
          low[rule] = std::min(low[rule], index[callee]);
        }
        continue;
      }
      visits.pop_back();
      if (!visits.empty()) low[visits.back().rule] = std::min(low[visits.back().rule], low[rule]);
      if (low[rule] == index[rule]) close_group(rule, stack);
    }
  }
}

void NetworkTables::close_group(Rule first, std::vector<Rule>& stack) {
  Group group;
  Rule rule = kNone;
  do {
    rule = stack.back();
    stack.pop_back();
    group_of_[rule] = static_cast<std::uint32_t>(groups_.size());
    place_in_group_[rule] = static_cast<std::uint32_t>(group.rules.size());
    group.rules.push_back(rule);
  } while (rule != first);
  groups_.push_back(std::move(group));
}

// What each group begins with; calls within it are kept by whom they call.
void NetworkTables::find_beginnings() {
  returns_.resize(network_.rules());
  ends_with_.resize(network_.rules());
  for (Group& group : groups_) {
    for (const Rule rule : group.rules) {
      const Closure& beginning = closure(network_.start(rule));
      group.bytes.insert(group.bytes.end(), beginning.bytes.begin(), beginning.bytes.end());
      for (const Call& call : beginning.calls) {
        if (!budget_.is_kept()) return;
        if (group_of_[call.callee] != group_of_[rule]) {
          group.calls.push_back(call);
        } else if (closure(call.next).is_only_end()) {
          ends_with_[call.callee].push_back(rule);
        } else {
          returns_[call.callee].positions.push_back(call.next);
        }
      }
    }
  }
}

void NetworkTables::find_returns() {
  std::vector<std::vector<Position>> own(network_.rules());
  for (Rule rule = 0; rule < network_.rules(); ++rule) own[rule] = returns_[rule].positions;
  std::vector<Rule> ended_by(network_.rules(), kNone);
  for (Rule rule = 0; rule < network_.rules(); ++rule) {
    auto& [positions, ended] = returns_[rule];
    ended = {rule};
    ended_by[rule] = rule;
    for (std::size_t i = 0; i < ended.size(); ++i) {
      const Rule inner = ended[i];
      for (const Rule outer : ends_with_[inner])
        if (std::exchange(ended_by[outer], rule) != rule) ended.push_back(outer);
      if (i > 0) positions.insert(positions.end(), own[inner].begin(), own[inner].end());
      budget_.take_cells(1 + own[inner].size());
      if (!budget_.take_work(1 + own[inner].size() + ends_with_[inner].size())) return;
    }
    std::sort(ended.begin(), ended.end());
  }
}

}  // namespace conduit::mdl
