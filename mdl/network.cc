// Building a network, and Knuth's shortest derivations in it ("A generalization of Dijkstra's
// algorithm", 1977): a position is final when no shorter text can be found any more, a call when
// its rule and what follows are.
#include "mdl/network.h"

#include <algorithm>
#include <map>
#include <queue>

#include "mdl/base/utf8.h"

namespace conduit::mdl {

namespace {

using Position = Network::Position;
using ByteRange = std::pair<std::uint8_t, std::uint8_t>;
using Sequence = std::vector<ByteRange>;  // a character's bytes

std::string encode(char32_t code_point) {
  std::string out;
  utf8::append(out, code_point);
  return out;
}

// Of equally short texts one that can be read.
char pleasant(const Network::Edge& edge) {
  for (const char byte : {'a', '0', ' '})
    if (edge.low <= byte && byte <= edge.high) return byte;
  return static_cast<char>(edge.low);
}

// The ranges of bytes that are the UTF-8 of low..high: cut where lengths change, and then so that
// behind a byte that varies all continuations vary fully.
void append_sequences(char32_t low, char32_t high, std::vector<Sequence>& out) {
  if (low > high) return;
  for (const char32_t last : {0x7Fu, 0x7FFu, 0xD7FFu, 0xDFFFu, 0xFFFFu}) {
    if (low > last || high <= last) continue;
    append_sequences(low, last, out);
    return append_sequences(last + 1, high, out);
  }
  if (low >= 0xD800 && high <= 0xDFFF) return;  // surrogates
  const std::size_t length = encode(low).size();
  for (std::size_t i = 1; i < length; ++i) {
    const char32_t varying = (char32_t{1} << 6 * i) - 1;
    if ((low & ~varying) == (high & ~varying)) continue;
    const char32_t cut = (low & varying) != 0 ? low | varying : (high & ~varying) - 1;
    if ((low & varying) == 0 && (high & varying) == varying) continue;
    append_sequences(low, cut, out);
    return append_sequences(cut + 1, high, out);
  }
  const std::string from = encode(low), to = encode(high);
  Sequence sequence;
  for (std::size_t i = 0; i < length; ++i)
    sequence.emplace_back(static_cast<std::uint8_t>(from[i]), static_cast<std::uint8_t>(to[i]));
  out.push_back(std::move(sequence));
}

}  // namespace

Network::Network() { places_.push_back({Kind::end, kNever}); }

Network::Rule Network::add_rule(std::string name) {
  rules_.push_back({std::move(name)});
  return static_cast<Rule>(rules_.size() - 1);
}

Position Network::add(Kind kind, std::uint32_t first, std::uint32_t count) {
  places_.push_back({kind, rule_, 0, 0, first, count});
  return static_cast<Position>(places_.size() - 1);
}

Position Network::begin(Rule rule) {
  rule_ = rule;
  return add(Kind::end, 0, 0);
}

Position Network::text(std::string_view bytes, Position next) {
  for (std::size_t i = bytes.size(); i-- > 0;) {
    const auto byte = static_cast<std::uint8_t>(bytes[i]);
    edges_.push_back({byte, byte, next});
    next = add(Kind::bytes, static_cast<std::uint32_t>(edges_.size() - 1), 1);
  }
  return next;
}

Position Network::character(std::span<const CodeRange> ranges, Position next) {
  std::vector<Sequence> sequences;
  for (const auto& [low, high] : ranges) append_sequences(low, high, sequences);
  // Equal ends of sequences are one position.
  std::map<Sequence, Position> ends = {{{}, next}};
  std::vector<Edge> edges;
  for (const Sequence& sequence : sequences) {
    for (std::size_t i = sequence.size() - 1; i > 0; --i) {
      const Sequence end(sequence.begin() + static_cast<std::ptrdiff_t>(i), sequence.end());
      if (ends.contains(end)) continue;
      edges_.push_back({end[0].first, end[0].second, ends.at({end.begin() + 1, end.end()})});
      ends[end] = add(Kind::bytes, static_cast<std::uint32_t>(edges_.size() - 1), 1);
    }
    edges.push_back(
        {sequence[0].first, sequence[0].second, ends.at({sequence.begin() + 1, sequence.end()})});
  }
  const auto first = static_cast<std::uint32_t>(edges_.size());
  edges_.insert(edges_.end(), edges.begin(), edges.end());
  return add(Kind::bytes, first, static_cast<std::uint32_t>(edges.size()));
}

Position Network::call(Rule rule, Position next) {
  const Position position = add(Kind::call, 0, 0);
  places_[position].callee = rule;
  places_[position].next = next;
  return position;
}

Position Network::either(std::span<const Position> positions) {
  const auto first = static_cast<std::uint32_t>(targets_.size());
  targets_.insert(targets_.end(), positions.begin(), positions.end());
  return add(Kind::split, first, static_cast<std::uint32_t>(positions.size()));
}

Position Network::fork() { return either(std::array<Position, 2>{}); }

void Network::set_fork(Position fork, Position one, Position other) {
  targets_[places_[fork].first] = one;
  targets_[places_[fork].first + 1] = other;
}

void Network::find_shortest() {
  // Who waits for a position, as a list in arrays: (waiting position, which of its edges).
  std::vector<std::vector<std::pair<Position, std::uint32_t>>> waiting(places_.size());
  for (Position p = 1; p < places_.size(); ++p) {
    const Place& place = places_[p];
    if (place.kind == Kind::call) {
      waiting[place.next].emplace_back(p, 0);
      waiting[start(place.callee)].emplace_back(p, 0);
    }
    for (std::uint32_t i = 0; i < place.count; ++i)
      waiting[place.kind == Kind::bytes ? edges_[place.first + i].next : targets_[place.first + i]]
          .emplace_back(p, i);
  }
  struct Found {
    std::uint32_t bytes;
    Position position;
    std::uint32_t shortest;
    bool operator>(const Found& other) const { return bytes > other.bytes; }
  };
  std::priority_queue<Found, std::vector<Found>, std::greater<>> queue;
  for (Position p = 1; p < places_.size(); ++p)
    if (places_[p].kind == Kind::end) queue.push({0, p, 0});
  while (!queue.empty()) {
    const Found found = queue.top();
    queue.pop();
    if (is_productive(found.position)) continue;
    places_[found.position].bytes = found.bytes;
    places_[found.position].shortest = found.shortest;
    for (const auto& [p, edge] : waiting[found.position]) {
      const Place& place = places_[p];
      std::uint64_t bytes = found.bytes;
      if (place.kind == Kind::bytes) bytes += 1;
      if (place.kind == Kind::call) {
        const Position callee = start(place.callee);
        if (!is_productive(place.next) || !is_productive(callee)) continue;
        bytes = std::uint64_t{places_[place.next].bytes} + places_[callee].bytes;
      }
      queue.push({static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, kNever - 1)), p, edge});
    }
  }
}

// Edges to what is not productive; so every walk that goes on can be completed.
void Network::prune() {
  for (Place& place : places_) {
    const auto keep = [&](auto& all, auto target_of) {
      std::uint32_t kept = 0;
      const std::uint32_t shortest = place.shortest;
      for (std::uint32_t i = 0; i < place.count; ++i) {
        const auto edge = all[place.first + i];
        if (!is_productive(target_of(edge))) continue;
        if (i == shortest) place.shortest = kept;
        all[place.first + kept++] = edge;
      }
      place.count = kept;
    };
    if (place.kind == Kind::bytes) keep(edges_, [](const Edge& edge) { return edge.next; });
    if (place.kind == Kind::split) keep(targets_, [](Position target) { return target; });
  }
}

Status Network::finish(Rule root, const NetworkLimits& limits) {
  find_shortest();
  if (!is_productive(start(root)))
    return Error{Code::invalid_argument,
                 "rule '" + name(root) +
                     "' has no complete text: each of its alternatives needs itself again or a "
                     "character class without characters"};
  for (const Place& place : places_)
    if (place.bytes != kNever && place.bytes > limits.shortest_bytes)
      return Error{Code::exhausted, "rule '" + name(place.rule) +
                                        "': the shortest text of a part has " +
                                        std::to_string(place.bytes) + " bytes, the limit is " +
                                        std::to_string(limits.shortest_bytes)};
  prune();
  return ok();
}

void Network::append_shortest(Position position, std::string& out) const {
  std::vector<Position> returns;
  for (;;) {
    const Place& place = places_[position];
    switch (place.kind) {
      case Kind::end:
        if (returns.empty()) return;
        position = returns.back();
        returns.pop_back();
        break;
      case Kind::bytes:
        out += pleasant(edges_[place.first + place.shortest]);
        position = edges_[place.first + place.shortest].next;
        break;
      case Kind::call:
        returns.push_back(place.next);
        position = start(place.callee);
        break;
      case Kind::split: position = targets_[place.first + place.shortest]; break;
    }
  }
}

}  // namespace conduit::mdl
