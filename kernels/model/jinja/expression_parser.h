// Tokens → Expression. Precedence, loosest first: if-else, or, and, not, comparisons and `in`,
// + -, ~, * / // %, **, signs, then attributes, calls, filters and tests.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "kernels/model/jinja/syntax.h"
#include "kernels/model/jinja/token_stream.h"
#include "mdl/base/result.h"

namespace conduit::kernels::jinja {

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& stream) : stream_(stream) {}

  Result<ExpressionPtr> expression();
  // Without if-else at its top, as in `for … in` and `if`.
  Result<ExpressionPtr> plain_expression();
  // One expression, or several with commas: a tuple. `end`: a name that ends it.
  Result<ExpressionPtr> tuple(bool with_conditional, std::string_view end = {});
  // `name | name …` after a block tag; the input of the first is absent.
  Result<ExpressionPtr> filters_of_block();

 private:
  Result<ExpressionPtr> disjunction();
  Result<ExpressionPtr> conjunction();
  Result<ExpressionPtr> negation();
  Result<ExpressionPtr> comparison();
  Result<std::optional<Comparison>> comparison_operator();
  Result<ExpressionPtr> sum();
  Result<ExpressionPtr> product();
  Result<ExpressionPtr> power();
  Result<ExpressionPtr> concatenation();
  Result<ExpressionPtr> sign(bool with_filters);
  Result<ExpressionPtr> primary();
  Result<ExpressionPtr> name();
  Result<ExpressionPtr> string();
  Result<ExpressionPtr> number();
  Result<ExpressionPtr> parenthesized();
  Result<ExpressionPtr> list();
  Result<ExpressionPtr> dict();
  Result<ExpressionPtr> postfix(ExpressionPtr object);
  Result<ExpressionPtr> attribute(ExpressionPtr object);
  Result<ExpressionPtr> item(ExpressionPtr object);
  Result<ExpressionPtr> slice(ExpressionPtr object, ExpressionPtr start);
  Result<ExpressionPtr> filters_and_tests(ExpressionPtr input);
  Result<ExpressionPtr> filter(ExpressionPtr input);
  Result<ExpressionPtr> test(ExpressionPtr input);
  Result<CallArguments> arguments();
  Status argument(CallArguments& into);
  bool is_tuple_end(std::string_view end) const;

  // `tallest`: the height of the tallest child.
  Result<ExpressionPtr> make(Expression::Form form, std::size_t tallest);
  // `left op right`, one step of a chain that grows to the left.
  Result<ExpressionPtr> make_binary(BinaryOperator op, ExpressionPtr left, ExpressionPtr right);

  TokenStream& stream_;
};

}  // namespace conduit::kernels::jinja
