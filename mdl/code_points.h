// CodePoints: a set of Unicode scalar values, as classes of regular expressions are. The idea:
// rising ranges that neither touch nor hold a surrogate, so that equal sets are equal vectors and
// every operation is one pass.
#pragma once

#include <cstdint>
#include <vector>

namespace conduit::mdl {

struct CodeRange {
  std::uint32_t low = 0;
  std::uint32_t high = 0;  // included
  bool operator==(const CodeRange&) const = default;
};
using CodePoints = std::vector<CodeRange>;

inline constexpr std::uint32_t kMaxCodePoint = 0x10FFFF;

// Sorts and joins.
CodePoints joined(std::vector<CodeRange> ranges);
// The same, without surrogates and what is no code point: for every set made by hand.
CodePoints code_points(std::vector<CodeRange> ranges);
CodePoints unite(const CodePoints& a, const CodePoints& b);
CodePoints intersect(const CodePoints& a, const CodePoints& b);
CodePoints negate(const CodePoints& set);
CodePoints subtract(const CodePoints& a, const CodePoints& b);
bool contains(const CodePoints& set, std::uint32_t code_point);

}  // namespace conduit::mdl
