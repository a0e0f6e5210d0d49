// Numbers and units.
#include "cluster/config_values.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <optional>
#include <string>

namespace conduit::cluster {

namespace {

using std::chrono::milliseconds;

// More than any device has, and longer than any process runs; sums of them do not overflow.
constexpr double kMostBytes = 1e15;
constexpr double kMostMilliseconds = 1e12;

struct Unit {
  std::string_view name;
  double factor;
};
constexpr Unit kSizes[] = {
    {"", 1},        {"B", 1},         {"KB", 1e3},      {"MB", 1e6},      {"GB", 1e9},
    {"TB", 1e12},   {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 0x1p40},
    {"K", 1 << 10}, {"M", 1 << 20},   {"G", 1 << 30},   {"T", 0x1p40},
};
constexpr Unit kTimes[] = {{"", 1e3}, {"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}};

// The number and unit that `text` starts with, multiplied; they are taken off it.
template <std::size_t n>
std::optional<double> take(std::string_view& text, const Unit (&units)[n]) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || !std::isfinite(number) || number < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  const std::string_view unit = text.substr(0, text.find_first_of("0123456789"));
  for (const Unit& known : units) {
    if (known.name != unit) continue;
    text.remove_prefix(unit.size());
    return number * known.factor;
  }
  return std::nullopt;
}

}  // namespace

Result<std::int64_t> parse_bytes(std::string_view text) {
  std::string_view rest = text;
  const std::optional<double> bytes = take(rest, kSizes);
  if (!bytes || !rest.empty() || *bytes < 1 || *bytes > kMostBytes)
    return Error{Code::invalid_argument,
                 fmt::format("\"{}\" is not a size as 12GB, 512MiB or 1000000", text)};
  return static_cast<std::int64_t>(*bytes);
}

Result<milliseconds> parse_duration(std::string_view text) {
  if (text == "never") return kForever;
  if (text.starts_with('-')) {
    CONDUIT_TRY(const milliseconds below_zero, parse_duration(text.substr(1)));
    if (below_zero != kForever) return kForever;
  }
  std::string_view rest = text;
  double sum = 0;
  while (!rest.empty()) {
    const std::optional<double> part = take(rest, kTimes);
    if (!part) break;
    sum += *part;
  }
  if (text.empty() || !rest.empty() || sum > kMostMilliseconds)
    return Error{Code::invalid_argument,
                 fmt::format("\"{}\" is not a time as 90s, 5m or 1h30m, nor never", text)};
  return milliseconds(std::llround(sum));
}

}  // namespace conduit::cluster
