// What may follow a byte: Brzozowski's rules, with shared parts visited once a call. A concat is
// followed along its tail in a loop and not by recursion, since literals are long.
#include <algorithm>

#include "mdl/regex_expressions.h"

namespace conduit::mdl {

namespace {

// A loop's expansion is not counted in its depth: this keeps the stack.
constexpr std::size_t kMaxDerivationDepth = 2000;

}  // namespace

Expressions::Id Expressions::derive(Id id, std::uint8_t byte) {
  ++mark_;
  return derive_parts(id, byte);
}

Expressions::Id Expressions::derive_parts(Id id, std::uint8_t byte) {
  const Facts facts = facts_[id];
  if (facts.kind == Kind::nothing || facts.kind == Kind::empty || !spend(1)) return kNothing;
  if (facts.kind == Kind::set) return derive_set(words(id), byte);
  if (marks_.size() < facts_.size()) {
    marks_.resize(facts_.size() * 2);
    derived_.resize(facts_.size() * 2);
  }
  if (marks_[id] == mark_) return derived_[id];
  if (++derive_depth_ > kMaxDerivationDepth)
    exhaust("nest deeper than the limit of " + std::to_string(kMaxDerivationDepth));
  // Copied: what is made on the way moves the words.
  const std::vector<std::uint32_t> parts(words(id).begin(), words(id).end());
  Id derived = kNothing;
  std::vector<Id> members;
  switch (facts.kind) {
    case Kind::concat: derived = derive_concat(id, byte); break;
    case Kind::any_of:
      for (const Id part : parts) members.push_back(derive_parts(part, byte));
      derived = any_of(std::move(members));
      break;
    case Kind::all_of:
      for (const Id part : parts) {
        members.push_back(derive_parts(part, byte));
        if (members.back() == kNothing) break;
      }
      derived = all_of(std::move(members));
      break;
    case Kind::without:
      derived = derive_parts(parts[0], byte);
      if (derived != kNothing) derived = without(derived, derive_parts(parts[1], byte));
      break;
    case Kind::repeat: {
      // Of one that matches the empty text, min is 0 (see repeat()), and what is left of the count
      // holds every smaller count.
      const Id first = derive_parts(parts[0], byte);
      if (first == kNothing) break;
      const std::uint32_t min = parts[1] == 0 ? 0 : parts[1] - 1;
      const std::uint32_t max = parts[2] == kUnbounded ? kUnbounded : parts[2] - 1;
      derived = concat(first, repeat(parts[0], min, max));
      break;
    }
    case Kind::loop: derived = derive_parts(expand_loop(parts), byte); break;
    default: break;
  }
  --derive_depth_;
  if (marks_.size() < facts_.size()) {
    marks_.resize(facts_.size() * 2);
    derived_.resize(facts_.size() * 2);
  }
  marks_[id] = mark_;
  derived_[id] = derived;
  return derived;
}

Expressions::Id Expressions::derive_concat(Id id, std::uint8_t byte) {
  std::vector<Id> members;
  while (facts_[id].kind == Kind::concat) {
    const Id head = words(id)[0];
    const Id tail = words(id)[1];
    members.push_back(concat(derive_parts(head, byte), tail));
    if (!facts_[head].is_nullable || exhausted_) return any_of(std::move(members));
    id = tail;
  }
  members.push_back(derive_parts(id, byte));
  return any_of(std::move(members));
}

Expressions::Id Expressions::derive_set(std::span<const std::uint32_t> words, std::uint8_t byte) {
  std::uint32_t rest = words[0];
  CodeRange block;  // of the values that begin with `byte`
  std::uint32_t base = 0;
  if (rest > 0) {
    if ((byte & 0xC0) != 0x80) return kNothing;
    --rest;
    base = static_cast<std::uint32_t>(byte & 0x3F) << (6 * rest);
    block = {base, base + (1u << (6 * rest)) - 1};
  } else if (byte < 0x80) {
    block = {byte, byte};
    base = byte;
  } else {
    if (byte < 0xC2 || byte > 0xF4) return kNothing;
    rest = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
    constexpr std::uint32_t kLeadBits[] = {0, 0x1F, 0x0F, 0x07};
    constexpr std::uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};  // no overlong forms
    base = (byte & kLeadBits[rest]) << (6 * rest);
    block = {std::max(base, kLeast[rest]), base + (1u << (6 * rest)) - 1};
  }
  CodePoints left;
  for (std::size_t i = 1; i < words.size(); i += 2) {
    const CodeRange range{std::max(words[i], block.low), std::min(words[i + 1], block.high)};
    if (range.low <= range.high) left.push_back({range.low - base, range.high - base});
  }
  if (left.empty()) return kNothing;
  return rest == 0 ? kEmpty : set(left, rest);
}

}  // namespace conduit::mdl
