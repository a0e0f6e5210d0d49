// Numbers and text, padded.
#include "kernels/model/jinja/format_spec.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "kernels/model/jinja/printing.h"
#include "kernels/model/jinja/python_text.h"
#include "mdl/base/utf8.h"

namespace conduit::kernels::jinja {

namespace {

constexpr std::size_t kLargestNumber = std::size_t{1} << 31;

bool is_align(char32_t c) { return c == '<' || c == '>' || c == '=' || c == '^'; }

bool take(std::string_view& text, std::string_view any_of, char& taken) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  taken = text.front();
  text.remove_prefix(1);
  return true;
}

std::string digits_of(Integer magnitude, int base, bool is_upper) {
  static constexpr char kLower[] = "0123456789abcdef", kUpper[] = "0123456789ABCDEF";
  std::string digits;
  do {
    const int digit = static_cast<int>(magnitude % base);
    digits += (is_upper ? kUpper : kLower)[digit < 0 ? -digit : digit];
    magnitude /= base;
  } while (magnitude != 0);
  std::reverse(digits.begin(), digits.end());
  return digits;
}

std::string grouped(const std::string& digits, char separator, std::size_t group) {
  std::string out;
  const std::size_t whole =
      std::min(digits.find_first_not_of("0123456789abcdefABCDEF"), digits.size());
  for (std::size_t i = 0; i < whole; ++i) {
    if (i > 0 && (whole - i) % group == 0) out += separator;
    out += digits[i];
  }
  return out + digits.substr(whole);
}

// Sign and prefix stay left of zeros that fill.
Result<std::string> pad_number(Runtime& runtime, std::string prefix, std::string digits,
                               const FormatSpec& spec) {
  if (spec.align != '=')
    return pad(runtime, prefix + digits, spec.width, spec.align == 0 ? '>' : spec.align, spec.fill);
  const std::size_t width = spec.width > prefix.size() ? spec.width - prefix.size() : 0;
  CONDUIT_TRY(auto padded, pad(runtime, digits, width, '>', spec.fill));
  return prefix + padded;
}

std::string sign_of(bool is_negative, const FormatSpec& spec) {
  if (is_negative) return "-";
  return spec.sign == '-' ? "" : std::string(1, spec.sign);
}

Result<std::string> format_integer(Runtime& runtime, Integer value, const FormatSpec& spec) {
  int base = 10;
  std::string prefix;
  switch (spec.type) {
    case 'b': base = 2; break;
    case 'o': base = 8; break;
    case 'x':
    case 'X': base = 16; break;
  }
  if (spec.is_alternate && base != 10) prefix = std::string("0") + spec.type;
  std::string digits = digits_of(value, base, spec.type == 'X');
  if (spec.precision && digits.size() < *spec.precision) {  // of %.5d
    CONDUIT_TRY_STATUS(runtime.allow_text(*spec.precision));
    digits.insert(0, *spec.precision - digits.size(), '0');
  }
  if (spec.grouping != 0) digits = grouped(digits, spec.grouping, base == 10 ? 3 : 4);
  return pad_number(runtime, sign_of(value < 0, spec) + prefix, std::move(digits), spec);
}

// C's printf knows the types; '%' is ours.
Result<std::string> float_digits(Runtime& runtime, double magnitude, const FormatSpec& spec) {
  if (spec.type == 0 && !spec.precision) return float_text(magnitude);
  const std::size_t precision = spec.precision.value_or(6);
  CONDUIT_TRY_STATUS(runtime.allow_text(precision));
  const bool is_percent = spec.type == '%';
  std::string format = spec.is_alternate ? "%#.*" : "%.*";
  format += is_percent ? 'f' : spec.type == 0 || spec.type == 'n' ? 'g' : spec.type;
  if (is_percent) magnitude *= 100;
  std::string digits(precision + 400, '\0');  // the largest double has 309 digits before the point
  digits.resize(static_cast<std::size_t>(std::snprintf(digits.data(), digits.size(), format.c_str(),
                                                       static_cast<int>(precision), magnitude)));
  if (spec.type == 0 && digits.find_first_of(".en") == std::string::npos) digits += ".0";
  return is_percent ? digits + "%" : digits;
}

Result<std::string> format_real(Runtime& runtime, double value, const FormatSpec& spec) {
  const bool is_negative = std::signbit(value) && !std::isnan(value);
  CONDUIT_TRY(std::string digits, float_digits(runtime, std::fabs(value), spec));
  if (spec.grouping != 0) digits = grouped(digits, spec.grouping, 3);
  return pad_number(runtime, sign_of(is_negative, spec), std::move(digits), spec);
}

Result<std::string> format_text(Runtime& runtime, const std::string& text, const FormatSpec& spec) {
  std::string shown = text;
  if (spec.precision && *spec.precision < count_code_points(text))
    shown = encode(decode(text).substr(0, *spec.precision));
  return pad(runtime, shown, spec.width, spec.align == 0 ? '<' : spec.align, spec.fill);
}

Result<std::string> format_character(Runtime& runtime, Integer code, const FormatSpec& spec) {
  const bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < 0 || code > 0x10FFFF || is_surrogate) return failure("%c arg not in range(0x110000)");
  std::string character;
  utf8::append(character, static_cast<char32_t>(code));
  return format_text(runtime, character, spec);
}

bool is_type(char type, std::string_view types) {
  return types.find(type) != std::string_view::npos;
}

}  // namespace

Result<std::optional<std::size_t>> take_number(std::string_view& text) {
  std::optional<std::size_t> number;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    number = number.value_or(0) * 10 + static_cast<std::size_t>(text.front() - '0');
    if (*number > kLargestNumber) return failure("Too many decimal digits in format string");
    text.remove_prefix(1);
  }
  return number;
}

Result<FormatSpec> parse_format_spec(std::string_view text) {
  FormatSpec spec;
  const std::u32string characters = decode(text.substr(0, 8));
  if (characters.size() > 1 && is_align(characters[1])) {
    spec.fill = characters[0];
    std::string fill;
    utf8::append(fill, spec.fill);
    text.remove_prefix(fill.size());
  }
  take(text, "<>=^", spec.align);
  take(text, "+- ", spec.sign);
  char ignored = 0;
  spec.is_alternate = take(text, "#", ignored);
  if (take(text, "0", ignored) && spec.align == 0) {
    spec.fill = '0';
    spec.align = '=';
  }
  CONDUIT_TRY(const auto width, take_number(text));
  spec.width = width.value_or(0);
  take(text, ",_", spec.grouping);
  if (take(text, ".", ignored)) {
    CONDUIT_TRY(spec.precision, take_number(text));
    if (!spec.precision) return failure("Format specifier missing precision");
  }
  take(text, "bcdeEfFgGnosxX%", spec.type);
  if (!text.empty()) return failure("Invalid format specifier");
  return spec;
}

Result<std::string> pad(Runtime& runtime, std::string_view text, std::size_t width, char align,
                        char32_t fill) {
  CONDUIT_TRY_STATUS(runtime.allow_text(std::max(text.size(), width * (fill < 0x80 ? 1 : 4))));
  const std::size_t length = count_code_points(text);
  if (width <= length) return std::string(text);
  const std::size_t missing = width - length;
  const std::size_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  std::string padded;
  for (std::size_t i = 0; i < left; ++i) utf8::append(padded, fill);
  padded += text;
  for (std::size_t i = left; i < missing; ++i) utf8::append(padded, fill);
  return padded;
}

Result<std::string> format_value(Runtime& runtime, const Value& value, const FormatSpec& spec) {
  const std::string type(type_name(value));
  if (const std::string* text = value.string()) {
    if (spec.align == '=') return failure("'=' alignment not allowed in string format specifier");
    if (spec.type == 0 || spec.type == 's') return format_text(runtime, *text, spec);
  } else if (!value.is_number()) {
    return failure("unsupported format string passed to " + type + ".__format__");
  }
  if (const auto integer = value.integer()) {
    if (spec.type == 'c') return format_character(runtime, *integer, spec);
    if (spec.type == 0 || is_type(spec.type, "bdoxXn"))
      return format_integer(runtime, *integer, spec);
  }
  if (const auto real = value.number(); real && (spec.type == 0 || is_type(spec.type, "eEfFgG%n")))
    return format_real(runtime, *real, spec);
  return failure("Unknown format code '" + std::string(1, spec.type) + "' for object of type '" +
                 type + "'");
}

}  // namespace conduit::kernels::jinja
