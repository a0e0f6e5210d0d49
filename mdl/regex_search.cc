// Best-first searches over derivatives.
#include "mdl/regex_search.h"

#include <algorithm>
#include <bit>
#include <queue>
#include <tuple>
#include <unordered_set>

#include "mdl/base/utf8.h"

namespace conduit::mdl {

namespace {

// The longest text that is written out to complete another.
constexpr std::uint64_t kMaxShortestBytes = std::uint64_t{1} << 20;
// Work that is spent on the best answer before a good one will do: for max_points() an upper bound,
// for shortest() the text at the end of the way that looks shortest at every step.
constexpr std::size_t kMaxWork = 50'000;

// Which character to write when any of several would do: letters, then what needs no escape in
// JSON.
int rank_of(std::uint32_t byte) {
  if (byte >= 'a' && byte <= 'z') return 0;
  if (byte >= '0' && byte <= '9') return 1;
  if (byte >= 'A' && byte <= 'Z') return 2;
  if (byte > ' ' && byte < 0x7F && byte != '"' && byte != '\\') return 3;
  return byte >= ' ' && byte != 0x7F ? 4 : 5;
}

// Of low to high, below 0x80.
std::uint32_t nicest(std::uint32_t low, std::uint32_t high) {
  std::uint32_t best = low;
  for (const std::uint32_t first : {'a', '0', 'A', '!'})
    for (const std::uint32_t candidate : {std::max(low, first), high})
      if (candidate <= high && rank_of(candidate) < rank_of(best)) best = candidate;
  return best;
}

// A byte that begins a character.
bool is_lead(std::uint8_t byte) { return (byte & 0xC0) != 0x80; }

}  // namespace

RegexSearch::Life& RegexSearch::life(Id id) {
  if (lives_.size() <= id) lives_.resize(expressions_.size() + id);
  return lives_[id];
}

std::vector<std::pair<std::uint8_t, RegexSearch::Id>> RegexSearch::next(Id id) {
  const Expressions::Boundaries boundaries =
      expressions_.boundaries(expressions_.facts(id).boundaries);
  std::vector<std::uint32_t> begins;
  for (std::uint32_t word = 0; word < boundaries.size(); ++word)
    for (std::uint64_t bits = boundaries[word]; bits != 0; bits &= bits - 1)
      begins.push_back(word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits)));
  begins.push_back(256);
  std::vector<std::pair<std::uint8_t, Id>> out;
  for (std::size_t i = 0; i + 1 < begins.size() && !expressions_.exhausted(); ++i) {
    const std::uint32_t byte =
        begins[i] < 0x80 ? nicest(begins[i], std::min(begins[i + 1] - 1, 0x7Fu)) : begins[i];
    const Id to = expressions_.derive(id, static_cast<std::uint8_t>(byte));
    if (to != Regexes::kNothing) out.emplace_back(static_cast<std::uint8_t>(byte), to);
  }
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return rank_of(a.first) < rank_of(b.first);
  });
  return out;
}

bool RegexSearch::is_alive(Id id) {
  const auto is_known_alive = [&](Id at) {
    const Expressions::Facts& facts = expressions_.facts(at);
    return at != Regexes::kNothing &&
           (facts.is_inhabited || facts.is_nullable || life(at) == Life::alive);
  };
  if (id == Regexes::kNothing || life(id) == Life::dead) return false;
  if (is_known_alive(id)) return true;
  std::unordered_map<Id, Id> came_from = {{id, id}};
  // By the least that must still come; first come, first served.
  using Entry = std::tuple<std::uint64_t, std::size_t, Id>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> waiting;
  waiting.emplace(0, 0, id);
  while (!waiting.empty()) {
    const Id at = std::get<Id>(waiting.top());
    waiting.pop();
    for (const auto& [byte, to] : next(at)) {
      if (is_known_alive(to)) {
        life(to) = Life::alive;
        for (Id back = at;; back = came_from.at(back)) {
          life(back) = Life::alive;
          if (back == id) return true;
        }
      }
      if (life(to) == Life::dead || !came_from.emplace(to, at).second) continue;
      waiting.emplace(expressions_.facts(to).min_points, came_from.size(), to);
    }
    if (expressions_.exhausted()) return false;
  }
  for (const auto& [dead, from] : came_from) life(dead) = Life::dead;
  return false;
}

void RegexSearch::append_shortest(Id id, std::string& out) {
  using Kind = Expressions::Kind;
  while (expressions_.facts(id).kind == Kind::concat) {
    append_shortest(expressions_.words(id)[0], out);
    id = expressions_.words(id)[1];
  }
  const auto words = expressions_.words(id);
  switch (expressions_.facts(id).kind) {
    case Kind::set: {
      const std::uint32_t low = words[1];
      std::uint32_t best = low;
      for (std::size_t i = 1; i < words.size() && words[i] < 0x80 && words[0] == 0; i += 2) {
        const std::uint32_t candidate = nicest(words[i], std::min(words[i + 1], 0x7Fu));
        if (rank_of(candidate) < rank_of(best)) best = candidate;
      }
      if (words[0] == 0) {
        utf8::append(out, best);
        break;
      }
      for (std::uint32_t left = words[0]; left-- > 0;)
        out += static_cast<char>(0x80 | ((low >> (6 * left)) & 0x3F));
      break;
    }
    case Kind::any_of: {
      const auto cost = [&](Id member) {
        const Expressions::Facts& facts = expressions_.facts(member);
        return std::pair(facts.min_points, facts.min_bytes);
      };
      append_shortest(
          *std::ranges::min_element(words, [&](Id a, Id b) { return cost(a) < cost(b); }), out);
      break;
    }
    case Kind::repeat: {
      const std::size_t before = out.size();
      if (words[1] == 0) break;
      append_shortest(words[0], out);
      const std::string one = out.substr(before);
      for (std::uint32_t i = 1; i < words[1] && !one.empty(); ++i) out += one;
      break;
    }
    default: break;
  }
}

std::optional<RegexSearch::Cost> RegexSearch::known_cost(Id id) const {
  const Expressions::Facts& facts = expressions_.facts(id);
  if (facts.is_nullable) return Cost{};
  if (facts.is_plain) return Cost{facts.min_points, facts.min_bytes};
  if (const auto way = ways_.find(id); way != ways_.end()) return way->second.cost;
  return std::nullopt;
}

// A* over the states behind `id`, until one is met whose cost is known.
void RegexSearch::search(Id id) {
  struct Step {
    Id from = 0;
    std::uint8_t byte = 0;
    Cost cost;  // so far
  };
  std::unordered_map<Id, Step> best;
  // The whole's cost at best; order (what was found last first, as it is nearest to the end);
  // state; whether its cost is known.
  using Entry = std::tuple<Cost, std::size_t, Id, bool>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> waiting;
  std::size_t order = SIZE_MAX;
  bool is_least = true;
  const std::size_t enough = expressions_.work() + kMaxWork;
  const auto offer = [&](Id to, const Step& step, std::size_t number) {
    const auto [at, is_new] = best.try_emplace(to, step);
    if (!is_new) {
      if (at->second.cost <= step.cost) return;
      at->second = step;
    }
    const auto known = known_cost(to);
    const std::uint64_t least = expressions_.facts(to).min_points;
    const Cost to_come = known.value_or(Cost{least, least});  // a code point has a byte at least
    Cost expected{step.cost.points + to_come.points, step.cost.bytes + to_come.bytes};
    if (const auto way = ways_.find(to); way != ways_.end()) is_least &= way->second.is_least;
    // Past the budget, what was walked so far no longer counts.
    if (expressions_.work() > enough) {
      expected = known ? Cost{} : to_come;
      is_least = false;
    }
    waiting.emplace(expected, number, to, known.has_value());
  };
  offer(id, {id, 0, {}}, order);
  while (!waiting.empty() && !expressions_.exhausted()) {
    const auto [expected, number, at, is_done] = waiting.top();
    waiting.pop();
    if (is_done) {
      Cost cost = *known_cost(at);
      for (Id to = at; to != id; to = best.at(to).from) {
        const Step& step = best.at(to);
        cost = {cost.points + (is_lead(step.byte) ? 1 : 0), cost.bytes + 1};
        ways_.try_emplace(step.from, Way{step.byte, to, cost, is_least});
      }
      return;
    }
    const Cost so_far = best.at(at).cost;
    const auto ways = next(at);
    order -= ways.size();
    for (std::size_t i = 0; i < ways.size(); ++i) {
      const auto& [byte, to] = ways[i];
      offer(to, {at, byte, {so_far.points + (is_lead(byte) ? 1 : 0), so_far.bytes + 1}}, order + i);
    }
  }
}

std::optional<RegexSearch::Cost> RegexSearch::cost(Id id) {
  if (id == Regexes::kNothing) return std::nullopt;
  if (const auto known = known_cost(id)) return known;
  if (!is_alive(id)) return std::nullopt;
  search(id);
  return known_cost(id);
}

std::optional<std::string> RegexSearch::shortest(Id id) {
  const auto whole = cost(id);
  if (!whole) return std::nullopt;
  if (whole->bytes > kMaxShortestBytes) {
    expressions_.exhaust("ask for a text longer than the limit of " +
                         std::to_string(kMaxShortestBytes) + " bytes");
    return std::nullopt;
  }
  std::string text;
  while (!expressions_.facts(id).is_nullable && !expressions_.facts(id).is_plain) {
    const Way& way = ways_.at(id);
    text += static_cast<char>(way.byte);
    id = way.to;
  }
  if (!expressions_.facts(id).is_nullable) append_shortest(id, text);
  return text;
}

std::uint64_t RegexSearch::min_points(Id id) {
  if (expressions_.facts(id).has_every_length) return expressions_.facts(id).min_points;
  const auto least = cost(id);
  const auto way = ways_.find(id);
  if (!least || (way != ways_.end() && !way->second.is_least))
    return expressions_.facts(id).min_points;
  return least->points;
}

std::uint64_t RegexSearch::max_points(Id id) {
  const Expressions::Facts facts = expressions_.facts(id);
  if (facts.is_plain || facts.has_every_length || !is_alive(id)) return facts.max_points;
  if (const auto known = max_points_.find(id); known != max_points_.end()) return known->second;
  // Depth first: every state is alive, so a circle has no end, and otherwise the longest way is
  // known when the state is left.
  struct Frame {
    Id id;
    std::vector<std::pair<std::uint8_t, Id>> next;
    std::size_t at = 0;
    std::uint64_t longest = 0;
  };
  std::vector<Frame> stack;
  std::unordered_set<Id> open = {id};
  stack.push_back({id, next(id)});
  const std::size_t enough = expressions_.work() + kMaxWork;
  while (true) {
    Frame& top = stack.back();
    if (expressions_.exhausted() || expressions_.work() > enough)
      return max_points_[id] = facts.max_points;
    if (top.at == top.next.size()) {
      max_points_[top.id] = top.longest;
      if (stack.size() == 1) return top.longest;
      open.erase(top.id);
      stack.pop_back();
      continue;  // its parent sees it as known
    }
    const auto [byte, to] = top.next[top.at];
    std::optional<std::uint64_t> longest;
    if (const auto& behind = expressions_.facts(to); behind.is_plain || behind.has_every_length)
      longest = behind.max_points;
    if (const auto known = max_points_.find(to); known != max_points_.end())
      longest = known->second;
    if (open.contains(to)) longest = Expressions::kEndless;
    if (!longest && !is_alive(to)) {
      ++top.at;
      continue;
    }
    if (longest == Expressions::kEndless) return max_points_[id] = Expressions::kEndless;
    if (longest) {
      top.longest = std::max(top.longest, *longest + (is_lead(byte) ? 1 : 0));
      ++top.at;
      continue;
    }
    open.insert(to);
    stack.push_back({to, next(to)});
  }
}

}  // namespace conduit::mdl
