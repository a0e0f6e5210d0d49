// Network: a context-free grammar over bytes as a recursive transition network (Woods, "Transition
// network grammars for natural language analysis", CACM 1970): each rule is a nondeterministic
// automaton whose edges read a byte or call a rule. Built backwards: what comes next is made first.
// network_grammar() walks it. Not here: how a grammar is written (gbnf.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mdl/base/result.h"
#include "mdl/grammar.h"

namespace conduit::mdl {

struct NetworkLimits {
  std::size_t positions = 100'000;  // of the network: some 10 MB and 50 ms
  std::size_t rules = 10'000;
  std::size_t shortest_bytes = 1 << 16;  // a text's completion must stay short enough to be decoded
  std::size_t cells = 8'000'000;         // of 8 bytes, that states and their steps take in all
  std::size_t compile_work = 3'000'000;  // elementary steps before the first byte: some 50 ms
  std::size_t work = 200'000;            // elementary steps for one byte
};

class Network {
 public:
  using Rule = std::uint32_t;
  using Position = std::uint32_t;
  using CodeRange = std::pair<char32_t, char32_t>;  // both included
  static constexpr Position kDone = 0;              // the whole text is complete
  static constexpr std::uint32_t kNever = UINT32_MAX;

  struct Edge {
    std::uint8_t low, high;
    Position next;
  };
  enum class Kind : std::uint8_t { end, bytes, call, split };
  struct Place {
    Kind kind;
    Rule rule;                     // that it is a part of
    Rule callee = 0;               // call
    Position next = 0;             // call
    std::uint32_t first = 0;       // bytes: in the edges; split: in the targets
    std::uint32_t count = 0;       // of them
    std::uint32_t bytes = kNever;  // of the shortest text from here to the rule's end
    std::uint32_t shortest = 0;    // which edge or target begins it
  };

  Network();

  // The rule's end, for the positions before it. Until the next begin() all positions are of this
  // rule.
  Position begin(Rule rule);
  Rule add_rule(std::string name);
  void set_start(Rule rule, Position start) { rules_[rule].start = start; }

  Position text(std::string_view bytes, Position next);
  // One character of the sorted, disjoint ranges, as UTF-8; surrogates are left out.
  Position character(std::span<const CodeRange> ranges, Position next);
  Position call(Rule rule, Position next);
  Position either(std::span<const Position> positions);
  Position fork();  // either() of two, which may lead back to itself: set_fork() says what they are
  void set_fork(Position fork, Position one, Position other);

  // Finds the shortest texts and takes out what leads to none. Error: invalid_argument when no text
  // is complete; exhausted when a shortest text is too long.
  Status finish(Rule root, const NetworkLimits& limits);

  std::size_t size() const { return places_.size(); }
  std::size_t rules() const { return rules_.size(); }
  const Place& at(Position position) const { return places_[position]; }
  std::span<const Edge> edges(const Place& place) const {
    return {&edges_[place.first], place.count};
  }
  std::span<const Position> targets(const Place& place) const {
    return {&targets_[place.first], place.count};
  }
  Position start(Rule rule) const { return rules_[rule].start; }
  const std::string& name(Rule rule) const { return rules_[rule].name; }
  bool is_productive(Position position) const { return places_[position].bytes != kNever; }
  bool is_nullable(Rule rule) const { return places_[rules_[rule].start].bytes == 0; }
  void append_shortest(Position position, std::string& out) const;

 private:
  struct RuleInfo {
    std::string name;
    Position start = kDone;
  };
  Position add(Kind kind, std::uint32_t first, std::uint32_t count);
  void find_shortest();
  void prune();

  std::vector<Place> places_;
  std::vector<Edge> edges_;
  std::vector<Position> targets_;
  std::vector<RuleInfo> rules_;
  Rule rule_ = 0;  // being built
};

// The texts of `root`. Error: as Network::finish().
Result<std::shared_ptr<Grammar>> network_grammar(Network network, Network::Rule root,
                                                 const NetworkLimits& limits = {});

}  // namespace conduit::mdl
