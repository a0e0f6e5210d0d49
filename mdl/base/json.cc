// simdjson's DOM → Value, and Value → text.
#include "mdl/base/json.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <unordered_set>

#include "mdl/base/check.h"
#include "mdl/base/json_fault.h"

namespace conduit::json {

Value::Value(Array value) : data_(std::move(value)) {}
Value::Value(Object value) : data_(std::move(value)) {}

namespace {

template <class T, class Variant>
auto& expect(Variant& data) {
  auto* held = std::get_if<T>(&data);
  CONDUIT_CHECK(held != nullptr, "a JSON value of another kind was read");
  return *held;
}

Value convert(simdjson::dom::element element) {
  using simdjson::dom::element_type;
  switch (element.type()) {
    case element_type::ARRAY: {
      Array array;
      const simdjson::dom::array items = element;
      for (auto item : items) array.push_back(convert(item));
      return array;
    }
    case element_type::OBJECT: {
      Object object;
      const simdjson::dom::object fields = element;
      for (auto field : fields) object.push_back({std::string(field.key), convert(field.value)});
      return object;
    }
    case element_type::INT64: return element.get_int64().value_unsafe();
    case element_type::UINT64: return element.get_uint64().value_unsafe();
    case element_type::DOUBLE: return element.get_double().value_unsafe();
    case element_type::STRING: return element.get_string().value_unsafe();
    case element_type::BOOL: return element.get_bool().value_unsafe();
    case element_type::NULL_VALUE: break;
  }
  return nullptr;
}

void append_number(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  std::array<char, 32> text;
  auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  std::string_view digits(text.data(), static_cast<std::size_t>(end - text.data()));
  out += digits;
  if (digits.find_first_of(".e") == std::string_view::npos)
    out += ".0";  // stays a real when read again
}

void append_quoted(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\\u00";
          out += kHex[c >> 4];
          out += kHex[c & 15];
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

void append(std::string& out, const Value& value) {
  switch (value.kind()) {
    case Kind::null: out += "null"; break;
    case Kind::boolean: out += value.as_bool() ? "true" : "false"; break;
    case Kind::integer: out += std::to_string(value.as_int()); break;
    case Kind::unsigned_integer: out += std::to_string(value.as_uint()); break;
    case Kind::real: append_number(out, value.as_double()); break;
    case Kind::string: append_quoted(out, value.as_string()); break;
    case Kind::array: {
      char separator = '[';
      for (const Value& item : value.as_array()) {
        out += separator;
        append(out, item);
        separator = ',';
      }
      out += separator == '[' ? "[]" : "]";
      break;
    }
    case Kind::object: {
      char separator = '{';
      for (const Member& member : value.as_object()) {
        out += separator;
        append_quoted(out, member.key);
        out += ':';
        append(out, member.value);
        separator = ',';
      }
      out += separator == '{' ? "{}" : "}";
      break;
    }
  }
}

Error malformed(std::string_view text, const char* reason) {
  const auto fault = find_fault(text);
  if (!fault) return {Code::corrupt, std::string("malformed JSON: ") + reason};
  return {Code::corrupt, "malformed JSON at line " + std::to_string(fault->line) + ", column " +
                             std::to_string(fault->column) + ": expected " +
                             std::string(fault->expected)};
}

// A path as it goes on behind another.
std::string dotted(const std::string& path) { return (path[0] == '[' ? "" : ".") + path; }

}  // namespace

bool Value::as_bool() const { return expect<bool>(data_); }
std::int64_t Value::as_int() const { return expect<std::int64_t>(data_); }
std::uint64_t Value::as_uint() const {
  if (kind() == Kind::unsigned_integer) return expect<std::uint64_t>(data_);
  CONDUIT_CHECK(as_int() >= 0, "a negative JSON integer was read as unsigned");
  return static_cast<std::uint64_t>(as_int());
}
double Value::as_double() const {
  if (kind() == Kind::integer) return static_cast<double>(as_int());
  if (kind() == Kind::unsigned_integer) return static_cast<double>(expect<std::uint64_t>(data_));
  return expect<double>(data_);
}
const std::string& Value::as_string() const { return expect<std::string>(data_); }
const Array& Value::as_array() const { return expect<Array>(data_); }
Array& Value::as_array() { return expect<Array>(data_); }
const Object& Value::as_object() const { return expect<Object>(data_); }
Object& Value::as_object() { return expect<Object>(data_); }

const Value* Value::find(std::string_view key) const {
  if (!is_object()) return nullptr;
  const Object& object = as_object();
  auto last = std::find_if(object.rbegin(), object.rend(), [&](auto& m) { return m.key == key; });
  return last == object.rend() ? nullptr : &last->value;
}

void Value::set(std::string key, Value value) {
  if (is_null()) data_ = Object{};
  Object& object = as_object();
  auto last = std::find_if(object.rbegin(), object.rend(), [&](auto& m) { return m.key == key; });
  if (last != object.rend()) {
    last->value = std::move(value);
  } else {
    object.push_back({std::move(key), std::move(value)});
  }
}

bool operator==(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    // An unsigned_integer is above every integer, so the kinds must agree too.
    if (a.kind() == Kind::integer && b.kind() == Kind::integer) return a.as_int() == b.as_int();
    if (a.is_integer() && b.is_integer()) return a.kind() == b.kind() && a.as_uint() == b.as_uint();
    return a.as_double() == b.as_double();
  }
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::boolean: return a.as_bool() == b.as_bool();
    case Kind::string: return a.as_string() == b.as_string();
    case Kind::array: return a.as_array() == b.as_array();
    case Kind::object:
      return a.as_object().size() == b.as_object().size() &&
             std::all_of(a.as_object().begin(), a.as_object().end(), [&](const Member& member) {
               const Value* other = b.find(member.key);
               return other != nullptr && *other == member.value;
             });
    default: return true;
  }
}

Result<Value> parse(std::string_view text, const Limits& limits) {
  if (text.size() > limits.bytes)
    return Error{Code::exhausted, "JSON of " + std::to_string(text.size()) +
                                      " bytes is over the limit of " +
                                      std::to_string(limits.bytes)};
  simdjson::dom::parser parser(limits.bytes + simdjson::SIMDJSON_PADDING);
  if (auto error = parser.allocate(std::max<std::size_t>(text.size(), 1), limits.depth))
    return Error{Code::exhausted, std::string("JSON: ") + simdjson::error_message(error)};
  simdjson::dom::element root;
  if (auto error = parser.parse(text.data(), text.size()).get(root)) {
    if (error == simdjson::DEPTH_ERROR)
      return Error{Code::exhausted,
                   "JSON nested deeper than the limit of " + std::to_string(limits.depth)};
    return malformed(text, simdjson::error_message(error));
  }
  return convert(root);
}

std::string member_path(const std::string& path, std::string_view key) {
  const auto is_plain = [](char c) {
    const bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    return is_letter || (c >= '0' && c <= '9') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
  };
  if (key.empty() || !std::all_of(key.begin(), key.end(), is_plain))
    return path + "[" + quote(key) + "]";
  return path + (path.empty() ? "" : ".") + std::string(key);
}

std::string item_path(const std::string& path, std::size_t index) {
  return path + "[" + std::to_string(index) + "]";
}

std::optional<std::string> repeated_key(const Value& value) {
  if (value.is_array()) {
    for (std::size_t i = 0; i < value.as_array().size(); ++i)
      if (auto inner = repeated_key(value.as_array()[i])) return item_path("", i) + dotted(*inner);
  }
  if (!value.is_object()) return std::nullopt;
  std::unordered_set<std::string_view> keys;
  for (const Member& member : value.as_object()) {
    if (!keys.insert(member.key).second) return member_path("", member.key);
    if (auto inner = repeated_key(member.value))
      return member_path("", member.key) + dotted(*inner);
  }
  return std::nullopt;
}

std::string dump(const Value& value) {
  std::string out;
  append(out, value);
  return out;
}

std::string quote(std::string_view text) {
  std::string out;
  append_quoted(out, text);
  return out;
}

}  // namespace conduit::json
