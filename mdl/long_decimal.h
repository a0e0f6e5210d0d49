// Numbers as a decoder writes them, exactly: mantissa × 10^exponent with twice the digits of
// decimal.h, as many as a text may have.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mdl/base/json.h"

namespace conduit::mdl {

__extension__ using Uint128 = unsigned __int128;

struct LongDecimal {
  bool is_negative = false;
  Uint128 mantissa = 0;  // below 10^38, no trailing zeros
  int exponent = 0;      // 0 for 0

  // Of a complete JSON number; nothing for one of too many digits.
  static std::optional<LongDecimal> parse(std::string_view text);
  static std::optional<LongDecimal> of(const json::Value& number);
  bool is_integer() const { return exponent >= 0; }
  bool is_multiple_of(const LongDecimal& step) const;  // step > 0
  std::string key() const;                             // equal numbers have equal ones
};
int compare(const LongDecimal& a, const LongDecimal& b);  // < 0, 0, > 0

// Powers of ten, to 10^38.
const std::array<Uint128, 39>& powers();
int digits(Uint128 value);  // 0 for 0
LongDecimal normal(bool is_negative, Uint128 mantissa, int exponent);
// A beginning of a JSON number, in its parts.
struct Beginning {
  bool is_negative = false, has_point = false, has_power = false;
  std::string_view whole, fraction, power;  // power: with its sign

  explicit Beginning(std::string_view text) {
    is_negative = !text.empty() && text.front() == '-';
    if (is_negative) text.remove_prefix(1);
    const std::size_t e = text.find_first_of("eE");
    has_power = e != std::string_view::npos;
    if (has_power) power = text.substr(e + 1);
    text = text.substr(0, e);
    const std::size_t point = text.find('.');
    has_point = point != std::string_view::npos;
    whole = text.substr(0, point);
    if (has_point) fraction = text.substr(point + 1);
  }
  bool is_number() const {
    return !whole.empty() && (!has_point || !fraction.empty()) &&
           (!has_power || (!power.empty() && power.back() >= '0' && power.back() <= '9'));
  }
  int digits() const {  // without leading zeros
    std::string all = std::string(whole) + std::string(fraction);
    all.erase(0, std::min(all.find_first_not_of('0'), all.size()));
    return static_cast<int>(all.size());
  }
  LongDecimal magnitude() const {  // without the power
    Uint128 value = 0;
    for (const char c : whole) value = value * 10 + static_cast<unsigned>(c - '0');
    for (const char c : fraction) value = value * 10 + static_cast<unsigned>(c - '0');
    return normal(false, value, -static_cast<int>(fraction.size()));
  }
};

// The texts in which people and programs write a number.
std::vector<std::string> spellings(const LongDecimal& number);

}  // namespace conduit::mdl
