// The interpreter's expressions: each form of Expression to its value.
#include "kernels/model/jinja/access.h"
#include "kernels/model/jinja/interpreter.h"
#include "kernels/model/jinja/printing.h"

namespace conduit::kernels::jinja {

Result<Value> Interpreter::evaluate(const Expression& expression) {
  CONDUIT_TRY_STATUS(runtime_.spend(1));
  CONDUIT_TRY_STATUS(runtime_.enter());
  const Leave leave(runtime_);
  return std::visit([&](const auto& form) { return evaluate(form); }, expression.form);
}

Result<Value> Interpreter::evaluate(const Literal& literal) { return literal.value; }

Result<Value> Interpreter::evaluate(const Variable& variable) {
  CONDUIT_TRY(const Value* found, look_up(variable.symbol));
  if (found != nullptr) return *found;
  const auto index = static_cast<std::size_t>(variable.symbol);
  if (functions_[index] != nullptr) return Value::of(functions_[index]);
  return Value::undefined(in_quotes(syntax_.names[index]) + " is undefined");
}

Result<std::vector<Value>> Interpreter::evaluate_all(
    const std::vector<ExpressionPtr>& expressions) {
  std::vector<Value> values;
  values.reserve(expressions.size());
  for (const ExpressionPtr& expression : expressions) {
    CONDUIT_TRY(Value value, evaluate(*expression));
    values.push_back(std::move(value));
  }
  return values;
}

Result<Value> Interpreter::evaluate(const ListDisplay& display) {
  CONDUIT_TRY(auto items, evaluate_all(display.items));
  return runtime_.make_list(display.kind, std::move(items));
}

Result<Value> Interpreter::evaluate(const DictDisplay& display) {
  std::vector<std::pair<Value, Value>> entries;
  for (const auto& [key_expression, value_expression] : display.entries) {
    CONDUIT_TRY(Value key, evaluate(*key_expression));
    CONDUIT_TRY(Value value, evaluate(*value_expression));
    entries.emplace_back(std::move(key), std::move(value));
  }
  return runtime_.make_dict(std::move(entries));
}

Result<Value> Interpreter::evaluate(const UnaryOperation& operation) {
  CONDUIT_TRY(const Value operand, evaluate(*operation.operand));
  return unary(operation.op, operand);
}

Result<Value> Interpreter::evaluate(const Negation& negation) {
  CONDUIT_TRY(const Value operand, evaluate(*negation.operand));
  return Value::boolean(!operand.truth());
}

Result<Value> Interpreter::evaluate(const BinaryOperation& operation) {
  CONDUIT_TRY(const Value left, evaluate(*operation.left));
  CONDUIT_TRY(const Value right, evaluate(*operation.right));
  return binary(runtime_, operation.op, left, right);
}

Result<Value> Interpreter::evaluate(const Concatenation& concatenation) {
  std::string joined;
  for (const ExpressionPtr& part : concatenation.parts) {
    CONDUIT_TRY(const Value value, evaluate(*part));
    CONDUIT_TRY(const std::string text, str(runtime_, value));
    CONDUIT_TRY_STATUS(runtime_.allow_text(text.size(), joined.size()));
    joined += text;
  }
  return Value::text(std::move(joined));
}

Result<Value> Interpreter::evaluate(const ComparisonChain& chain) {
  CONDUIT_TRY(Value left, evaluate(*chain.first));
  for (const auto& [op, expression] : chain.rest) {
    CONDUIT_TRY(Value right, evaluate(*expression));
    CONDUIT_TRY(const bool holds, compare(runtime_, op, left, right));
    if (!holds) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Result<Value> Interpreter::evaluate(const Junction& junction) {
  CONDUIT_TRY(Value left, evaluate(*junction.left));
  if (left.truth() != junction.is_and) return left;
  return evaluate(*junction.right);
}

Result<Value> Interpreter::evaluate(const Conditional& conditional) {
  CONDUIT_TRY(const Value condition, evaluate(*conditional.condition));
  if (condition.truth()) return evaluate(*conditional.then);
  if (conditional.otherwise != nullptr) return evaluate(*conditional.otherwise);
  return Value::undefined(
      "the inline if-expression evaluated to false and no else section was defined.");
}

Result<Value> Interpreter::evaluate(const AttributeAccess& access) {
  CONDUIT_TRY(const Value object, evaluate(*access.object));
  return get_attribute(runtime_, object, access.name);
}

Result<Value> Interpreter::evaluate(const ItemAccess& access) {
  CONDUIT_TRY(const Value object, evaluate(*access.object));
  CONDUIT_TRY(const Value index, evaluate(*access.index));
  return get_item(runtime_, object, index);
}

Result<Value> Interpreter::evaluate_or_none(const ExpressionPtr& expression) {
  if (expression == nullptr) return Value();
  return evaluate(*expression);
}

Result<Value> Interpreter::evaluate(const SliceAccess& access) {
  CONDUIT_TRY(const Value object, evaluate(*access.object));
  CONDUIT_TRY(const Value start, evaluate_or_none(access.start));
  CONDUIT_TRY(const Value stop, evaluate_or_none(access.stop));
  CONDUIT_TRY(const Value step, evaluate_or_none(access.step));
  return get_slice(runtime_, object, start, stop, step);
}

Result<Value> Interpreter::evaluate(const Call& invocation) {
  CONDUIT_TRY(const Value callee, evaluate(*invocation.callee));
  CONDUIT_TRY(Arguments arguments, evaluate(invocation.arguments));
  return call(callee, std::move(arguments));
}

Result<Arguments> Interpreter::evaluate(const CallArguments& arguments) {
  Arguments given;
  CONDUIT_TRY(given.positional, evaluate_all(arguments.positional));
  for (const auto& [name, expression] : arguments.named) {
    CONDUIT_TRY(Value value, evaluate(*expression));
    given.named.emplace_back(name, std::move(value));
  }
  if (arguments.more_positional != nullptr) {
    CONDUIT_TRY(const Value list, evaluate(*arguments.more_positional));
    CONDUIT_TRY(const auto items, iterate(runtime_, list));
    given.positional.insert(given.positional.end(), items.begin(), items.end());
  }
  if (arguments.more_named == nullptr) return given;
  CONDUIT_TRY(const Value named, evaluate(*arguments.more_named));
  const Dict* dict = named.dict();
  if (dict == nullptr) return failure("argument after ** must be a mapping");
  CONDUIT_TRY_STATUS(runtime_.spend_items(dict->entries().size()));
  for (const Dict::Entry& entry : dict->entries()) {
    const std::string* name = entry.key.string();
    if (name == nullptr) return failure("keywords must be strings");
    given.named.emplace_back(*name, entry.value);
  }
  return given;
}

Result<Value> Interpreter::evaluate(const FilterUse& use) {
  CONDUIT_TRY(const Value input, evaluate(*use.input));
  return apply_filter(use, input);
}

Result<Value> Interpreter::apply_filter(const FilterUse& use, const Value& input) {
  if (use.filter == nullptr) return failure("No filter named '" + use.name + "'.");
  CONDUIT_TRY(const Arguments arguments, evaluate(use.arguments));
  return use.filter->apply(runtime_, input, arguments);
}

Result<Value> Interpreter::filter_text(const Expression& filters, Value text) {
  const auto& use = std::get<FilterUse>(filters.form);
  if (use.input == nullptr) return apply_filter(use, text);
  CONDUIT_TRY(const Value input, filter_text(*use.input, std::move(text)));
  return apply_filter(use, input);
}

Result<Value> Interpreter::evaluate(const TestUse& use) {
  if (use.test == nullptr) return failure("No test named '" + use.name + "'.");
  CONDUIT_TRY(const Value input, evaluate(*use.input));
  CONDUIT_TRY(const Arguments arguments, evaluate(use.arguments));
  CONDUIT_TRY(const bool holds, use.test->apply(runtime_, input, arguments));
  return Value::boolean(holds != use.is_negated);
}

}  // namespace conduit::kernels::jinja
