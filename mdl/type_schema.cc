// Type → JSON Schema. Every record writes out where it is used, as in hints: no $ref.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "mdl/type.h"

namespace conduit::mdl {

namespace {

using Kind = Type::Kind;

constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

// --- integers as the keys of objects: a pattern, as a range of texts

// The digits of what lies between two numbers of as many digits each.
std::string digits_between(std::string_view low, std::string_view high) {
  if (low.empty()) return "";
  const std::string_view low_rest = low.substr(1), high_rest = high.substr(1);
  if (low[0] == high[0]) return low[0] + digits_between(low_rest, high_rest);
  const std::string any_rest =
      low_rest.empty() ? "" : "[0-9]{" + std::to_string(low_rest.size()) + "}";
  const bool is_low_whole = low_rest.find_first_not_of('0') == std::string_view::npos;
  const bool is_high_whole = high_rest.find_first_not_of('9') == std::string_view::npos;
  const char first = static_cast<char>(low[0] + (is_low_whole ? 0 : 1));
  const char last = static_cast<char>(high[0] - (is_high_whole ? 0 : 1));
  std::string pattern;
  const auto add = [&](const std::string& more) { pattern += (pattern.empty() ? "" : "|") + more; };
  if (!is_low_whole) add(low[0] + digits_between(low_rest, std::string(low_rest.size(), '9')));
  if (first <= last) add(std::string("[") + first + "-" + last + "]" + any_rest);
  if (!is_high_whole) add(high[0] + digits_between(std::string(high_rest.size(), '0'), high_rest));
  return "(" + pattern + ")";
}

// Numbers from `low` to `high`, written without a sign and without leading zeros.
std::string naturals_between(std::uint64_t low, std::uint64_t high) {
  const std::string low_digits = std::to_string(low), high_digits = std::to_string(high);
  std::string pattern;
  for (std::size_t size = low_digits.size(); size <= high_digits.size(); ++size) {
    const std::string from =
        size == low_digits.size() ? low_digits : "1" + std::string(size - 1, '0');
    const std::string to = size == high_digits.size() ? high_digits : std::string(size, '9');
    pattern += (pattern.empty() ? "" : "|") + digits_between(from, to);
  }
  return "(" + pattern + ")";
}

std::uint64_t magnitude(std::int64_t value) {
  return value < 0 ? ~static_cast<std::uint64_t>(value) + 1 : static_cast<std::uint64_t>(value);
}

std::string integer_pattern(const json::Value& low, const json::Value& high) {
  const bool is_low_negative = low.kind() == json::Kind::integer && low.as_int() < 0;
  const bool is_high_negative = high.kind() == json::Kind::integer && high.as_int() < 0;
  std::string pattern;
  if (is_low_negative)
    pattern = "-" + naturals_between(is_high_negative ? magnitude(high.as_int()) : 1,
                                     magnitude(low.as_int()));
  if (!is_high_negative)
    pattern += (pattern.empty() ? "" : "|") +
               naturals_between(is_low_negative ? 0 : low.as_uint(), high.as_uint());
  return "^(" + pattern + ")$";
}

// --- each kind; of sound types only

json::Value schema_of(const Type& type);

// (By hand: g++ 12 takes value_or's fallback for uninitialised.)
json::Value least_of(const Type& type) {
  if (type.minimum) return *type.minimum;
  return kLeast;
}
json::Value most_of(const Type& type) {
  if (type.maximum) return *type.maximum;
  if (type.minimum && type.minimum->kind() == json::Kind::unsigned_integer)
    return std::numeric_limits<std::uint64_t>::max();
  return kMost;
}

json::Value typed(const char* name) { return json::Object{{"type", name}}; }

json::Value number_schema(const Type& type) {
  json::Value schema = typed("number");
  if (type.minimum) schema.set("minimum", *type.minimum);
  if (type.maximum) schema.set("maximum", *type.maximum);
  return schema;
}

json::Value string_schema(const Type& type) {
  json::Value schema = typed("string");
  if (type.min_size) schema.set("minLength", *type.min_size);
  if (type.max_size) schema.set("maxLength", *type.max_size);
  if (!type.choices.empty())
    schema.set("enum", json::Array(type.choices.begin(), type.choices.end()));
  return schema;
}

json::Value union_schema(const Type& type) {
  const Members members = members_of(type);
  json::Array schemas;
  for (const Type* member : members.types) schemas.push_back(schema_of(*member));
  if (members.has_null) schemas.push_back(typed("null"));
  if (schemas.size() == 1) return std::move(schemas[0]);
  return json::Object{{"anyOf", std::move(schemas)}};
}

json::Value key_schema(const Type& key) {
  switch (key.kind) {
    case Kind::integer:
      return json::Object{{"pattern", integer_pattern(least_of(key), most_of(key))}};
    case Kind::number:
      return json::Object{
          {"pattern", R"(^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,2})?$)"}};
    case Kind::boolean: return json::Object{{"enum", json::Array{"true", "false"}}};
    case Kind::either: {
      json::Array keys;
      for (const Type& member : key.of) keys.push_back(key_schema(member));
      return json::Object{{"anyOf", std::move(keys)}};
    }
    default: return string_schema(key);
  }
}

json::Value dict_schema(const Type& type) {
  json::Value schema = typed("object");
  const bool is_free_text = type.of[0] == Type{.kind = Kind::string};
  if (!is_free_text) schema.set("propertyNames", key_schema(type.of[0]));
  schema.set("additionalProperties", schema_of(type.of[1]));
  return schema;
}

json::Value list_schema(const Type& type) {
  json::Value schema = typed("array");
  schema.set("items", schema_of(type.of[0]));
  if (type.min_size) schema.set("minItems", *type.min_size);
  if (type.max_size) schema.set("maxItems", *type.max_size);
  return schema;
}

json::Value tuple_schema(const Type& type) {
  json::Array items;
  for (const Type& part : type.of) items.push_back(schema_of(part));
  return json::Object{{"type", "array"},
                      {"prefixItems", std::move(items)},
                      {"items", false},
                      {"minItems", type.of.size()}};
}

json::Value record_schema(const Type& type) {
  json::Object properties;
  json::Array names;
  for (std::size_t i = 0; i < type.of.size(); ++i) {
    properties.push_back({type.fields[i], schema_of(type.of[i])});
    names.push_back(type.fields[i]);
  }
  return json::Object{{"type", "object"},
                      {"properties", std::move(properties)},
                      {"required", std::move(names)},
                      {"additionalProperties", false}};
}

json::Value schema_of(const Type& type) {
  switch (type.kind) {
    case Kind::integer:
      // Beyond 64 bits no reader of the value, json.h included, holds it exactly.
      return json::Object{
          {"type", "integer"}, {"minimum", least_of(type)}, {"maximum", most_of(type)}};
    case Kind::number: return number_schema(type);
    case Kind::string: return string_schema(type);
    case Kind::boolean: return typed("boolean");
    case Kind::optional:
    case Kind::either: return union_schema(type);
    case Kind::list:
    case Kind::repeated: return list_schema(type);
    case Kind::dict: return dict_schema(type);
    case Kind::tuple: return tuple_schema(type);
    default: return record_schema(type);
  }
}

}  // namespace

Result<json::Value> to_json_schema(const Type& type) {
  if (auto fault = find_fault(type)) return Error{Code::invalid_argument, fault->message()};
  json::Value schema = json::Object{{"$schema", "https://json-schema.org/draft/2020-12/schema"}};
  json::Value record = record_schema(type);
  for (json::Member& member : record.as_object())
    schema.set(std::move(member.key), std::move(member.value));
  return schema;
}

}  // namespace conduit::mdl
