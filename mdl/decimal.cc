// Decimals from doubles (std::to_chars writes the shortest) and arithmetic on them in 128 bits.
#include "mdl/decimal.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace conduit::mdl {
namespace {

__extension__ using Wide = unsigned __int128;  // ISO C++ has none

Decimal normalised(bool is_negative, std::uint64_t mantissa, int exponent) {
  if (mantissa == 0) return {};
  while (mantissa % 10 == 0) {
    mantissa /= 10;
    ++exponent;
  }
  return {is_negative, mantissa, exponent};
}

Decimal of_real(double value) {
  std::array<char, 40> text;
  const char* end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific)
          .ptr;
  const char* at = text.data();
  const bool is_negative = *at == '-';
  if (is_negative) ++at;
  std::uint64_t mantissa = 0;
  int fraction = 0;
  bool is_behind_point = false;
  for (; at != end && *at != 'e'; ++at) {
    if (*at == '.') {
      is_behind_point = true;
      continue;
    }
    mantissa = mantissa * 10 + static_cast<std::uint64_t>(*at - '0');  // at most 17 digits
    fraction += is_behind_point ? 1 : 0;
  }
  int exponent = 0;
  if (at != end) ++at;
  if (at != end && *at == '+') ++at;
  std::from_chars(at, end, exponent);
  return normalised(is_negative, mantissa, exponent - fraction);
}

int digits(std::uint64_t value) {
  int count = 1;
  for (; value >= 10; value /= 10) ++count;
  return count;
}

// Of the mantissas, which are at most 20 digits long; `places` so few that the result has no more.
Wide scaled(std::uint64_t mantissa, int places) {
  Wide wide = mantissa;
  for (; places > 0; --places) wide *= 10;
  return wide;
}

std::strong_ordering compare_sizes(const Decimal& a, const Decimal& b) {
  if (a.mantissa == 0 || b.mantissa == 0) return a.mantissa <=> b.mantissa;
  const int a_top = digits(a.mantissa) + a.exponent, b_top = digits(b.mantissa) + b.exponent;
  if (a_top != b_top) return a_top <=> b_top;
  const int low = std::min(a.exponent, b.exponent);
  return scaled(a.mantissa, a.exponent - low) <=> scaled(b.mantissa, b.exponent - low);
}

}  // namespace

Decimal decimal(const json::Value& number) {
  if (number.kind() == json::Kind::real) return of_real(number.as_double());
  if (number.kind() == json::Kind::unsigned_integer) return normalised(false, number.as_uint(), 0);
  const std::int64_t value = number.as_int();
  const auto bits = static_cast<std::uint64_t>(value);
  return normalised(value < 0, value < 0 ? 0 - bits : bits, 0);
}

std::strong_ordering compare(const Decimal& a, const Decimal& b) {
  if (a.is_negative != b.is_negative)
    return a.is_negative ? std::strong_ordering::less : std::strong_ordering::greater;
  return a.is_negative ? compare_sizes(b, a) : compare_sizes(a, b);
}

bool is_multiple(const Decimal& a, const Decimal& b) {
  if (a.mantissa == 0) return true;
  // a's mantissa is no multiple of 10, so none of 10 × b's either.
  if (a.exponent < b.exponent) return false;
  Wide rest = a.mantissa % b.mantissa, power = 10 % b.mantissa;
  for (int n = a.exponent - b.exponent; n > 0; n /= 2) {
    if (n % 2 == 1) rest = rest * power % b.mantissa;
    power = power * power % b.mantissa;
  }
  return rest == 0;
}

}  // namespace conduit::mdl
