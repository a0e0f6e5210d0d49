// Everything but reals and blanks is as json::dump() has it.
#include "cluster/cli/python_json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <unordered_map>

namespace conduit::cluster {

namespace {

// repr() of a float: the shortest digits that read back, in exponent form below 1e-4 and from 1e16.
std::string real_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::scientific)
                       .ptr;
  const std::string text(buffer.data(), end);
  const int exponent = std::atoi(text.c_str() + text.find('e') + 1);
  if (exponent < -4 || exponent >= 16) return text;  // both write at least two digits of it
  const auto fixed =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed)
          .ptr;
  const std::string plain(buffer.data(), fixed);
  return plain.find('.') == std::string::npos ? plain + ".0" : plain;
}

void append(std::string& out, const json::Value& value) {
  if (value.kind() == json::Kind::real) {
    out += real_text(value.as_double());
  } else if (value.is_array()) {
    const char* separator = "[";
    for (const json::Value& item : value.as_array()) {
      out += separator;
      append(out, item);
      separator = ", ";
    }
    out += value.as_array().empty() ? "[]" : "]";
  } else if (value.is_object()) {
    // Of equal keys Python keeps the first one's place and the last one's value.
    std::unordered_map<std::string_view, const json::Value*> last;
    for (const json::Member& member : value.as_object()) last[member.key] = &member.value;
    const char* separator = "{";
    for (const json::Member& member : value.as_object()) {
      const auto found = last.find(member.key);
      if (found == last.end()) continue;
      out += separator + json::quote(member.key) + ": ";
      append(out, *found->second);
      separator = ", ";
      last.erase(found);
    }
    out += value.as_object().empty() ? "{}" : "}";
  } else {
    out += json::dump(value);
  }
}

}  // namespace

std::string python_json(const json::Value& value) {
  std::string out;
  append(out, value);
  return out;
}

}  // namespace conduit::cluster
