// The arena: hash-consing, and what is noted of a new expression. Normal forms and derivatives
// stand in regex_normal_forms.cc and regex_derivatives.cc.
#include "mdl/regex_expressions.h"

#include <algorithm>
#include <tuple>

#include "mdl/base/check.h"

namespace conduit::mdl {

namespace {

// Deeper recursion than this could run out of stack; real patterns stay below 50.
constexpr std::size_t kMaxDepth = 1000;

std::uint64_t add(std::uint64_t a, std::uint64_t b) {
  std::uint64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

std::uint64_t multiply(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

// Whether min to max rounds, of a to b each, come to every number between their least and most.
bool leaves_no_gap(std::uint64_t a, std::uint64_t b, std::uint64_t min, std::uint64_t max) {
  if (min == max) return true;
  if (min == 0) return a <= 1;
  return multiply(min + 1, a) <= add(multiply(min, b), 1);
}

std::uint32_t hash_of(Expressions::Kind kind, std::span<const std::uint32_t> words) {
  std::uint64_t hash = static_cast<std::uint64_t>(kind) + 0x9E3779B97F4A7C15u;
  for (const std::uint32_t word : words) {
    hash = (hash ^ word) * 0xBF58476D1CE4E5B9u;
    hash ^= hash >> 29;
  }
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

void mark(Expressions::Boundaries& boundaries, std::uint32_t byte) {
  if (byte < 256) boundaries[byte / 64] |= std::uint64_t{1} << (byte % 64);
}

// Values low to high, of which the byte `base` + (value >> shift) comes next: where it begins to
// make a difference which byte it is.
void mark_edges(Expressions::Boundaries& boundaries, CodeRange range, std::uint32_t base,
                std::uint32_t shift) {
  const std::uint32_t within = (1u << shift) - 1;
  mark(boundaries, base + (range.low >> shift));
  if ((range.low & within) != 0) mark(boundaries, base + (range.low >> shift) + 1);
  if ((range.high & within) != within) mark(boundaries, base + (range.high >> shift));
  mark(boundaries, base + (range.high >> shift) + 1);
}

struct Utf8Form {
  CodeRange points;
  std::uint32_t lead;  // the byte's fixed bits
  std::uint32_t rest;
};
constexpr std::array<Utf8Form, 4> kForms = {{{{0, 0x7F}, 0, 0},
                                             {{0x80, 0x7FF}, 0xC0, 1},
                                             {{0x800, 0xFFFF}, 0xE0, 2},
                                             {{0x10000, kMaxCodePoint}, 0xF0, 3}}};

}  // namespace

Expressions::Expressions(const Regexes::Limits& limits) : limits_(limits), table_(1024, kNothing) {
  facts_.emplace_back();
  boundaries_.push_back({1, 0, 0, 0});
  boundary_table_.assign(64, 0);
  const std::uint32_t any_character[] = {0, 0, 0xD7FF, 0xE000, kMaxCodePoint};
  const std::uint32_t text[] = {kAnyCharacter, 0, kUnbounded};
  make(Kind::empty, {});
  // kText is made of kAnyCharacter, whose number is larger: describe() needs it first.
  facts_.resize(4);
  facts_[kAnyCharacter] = describe(Kind::set, any_character);
  facts_[kText] = describe(Kind::repeat, text);
  for (const auto& [id, words] :
       {std::pair{kText, std::span<const std::uint32_t>(text)},
        std::pair{kAnyCharacter, std::span<const std::uint32_t>(any_character)}}) {
    facts_[id].first = static_cast<std::uint32_t>(words_.size());
    facts_[id].count = static_cast<std::uint32_t>(words.size());
    words_.insert(words_.end(), words.begin(), words.end());
  }
  grow_table();
}

bool Expressions::spend(std::size_t steps) {
  work_ += steps;
  if (work_ > limits_.work)
    exhaust("takes more than the limit of " + std::to_string(limits_.work) + " steps of work");
  return !exhausted_;
}

void Expressions::exhaust(std::string reason) {
  if (!exhausted_)
    exhausted_ = Error{Code::exhausted, "the regular expressions: " + std::move(reason) +
                                            "; make them simpler, or their counts smaller"};
}

void Expressions::grow_table() {
  table_.assign(table_.size() * 2, kNothing);
  for (Id id = 1; id < facts_.size(); ++id) {
    std::size_t slot = hash_of(facts_[id].kind, words(id)) & (table_.size() - 1);
    while (table_[slot] != kNothing) slot = (slot + 1) & (table_.size() - 1);
    table_[slot] = id;
  }
}

Expressions::Id Expressions::make(Kind kind, std::span<const std::uint32_t> words) {
  if (exhausted_) return kNothing;
  std::size_t slot = hash_of(kind, words) & (table_.size() - 1);
  for (; table_[slot] != kNothing; slot = (slot + 1) & (table_.size() - 1)) {
    const Id found = table_[slot];
    if (facts_[found].kind == kind && std::ranges::equal(this->words(found), words)) return found;
  }
  if (facts_.size() >= limits_.expressions) {
    exhaust("have more than the limit of " + std::to_string(limits_.expressions) + " states");
    return kNothing;
  }
  if (!spend(1 + words.size())) return kNothing;
  Facts facts = describe(kind, words);
  if (facts.depth > kMaxDepth) {
    exhaust("nest deeper than the limit of " + std::to_string(kMaxDepth));
    return kNothing;
  }
  facts.first = static_cast<std::uint32_t>(words_.size());
  facts.count = static_cast<std::uint32_t>(words.size());
  words_.insert(words_.end(), words.begin(), words.end());
  const Id id = static_cast<Id>(facts_.size());
  facts_.push_back(facts);
  table_[slot] = id;
  if (facts_.size() * 2 > table_.size()) grow_table();
  return id;
}

Expressions::Facts Expressions::describe(Kind kind, std::span<const std::uint32_t> words) {
  Facts facts;
  facts.kind = kind;
  facts.boundaries = intern(boundaries_of(kind, words));
  const auto part = [&](std::size_t i) -> const Facts& { return facts_[words[i]]; };
  switch (kind) {
    case Kind::nothing: facts.is_inhabited = facts.has_every_length = false; break;
    case Kind::empty: facts.is_nullable = true; break;
    case Kind::set: {
      const bool is_whole = words[0] == 0;
      facts.min_points = facts.max_points = is_whole ? 1 : 0;
      facts.min_bytes = words[0];
      if (is_whole)
        for (const Utf8Form& form : kForms)
          if (words[1] >= form.points.low) facts.min_bytes = form.rest + 1;
      break;
    }
    case Kind::concat:
      facts.is_nullable = part(0).is_nullable && part(1).is_nullable;
      facts.is_plain = part(0).is_plain && part(1).is_plain;
      facts.is_inhabited = part(0).is_inhabited && part(1).is_inhabited;
      facts.has_every_length = part(0).has_every_length && part(1).has_every_length;
      facts.depth = std::max<std::uint16_t>(part(0).depth + 1, part(1).depth);
      facts.min_points = add(part(0).min_points, part(1).min_points);
      facts.min_bytes = add(part(0).min_bytes, part(1).min_bytes);
      facts.max_points = add(part(0).max_points, part(1).max_points);
      break;
    case Kind::any_of:
    case Kind::all_of: describe_members(facts, words); break;
    case Kind::without:
      facts = part(0);
      facts.kind = kind;
      facts.boundaries = intern(boundaries_of(kind, words));
      facts.is_nullable &= !part(1).is_nullable;
      facts.is_plain = facts.is_inhabited = facts.has_every_length = false;
      facts.depth = std::max(part(0).depth, part(1).depth) + 1;
      break;
    case Kind::repeat:
      facts.is_nullable = words[1] == 0;
      facts.is_plain = part(0).is_plain;
      facts.is_inhabited = part(0).is_inhabited || words[1] == 0;
      facts.has_every_length =
          part(0).has_every_length &&
          leaves_no_gap(part(0).min_points, part(0).max_points, words[1], words[2]);
      facts.depth = part(0).depth + 1;
      facts.min_points = multiply(part(0).min_points, words[1]);
      facts.min_bytes = multiply(part(0).min_bytes, words[1]);
      facts.max_points = words[2] == kUnbounded ? kEndless : multiply(part(0).max_points, words[2]);
      break;
    case Kind::loop:
      facts.is_plain = facts.is_inhabited = facts.has_every_length = false;
      facts.max_points = kEndless;
      break;
  }
  return facts;
}

void Expressions::describe_members(Facts& facts, std::span<const std::uint32_t> members) const {
  const bool is_union = facts.kind == Kind::any_of;
  const auto [kind, boundaries] = std::pair(facts.kind, facts.boundaries);
  facts = facts_[members[0]];
  facts.kind = kind;
  facts.boundaries = boundaries;
  facts.is_plain &= is_union;
  facts.depth = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> lengths;
  for (const Id id : members) {
    const Facts& member = facts_[id];
    facts.depth = std::max<std::uint16_t>(facts.depth, member.depth + 1);
    facts.has_every_length &= member.has_every_length;
    lengths.emplace_back(member.min_points, member.max_points);
    if (is_union) {
      facts.is_nullable |= member.is_nullable;
      facts.is_plain &= member.is_plain;
      facts.is_inhabited |= member.is_inhabited;
      if (std::tie(member.min_points, member.min_bytes) <
          std::tie(facts.min_points, facts.min_bytes)) {
        facts.min_points = member.min_points;
        facts.min_bytes = member.min_bytes;
      }
      facts.max_points = std::max(facts.max_points, member.max_points);
    } else {
      facts.is_nullable &= member.is_nullable;
      facts.min_points = std::max(facts.min_points, member.min_points);
      facts.min_bytes = std::max(facts.min_bytes, member.min_bytes);
      facts.max_points = std::min(facts.max_points, member.max_points);
    }
  }
  if (is_union) {
    std::sort(lengths.begin(), lengths.end());
    std::uint64_t reached = lengths[0].second;
    for (const auto& [min, max] : lengths) {
      facts.has_every_length &= min <= add(reached, 1);
      reached = std::max(reached, max);
    }
    return;
  }
  // all_of() has seen to it that a count of characters and the lengths of the other overlap.
  const auto is_count = [&](Id id) {
    return facts_[id].kind == Kind::repeat && words(id)[0] == kAnyCharacter;
  };
  const bool is_counted = members.size() == 2 && (is_count(members[0]) || is_count(members[1]));
  facts.has_every_length &= is_counted;
  facts.is_inhabited = facts.has_every_length;
}

Expressions::Boundaries Expressions::boundaries_of(Kind kind,
                                                   std::span<const std::uint32_t> words) const {
  Boundaries all = {1, 0, 0, 0};
  const auto merge = [&](Id id) {
    const Boundaries& part = boundaries_[facts_[id].boundaries];
    for (std::size_t i = 0; i < all.size(); ++i) all[i] |= part[i];
  };
  switch (kind) {
    case Kind::nothing:
    case Kind::empty: break;
    case Kind::set:
      for (std::size_t i = 1; i < words.size(); i += 2) {
        const CodeRange range{words[i], words[i + 1]};
        if (words[0] > 0) mark_edges(all, range, 0x80, 6 * (words[0] - 1));
        if (words[0] > 0) continue;
        for (const Utf8Form& form : kForms) {
          const CodeRange part{std::max(range.low, form.points.low),
                               std::min(range.high, form.points.high)};
          if (part.low <= part.high) mark_edges(all, part, form.lead, 6 * form.rest);
        }
      }
      break;
    case Kind::concat:
      merge(words[0]);
      if (facts_[words[0]].is_nullable) merge(words[1]);
      break;
    case Kind::repeat: merge(words[0]); break;
    case Kind::any_of:
    case Kind::all_of:
    case Kind::without:
      for (const Id word : words) merge(word);
      break;
    case Kind::loop:
      for (const Id word : words.subspan(1, words[0])) merge(word);
      break;
  }
  return all;
}

std::uint32_t Expressions::intern(const Boundaries& boundaries) {
  const auto hash = [](const Boundaries& of) {
    return (of[0] * 3 + of[1] * 0x9E3779B97F4A7C15u + of[2] * 7 + of[3] * 0xBF58476D1CE4E5B9u) *
               0x94D049BB133111EBu >>
           32;
  };
  std::size_t slot = hash(boundaries) & (boundary_table_.size() - 1);
  for (; boundary_table_[slot] != 0; slot = (slot + 1) & (boundary_table_.size() - 1))
    if (boundaries_[boundary_table_[slot]] == boundaries) return boundary_table_[slot];
  const auto index = static_cast<std::uint32_t>(boundaries_.size());
  boundaries_.push_back(boundaries);
  boundary_table_[slot] = index;
  if (boundaries_.size() * 2 > boundary_table_.size()) {
    boundary_table_.assign(boundary_table_.size() * 2, 0);
    for (std::uint32_t i = 1; i < boundaries_.size(); ++i) {
      slot = hash(boundaries_[i]) & (boundary_table_.size() - 1);
      while (boundary_table_[slot] != 0) slot = (slot + 1) & (boundary_table_.size() - 1);
      boundary_table_[slot] = i;
    }
  }
  return index;
}

CodePoints Expressions::points(Id id) const {
  CodePoints out;
  const auto all = words(id);
  for (std::size_t i = 1; i < all.size(); i += 2) out.push_back({all[i], all[i + 1]});
  return out;
}

Expressions::Id Expressions::loop(std::span<const std::uint32_t> words, bool is_nullable) {
  const Id id = make(Kind::loop, words);
  if (id != kNothing) facts_[id].is_nullable = is_nullable;
  return id;
}

}  // namespace conduit::mdl
