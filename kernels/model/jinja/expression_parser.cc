// Recursive descent, one function per level of precedence.
#include "kernels/model/jinja/expression_parser.h"

#include <algorithm>

#include "kernels/model/jinja/literals.h"

namespace conduit::kernels::jinja {

namespace {

std::size_t height(const ExpressionPtr& expression) {
  return expression == nullptr ? 0 : expression->height;
}

std::size_t tallest(const std::vector<ExpressionPtr>& expressions) {
  std::size_t result = 0;
  for (const ExpressionPtr& expression : expressions) result = std::max(result, height(expression));
  return result;
}

std::size_t tallest(const CallArguments& arguments) {
  std::size_t result = std::max({tallest(arguments.positional), height(arguments.more_positional),
                                 height(arguments.more_named)});
  for (const auto& [name, value] : arguments.named) result = std::max(result, height(value));
  return result;
}

bool starts_test_argument(const Token& token) {
  switch (token.kind) {
    case TokenKind::name: return token.text != "else" && token.text != "or" && token.text != "and";
    case TokenKind::string:
    case TokenKind::integer:
    case TokenKind::real: return true;
    default: return token.is_symbol("[") || token.is_symbol("{");
  }
}

}  // namespace

Result<ExpressionPtr> ExpressionParser::make(Expression::Form form, std::size_t tallest) {
  CONDUIT_TRY_STATUS(stream_.check_height(tallest + 1));
  return std::make_unique<Expression>(Expression{std::move(form), tallest + 1});
}

Result<ExpressionPtr> ExpressionParser::make_binary(BinaryOperator op, ExpressionPtr left,
                                                    ExpressionPtr right) {
  const std::size_t below = std::max(left->height, right->height);
  return make(BinaryOperation{op, std::move(left), std::move(right)}, below);
}

Result<ExpressionPtr> ExpressionParser::expression() {
  CONDUIT_TRY_STATUS(stream_.enter());
  const LeaveNesting leave(stream_);
  const std::size_t known_before = stream_.unknown.size();
  CONDUIT_TRY(ExpressionPtr result, disjunction());
  while (stream_.skip_name("if")) {
    CONDUIT_TRY(ExpressionPtr condition, disjunction());
    ExpressionPtr otherwise;
    if (stream_.skip_name("else")) {
      CONDUIT_TRY(otherwise, expression());
    }
    const std::size_t below = std::max({height(result), height(condition), height(otherwise)});
    CONDUIT_TRY(
        result,
        make(Conditional{std::move(condition), std::move(result), std::move(otherwise)}, below));
    stream_.unknown.resize(known_before, Error{});
  }
  return result;
}

Result<ExpressionPtr> ExpressionParser::plain_expression() { return disjunction(); }

bool ExpressionParser::is_tuple_end(std::string_view end) const {
  const Token& token = stream_.current();
  return token.kind == TokenKind::output_end || token.kind == TokenKind::block_end ||
         token.is_symbol(")") || (!end.empty() && token.is_name(end));
}

Result<ExpressionPtr> ExpressionParser::tuple(bool with_conditional, std::string_view end) {
  std::vector<ExpressionPtr> items;
  bool is_tuple = false;
  while (!is_tuple_end(end)) {
    CONDUIT_TRY(auto item, with_conditional ? expression() : plain_expression());
    items.push_back(std::move(item));
    if (!stream_.skip_symbol(",")) break;
    is_tuple = true;
  }
  if (items.empty())
    return stream_.fail("Expected an expression, got '" + describe(stream_.current()) + "'");
  if (!is_tuple) return std::move(items.front());
  const std::size_t below = tallest(items);
  return make(ListDisplay{ListKind::tuple, std::move(items)}, below);
}

Result<ExpressionPtr> ExpressionParser::disjunction() {
  CONDUIT_TRY(ExpressionPtr left, conjunction());
  while (stream_.skip_name("or")) {
    CONDUIT_TRY(ExpressionPtr right, conjunction());
    const std::size_t below = std::max(left->height, right->height);
    CONDUIT_TRY(left, make(Junction{false, std::move(left), std::move(right)}, below));
  }
  return left;
}

Result<ExpressionPtr> ExpressionParser::conjunction() {
  CONDUIT_TRY(ExpressionPtr left, negation());
  while (stream_.skip_name("and")) {
    CONDUIT_TRY(ExpressionPtr right, negation());
    const std::size_t below = std::max(left->height, right->height);
    CONDUIT_TRY(left, make(Junction{true, std::move(left), std::move(right)}, below));
  }
  return left;
}

Result<ExpressionPtr> ExpressionParser::negation() {
  if (!stream_.skip_name("not")) return comparison();
  CONDUIT_TRY_STATUS(stream_.enter());
  const LeaveNesting leave(stream_);
  CONDUIT_TRY(ExpressionPtr operand, negation());
  const std::size_t below = operand->height;
  return make(Negation{std::move(operand)}, below);
}

Result<std::optional<Comparison>> ExpressionParser::comparison_operator() {
  static constexpr std::pair<std::string_view, Comparison> kOperators[] = {
      {"==", Comparison::equal},  {"!=", Comparison::not_equal},
      {"<", Comparison::less},    {"<=", Comparison::less_equal},
      {">", Comparison::greater}, {">=", Comparison::greater_equal}};
  for (const auto& [symbol, op] : kOperators)
    if (stream_.skip_symbol(symbol)) return std::optional(op);
  if (stream_.skip_name("in")) return std::optional(Comparison::in);
  if (stream_.current().is_name("not") && stream_.look().is_name("in")) {
    stream_.next();
    stream_.next();
    return std::optional(Comparison::not_in);
  }
  return std::optional<Comparison>();
}

Result<ExpressionPtr> ExpressionParser::comparison() {
  CONDUIT_TRY(ExpressionPtr first, sum());
  ComparisonChain chain;
  std::size_t below = first->height;
  while (true) {
    CONDUIT_TRY(const auto op, comparison_operator());
    if (!op) break;
    CONDUIT_TRY(ExpressionPtr operand, sum());
    below = std::max(below, operand->height);
    chain.rest.emplace_back(*op, std::move(operand));
  }
  if (chain.rest.empty()) return first;
  chain.first = std::move(first);
  return make(std::move(chain), below);
}

Result<ExpressionPtr> ExpressionParser::sum() {
  CONDUIT_TRY(ExpressionPtr left, concatenation());
  while (stream_.current().is_symbol("+") || stream_.current().is_symbol("-")) {
    const bool is_add = stream_.next().text == "+";
    CONDUIT_TRY(ExpressionPtr right, concatenation());
    CONDUIT_TRY(left, make_binary(is_add ? BinaryOperator::add : BinaryOperator::subtract,
                                  std::move(left), std::move(right)));
  }
  return left;
}

Result<ExpressionPtr> ExpressionParser::concatenation() {
  CONDUIT_TRY(ExpressionPtr first, product());
  if (!stream_.current().is_symbol("~")) return first;
  Concatenation joined;
  joined.parts.push_back(std::move(first));
  while (stream_.skip_symbol("~")) {
    CONDUIT_TRY(ExpressionPtr part, product());
    joined.parts.push_back(std::move(part));
  }
  const std::size_t below = tallest(joined.parts);
  return make(std::move(joined), below);
}

Result<ExpressionPtr> ExpressionParser::product() {
  static constexpr std::pair<std::string_view, BinaryOperator> kOperators[] = {
      {"*", BinaryOperator::multiply},
      {"/", BinaryOperator::divide},
      {"//", BinaryOperator::floor_divide},
      {"%", BinaryOperator::modulo}};
  CONDUIT_TRY(ExpressionPtr left, power());
  while (true) {
    const auto* found = std::find_if(std::begin(kOperators), std::end(kOperators),
                                     [&](auto& op) { return stream_.skip_symbol(op.first); });
    if (found == std::end(kOperators)) return left;
    CONDUIT_TRY(ExpressionPtr right, power());
    CONDUIT_TRY(left, make_binary(found->second, std::move(left), std::move(right)));
  }
}

// To the left, other than Python's: 2**3**2 is 64.
Result<ExpressionPtr> ExpressionParser::power() {
  CONDUIT_TRY(ExpressionPtr left, sign(true));
  while (stream_.skip_symbol("**")) {
    CONDUIT_TRY(ExpressionPtr right, sign(true));
    CONDUIT_TRY(left, make_binary(BinaryOperator::power, std::move(left), std::move(right)));
  }
  return left;
}

// A sign binds tighter than a filter: -1|abs is (-1)|abs.
Result<ExpressionPtr> ExpressionParser::sign(bool with_filters) {
  ExpressionPtr result;
  if (stream_.current().is_symbol("-") || stream_.current().is_symbol("+")) {
    CONDUIT_TRY_STATUS(stream_.enter());
    const LeaveNesting leave(stream_);
    const bool is_minus = stream_.next().text == "-";
    CONDUIT_TRY(ExpressionPtr operand, sign(false));
    const std::size_t below = operand->height;
    CONDUIT_TRY(result, make(UnaryOperation{is_minus ? UnaryOperator::negate : UnaryOperator::plus,
                                            std::move(operand)},
                             below));
  } else {
    CONDUIT_TRY(result, primary());
  }
  CONDUIT_TRY(result, postfix(std::move(result)));
  if (!with_filters) return result;
  return filters_and_tests(std::move(result));
}

Result<ExpressionPtr> ExpressionParser::primary() {
  const Token& token = stream_.current();
  switch (token.kind) {
    case TokenKind::name: return name();
    case TokenKind::string: return string();
    case TokenKind::integer:
    case TokenKind::real: return number();
    default: break;
  }
  if (token.is_symbol("(")) return parenthesized();
  if (token.is_symbol("[")) return list();
  if (token.is_symbol("{")) return dict();
  return stream_.fail("unexpected '" + describe(token) + "'");
}

Result<ExpressionPtr> ExpressionParser::name() {
  const std::string_view text = stream_.next().text;
  if (text == "true" || text == "True") return make(Literal{Value::boolean(true)}, 0);
  if (text == "false" || text == "False") return make(Literal{Value::boolean(false)}, 0);
  if (text == "none" || text == "None") return make(Literal{Value()}, 0);
  const Symbol symbol = stream_.symbol_of(text);
  stream_.note_read(symbol);
  return make(Variable{symbol}, 0);
}

// Adjacent strings are one.
Result<ExpressionPtr> ExpressionParser::string() {
  std::string joined;
  while (stream_.current().kind == TokenKind::string) {
    auto text = string_literal(stream_.current().text);
    if (!text) return stream_.fail(text.error().message);
    joined += *text;
    stream_.next();
  }
  return make(Literal{Value::text(std::move(joined))}, 0);
}

Result<ExpressionPtr> ExpressionParser::number() {
  const Token& token = stream_.current();
  auto value =
      token.kind == TokenKind::integer ? integer_literal(token.text) : real_literal(token.text);
  if (!value) return stream_.fail(value.error().message);
  stream_.next();
  return make(Literal{*std::move(value)}, 0);
}

Result<ExpressionPtr> ExpressionParser::parenthesized() {
  stream_.next();
  if (stream_.skip_symbol(")")) return make(ListDisplay{ListKind::tuple, {}}, 0);
  CONDUIT_TRY(ExpressionPtr inside, tuple(true));
  CONDUIT_TRY_STATUS(stream_.expect_symbol(")"));
  return inside;
}

Result<ExpressionPtr> ExpressionParser::list() {
  stream_.next();
  std::vector<ExpressionPtr> items;
  while (!stream_.current().is_symbol("]")) {
    CONDUIT_TRY(auto item, expression());
    items.push_back(std::move(item));
    if (!stream_.skip_symbol(",")) break;
  }
  CONDUIT_TRY_STATUS(stream_.expect_symbol("]"));
  const std::size_t below = tallest(items);
  return make(ListDisplay{ListKind::list, std::move(items)}, below);
}

Result<ExpressionPtr> ExpressionParser::dict() {
  stream_.next();
  DictDisplay display;
  std::size_t below = 0;
  while (!stream_.current().is_symbol("}")) {
    CONDUIT_TRY(auto key, expression());
    CONDUIT_TRY_STATUS(stream_.expect_symbol(":"));
    CONDUIT_TRY(auto value, expression());
    below = std::max({below, key->height, value->height});
    display.entries.emplace_back(std::move(key), std::move(value));
    if (!stream_.skip_symbol(",")) break;
  }
  CONDUIT_TRY_STATUS(stream_.expect_symbol("}"));
  return make(std::move(display), below);
}

Result<ExpressionPtr> ExpressionParser::postfix(ExpressionPtr object) {
  while (true) {
    if (stream_.skip_symbol(".")) {
      CONDUIT_TRY(object, attribute(std::move(object)));
    } else if (stream_.skip_symbol("[")) {
      CONDUIT_TRY(object, item(std::move(object)));
    } else if (stream_.current().is_symbol("(")) {
      CONDUIT_TRY(CallArguments given, arguments());
      const std::size_t below = std::max(object->height, tallest(given));
      CONDUIT_TRY(object, make(Call{std::move(object), std::move(given)}, below));
    } else {
      return object;
    }
  }
}

Result<ExpressionPtr> ExpressionParser::attribute(ExpressionPtr object) {
  const std::size_t below = object->height;
  if (stream_.current().kind == TokenKind::integer) {
    CONDUIT_TRY(ExpressionPtr index, number());
    return make(ItemAccess{std::move(object), std::move(index)}, below);
  }
  if (stream_.current().kind != TokenKind::name) return stream_.fail("expected name or number");
  return make(AttributeAccess{std::move(object), std::string(stream_.next().text)}, below);
}

Result<ExpressionPtr> ExpressionParser::item(ExpressionPtr object) {
  if (stream_.skip_symbol(":")) return slice(std::move(object), nullptr);
  if (stream_.current().is_symbol("]")) return stream_.fail("expected subscript expression");
  CONDUIT_TRY(ExpressionPtr index, expression());
  if (stream_.skip_symbol(":")) return slice(std::move(object), std::move(index));
  if (stream_.current().is_symbol(",")) {
    std::vector<ExpressionPtr> items;
    items.push_back(std::move(index));
    while (stream_.skip_symbol(",") && !stream_.current().is_symbol("]")) {
      CONDUIT_TRY(auto next, expression());
      items.push_back(std::move(next));
    }
    const std::size_t below = tallest(items);
    CONDUIT_TRY(index, make(ListDisplay{ListKind::tuple, std::move(items)}, below));
  }
  CONDUIT_TRY_STATUS(stream_.expect_symbol("]"));
  const std::size_t below = std::max(object->height, index->height);
  return make(ItemAccess{std::move(object), std::move(index)}, below);
}

// Behind the first colon.
Result<ExpressionPtr> ExpressionParser::slice(ExpressionPtr object, ExpressionPtr start) {
  ExpressionPtr stop, step;
  if (!stream_.current().is_symbol(":") && !stream_.current().is_symbol("]")) {
    CONDUIT_TRY(stop, expression());
  }
  if (stream_.skip_symbol(":") && !stream_.current().is_symbol("]")) {
    CONDUIT_TRY(step, expression());
  }
  CONDUIT_TRY_STATUS(stream_.expect_symbol("]"));
  const std::size_t below = std::max({object->height, height(start), height(stop), height(step)});
  return make(SliceAccess{std::move(object), std::move(start), std::move(stop), std::move(step)},
              below);
}

Result<ExpressionPtr> ExpressionParser::filters_and_tests(ExpressionPtr input) {
  while (true) {
    if (stream_.skip_symbol("|")) {
      CONDUIT_TRY(input, filter(std::move(input)));
    } else if (stream_.skip_name("is")) {
      CONDUIT_TRY(input, test(std::move(input)));
    } else if (stream_.current().is_symbol("(")) {
      CONDUIT_TRY(CallArguments given, arguments());
      const std::size_t below = std::max(input->height, tallest(given));
      CONDUIT_TRY(input, make(Call{std::move(input), std::move(given)}, below));
    } else {
      return input;
    }
  }
}

Result<ExpressionPtr> ExpressionParser::filters_of_block() {
  CONDUIT_TRY(ExpressionPtr input, filter(nullptr));
  while (stream_.skip_symbol("|")) {
    CONDUIT_TRY(input, filter(std::move(input)));
  }
  return input;
}

Result<ExpressionPtr> ExpressionParser::filter(ExpressionPtr input) {
  CONDUIT_TRY(const Token token, stream_.expect(TokenKind::name));
  FilterUse use{std::move(input), find_filter(token.text), std::string(token.text), {}};
  if (use.filter == nullptr)
    stream_.unknown.push_back(syntax_error(token.line, "No filter named '" + use.name + "'."));
  if (stream_.current().is_symbol("(")) {
    CONDUIT_TRY(use.arguments, arguments());
  }
  const std::size_t below = std::max(height(use.input), tallest(use.arguments));
  return make(std::move(use), below);
}

Result<ExpressionPtr> ExpressionParser::test(ExpressionPtr input) {
  const bool is_negated = stream_.skip_name("not");
  CONDUIT_TRY(const Token token, stream_.expect(TokenKind::name));
  TestUse use{std::move(input), find_test(token.text), std::string(token.text), {}, is_negated};
  if (use.test == nullptr)
    stream_.unknown.push_back(syntax_error(token.line, "No test named '" + use.name + "'."));
  if (stream_.current().is_symbol("(")) {
    CONDUIT_TRY(use.arguments, arguments());
  } else if (starts_test_argument(stream_.current())) {
    if (stream_.current().is_name("is"))
      return stream_.fail("You cannot chain multiple tests with is");
    CONDUIT_TRY(ExpressionPtr argument, primary());
    CONDUIT_TRY(argument, postfix(std::move(argument)));
    use.arguments.positional.push_back(std::move(argument));
  }
  const std::size_t below = std::max(use.input->height, tallest(use.arguments));
  return make(std::move(use), below);
}

Result<CallArguments> ExpressionParser::arguments() {
  CONDUIT_TRY_STATUS(stream_.expect_symbol("("));
  CallArguments given;
  while (!stream_.current().is_symbol(")")) {
    CONDUIT_TRY_STATUS(argument(given));
    if (!stream_.skip_symbol(",")) break;
  }
  CONDUIT_TRY_STATUS(stream_.expect_symbol(")"));
  return given;
}

Status ExpressionParser::argument(CallArguments& into) {
  const bool has_dict = into.more_named != nullptr;
  const bool has_list = into.more_positional != nullptr;
  bool is_out_of_order = has_dict;
  if (stream_.skip_symbol("*")) {
    is_out_of_order |= has_list;
    CONDUIT_TRY(into.more_positional, expression());
  } else if (stream_.skip_symbol("**")) {
    CONDUIT_TRY(into.more_named, expression());
  } else if (stream_.current().kind == TokenKind::name && stream_.look().is_symbol("=")) {
    std::string name(stream_.next().text);
    stream_.next();
    CONDUIT_TRY(auto value, expression());
    into.named.emplace_back(std::move(name), std::move(value));
  } else {
    is_out_of_order |= has_list || !into.named.empty();
    CONDUIT_TRY(auto value, expression());
    into.positional.push_back(std::move(value));
  }
  if (is_out_of_order) return stream_.fail("invalid syntax for function call expression");
  return ok();
}

}  // namespace conduit::kernels::jinja
