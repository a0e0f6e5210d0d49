// Python's operators and protocols on values: arithmetic, comparison, `in`, len(), iteration.
// Error messages are CPython's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/model/jinja/runtime.h"
#include "kernels/model/jinja/value.h"
#include "mdl/base/result.h"

namespace conduit::kernels::jinja {

enum class BinaryOperator : std::uint8_t {
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  modulo,
  power,
};
enum class UnaryOperator : std::uint8_t { negate, plus };
enum class Comparison : std::uint8_t {
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  in,
  not_in,
};

Result<Value> binary(Runtime& runtime, BinaryOperator op, const Value& left, const Value& right);
Result<Value> unary(UnaryOperator op, const Value& operand);

Result<bool> compare(Runtime& runtime, Comparison op, const Value& left, const Value& right);
Result<bool> equals(Runtime& runtime, const Value& left, const Value& right);
Result<bool> contains(Runtime& runtime, const Value& container, const Value& item);

Result<Integer> length(const Value& value);
// The items a `for` would see. A generator is used up.
Result<std::vector<Value>> iterate(Runtime& runtime, const Value& value);

// The entry of a key of any type. Error: the key cannot be hashed.
Result<std::optional<std::size_t>> find_entry(Runtime& runtime, const Dict& dict, const Value& key);

// The error of any use that Undefined does not allow.
Error undefined_error(const Value& value);

}  // namespace conduit::kernels::jinja
