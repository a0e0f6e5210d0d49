// The table of filters, and those that take any value.
#include "kernels/model/jinja/filters.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "kernels/model/jinja/access.h"
#include "kernels/model/jinja/format_spec.h"
#include "kernels/model/jinja/formatting.h"
#include "kernels/model/jinja/operators.h"
#include "kernels/model/jinja/printing.h"
#include "kernels/model/jinja/python_text.h"

namespace conduit::kernels::jinja {

namespace {

Result<Value> or_default(Runtime&, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound,
              Bound::bind("default", {"default_value", "boolean"}, 0, arguments));
  const bool is_missing = input.is_undefined() || (bound.truth(1, false) && !input.truth());
  if (!is_missing) return input;
  return bound.has(0) ? bound[0] : Value::text("");
}

Result<Value> absolute(Runtime&, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("abs", {}, 0, arguments));
  if (const auto integer = input.integer())
    return *integer < 0 ? unary(UnaryOperator::negate, input) : Value::integer(*integer);
  if (const auto real = input.number()) return Value::real(std::fabs(*real));
  if (input.is_undefined()) return undefined_error(input);
  return failure("bad operand type for abs(): '" + std::string(type_name(input)) + "'");
}

// int(text): digits in `base` with an optional sign, blanks around them.
std::optional<Integer> parse_integer(std::string_view text, int base) {
  text = strip(text, Side::both);
  bool is_negative = false;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    is_negative = text.front() == '-';
    text.remove_prefix(1);
  }
  const std::string_view prefix = base == 16 ? "0x" : base == 8 ? "0o" : base == 2 ? "0b" : "";
  if (!prefix.empty() && text.size() > 2 && text[0] == '0' && (text[1] | 0x20) == prefix[1])
    text.remove_prefix(2);
  if (text.empty()) return std::nullopt;
  Integer number = 0;
  for (char c : text) {
    const int digit = c >= '0' && c <= '9' ? c - '0'
                      : (c | 0x20) >= 'a'  ? (c | 0x20) - 'a' + 10
                                           : 99;
    if (digit >= base) return std::nullopt;
    if (__builtin_mul_overflow(number, Integer(base), &number) ||
        __builtin_add_overflow(number, Integer(digit), &number))
      return std::nullopt;
  }
  return is_negative ? -number : number;
}

// float(text).
std::optional<double> parse_real(std::string_view text) {
  std::string lower = to_lower(strip(text, Side::both));
  std::string_view digits = lower;
  if (!digits.empty() && digits.front() == '+') digits.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

std::optional<Integer> truncated(double real) {
  if (!(std::fabs(real) < 1e38)) return std::nullopt;
  return static_cast<Integer>(real);
}

Result<Value> to_int(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("int", {"default", "base"}, 0, arguments));
  CONDUIT_TRY(const Integer base, bound.integer(1, 10));
  std::optional<Integer> number = input.integer();
  if (const std::string* text = input.string()) {
    CONDUIT_TRY_STATUS(runtime.spend_bytes(text->size()));
    number = parse_integer(*text, static_cast<int>(std::clamp<Integer>(base, 2, 36)));
    const auto real = parse_real(*text);
    if (!number && real) number = truncated(*real);
  } else if (const auto real = input.number(); real && !number) {
    number = truncated(*real);
  }
  if (number) return Value::integer(*number);
  if (input.is_undefined()) return undefined_error(input);
  return bound.has(0) ? bound[0] : Value::integer(0);
}

Result<Value> to_float(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("float", {"default"}, 0, arguments));
  if (const auto number = input.number()) return Value::real(*number);
  if (const std::string* text = input.string()) {
    CONDUIT_TRY_STATUS(runtime.spend_bytes(text->size()));
    if (const auto number = parse_real(*text)) return Value::real(*number);
  }
  if (input.is_undefined()) return undefined_error(input);
  return bound.has(0) ? bound[0] : Value::real(0.0);
}

// round(real, digits), correctly rounded in decimal as Python's; a tie goes to the even digit.
double rounded(double value, int digits) {
  if (digits < 0) {
    const double scale = std::pow(10.0, -digits);
    return std::isinf(scale) ? 0.0 : std::nearbyint(value / scale) * scale;
  }
  if (digits > 323 || !std::isfinite(value)) return value;
  std::array<char, 700> text;
  const int length = std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  double result = value;
  std::from_chars(text.data(), text.data() + length, result);
  return result;
}

Result<Value> round_filter(Runtime&, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("round", {"precision", "method"}, 0, arguments));
  CONDUIT_TRY(const Integer precision, bound.integer(0, 0));
  CONDUIT_TRY(const std::string method, bound.text(1, "common"));
  if (method != "common" && method != "ceil" && method != "floor")
    return failure("method must be common, ceil or floor");
  if (input.is_undefined()) return undefined_error(input);
  const auto number = input.number();
  if (!number)
    return failure("type " + std::string(type_name(input)) + " doesn't define __round__ method");
  const int digits = static_cast<int>(std::clamp<Integer>(precision, -400, 400));
  if (method == "common") {
    const auto integer = input.integer();
    if (!integer) return Value::real(rounded(*number, digits));
    if (digits >= 0) return Value::integer(*integer);
    return Value::integer(truncated(rounded(*number, digits)).value_or(0));
  }
  const double scale = std::pow(10.0, digits);
  return Value::real((method == "ceil" ? std::ceil(*number * scale) : std::floor(*number * scale)) /
                     scale);
}

Result<Value> to_string(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("string", {}, 0, arguments));
  if (input.string() != nullptr) return input;
  CONDUIT_TRY(auto text, str(runtime, input));
  return Value::text(std::move(text));
}

Result<std::optional<std::string>> json_indent(Runtime& runtime, const Value& given) {
  if (given.is_none()) return std::optional<std::string>();
  if (const std::string* text = given.string()) return std::optional(*text);
  const auto width = given.integer();
  if (!width)
    return failure("'" + std::string(type_name(given)) +
                   "' object cannot be interpreted as an integer");
  CONDUIT_TRY(auto spaces,
              pad(runtime, "",
                  static_cast<std::size_t>(std::clamp<Integer>(*width, 0, Integer(1) << 40)), '<'));
  return std::optional(std::move(spaces));
}

// As transformers defines it, not jinja2: no HTML escapes, and the arguments of json.dumps.
Result<Value> to_json(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(
      const Bound bound,
      Bound::bind("tojson", {"ensure_ascii", "indent", "separators", "sort_keys"}, 0, arguments));
  JsonStyle style;
  style.is_ascii = bound.truth(0, false);
  style.is_sorted = bound.truth(3, false);
  if (bound.has(1)) {
    CONDUIT_TRY(style.indent, json_indent(runtime, bound[1]));
  }
  if (style.indent) style.item_separator = ",";
  if (bound.has(2) && !bound[2].is_none()) {
    CONDUIT_TRY(const auto separators, iterate(runtime, bound[2]));
    if (separators.size() != 2 || !separators[0].string() || !separators[1].string())
      return failure("separators must be two strings");
    style.item_separator = *separators[0].string();
    style.key_separator = *separators[1].string();
  }
  CONDUIT_TRY(auto text, json_text(runtime, input, style));
  return Value::text(std::move(text));
}

Result<Value> attribute(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("attr", {"name"}, 1, arguments));
  CONDUIT_TRY(const std::string name, bound.text(0, ""));
  if (input.is_undefined()) return undefined_error(input);
  // Other than `.`, it does not fall back to an item.
  if (input.dict() != nullptr && !has_method(input, name))
    return Value::undefined(in_quotes(object_name(input)) + " has no attribute " + in_quotes(name));
  return get_attribute(runtime, input, name);
}

Result<Value> format(Runtime& runtime, const Value& input, const Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty())
    return failure("can't handle positional and keyword arguments at the same time");
  CONDUIT_TRY(auto text, str(runtime, input));
  const Value format_text = Value::text(std::move(text), input.is_markup());
  if (arguments.named.empty()) {
    CONDUIT_TRY(const Value values, runtime.make_list(ListKind::tuple, arguments.positional));
    return format_percent(runtime, format_text, values);
  }
  std::vector<std::pair<Value, Value>> entries;
  for (const auto& [name, value] : arguments.named) entries.emplace_back(Value::text(name), value);
  CONDUIT_TRY(const Value values, runtime.make_dict(std::move(entries)));
  return format_percent(runtime, format_text, values);
}

Result<Value> file_size(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("filesizeformat", {"binary"}, 0, arguments));
  const std::string* text_input = input.string();
  const bool is_real = input.is_number() || input.is_undefined() ||
                       (text_input != nullptr && parse_real(*text_input).has_value());
  if (!is_real)
    return failure("filesizeformat needs a number, not " + std::string(type_name(input)));
  CONDUIT_TRY(const Value bytes, to_float(runtime, input, {}));
  const bool is_binary = bound.truth(0, false);
  const double base = is_binary ? 1024 : 1000, value = *bytes.number();
  if (value == 1) return Value::text("1 Byte");
  if (value < base) return Value::text(integer_text(static_cast<Integer>(value)) + " Bytes");
  static constexpr std::string_view kDecimal[] = {"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"};
  static constexpr std::string_view kBinary[] = {"KiB", "MiB", "GiB", "TiB",
                                                 "PiB", "EiB", "ZiB", "YiB"};
  std::size_t unit = 0;
  double scaled = value / base;
  for (; unit + 1 < std::size(kDecimal) && scaled >= base; ++unit) scaled /= base;
  std::array<char, 400> text;
  std::snprintf(text.data(), text.size(), "%.1f ", scaled);
  return Value::text(text.data() + std::string(is_binary ? kBinary[unit] : kDecimal[unit]));
}

constexpr Filter kValueFilters[] = {
    {"abs", absolute},
    {"attr", attribute},
    {"d", or_default},
    {"default", or_default},
    {"filesizeformat", file_size},
    {"float", to_float},
    {"format", format},
    {"int", to_int},
    {"round", round_filter},
    {"string", to_string},
    {"tojson", to_json},
};

}  // namespace

std::span<const Filter> value_filters() { return kValueFilters; }

const Filter* find_filter(std::string_view name) {
  for (const auto filters :
       {text_filters(), layout_filters(), sequence_filters(), value_filters()}) {
    const auto found = std::find_if(filters.begin(), filters.end(),
                                    [&](const Filter& filter) { return filter.name == name; });
    if (found != filters.end()) return &*found;
  }
  return nullptr;
}

Result<AttributePath> AttributePath::parse(const Value& path) {
  AttributePath result;
  const std::string* text = path.string();
  if (text == nullptr) {
    result.steps_.push_back(path);
    return result;
  }
  std::string_view rest = *text;
  while (true) {
    const std::size_t end = std::min(rest.find('.'), rest.size());
    const std::string_view step = rest.substr(0, end);
    const bool is_index =
        !step.empty() && step.size() < 10 &&
        std::all_of(step.begin(), step.end(), [](char c) { return c >= '0' && c <= '9'; });
    result.steps_.push_back(is_index ? Value::integer(parse_integer(step, 10).value_or(0))
                                     : Value::text(std::string(step)));
    if (end == rest.size()) return result;
    rest.remove_prefix(end + 1);
  }
}

Result<Value> AttributePath::of(Runtime& runtime, const Value& item,
                                const std::optional<Value>& fallback) const {
  Value value = item;
  for (const Value& step : steps_) {
    CONDUIT_TRY_STATUS(runtime.spend(1));
    CONDUIT_TRY(value, get_item(runtime, value, step));
    if (fallback && value.is_undefined()) value = *fallback;
  }
  return value;
}

}  // namespace conduit::kernels::jinja
