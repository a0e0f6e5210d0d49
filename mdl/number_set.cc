// Decimals; beginnings of numbers; the intervals that their continuations fill.
#include "mdl/number_set.h"

#include <algorithm>

namespace conduit::mdl {
namespace {

constexpr int kDigits = 18;  // on each side of the point
// Of a number that is compared or divided, as readers may hold it in a double: 15 digits are the
// same there and here.
constexpr int kExactDigits = 15;
constexpr int kMaxOrder = 308;  // of a double; an integer has 18 digits however it is written
constexpr int kCandidates = 64;

LongDecimal negated(LongDecimal number) {
  if (number.mantissa != 0) number.is_negative = !number.is_negative;
  return number;
}

bool holds(const std::vector<LongDecimal>& values, const LongDecimal& number) {
  return std::any_of(values.begin(), values.end(),
                     [&](const LongDecimal& value) { return compare(value, number) == 0; });
}

// Whether it is a beginning by JSON's grammar and our lengths; sets do not matter.
bool is_well_formed(std::string_view text) {
  enum { sign, first, zero, whole, point, fraction, power, power_sign, power_digits } at = sign;
  int count = 0;
  for (const char c : text) {
    const bool is_digit = c >= '0' && c <= '9';
    if (at == sign)
      at = first;
    else if (c == '-' && at == first)
      return false;
    if (at == first && c == '-' && count == 0) {
      count = -1;
      continue;
    }
    switch (at) {
      case sign:
      case first:
        if (!is_digit) return false;
        at = c == '0' ? zero : whole;
        count = 1;
        break;
      case zero:
      case whole:
        if (is_digit && at == whole && count < kDigits)
          ++count;
        else if (c == '.')
          at = point, count = 0;
        else if (c == 'e' || c == 'E')
          at = power;
        else
          return false;
        break;
      case point:
      case fraction:
        if (is_digit && count < kDigits)
          at = fraction, ++count;
        else if (at == fraction && (c == 'e' || c == 'E'))
          at = power;
        else
          return false;
        break;
      case power:
        count = 0;
        if (c == '+' || c == '-')
          at = power_sign;
        else if (is_digit)
          at = power_digits, count = 1;
        else
          return false;
        break;
      case power_sign:
      case power_digits:
        if (!is_digit || count == 3) return false;
        at = power_digits;
        ++count;
        break;
    }
  }
  return true;
}

}  // namespace

void NumberSet::raise_low(Bound bound) {
  const int order = low ? compare(bound.value, low->value) : 1;
  if (order > 0 || (order == 0 && bound.is_strict)) low = bound;
}

void NumberSet::lower_high(Bound bound) {
  const int order = high ? compare(bound.value, high->value) : -1;
  if (order < 0 || (order == 0 && bound.is_strict)) high = bound;
}

void NumberSet::keep(const std::vector<LongDecimal>& only) {
  if (!values) {
    values = only;
    return;
  }
  std::erase_if(*values, [&](const LongDecimal& value) { return !holds(only, value); });
}

bool NumberSet::contains(const LongDecimal& number) const {
  if (low) {
    const int order = compare(number, low->value);
    if (order < 0 || (order == 0 && low->is_strict)) return false;
  }
  if (high) {
    const int order = compare(number, high->value);
    if (order > 0 || (order == 0 && high->is_strict)) return false;
  }
  if (number.is_integer() ? !has_integers : !has_fractions) return false;
  if (values && !holds(*values, number)) return false;
  if (holds(excluded, number)) return false;
  const auto divides = [&](const LongDecimal& step) { return number.is_multiple_of(step); };
  return std::all_of(multiples.begin(), multiples.end(), divides) &&
         std::none_of(not_multiples.begin(), not_multiples.end(), divides);
}

bool NumberSet::is_unbounded() const {
  return !low && !high && multiples.empty() && not_multiples.empty() && !values &&
         excluded.empty() && has_integers;
}

NumberSet NumberSet::mirrored() const {
  NumberSet set = *this;
  set.low = high;
  set.high = low;
  if (set.low) set.low->value = negated(set.low->value);
  if (set.high) set.high->value = negated(set.high->value);
  for (LongDecimal& number : set.excluded) number = negated(number);
  if (set.values) {
    for (LongDecimal& number : *set.values) number = negated(number);
  }
  return set;
}

bool NumberSet::has_between(const LongDecimal& from, const LongDecimal& below) const {
  const bool starts_at_low = low && compare(low->value, from) > 0;
  const LongDecimal begin = starts_at_low ? low->value : from;
  if (compare(begin, below) >= 0) return false;
  if (high) {
    const int order = compare(begin, high->value);
    if (order > 0) return false;
    if (order == 0) return contains(begin);
  }
  // The step of the numbers that can be in it: the least common multiple, in units of the finest.
  if (has_fractions && multiples.empty())
    return true;  // more of them than any exclusion takes away
  std::vector<LongDecimal> steps = multiples;
  if (!has_fractions) steps.push_back({false, 1, 0});
  int unit = 0;
  for (const LongDecimal& step : steps) unit = std::min(unit, step.exponent);
  Uint128 common = 1;
  for (const LongDecimal& step : steps) {
    const int shift = step.exponent - unit;
    if (shift > 20) return contains(begin);
    const Uint128 value = step.mantissa * powers()[static_cast<std::size_t>(shift)];
    Uint128 a = common, b = value;
    while (b != 0) std::swap(a %= b, b);
    if (value / a > ~Uint128{0} / common / 1000) return contains(begin);
    common = common / a * value;
  }
  // k = ceil(begin / step), then a few more for exclusions.
  Uint128 k = 0;
  const int shift = begin.exponent - unit;
  if (begin.mantissa != 0) {
    if (shift >= 0) {
      if (shift > 37 || begin.mantissa > ~Uint128{0} / powers()[static_cast<std::size_t>(shift)])
        return contains(begin);
      const Uint128 scaled = begin.mantissa * powers()[static_cast<std::size_t>(shift)];
      k = scaled / common + (scaled % common != 0 ? 1 : 0);
    } else if (-shift > 37 || common > ~Uint128{0} / powers()[static_cast<std::size_t>(-shift)]) {
      k = 1;
    } else {
      const Uint128 divisor = common * powers()[static_cast<std::size_t>(-shift)];
      k = begin.mantissa / divisor + (begin.mantissa % divisor != 0 ? 1 : 0);
    }
  }
  for (int i = 0; i < kCandidates; ++i, ++k) {
    if (k > powers()[37] / common) return false;
    const LongDecimal candidate = normal(false, k * common, unit);
    if (compare(candidate, below) >= 0 || (high && compare(candidate, high->value) > 0))
      return false;
    if (contains(candidate)) return true;
  }
  return true;
}

// Whether mantissa × 10^e is in the set for some e whose digits begin so.
bool NumberSet::has_power(const LongDecimal& mantissa, std::string_view power) const {
  const bool is_minus_only = !power.empty() && power.front() == '-',
             is_plus_only = !power.empty() && !is_minus_only;
  if (!power.empty() && (power.front() == '-' || power.front() == '+')) power.remove_prefix(1);
  const int order = digits(mantissa.mantissa) + mantissa.exponent;
  const auto fits = [&](int e) {
    if (mantissa.mantissa == 0) return e < 100 && contains(mantissa);
    if (order + e > (has_fractions ? kMaxOrder : kDigits) || order + e < -kMaxOrder) return false;
    if (!has_fractions && e < 0) return false;  // so that canonical() may forget digits
    return contains({false, mantissa.mantissa, mantissa.exponent + e});
  };
  for (int e = 0; e <= 999; ++e) {
    const std::string text = std::to_string(e);
    const std::string padded = std::string(3 - std::min<std::size_t>(3, text.size()), '0') + text;
    bool matches = false;
    for (std::size_t zeros = 0; zeros + text.size() <= 3; ++zeros) {
      matches =
          matches ||
          std::string_view(padded).substr(3 - text.size() - zeros).substr(0, power.size()) == power;
    }
    if (!matches) continue;
    if ((!is_minus_only && fits(e)) || (!is_plus_only && fits(-e))) return true;
    if (e > 2 * kMaxOrder) break;
  }
  return false;
}

bool NumberSet::is_possible(std::string_view text) const {
  if (values) {
    return std::any_of(values->begin(), values->end(), [&](const LongDecimal& value) {
      if (!contains(value)) return false;
      const auto texts = spellings(value);
      return std::any_of(texts.begin(), texts.end(), [&](const std::string& spelling) {
        return std::string_view(spelling).substr(0, text.size()) == text;
      });
    });
  }
  if (!is_well_formed(text)) return false;
  if (text.empty() || text == "-") {
    constexpr std::string_view kFirst = "0123456789-";
    return std::any_of(kFirst.begin(), kFirst.end() - (text.empty() ? 0 : 1),
                       [&](char c) { return is_possible(std::string(text) + c); });
  }
  const Beginning parts(text);
  if (parts.is_negative) return mirrored().is_possible(text.substr(1));
  const LongDecimal value = parts.magnitude();
  if (!is_unbounded() &&
      (has_fractions || !multiples.empty() || parts.has_point || parts.has_power)) {
    const int left = kExactDigits - parts.digits();
    if (left < 0 || (left == 0 && text.back() == '.')) return false;
    if (left == 0 && !parts.has_power) return contains(value) || has_power(value, "");
  }
  if (parts.has_power)
    return is_unbounded() && has_fractions ? has_power({false, value.mantissa == 0 ? 0u : 1u,
                                                        value.exponent + digits(value.mantissa)},
                                                       parts.power)
                                           : has_power(value, parts.power);
  if (is_unbounded() && has_fractions) return true;
  if (parts.has_point) {
    const int places = static_cast<int>(parts.fraction.size());
    if (places == kDigits
            ? contains(value)
            : has_between(value, normal(
                                     false,
                                     [&] {
                                       Uint128 scaled = 0;
                                       for (const char c : parts.whole)
                                         scaled = scaled * 10 + static_cast<unsigned>(c - '0');
                                       for (const char c : parts.fraction)
                                         scaled = scaled * 10 + static_cast<unsigned>(c - '0');
                                       return scaled + 1;
                                     }(),
                                     -places))) {
      return true;
    }
    return places > 0 && has_power(value, "");
  }
  Uint128 whole = 0;
  for (const char c : parts.whole) whole = whole * 10 + static_cast<unsigned>(c - '0');
  const int most = has_fractions || !multiples.empty() ? kExactDigits : kDigits;
  const int more = whole == 0 ? 0 : most - static_cast<int>(parts.whole.size());
  for (int i = 0; i <= more; ++i) {
    const Uint128 scale = powers()[static_cast<std::size_t>(i)];
    if (has_between(normal(false, whole * scale, 0), normal(false, (whole + 1) * scale, 0)))
      return true;
  }
  return has_power(value, "");
}

bool NumberSet::is_complete(std::string_view text) const {
  if (!Beginning(text).is_number() || !is_possible(text)) return false;
  const auto number = LongDecimal::parse(text);
  return number && contains(*number);
}

std::string NumberSet::canonical(std::string_view text) const {
  if (!is_unbounded()) return std::string(text);
  std::string same(text);
  bool is_fraction = false;
  for (std::size_t i = 0; i < same.size(); ++i) {
    char& c = same[i];
    if (c == 'e' || c == 'E') break;
    if (c == '.') is_fraction = true;
    const bool is_digit = c >= '0' && c <= '9';
    if (is_digit && !is_fraction && c != '0') c = '1';
    if (is_digit && !is_fraction && c == '0' && i > 0 && same[i - 1] >= '0' && same[i - 1] <= '9')
      c = '1';
    if (is_digit && is_fraction && has_fractions) c = '1';
  }
  return same;
}

std::optional<std::string> NumberSet::complete(std::string_view beginning) const {
  if (!is_possible(beginning)) return std::nullopt;
  std::string text(beginning);
  if (values) {
    std::optional<std::string> best;
    for (const LongDecimal& value : *values) {
      if (!contains(value)) continue;
      for (const std::string& spelling : spellings(value)) {
        if (std::string_view(spelling).substr(0, text.size()) == text &&
            (!best || spelling.size() - text.size() < best->size()))
          best = spelling.substr(text.size());
      }
    }
    return best;
  }
  // By length, as many beginnings side by side as may matter: all of them lead to a number.
  constexpr std::string_view kNext = "0123456789-.e+";
  constexpr std::size_t kBeginnings = 64;
  for (std::vector<std::string> texts{text}; !texts.empty();) {
    std::vector<std::string> longer;
    for (const std::string& each : texts) {
      if (is_complete(each)) return each.substr(beginning.size());
      for (const char c : kNext) {
        if (longer.size() < kBeginnings && is_possible(each + c)) longer.push_back(each + c);
      }
    }
    texts = std::move(longer);
  }
  return std::nullopt;
}

std::string NumberSet::key() const {
  std::string key;
  const auto add = [&](char name, const std::vector<LongDecimal>& numbers) {
    key += name;
    for (const LongDecimal& number : numbers) key += number.key() + ",";
  };
  if (low) add(low->is_strict ? '>' : 'g', {low->value});
  if (high) add(high->is_strict ? '<' : 'l', {high->value});
  key += has_integers ? 'i' : '-';
  key += has_fractions ? 'f' : '-';
  add('m', multiples);
  add('n', not_multiples);
  if (values) add('v', *values);
  add('x', excluded);
  return key;
}

}  // namespace conduit::mdl
