// Character properties as sorted runs of code points. Data only; python_text.h asks the questions.
#pragma once

#include <cstdint>
#include <span>

namespace conduit::kernels::jinja {

// first, first + stride, …, last.
struct Range {
  std::uint32_t first, last, stride;
};

// The same run, each with a counterpart `distance` away.
struct Shift {
  std::uint32_t first, last, stride;
  std::int32_t distance;
};

// A character whose counterpart is several: ß → SS.
struct Expansion {
  std::uint32_t from;
  const char32_t* to;
};

extern const std::span<const Range> kUnprintable, kAlphabetic, kDecimal, kDigit, kNumeric, kUpper,
    kLower;
extern const std::span<const Shift> kToUpper, kToLower, kToTitle;
extern const std::span<const Expansion> kExpandedUpper, kExpandedTitle;

}  // namespace conduit::kernels::jinja
