// Passes over rising ranges.
#include "mdl/code_points.h"

#include <algorithm>

namespace conduit::mdl {

namespace {

constexpr CodeRange kSurrogates{0xD800, 0xDFFF};

void push(CodePoints& out, CodeRange range) {
  if (range.low > range.high) return;
  if (!out.empty() && range.low <= out.back().high + 1)
    out.back().high = std::max(out.back().high, range.high);
  else
    out.push_back(range);
}

}  // namespace

CodePoints joined(std::vector<CodeRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const CodeRange& a, const CodeRange& b) { return a.low < b.low; });
  CodePoints out;
  for (const CodeRange& range : ranges) push(out, range);
  return out;
}

CodePoints code_points(std::vector<CodeRange> ranges) {
  return subtract(intersect(joined(std::move(ranges)), {{0, kMaxCodePoint}}), {kSurrogates});
}

CodePoints unite(const CodePoints& a, const CodePoints& b) {
  std::vector<CodeRange> all = a;
  all.insert(all.end(), b.begin(), b.end());
  return joined(std::move(all));
}

CodePoints intersect(const CodePoints& a, const CodePoints& b) {
  CodePoints out;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    push(out, {std::max(a[i].low, b[j].low), std::min(a[i].high, b[j].high)});
    a[i].high < b[j].high ? ++i : ++j;
  }
  return out;
}

CodePoints subtract(const CodePoints& a, const CodePoints& b) {
  CodePoints out;
  std::size_t j = 0;
  for (CodeRange range : a) {
    while (j < b.size() && b[j].high < range.low) ++j;
    for (std::size_t k = j; k < b.size() && b[k].low <= range.high; ++k) {
      if (b[k].low > range.low) out.push_back({range.low, b[k].low - 1});
      range.low = b[k].high + 1;
    }
    if (range.low <= range.high) out.push_back(range);
  }
  return out;
}

CodePoints negate(const CodePoints& set) {
  return subtract(code_points({{0, kMaxCodePoint}}), set);
}

bool contains(const CodePoints& set, std::uint32_t code_point) {
  const auto above = std::upper_bound(
      set.begin(), set.end(), code_point,
      [](std::uint32_t value, const CodeRange& range) { return value < range.low; });
  return above != set.begin() && code_point <= std::prev(above)->high;
}

}  // namespace conduit::mdl
