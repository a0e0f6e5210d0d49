// One value laid out by Python's format specification:
// [[fill]align][sign][#][0][width][,][.p][type]. Both kinds of formatting end here: "%5.2f" is the
// specification ">5.2f".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kernels/model/jinja/runtime.h"
#include "kernels/model/jinja/value.h"
#include "mdl/base/result.h"

namespace conduit::kernels::jinja {

struct FormatSpec {
  char32_t fill = ' ';
  char align = 0;  // < > = ^, or 0: numbers to the right, text to the left
  char sign = '-';
  bool is_alternate = false;
  std::size_t width = 0;
  char grouping = 0;  // , or _
  std::optional<std::size_t> precision;
  char type = 0;
};

Result<FormatSpec> parse_format_spec(std::string_view text);
Result<std::string> format_value(Runtime& runtime, const Value& value, const FormatSpec& spec);
// `text` within `width` code points.
Result<std::string> pad(Runtime& runtime, std::string_view text, std::size_t width, char align,
                        char32_t fill = ' ');
// The digits at the front of `text`, which they leave. Error: above 2^31, which no width may be.
Result<std::optional<std::size_t>> take_number(std::string_view& text);

}  // namespace conduit::kernels::jinja
