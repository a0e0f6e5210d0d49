// + - * / // % ** and the signs, with Python's results: floor division, true division of ints,
// repetition, and the messages of its TypeErrors.
#include <cmath>
#include <limits>
#include <string>

#include "kernels/model/jinja/formatting.h"
#include "kernels/model/jinja/operators.h"
#include "kernels/model/jinja/printing.h"

namespace conduit::kernels::jinja {

namespace {

std::string_view symbol(BinaryOperator op) {
  switch (op) {
    case BinaryOperator::add: return "+";
    case BinaryOperator::subtract: return "-";
    case BinaryOperator::multiply: return "*";
    case BinaryOperator::divide: return "/";
    case BinaryOperator::floor_divide: return "//";
    case BinaryOperator::modulo: return "%";
    case BinaryOperator::power: return "** or pow()";
  }
  return "?";
}

Error unsupported_types(BinaryOperator op, const Value& left, const Value& right) {
  return failure("unsupported operand type(s) for " + std::string(symbol(op)) + ": '" +
                 std::string(type_name(left)) + "' and '" + std::string(type_name(right)) + "'");
}

Error too_large() { return failure("an int of more than 127 bits is not supported"); }

Result<Value> real_result(double value) { return Value::real(value); }

Result<Value> floor_divide(Integer a, Integer b) {
  if (b == 0) return failure("integer division or modulo by zero");
  if (b == -1) return unary(UnaryOperator::negate, Value::integer(a));
  const Integer quotient = a / b;
  return Value::integer(a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient);
}

Result<Value> modulo(Integer a, Integer b) {
  if (b == 0) return failure("integer modulo by zero");
  if (b == -1) return Value::integer(0);
  const Integer rest = a % b;
  return Value::integer(rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest);
}

double modulo(double a, double b) {
  const double rest = std::fmod(a, b);
  if (rest == 0) return std::copysign(0.0, b);
  return (rest < 0) != (b < 0) ? rest + b : rest;
}

Result<Value> power(double base, double exponent) {
  if (base == 0 && exponent < 0) return failure("0.0 cannot be raised to a negative power");
  if (base < 0 && exponent != std::floor(exponent)) return failure("a complex result");
  const double result = std::pow(base, exponent);
  if (std::isinf(result) && !std::isinf(base) && !std::isinf(exponent))
    return failure("(34, 'Numerical result out of range')");
  return Value::real(result);
}

Result<Value> power(Integer base, Integer exponent) {
  if (exponent < 0) return power(static_cast<double>(base), static_cast<double>(exponent));
  if (base == 0 || base == 1) return Value::integer(exponent == 0 ? 1 : base);
  if (base == -1) return Value::integer(exponent % 2 == 0 ? 1 : -1);
  Integer result = 1;
  for (Integer i = 0; i < exponent; ++i)  // at most 127 times: |base| is at least 2
    if (__builtin_mul_overflow(result, base, &result)) return too_large();
  return Value::integer(result);
}

Result<Value> combine(BinaryOperator op, Integer a, Integer b) {
  Integer result = 0;
  switch (op) {
    case BinaryOperator::add:
      if (__builtin_add_overflow(a, b, &result)) return too_large();
      return Value::integer(result);
    case BinaryOperator::subtract:
      if (__builtin_sub_overflow(a, b, &result)) return too_large();
      return Value::integer(result);
    case BinaryOperator::multiply:
      if (__builtin_mul_overflow(a, b, &result)) return too_large();
      return Value::integer(result);
    case BinaryOperator::divide:
      if (b == 0) return failure("division by zero");
      return real_result(static_cast<double>(a) / static_cast<double>(b));
    case BinaryOperator::floor_divide: return floor_divide(a, b);
    case BinaryOperator::modulo: return modulo(a, b);
    case BinaryOperator::power: return power(a, b);
  }
  return too_large();
}

Result<Value> combine(BinaryOperator op, double a, double b) {
  switch (op) {
    case BinaryOperator::add: return real_result(a + b);
    case BinaryOperator::subtract: return real_result(a - b);
    case BinaryOperator::multiply: return real_result(a * b);
    case BinaryOperator::power: return power(a, b);
    case BinaryOperator::divide:
      if (b == 0) return failure("float division by zero");
      return real_result(a / b);
    case BinaryOperator::floor_divide:
      if (b == 0) return failure("float floor division by zero");
      return real_result(std::round((a - modulo(a, b)) / b));
    case BinaryOperator::modulo:
      if (b == 0) return failure("float modulo");
      return real_result(modulo(a, b));
  }
  return too_large();
}

Result<Value> add_text(Runtime& runtime, const Value& left, const Value& right) {
  const std::string *a = left.string(), *b = right.string();
  const bool is_markup = left.is_markup() || right.is_markup();
  std::string sum = is_markup && !left.is_markup() ? escape_html(*a) : *a;
  CONDUIT_TRY_STATUS(runtime.allow_text(sum.size() + b->size()));
  sum += is_markup && !right.is_markup() ? escape_html(*b) : *b;
  return runtime.make_text(std::move(sum), is_markup);
}

// str, list and tuple: only their own kind can be added.
Result<Value> add_sequences(Runtime& runtime, const Value& left, const Value& right) {
  if (left.string() != nullptr && right.string() != nullptr) return add_text(runtime, left, right);
  const List *a = left.list(), *b = right.list();
  const bool is_list = left.list(ListKind::list) || left.list(ListKind::tuple);
  if (a != nullptr && b != nullptr && is_list && a->kind == b->kind) {
    CONDUIT_TRY_STATUS(runtime.spend_items(a->items.size() + b->items.size()));
    std::vector<Value> sum = a->items;
    sum.insert(sum.end(), b->items.begin(), b->items.end());
    return runtime.make_list(a->kind, std::move(sum));
  }
  if (left.string() != nullptr || is_list) {
    const std::string type(type_name(left));
    return failure("can only concatenate " + type + " (not \"" + std::string(type_name(right)) +
                   "\") to " + type);
  }
  return unsupported_types(BinaryOperator::add, left, right);
}

Result<Value> repeat(Runtime& runtime, const Value& sequence, Integer times) {
  if (times < 0) times = 0;
  // Cut to what every limit refuses, so that the products below cannot overflow.
  const auto count = static_cast<std::size_t>(std::min(times, Integer(1) << 40));
  if (const std::string* text = sequence.string()) {
    if (text->empty()) return sequence;
    const bool is_huge = count > std::numeric_limits<std::size_t>::max() / text->size();
    CONDUIT_TRY_STATUS(runtime.allow_text(is_huge ? std::numeric_limits<std::size_t>::max()
                                                  : count * text->size()));
    std::string repeated;
    repeated.reserve(count * text->size());
    for (std::size_t i = 0; i < count; ++i) repeated += *text;
    return Value::text(std::move(repeated), sequence.is_markup());
  }
  const List& list = *sequence.list();
  if (list.items.empty()) return runtime.make_list(list.kind, {});
  const bool is_huge = count > std::numeric_limits<std::size_t>::max() / list.items.size();
  CONDUIT_TRY_STATUS(
      runtime.spend(is_huge ? std::numeric_limits<std::size_t>::max() : count * list.items.size()));
  std::vector<Value> repeated;
  repeated.reserve(count * list.items.size());
  for (std::size_t i = 0; i < count; ++i)
    repeated.insert(repeated.end(), list.items.begin(), list.items.end());
  return runtime.make_list(list.kind, std::move(repeated));
}

bool repeats(const Value& value) {
  return value.string() != nullptr || value.list(ListKind::list) || value.list(ListKind::tuple);
}

Result<Value> multiply_sequences(Runtime& runtime, const Value& left, const Value& right) {
  if (!repeats(left) && !repeats(right))
    return unsupported_types(BinaryOperator::multiply, left, right);
  const Value& sequence = repeats(left) ? left : right;
  const Value& other = repeats(left) ? right : left;
  if (const auto times = other.integer()) return repeat(runtime, sequence, *times);
  return failure("can't multiply sequence by non-int of type '" + std::string(type_name(other)) +
                 "'");
}

}  // namespace

Result<Value> binary(Runtime& runtime, BinaryOperator op, const Value& left, const Value& right) {
  if (op == BinaryOperator::modulo && left.string() != nullptr)
    return format_percent(runtime, left, right);
  if (left.is_undefined()) return undefined_error(left);
  if (right.is_undefined()) return undefined_error(right);
  if (left.is_number() && right.is_number()) {
    const auto a = left.integer(), b = right.integer();
    if (a && b) return combine(op, *a, *b);
    return combine(op, *left.number(), *right.number());
  }
  if (op == BinaryOperator::add) return add_sequences(runtime, left, right);
  if (op == BinaryOperator::multiply) return multiply_sequences(runtime, left, right);
  return unsupported_types(op, left, right);
}

Result<Value> unary(UnaryOperator op, const Value& operand) {
  if (operand.is_undefined()) return undefined_error(operand);
  const bool is_negated = op == UnaryOperator::negate;
  if (const auto integer = operand.integer()) {
    Integer result = *integer;
    if (is_negated && __builtin_sub_overflow(Integer(0), *integer, &result)) return too_large();
    return Value::integer(result);
  }
  if (const auto real = operand.number()) return Value::real(is_negated ? -*real : *real);
  return failure("bad operand type for unary " + std::string(is_negated ? "-" : "+") + ": '" +
                 std::string(type_name(operand)) + "'");
}

}  // namespace conduit::kernels::jinja
