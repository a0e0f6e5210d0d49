// The first and the last characters of expressions: what is left of one when they are limited. So a
// condition on them needs no intersection.
#include <algorithm>

#include "mdl/regex_expressions.h"

namespace conduit::mdl {

namespace {

using Id = Expressions::Id;

// Deeper expressions keep their intersections: the language is the same.
constexpr std::uint16_t kMaxLimitedDepth = 300;

}  // namespace

// The set of a condition on the first character alone: [a-z] and then any text.
std::optional<Id> Expressions::first_character(Id id) const {
  const auto [head, tail] = split(id);
  if (tail != kText || facts_[head].kind != Kind::set || words(head)[0] != 0) return std::nullopt;
  return head;
}

bool Expressions::is_simple(Id id) const {
  return facts_[id].is_plain && facts_[id].depth < kMaxLimitedDepth;
}

// The texts of `id`, which is simple, whose first character is in `first`.
Id Expressions::beginning_with(Id id, const CodePoints& first) {
  const std::vector<std::uint32_t> parts(words(id).begin(), words(id).end());
  switch (facts_[id].kind) {
    case Kind::set: return set(intersect(points(id), first));
    case Kind::concat: {
      std::vector<Id> members;
      bool may_begin_later = true;
      for (; facts_[id].kind == Kind::concat && may_begin_later;) {
        const auto [head, tail] = split(id);
        members.push_back(concat(beginning_with(head, first), tail));
        may_begin_later = facts_[head].is_nullable;
        id = tail;
      }
      if (may_begin_later) members.push_back(beginning_with(id, first));
      return any_of(std::move(members));
    }
    case Kind::any_of: {
      std::vector<Id> members;
      for (const Id part : parts) members.push_back(beginning_with(part, first));
      return any_of(std::move(members));
    }
    case Kind::repeat: {
      const std::uint32_t min = parts[1] == 0 ? 0 : parts[1] - 1;
      const std::uint32_t max = parts[2] == kUnbounded ? kUnbounded : parts[2] - 1;
      return concat(beginning_with(parts[0], first), repeat(parts[0], min, max));
    }
    default: return kNothing;
  }
}

// The texts of `id` whose last character is in `last`.
Id Expressions::ending_in(Id id, const CodePoints& last) {
  if (!facts_[id].is_plain) return all_of({id, concat(kText, set(last))});
  const std::vector<Id> parts(words(id).begin(), words(id).end());
  switch (facts_[id].kind) {
    case Kind::set: return set(intersect(points(id), last));
    case Kind::concat: {
      std::vector<Id> heads;
      for (; facts_[id].kind == Kind::concat; id = words(id)[1]) heads.push_back(words(id)[0]);
      Id out = ending_in(id, last);
      bool may_end_before = facts_[id].is_nullable;
      for (std::size_t i = heads.size(); i-- > 0;) {
        out = concat(heads[i], out);
        if (!may_end_before) continue;
        out = any_of({out, ending_in(heads[i], last)});
        may_end_before = facts_[heads[i]].is_nullable;
      }
      return out;
    }
    case Kind::any_of: {
      std::vector<Id> members;
      for (const Id part : parts) members.push_back(ending_in(part, last));
      return any_of(std::move(members));
    }
    case Kind::repeat: {
      const std::uint32_t min = parts[1] == 0 ? 0 : parts[1] - 1;
      const std::uint32_t max = parts[2] == kUnbounded ? kUnbounded : parts[2] - 1;
      return concat(repeat(parts[0], min, max), ending_in(parts[0], last));
    }
    default: return kNothing;
  }
}

}  // namespace conduit::mdl
