// JsonShapes::Draft, and what both making an alternative (json_shapes.cc) and denying one
// (json_negations.cc) ask of nodes.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "mdl/json_shapes.h"

namespace conduit::mdl {

inline std::uint8_t type_bits(ValueType type) {
  constexpr std::uint8_t kBits[kValueTypes] = {kNull,   kBoolean, kBoolean, kNumber,
                                               kString, kArray,   kObject};
  return kBits[static_cast<std::size_t>(type)];
}

inline bool is_of(const json::Value& value, ValueType type) {
  switch (type) {
    case ValueType::null: return value.is_null();
    case ValueType::true_: return value.is_bool() && value.as_bool();
    case ValueType::false_: return value.is_bool() && !value.as_bool();
    case ValueType::number: return value.is_number();
    case ValueType::string: return value.is_string();
    case ValueType::array: return value.is_array();
    case ValueType::object: return value.is_object();
  }
  return false;
}

inline std::vector<json::Value> values_of(const Node& node, ValueType type) {
  std::vector<json::Value> values;
  for (const json::Value& value : *node.values) {
    if (is_of(value, type)) values.push_back(value);
  }
  return values;
}

inline std::vector<LongDecimal> decimals(const std::vector<json::Value>& values) {
  std::vector<LongDecimal> numbers;
  for (const json::Value& value : values) {
    if (const auto number = LongDecimal::of(value)) numbers.push_back(*number);
  }
  return numbers;
}

inline void insert(std::vector<std::string>& sorted, const std::string& text) {
  const auto place = std::lower_bound(sorted.begin(), sorted.end(), text);
  if (place == sorted.end() || *place != text) sorted.insert(place, text);
}

// The bound as a decimal; nothing where it has too many digits.
inline std::optional<NumberSet::Bound> bound(const std::optional<json::Value>& value,
                                             bool is_strict) {
  const auto number = value ? LongDecimal::of(*value) : std::nullopt;
  if (!number) return std::nullopt;
  return NumberSet::Bound{*number, is_strict};
}

// An alternative while it is made: what it says so far, what is still to be added, and where it
// must be decided.
struct JsonShapes::Draft {
  struct Todo {
    Literal literal;
    Owners owners;
    bool operator==(const Todo&) const = default;
  };
  std::vector<Todo> todo, seen;
  std::vector<std::vector<Option>> choices;

  std::vector<Regexes::Id> texts;
  std::size_t least = 0, most = SIZE_MAX;
  std::vector<std::string> excluded;
  NumberSet number;
  ArrayShape array;
  ObjectShape object;
  std::vector<Unevaluated> unevaluated;

  bool add(Literal literal, const Owners& owners = {}) {
    todo.push_back({literal, owners});
    return true;
  }
};

}  // namespace conduit::mdl
