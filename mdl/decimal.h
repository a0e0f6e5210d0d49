// Numbers of JSON as the decimals they were written as, for exact comparison and division. The
// idea: a double stands for the shortest decimal that reads as it, so 0.07 is seven hundredths and
// a multiple of 0.01; integers of 64 bits are themselves. Every number is then ±mantissa ×
// 10^exponent in 64 bits, and nothing is rounded.
#pragma once

#include <compare>
#include <cstdint>

#include "mdl/base/json.h"

namespace conduit::mdl {

struct Decimal {
  bool is_negative = false;
  std::uint64_t mantissa = 0;  // no multiple of 10; 0 for zero, then the rest is false and 0
  int exponent = 0;

  bool is_integer() const { return exponent >= 0; }
};

// Of a finite number.
Decimal decimal(const json::Value& number);
std::strong_ordering compare(const Decimal& a, const Decimal& b);
// Whether a / b is an integer; b is not zero.
bool is_multiple(const Decimal& a, const Decimal& b);

}  // namespace conduit::mdl
