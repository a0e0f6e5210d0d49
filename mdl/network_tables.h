// What walking a network (network_grammar.cc) needs to know of it beforehand: what can be reached
// without a byte, which rules call each other at their beginning (left recursion) and where calls
// among those return to. All of it is counted in a budget, as a stranger's grammar is behind it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "mdl/base/result.h"
#include "mdl/network.h"

namespace conduit::mdl {

// Memory and work that a grammar has taken. Once a limit is passed it stays so.
class NetworkBudget {
 public:
  explicit NetworkBudget(const NetworkLimits& limits) : limits_(limits) {}

  void begin_work(std::size_t limit) {
    work_ = 0;
    work_limit_ = limit;
  }
  // False: a limit is passed.
  bool take_cells(std::size_t count) {
    cells_ += count;
    return is_kept_ = is_kept_ && cells_ <= limits_.cells;
  }
  bool take_work(std::size_t count) {
    work_ += count;
    return is_kept_ = is_kept_ && work_ <= work_limit_;
  }
  bool is_kept() const { return is_kept_; }
  Status status() const;

 private:
  const NetworkLimits limits_;
  std::size_t cells_ = 0, work_ = 0, work_limit_ = 0;
  bool is_kept_ = true;
};

class NetworkTables {
 public:
  using Position = Network::Position;
  using Rule = Network::Rule;
  static constexpr std::uint32_t kNone = UINT32_MAX;

  struct Call {
    Rule caller, callee;
    Position next;
  };
  // What can be reached from a position without reading a byte.
  struct Closure {
    std::vector<Position> bytes;
    std::vector<Call> calls;
    bool is_end = false;  // the rule may end here
    bool is_only_end() const { return is_end && bytes.empty() && calls.empty(); }
  };
  // Rules that call each other at their beginning: where one of them is called all are begun.
  struct Group {
    std::vector<Rule> rules;
    std::vector<Position> bytes;  // at the beginnings of all
    std::vector<Call> calls;      // of other groups from there
  };
  // Where a rule returns to that was called at the beginning of one in its group.
  struct Returns {
    std::vector<Position> positions;
    std::vector<Rule> ended;  // sorted: the rule itself, and those that end at once when it does
  };

  NetworkTables(const Network& network, NetworkBudget& budget);

  const Closure& closure(Position position);  // found when asked for first
  // Numbers of groups: a group comes behind those that it calls at its beginning.
  std::uint32_t group_of(Rule rule) const { return group_of_[rule]; }
  std::uint32_t place_in_group(Rule rule) const { return place_in_group_[rule]; }
  const Group& group(std::uint32_t number) const { return groups_[number]; }
  const Returns& returns(Rule rule) const { return returns_[rule]; }
  // Bytes that no edge tells apart have the same class.
  std::uint8_t class_of(std::uint8_t byte) const { return class_of_[byte]; }
  std::size_t byte_classes() const { return byte_classes_; }

 private:
  void number_bytes();
  void group_rules();
  void close_group(Rule first, std::vector<Rule>& stack);
  void find_beginnings();
  void find_returns();

  const Network& network_;
  NetworkBudget& budget_;
  std::vector<std::unique_ptr<Closure>> closures_;  // by position
  std::vector<std::uint32_t> seen_in_;  // by position: the last closure that it was found for
  std::uint32_t closures_found_ = 0;
  std::vector<Group> groups_;
  std::vector<std::uint32_t> group_of_, place_in_group_;  // by rule
  std::vector<Returns> returns_;                          // by rule
  std::vector<std::vector<Rule>> ends_with_;  // by rule: those in its group that end when it does
  std::array<std::uint8_t, 256> class_of_{};
  std::size_t byte_classes_ = 0;
};

}  // namespace conduit::mdl
