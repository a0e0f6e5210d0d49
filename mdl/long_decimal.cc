// Reading, comparing, dividing, spelling.
#include "mdl/long_decimal.h"

#include <algorithm>
#include <charconv>

namespace conduit::mdl {
namespace {

int compare_magnitudes(const LongDecimal& a, const LongDecimal& b) {
  if (a.mantissa == 0 || b.mantissa == 0)
    return static_cast<int>(a.mantissa != 0) - static_cast<int>(b.mantissa != 0);
  const int a_digits = digits(a.mantissa), b_digits = digits(b.mantissa);
  if (a_digits + a.exponent != b_digits + b.exponent)
    return a_digits + a.exponent < b_digits + b.exponent ? -1 : 1;
  const Uint128 x = a.mantissa * powers()[static_cast<std::size_t>(38 - a_digits)];
  const Uint128 y = b.mantissa * powers()[static_cast<std::size_t>(38 - b_digits)];
  return x < y ? -1 : x > y ? 1 : 0;
}

std::string text_of(Uint128 value) {
  std::string text;
  do text.insert(text.begin(), static_cast<char>('0' + static_cast<int>(value % 10)));
  while ((value /= 10) != 0);
  return text;
}

}  // namespace

const std::array<Uint128, 39>& powers() {
  static const auto table = [] {
    std::array<Uint128, 39> powers{};
    powers[0] = 1;
    for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
    return powers;
  }();
  return table;
}

int digits(Uint128 value) {
  int count = 0;
  while (count < 38 && powers()[static_cast<std::size_t>(count)] <= value) ++count;
  return count;
}

LongDecimal normal(bool is_negative, Uint128 mantissa, int exponent) {
  if (mantissa == 0) return {};
  while (mantissa % 10 == 0) {
    mantissa /= 10;
    ++exponent;
  }
  return {is_negative, mantissa, exponent};
}

int compare(const LongDecimal& a, const LongDecimal& b) {
  if (a.is_negative != b.is_negative) return a.is_negative ? -1 : 1;
  return a.is_negative ? compare_magnitudes(b, a) : compare_magnitudes(a, b);
}

std::optional<LongDecimal> LongDecimal::parse(std::string_view text) {
  const Beginning parts(text);
  if (!parts.is_number()) return std::nullopt;
  std::string_view whole = parts.whole, fraction = parts.fraction;
  while (!whole.empty() && whole.front() == '0') whole.remove_prefix(1);
  while (!fraction.empty() && fraction.back() == '0') fraction.remove_suffix(1);
  int exponent = 0;
  if (parts.has_power) {
    const std::string_view power = parts.power.front() == '+' ? parts.power.substr(1) : parts.power;
    const auto read = std::from_chars(power.data(), power.data() + power.size(), exponent);
    if (read.ec != std::errc() || exponent < -100'000 || exponent > 100'000) return std::nullopt;
  }
  exponent -= static_cast<int>(fraction.size());
  std::string all(whole);
  all += fraction;
  while (!all.empty() && all.back() == '0') {
    all.pop_back();
    ++exponent;
  }
  all.erase(0, std::min(all.find_first_not_of('0'), all.size()));
  if (all.size() > 37) return std::nullopt;
  Uint128 mantissa = 0;
  for (const char c : all) mantissa = mantissa * 10 + static_cast<unsigned>(c - '0');
  return normal(parts.is_negative, mantissa, exponent);
}

std::optional<LongDecimal> LongDecimal::of(const json::Value& number) {
  return parse(json::dump(number));
}

bool LongDecimal::is_multiple_of(const LongDecimal& step) const {
  if (mantissa == 0) return true;
  int shift = exponent - step.exponent;  // this / step = mantissa / step.mantissa × 10^shift
  if (shift >= 0) {
    Uint128 divisor = step.mantissa;
    // Twos and fives of the divisor are met by the tens.
    for (int i = 0; i < shift && divisor % 10 == 0; ++i) divisor /= 10;
    for (int i = 0, rest = shift; i < rest && divisor % 2 == 0; ++i) divisor /= 2;
    for (int i = 0, rest = shift; i < rest && divisor % 5 == 0; ++i) divisor /= 5;
    return mantissa % divisor == 0;
  }
  shift = -shift;
  if (shift > 37 || step.mantissa > ~Uint128{0} / powers()[static_cast<std::size_t>(shift)])
    return false;
  return mantissa % (step.mantissa * powers()[static_cast<std::size_t>(shift)]) == 0;
}

std::string LongDecimal::key() const {
  return (is_negative ? "-" : "") + text_of(mantissa) + "e" + std::to_string(exponent);
}

std::vector<std::string> spellings(const LongDecimal& number) {
  std::vector<std::string> texts;
  const std::string sign = number.is_negative ? "-" : "", mantissa = text_of(number.mantissa);
  const int order = digits(number.mantissa) + number.exponent;  // digits in front of the point
  if (number.mantissa == 0) return {"0", "0.0", "-0", "-0.0"};
  if (number.exponent >= 0 && order <= 40) {
    texts.push_back(sign + mantissa + std::string(static_cast<std::size_t>(number.exponent), '0'));
    texts.push_back(texts.back() + ".0");
  } else if (number.exponent < 0 && order > 0) {
    texts.push_back(sign + mantissa.substr(0, static_cast<std::size_t>(order)) + "." +
                    mantissa.substr(static_cast<std::size_t>(order)));
  } else if (number.exponent < 0 && order > -20) {
    texts.push_back(sign + "0." + std::string(static_cast<std::size_t>(-order), '0') + mantissa);
  }
  std::string fraction = mantissa.substr(1);
  const int power = order - 1;
  const std::string power_text = std::to_string(power < 0 ? -power : power);
  const std::string begin =
      sign + mantissa.substr(0, 1) + (fraction.empty() ? "" : "." + fraction) + "e";
  texts.push_back(begin + (power < 0 ? "-" : "+") + (power_text.size() < 2 ? "0" : "") +
                  power_text);
  texts.push_back(begin + (power < 0 ? "-" : "") + power_text);
  return texts;
}

}  // namespace conduit::mdl
