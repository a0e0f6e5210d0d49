// What may stand behind `is`, and as a name in select and its like.
#include <algorithm>

#include "kernels/model/jinja/functions.h"
#include "kernels/model/jinja/operators.h"
#include "kernels/model/jinja/printing.h"
#include "kernels/model/jinja/python_text.h"

namespace conduit::kernels::jinja {

namespace {

// A test of the value alone.
template <bool (*holds)(const Value&)>
Result<bool> simple(Runtime&, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("test", {}, 0, arguments));
  return holds(input);
}

bool is_defined(const Value& value) { return !value.is_undefined(); }
bool is_undefined(const Value& value) { return value.is_undefined(); }
bool is_none(const Value& value) { return value.is_none(); }
bool is_true(const Value& value) { return value.get<bool>() != nullptr && value.truth(); }
bool is_false(const Value& value) { return value.get<bool>() != nullptr && !value.truth(); }
bool is_boolean(const Value& value) { return value.get<bool>() != nullptr; }
bool is_integer(const Value& value) { return value.get<Integer>() != nullptr; }
bool is_float(const Value& value) { return value.get<double>() != nullptr; }
bool is_number(const Value& value) { return value.is_number(); }
bool is_string(const Value& value) { return value.string() != nullptr; }
bool is_mapping(const Value& value) { return value.dict() != nullptr; }
bool is_escaped(const Value& value) { return value.is_markup(); }

bool is_loop(const Value& value) { return value.get<std::shared_ptr<Loop>>() != nullptr; }

bool is_iterable(const Value& value) {
  return is_string(value) || is_mapping(value) || value.list() != nullptr ||
         value.get<Span>() != nullptr || value.is_undefined() || is_loop(value);
}

// Has a length and items by number or key.
bool is_sequence(const Value& value) {
  if (const List* list = value.list())
    return list->kind == ListKind::list || list->kind == ListKind::tuple ||
           list->kind == ListKind::group;
  return is_iterable(value) && !is_loop(value);
}

// Undefined too: calling it is what fails.
bool is_callable(const Value& value) {
  return value.get<const Function*>() != nullptr || value.get<Macro>() != nullptr ||
         value.get<std::shared_ptr<const Method>>() != nullptr || is_loop(value) ||
         value.get<std::shared_ptr<Joiner>>() != nullptr || value.is_undefined();
}

template <Comparison op>
Result<bool> compared(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("test", {"other"}, 1, arguments));
  return compare(runtime, op, input, bound[0]);
}

Result<bool> leaves_rest(Runtime& runtime, const Value& input, Integer divisor, Integer rest) {
  CONDUIT_TRY(const Value result,
              binary(runtime, BinaryOperator::modulo, input, Value::integer(divisor)));
  return equals(runtime, result, Value::integer(rest));
}

Result<bool> is_odd(Runtime& runtime, const Value& input, const Arguments&) {
  return leaves_rest(runtime, input, 2, 1);
}

Result<bool> is_even(Runtime& runtime, const Value& input, const Arguments&) {
  return leaves_rest(runtime, input, 2, 0);
}

Result<bool> is_divisible(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("divisibleby", {"num"}, 1, arguments));
  CONDUIT_TRY(const Value rest, binary(runtime, BinaryOperator::modulo, input, bound[0]));
  return equals(runtime, rest, Value::integer(0));
}

// Python's `is`. Equal constants are one object there.
Result<bool> is_same_object(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("sameas", {"other"}, 1, arguments));
  const Value& other = bound[0];
  if (input.data().index() != other.data().index()) return false;
  if (const List* list = input.list()) return list == other.list();
  if (const Dict* dict = input.dict()) return dict == other.dict();
  return equals(runtime, input, other);
}

template <bool (*is_wanted)(char32_t), bool (*is_excluded)(char32_t)>
Result<bool> cased(Runtime& runtime, const Value& input, const Arguments&) {
  CONDUIT_TRY(const std::string text, str(runtime, input));
  CONDUIT_TRY_STATUS(runtime.spend_bytes(text.size()));
  const std::u32string characters = decode(text);
  return std::any_of(characters.begin(), characters.end(), is_wanted) &&
         std::none_of(characters.begin(), characters.end(), is_excluded);
}

template <class Entry, const Entry* (*find)(std::string_view)>
Result<bool> names(Runtime&, const Value& input, const Arguments&) {
  return input.string() != nullptr && find(*input.string()) != nullptr;
}

constexpr Test kTests[] = {
    {"!=", compared<Comparison::not_equal>},
    {"<", compared<Comparison::less>},
    {"<=", compared<Comparison::less_equal>},
    {"==", compared<Comparison::equal>},
    {">", compared<Comparison::greater>},
    {">=", compared<Comparison::greater_equal>},
    {"boolean", simple<is_boolean>},
    {"callable", simple<is_callable>},
    {"defined", simple<is_defined>},
    {"divisibleby", is_divisible},
    {"eq", compared<Comparison::equal>},
    {"equalto", compared<Comparison::equal>},
    {"escaped", simple<is_escaped>},
    {"even", is_even},
    {"false", simple<is_false>},
    {"filter", names<Filter, find_filter>},
    {"float", simple<is_float>},
    {"ge", compared<Comparison::greater_equal>},
    {"greaterthan", compared<Comparison::greater>},
    {"gt", compared<Comparison::greater>},
    {"in", compared<Comparison::in>},
    {"integer", simple<is_integer>},
    {"iterable", simple<is_iterable>},
    {"le", compared<Comparison::less_equal>},
    {"lessthan", compared<Comparison::less>},
    {"lower", cased<is_lower, is_upper>},
    {"lt", compared<Comparison::less>},
    {"mapping", simple<is_mapping>},
    {"ne", compared<Comparison::not_equal>},
    {"none", simple<is_none>},
    {"number", simple<is_number>},
    {"odd", is_odd},
    {"sameas", is_same_object},
    {"sequence", simple<is_sequence>},
    {"string", simple<is_string>},
    {"test", names<Test, find_test>},
    {"true", simple<is_true>},
    {"undefined", simple<is_undefined>},
    {"upper", cased<is_upper, is_lower>},
};

}  // namespace

const Test* find_test(std::string_view name) {
  const auto* found = std::find_if(std::begin(kTests), std::end(kTests),
                                   [&](const Test& test) { return test.name == name; });
  return found == std::end(kTests) ? nullptr : found;
}

}  // namespace conduit::kernels::jinja
