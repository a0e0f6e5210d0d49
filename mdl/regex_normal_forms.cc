// Constructors of expressions: each brings its parts into the normal form, so that what is equal
// for plain reasons is the same number.
#include <algorithm>
#include <map>

#include "mdl/base/utf8.h"
#include "mdl/regex_expressions.h"

namespace conduit::mdl {

namespace {

// Common beginnings deeper than this stay where they are: the language is the same.
constexpr std::uint16_t kMaxDrawnDepth = 300;
constexpr std::size_t kMaxDrawing =
    300;  // characters that unions have in common, each a level of recursion

using Id = Expressions::Id;

void sort_unique(std::vector<Id>& ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
}

}  // namespace

Id Expressions::set(const CodePoints& points, std::uint32_t rest) {
  if (points.empty()) return kNothing;
  std::vector<std::uint32_t> words = {rest};
  for (const CodeRange& range : points) {
    words.push_back(range.low);
    words.push_back(range.high);
  }
  return make(Kind::set, words);
}

Id Expressions::literal(std::string_view text) {
  if (!utf8::is_valid(text)) return kNothing;
  std::vector<std::uint32_t> characters;
  while (!text.empty()) {
    const utf8::Character character = utf8::read(text);
    characters.push_back(character.code_point);
    text.remove_prefix(character.length);
  }
  Id out = kEmpty;
  for (std::size_t i = characters.size(); i-- > 0;)
    out = concat(set({{characters[i], characters[i]}}), out);
  return out;
}

std::pair<Id, Id> Expressions::split(Id id) const {
  if (facts_[id].kind != Kind::concat) return {id, kEmpty};
  return {words(id)[0], words(id)[1]};
}

Id Expressions::concat(Id head, Id tail) {
  if (head == kNothing || tail == kNothing) return kNothing;
  if (head == kEmpty) return tail;
  if (tail == kEmpty) return head;
  std::vector<Id> heads;  // head, apart
  while (facts_[head].kind == Kind::concat) {
    heads.push_back(words(head)[0]);
    head = words(head)[1];
  }
  heads.push_back(head);
  for (std::size_t i = heads.size(); i-- > 0 && tail != kNothing;) {
    const auto [next, behind] = split(tail);
    if (facts_[heads[i]].kind == Kind::repeat && facts_[next].kind == Kind::repeat &&
        words(heads[i])[0] == words(next)[0]) {
      const auto a = words(heads[i]);
      const auto b = words(next);
      const std::uint64_t min = std::uint64_t{a[1]} + b[1];
      const std::uint64_t max = std::uint64_t{a[2]} + b[2];
      const bool is_endless = a[2] == kUnbounded || b[2] == kUnbounded;
      if (min < kUnbounded && (is_endless || max < kUnbounded)) {
        const Id both = repeat(a[0], static_cast<std::uint32_t>(min),
                               is_endless ? kUnbounded : static_cast<std::uint32_t>(max));
        const std::uint32_t pair[] = {both, behind};
        tail = behind == kEmpty ? both : make(Kind::concat, pair);
        continue;
      }
    }
    const std::uint32_t pair[] = {heads[i], tail};
    tail = make(Kind::concat, pair);
  }
  return tail;
}

Id Expressions::repeat(Id what, std::uint32_t min, std::uint32_t max) {
  if (what == kNothing) return min == 0 ? kEmpty : kNothing;
  if (what == kEmpty || max == 0) return kEmpty;
  if (facts_[what].is_nullable) {
    min = 0;
    if (facts_[what].kind == Kind::any_of && words(what)[0] == kEmpty) {
      const auto members = words(what).subspan(1);
      what = any_of(std::vector<Id>(members.begin(), members.end()));
    }
  }
  if (min == 1 && max == 1) return what;
  if (min == 0 && max == 1) return any_of({kEmpty, what});
  if (facts_[what].kind == Kind::repeat) {
    // r{a,b}{min,max} is r{a*min,b*max} when no count between is left out.
    const std::uint64_t a = words(what)[1];
    const std::uint64_t b = words(what)[2];
    const bool is_endless = max == kUnbounded || b == kUnbounded;
    const bool is_closed = b == kUnbounded ? min > 0 || a <= 1
                           : min == max    ? true
                           : min == 0      ? a <= 1
                                           : (min + 1) * a <= min * b + 1;
    const std::uint64_t low = a * min;
    const std::uint64_t high = b * max;
    if (is_closed && low < kUnbounded && (is_endless || high < kUnbounded))
      return repeat(words(what)[0], static_cast<std::uint32_t>(low),
                    is_endless ? kUnbounded : static_cast<std::uint32_t>(high));
  }
  const std::uint32_t parts[] = {what, min, max};
  return make(Kind::repeat, parts);
}

// Sets at the same place are one set; of an intersection it may be empty, which shows as kNothing.
void Expressions::join_sets(std::vector<Id>& members, bool is_union) {
  const auto is_set = [&](Id id) { return facts_[id].kind == Kind::set; };
  if (std::count_if(members.begin(), members.end(), is_set) < 2) return;
  std::map<std::uint32_t, CodePoints> sets;  // by the bytes that are left
  for (const Id id : members) {
    if (!is_set(id)) continue;
    const auto [at, is_new] = sets.try_emplace(words(id)[0], points(id));
    if (!is_new)
      at->second = is_union ? unite(at->second, points(id)) : intersect(at->second, points(id));
  }
  std::erase_if(members, is_set);
  for (const auto& [rest, points] : sets) members.push_back(set(points, rest));
}

// r{2,3}x | r{4,9}x is r{2,9}x.
void Expressions::join_repeats(std::vector<Id>& members) {
  struct Counted {
    Id what, tail;
    std::uint32_t min, max;
    auto operator<=>(const Counted&) const = default;
  };
  std::vector<Counted> counted;
  std::vector<Id> others;
  for (const Id id : members) {
    const auto [head, tail] = split(id);
    if (facts_[head].kind == Kind::repeat)
      counted.push_back({words(head)[0], tail, words(head)[1], words(head)[2]});
    else
      others.push_back(id);
  }
  if (counted.size() < 2) return;
  std::sort(counted.begin(), counted.end());
  std::vector<Counted> joined;
  for (const Counted& next : counted) {
    if (!joined.empty()) {
      Counted& last = joined.back();
      if (last.what == next.what && last.tail == next.tail &&
          (last.max == kUnbounded || next.min <= last.max + 1)) {
        last.max = std::max(last.max, next.max);
        continue;
      }
    }
    joined.push_back(next);
  }
  if (joined.size() == counted.size()) return;
  for (const Counted& one : joined)
    others.push_back(concat(repeat(one.what, one.min, one.max), one.tail));
  members = std::move(others);
}

// xa | xb | x is x(a|b|).
void Expressions::draw_out_heads(std::vector<Id>& members) {
  std::vector<std::pair<Id, Id>> pairs;  // head, tail
  for (const Id id : members) {
    if (facts_[id].depth > kMaxDrawnDepth) return;
    if (id != kEmpty) pairs.push_back(split(id));
  }
  std::sort(pairs.begin(), pairs.end());
  const auto same_head = [](const auto& a, const auto& b) { return a.first == b.first; };
  if (std::adjacent_find(pairs.begin(), pairs.end(), same_head) == pairs.end()) return;
  if (drawing_ >= kMaxDrawing) return;  // as good, but not in the shortest form
  ++drawing_;
  std::vector<Id> out;
  if (members.front() == kEmpty) out.push_back(kEmpty);
  for (std::size_t i = 0; i < pairs.size();) {
    std::vector<Id> tails;
    const Id head = pairs[i].first;
    for (; i < pairs.size() && pairs[i].first == head; ++i) tails.push_back(pairs[i].second);
    out.push_back(concat(head, any_of(std::move(tails))));
  }
  --drawing_;
  members = std::move(out);
}

Id Expressions::any_of(std::vector<Id> members) {
  std::vector<Id> flat;
  for (const Id id : members) {
    if (facts_[id].kind == Kind::any_of)
      flat.insert(flat.end(), words(id).begin(), words(id).end());
    else if (id != kNothing)
      flat.push_back(id);
  }
  sort_unique(flat);
  if (flat.size() > 1) {
    if (!spend(flat.size())) return kNothing;
    if (std::binary_search(flat.begin(), flat.end(), kText)) return kText;
    join_sets(flat, true);
    join_repeats(flat);
    sort_unique(flat);
    draw_out_heads(flat);
    // What was drawn out may be a union itself, or nothing when a limit was reached.
    for (const Id id : flat)
      if (facts_[id].kind == Kind::any_of) return any_of(std::move(flat));
    std::erase(flat, kNothing);
    sort_unique(flat);
    const auto is_nullable = [&](Id id) { return id != kEmpty && facts_[id].is_nullable; };
    if (!flat.empty() && flat[0] == kEmpty && std::any_of(flat.begin(), flat.end(), is_nullable))
      flat.erase(flat.begin());
  }
  if (flat.empty()) return kNothing;
  return flat.size() == 1 ? flat[0] : make(Kind::any_of, flat);
}

// Inside a character: the set of its rest, and what comes behind it. kNothing: another form.
std::pair<Id, Id> Expressions::split_rest(Id id) const {
  const auto [head, tail] = split(id);
  if (facts_[head].kind != Kind::set || words(head)[0] == 0) return {kNothing, kNothing};
  return {head, tail};
}

// Counts of any characters are one count, which is left out where the others keep it anyway.
void Expressions::join_counts(std::vector<Id>& members) {
  std::uint32_t least = 0;
  std::uint32_t most = kUnbounded;
  std::uint64_t others_min = 0;
  std::uint64_t others_max = kEndless;
  std::vector<Id> kept;
  for (const Id id : members) {
    const Facts& facts = facts_[id];
    if (facts.kind == Kind::repeat && words(id)[0] == kAnyCharacter) {
      least = std::max(least, words(id)[1]);
      most = std::min(most, words(id)[2]);
      continue;
    }
    others_min = std::max(others_min, facts.min_points);
    others_max = std::min(others_max, facts.max_points);
    kept.push_back(id);
  }
  const bool is_kept_anyway =
      !kept.empty() && others_min >= least && (most == kUnbounded || others_max <= most);
  if (!is_kept_anyway) kept.push_back(repeat(kAnyCharacter, least, most));
  sort_unique(kept);
  members = std::move(kept);
}

// A condition on the first character goes into another member where that is simple.
bool Expressions::limit_first(std::vector<Id>& members) {
  const auto condition =
      std::ranges::find_if(members, [&](Id id) { return first_character(id).has_value(); });
  if (condition == members.end()) return false;
  const auto limited =
      std::ranges::find_if(members, [&](Id id) { return id != *condition && is_simple(id); });
  if (limited == members.end()) return false;
  *limited = beginning_with(*limited, points(*first_character(*condition)));
  members.erase(condition);
  return true;
}

// Inside a character its rest is told apart from what follows, which is then the same for all
// characters. kNothing: another form.
Id Expressions::tell_rest_apart(const std::vector<Id>& members) {
  if (members.size() < 2) return kNothing;
  CodePoints rest = {{0, kMaxCodePoint}};
  std::vector<Id> tails;
  std::uint32_t bytes = 0;
  for (const Id id : members) {
    const auto [head, tail] = split_rest(id);
    if (head == kNothing) return kNothing;
    bytes = words(head)[0];
    rest = intersect(rest, points(head));
    tails.push_back(tail);
  }
  return concat(set(rest, bytes), all_of(std::move(tails)));
}

Id Expressions::all_of(std::vector<Id> members) {
  std::vector<Id> flat;
  std::vector<Id> excluded;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const Id id = members[i];
    const std::vector<Id> parts(words(id).begin(), words(id).end());
    switch (facts_[id].kind) {
      case Kind::nothing: return kNothing;
      case Kind::all_of: flat.insert(flat.end(), parts.begin(), parts.end()); break;
      case Kind::without:
        members.push_back(parts[0]);
        excluded.push_back(parts[1]);
        break;
      default: flat.push_back(id);
    }
  }
  if (!spend(members.size())) return kNothing;
  join_sets(flat, false);
  sort_unique(flat);
  if (!flat.empty() && flat[0] == kNothing) return kNothing;

  std::uint64_t min = 0;
  std::uint64_t max = kEndless;
  bool is_nullable = true;
  for (const Id id : flat) {
    min = std::max(min, facts_[id].min_points);
    max = std::min(max, facts_[id].max_points);
    is_nullable &= facts_[id].is_nullable;
  }
  const bool has_empty = std::ranges::find(flat, kEmpty) != flat.end();
  if (min > max || (has_empty && !is_nullable)) return kNothing;
  if (has_empty) return without(kEmpty, any_of(std::move(excluded)));
  join_counts(flat);
  if (limit_first(flat)) return without(all_of(std::move(flat)), any_of(std::move(excluded)));
  const Id rest = tell_rest_apart(flat);
  const Id all = rest != kNothing ? rest : flat.size() == 1 ? flat[0] : make(Kind::all_of, flat);
  return without(all, any_of(std::move(excluded)));
}

Id Expressions::without(Id what, Id but_not) {
  if (what == kNothing || what == but_not || but_not == kText) return kNothing;
  if (but_not == kNothing) return what;
  if (what == kEmpty) return facts_[but_not].is_nullable ? kNothing : kEmpty;
  const Kind kind = facts_[what].kind;
  const Kind not_kind = facts_[but_not].kind;
  if (facts_[what].max_points < facts_[but_not].min_points ||
      facts_[what].min_points > facts_[but_not].max_points)
    return what;
  if (kind == Kind::without) return without(words(what)[0], any_of({words(what)[1], but_not}));
  if (not_kind == Kind::without && words(but_not)[0] == kText)
    return all_of({what, words(but_not)[1]});
  if (kind == Kind::set && not_kind == Kind::set && words(what)[0] == words(but_not)[0])
    return set(subtract(points(what), points(but_not)), words(what)[0]);
  if (const auto first = first_character(but_not); first && is_simple(what)) {
    const Id other = beginning_with(what, negate(points(*first)));
    return facts_[what].is_nullable ? any_of({kEmpty, other}) : other;
  }
  if (kind == Kind::any_of) {
    std::vector<Id> members(words(what).begin(), words(what).end());
    for (Id& member : members) member = without(member, but_not);
    return any_of(std::move(members));
  }
  if (const auto [rest, tail] = split_rest(what); rest != kNothing)
    if (const auto [other, other_tail] = split_rest(but_not); other == rest)
      return concat(rest, without(tail, other_tail));
  if (not_kind == Kind::any_of && std::ranges::binary_search(words(but_not), what)) return kNothing;
  const std::uint32_t parts[] = {what, but_not};
  return make(Kind::without, parts);
}

}  // namespace conduit::mdl
