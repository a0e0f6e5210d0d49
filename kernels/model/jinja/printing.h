// Values as text: Python's str() and repr(), and json.dumps.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kernels/model/jinja/runtime.h"
#include "kernels/model/jinja/value.h"
#include "mdl/base/result.h"

namespace conduit::kernels::jinja {

std::string integer_text(Integer value);
// The shortest text that reads back as `value`, in repr(float)'s spelling: 1.0, 1e-07, inf.
std::string float_text(double value);
// The text in quotes, with what cannot be printed escaped.
std::string in_quotes(std::string_view text);

Result<std::string> str(Runtime& runtime, const Value& value);
Result<std::string> repr(Runtime& runtime, const Value& value);

// The arguments of json.dumps that templates use.
struct JsonStyle {
  bool is_ascii = false;              // escapes everything else
  std::optional<std::string> indent;  // one level's; without it all stands on one line
  std::string item_separator = ", ", key_separator = ": ";
  bool is_sorted = false;  // by key
};
Result<std::string> json_text(Runtime& runtime, const Value& value, const JsonStyle& style);

// &, <, >, " and ' as HTML entities, as markupsafe writes them.
std::string escape_html(std::string_view text);

}  // namespace conduit::kernels::jinja
