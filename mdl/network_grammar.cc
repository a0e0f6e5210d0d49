// Walking a network: Earley's algorithm with states that are hash-consed. The idea: a state is the
// set of items (position, node) that the text may have led to; a node stands for a place in the
// text where rules were called, and is the set of entries (rule, position to return to, node of
// that) it was called from. Nodes made of equal entries are one node, so equal states are one
// number, whatever text led there. Rules that call each other at their beginning (left recursion)
// share a node, and its entries name only calls from outside; those within are the same in every
// such node and stand in the tables below. So nodes never form a circle, and ambiguity costs no
// more than the set has items. A call at a rule's end returns where its rule returns (right
// recursion does not grow). Rules that may be empty are also stepped over when called (Aycock and
// Horspool, "Practical Earley parsing", 2002).
#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "mdl/network.h"
#include "mdl/network_tables.h"

namespace conduit::mdl {

namespace {

using Position = Network::Position;
using Rule = Network::Rule;
using Kind = Network::Kind;
using Node = std::uint32_t;

using Call = NetworkTables::Call;
using Closure = NetworkTables::Closure;

struct Item {
  Position position;
  Node node;
  auto operator<=>(const Item&) const = default;
};

struct Entry {
  Rule rule;
  Item back;
  auto operator<=>(const Entry&) const = default;
};

struct Shortest {
  std::uint64_t bytes = UINT64_MAX;
  Item back{};  // the rule's shortest return
};

struct NodeInfo {
  std::uint32_t group;
  std::vector<Entry> entries;      // sorted
  std::vector<Shortest> shortest;  // by the rule's place in its group: from its end on
};

struct StateInfo {
  std::vector<Item> items;  // sorted; at edges of bytes
  bool is_complete = false;
  std::uint64_t completion = 0;           // bytes
  std::vector<Grammar::State> following;  // by class of byte; empty until first stepped from
  std::optional<bool> is_free{};          // once asked for
};

std::size_t hash_of(std::span<const std::uint32_t> words) {
  std::uint64_t hash = words.size();
  for (const std::uint32_t word : words) {
    hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 32;
  }
  return hash;
}

class NetworkGrammar final : public Grammar {
 public:
  NetworkGrammar(Network network, Rule root, const NetworkLimits& limits)
      : network_(std::move(network)), limits_(limits), budget_(limits) {
    budget_.begin_work(limits.compile_work);
    tables_.emplace(network_, budget_);
    nodes_.push_back({});
    states_.push_back({});
    if (!budget_.is_kept()) return;
    begin_set();
    if (network_.is_nullable(root)) reach({Network::kDone, 0});
    enter({root, {Network::kDone, 0}});
    start_ = end_set();
  }

  State start() override { return start_; }

  State step(State state, std::uint8_t byte) override {
    if (state == kDead) return kDead;
    auto& row = states_[state].following;
    if (row.empty()) {
      if (!budget_.take_cells(tables_->byte_classes() / 2)) return kDead;
      row.assign(tables_->byte_classes(), kUnknown);
    }
    const std::uint8_t byte_class = tables_->class_of(byte);
    if (row[byte_class] != kUnknown) return row[byte_class];
    if (!budget_.is_kept()) return kDead;
    begin_set();
    for (std::size_t i = 0; i < states_[state].items.size(); ++i) {
      const Item item = states_[state].items[i];
      for (const Network::Edge& edge : network_.edges(network_.at(item.position)))
        if (edge.low <= byte && byte <= edge.high) reach({edge.next, item.node});
    }
    const State next = end_set();
    if (budget_.is_kept()) states_[state].following[byte_class] = next;
    return next;
  }

  bool accepts(State state) override { return states_[state].is_complete; }

  std::string completion(State state) override {
    std::string out;
    if (state == kDead || accepts(state)) return out;
    const auto& items = states_[state].items;
    Item item = *std::min_element(items.begin(), items.end(), [&](const Item& a, const Item& b) {
      return bytes_from(a) < bytes_from(b);
    });
    while (item.position != Network::kDone) {
      network_.append_shortest(item.position, out);
      item = shortest(network_.at(item.position).rule, item.node).back;
    }
    return out;
  }

  std::size_t completion_bytes(State state) override {
    return accepts(state) ? 0 : states_[state].completion;
  }

  // Printable ASCII but quote and backslash changes nothing here.
  bool is_free_text(State state) override {
    if (state == kDead || states_[state].is_free) return state != kDead && *states_[state].is_free;
    bool is_free = true;
    for (std::uint8_t byte = 0x20; byte < 0x7F && is_free; ++byte)
      is_free = byte == '"' || byte == '\\' || step(state, byte) == state;
    states_[state].is_free = is_free;
    return is_free;
  }

  Status health() const override { return budget_.status(); }

 private:
  static constexpr State kUnknown = UINT32_MAX;

  // A set of items is being made: items are reached, rules are entered; end_set() follows both to
  // the edges of bytes.
  void begin_set() {
    budget_.begin_work(limits_.work);
    reached_.clear();
    seen_.clear();
    entered_.clear();
    items_.clear();
    is_complete_ = false;
  }

  void reach(Item item) {
    const std::uint64_t key = std::uint64_t{item.position} << 32 | item.node;
    if (budget_.take_work(1) && seen_.insert(key).second) reached_.push_back(item);
  }

  void enter(Entry entry) {
    if (budget_.take_work(1)) entered_[tables_->group_of(entry.rule)].push_back(entry);
  }

  // `rule`, begun in `node`, has ended: where it returns to.
  template <class Visit>
  void for_returns(Rule rule, Node node, Visit visit) {
    for (const Position position : tables_->returns(rule).positions) visit(Item{position, node});
    for (const Rule ended : tables_->returns(rule).ended) {
      const auto& entries = nodes_[node].entries;
      auto entry = std::lower_bound(entries.begin(), entries.end(), Entry{ended, {0, 0}});
      for (; entry != entries.end() && entry->rule == ended; ++entry) visit(entry->back);
    }
  }

  void enter(const Call& call, Node node) {
    if (!tables_->closure(call.next).is_only_end()) return enter({call.callee, {call.next, node}});
    for_returns(call.caller, node, [&](const Item& back) { enter({call.callee, back}); });
  }

  State end_set() {
    for (std::size_t i = 0; i < reached_.size() && budget_.is_kept(); ++i) {
      const Item item = reached_[i];
      if (item.position == Network::kDone) {
        is_complete_ = true;
        continue;
      }
      const Closure& from = tables_->closure(item.position);
      budget_.take_work(from.bytes.size());
      for (const Position position : from.bytes) items_.push_back({position, item.node});
      for (const Call& call : from.calls) enter(call, item.node);
      if (from.is_end)
        for_returns(network_.at(item.position).rule, item.node,
                    [&](const Item& back) { reach(back); });
    }
    // Callers before the called: a group's entries are all known when it is its turn.
    while (!entered_.empty() && budget_.is_kept()) {
      const auto last = std::prev(entered_.end());
      const std::uint32_t group = last->first;
      std::vector<Entry> entries = std::move(last->second);
      entered_.erase(last);
      const Node node = intern_node(group, std::move(entries));
      budget_.take_work(tables_->group(group).bytes.size());
      for (const Position position : tables_->group(group).bytes)
        items_.push_back({position, node});
      for (const Call& call : tables_->group(group).calls) enter(call, node);
    }
    return budget_.is_kept() ? intern_state() : kDead;
  }

  Node intern_node(std::uint32_t group, std::vector<Entry> entries) {
    std::sort(entries.begin(), entries.end());
    entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
    words_.assign(1, group);
    for (const Entry& entry : entries)
      words_.insert(words_.end(), {entry.rule, entry.back.position, entry.back.node});
    const std::size_t hash = hash_of(words_);
    const auto [begin, end] = node_numbers_.equal_range(hash);
    for (auto it = begin; it != end; ++it)
      if (nodes_[it->second].group == group && nodes_[it->second].entries == entries)
        return it->second;
    budget_.take_cells(8 + entries.size() * 3 / 2 + tables_->group(group).rules.size() * 2);
    const Node node = static_cast<Node>(nodes_.size());
    nodes_.push_back({group, std::move(entries), {}});
    node_numbers_.emplace(hash, node);
    find_shortest(node);
    return node;
  }

  const Shortest& shortest(Rule rule, Node node) const {
    return nodes_[node].shortest[tables_->place_in_group(rule)];
  }

  std::uint64_t bytes_from(const Item& item) const {
    if (item.position == Network::kDone) return 0;
    const std::uint64_t after = shortest(network_.at(item.position).rule, item.node).bytes;
    return after == UINT64_MAX ? after : after + network_.at(item.position).bytes;
  }

  // Bellman and Ford's: from each of the group's rules' ends to the end of the text.
  void find_shortest(Node node) {
    const NetworkTables::Group& group = tables_->group(nodes_[node].group);
    nodes_[node].shortest.resize(group.rules.size());
    for (bool has_changed = true; has_changed;) {
      has_changed = false;
      for (const Rule rule : group.rules)
        for_returns(rule, node, [&](const Item& back) {
          const std::uint64_t bytes = bytes_from(back);
          Shortest& known = nodes_[node].shortest[tables_->place_in_group(rule)];
          budget_.take_work(1);
          if (bytes >= known.bytes) return;
          known = {bytes, back};
          has_changed = true;
        });
    }
  }

  State intern_state() {
    if (items_.empty() && !is_complete_) return kDead;
    std::sort(items_.begin(), items_.end());
    items_.erase(std::unique(items_.begin(), items_.end()), items_.end());
    words_.assign(1, is_complete_ ? 1 : 0);
    for (const Item& item : items_) words_.insert(words_.end(), {item.position, item.node});
    const std::size_t hash = hash_of(words_);
    const auto [begin, end] = state_numbers_.equal_range(hash);
    for (auto it = begin; it != end; ++it)
      if (states_[it->second].is_complete == is_complete_ && states_[it->second].items == items_)
        return it->second;
    if (!budget_.take_cells(12 + items_.size())) return kDead;
    std::uint64_t completion = UINT64_MAX;
    for (const Item& item : items_) completion = std::min(completion, bytes_from(item));
    states_.push_back({items_, is_complete_, completion, {}, {}});
    state_numbers_.emplace(hash, static_cast<State>(states_.size() - 1));
    return static_cast<State>(states_.size() - 1);
  }

  const Network network_;
  const NetworkLimits limits_;
  NetworkBudget budget_;
  std::optional<NetworkTables> tables_;

  std::vector<NodeInfo> nodes_;  // 0: what calls the root
  std::vector<StateInfo> states_;
  std::unordered_multimap<std::size_t, Node> node_numbers_;
  std::unordered_multimap<std::size_t, State> state_numbers_;
  State start_ = kDead;

  // The set that is being made.
  std::vector<Item> reached_;
  std::unordered_set<std::uint64_t> seen_;
  std::map<std::uint32_t, std::vector<Entry>> entered_;  // by group
  std::vector<Item> items_;
  std::vector<std::uint32_t> words_;
  bool is_complete_ = false;
};

}  // namespace

Result<std::shared_ptr<Grammar>> network_grammar(Network network, Network::Rule root,
                                                 const NetworkLimits& limits) {
  CONDUIT_TRY_STATUS(network.finish(root, limits));
  auto grammar = std::make_shared<NetworkGrammar>(std::move(network), root, limits);
  CONDUIT_TRY_STATUS(grammar->health());
  return std::shared_ptr<Grammar>(std::move(grammar));
}

}  // namespace conduit::mdl
