// The tree that the parser makes of a template and the interpreter walks. Names are numbered
// (Symbol), so a scope compares numbers. Every expression knows its height, which the parser
// bounds: no recursion over a tree, its destruction included, can exhaust the stack.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "kernels/model/jinja/functions.h"
#include "kernels/model/jinja/operators.h"
#include "kernels/model/jinja/value.h"

namespace conduit::kernels::jinja {

using Symbol = std::int32_t;

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

struct Literal {
  Value value;
};
struct Variable {
  Symbol symbol;
};
struct ListDisplay {
  ListKind kind;  // list or tuple
  std::vector<ExpressionPtr> items;
};
struct DictDisplay {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
};
struct UnaryOperation {
  UnaryOperator op;
  ExpressionPtr operand;
};
struct Negation {  // not
  ExpressionPtr operand;
};
struct BinaryOperation {
  BinaryOperator op;
  ExpressionPtr left, right;
};
struct Concatenation {  // a ~ b ~ c
  std::vector<ExpressionPtr> parts;
};
struct ComparisonChain {  // a < b <= c
  ExpressionPtr first;
  std::vector<std::pair<Comparison, ExpressionPtr>> rest;
};
struct Junction {  // and, or: gives the operand that decided
  bool is_and;
  ExpressionPtr left, right;
};
struct Conditional {                         // then if condition else otherwise
  ExpressionPtr condition, then, otherwise;  // otherwise may be absent
};
struct AttributeAccess {
  ExpressionPtr object;
  std::string name;
};
struct ItemAccess {
  ExpressionPtr object, index;
};
struct SliceAccess {
  ExpressionPtr object, start, stop, step;  // all but the first may be absent
};
struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr more_positional, more_named;  // *list, **dict
};
struct Call {
  ExpressionPtr callee;
  CallArguments arguments;
};
struct FilterUse {
  ExpressionPtr input;   // absent in the filter of a block: the block's text
  const Filter* filter;  // nullptr: unknown, an error once it is reached
  std::string name;
  CallArguments arguments;
};
struct TestUse {
  ExpressionPtr input;
  const Test* test;  // nullptr as above
  std::string name;
  CallArguments arguments;
  bool is_negated;
};

struct Expression {
  using Form = std::variant<Literal, Variable, ListDisplay, DictDisplay, UnaryOperation, Negation,
                            BinaryOperation, Concatenation, ComparisonChain, Junction, Conditional,
                            AttributeAccess, ItemAccess, SliceAccess, Call, FilterUse, TestUse>;
  Form form;
  std::size_t height = 1;
};

struct Statement;
using Statements = std::vector<Statement>;

// What `set`, `for` and `with` assign to: a name, several (unpacked), or a namespace's attribute.
struct Target {
  std::vector<Target> parts;  // of an unpacking; else empty
  bool is_unpacking = false;
  Symbol symbol = 0;
  std::string attribute;  // of the namespace `symbol`; empty for a plain name
};

struct Data {
  std::string text;
};
struct Output {
  ExpressionPtr value;
};
struct If {
  std::vector<std::pair<ExpressionPtr, Statements>> branches;
  Statements otherwise;
};
struct ForLoop {
  Target target;
  ExpressionPtr iterable, condition;  // condition may be absent
  bool is_recursive;
  Statements body, otherwise;
};
struct Set {
  Target target;
  ExpressionPtr value;
};
struct SetBlock {
  Target target;
  ExpressionPtr filter;  // may be absent
  Statements body;
};
struct With {
  std::vector<std::pair<Target, ExpressionPtr>> assignments;
  Statements body;
};
struct Parameter {
  Symbol symbol;
  std::string name;
  ExpressionPtr fallback;  // may be absent
};
struct MacroDefinition {
  std::string name;
  Symbol symbol;
  std::vector<Parameter> parameters;
  Statements body;
  // Whether the body reads these, which then take what fits no parameter.
  bool uses_varargs = false, uses_kwargs = false, uses_caller = false;
};
struct CallBlock {
  std::unique_ptr<MacroDefinition> caller;
  ExpressionPtr call;
};
struct FilterBlock {
  ExpressionPtr filter;
  Statements body;
};
struct Scoped {  // generation, block: text like any other, names set inside stay inside
  Statements body;
};
struct LoopControl {
  bool is_break;
};

struct Statement {
  using Form =
      std::variant<Data, Output, If, ForLoop, Set, SetBlock, With, std::unique_ptr<MacroDefinition>,
                   CallBlock, FilterBlock, Scoped, LoopControl>;
  Form form;
  int line;
};

struct Syntax {
  std::vector<std::string> names;  // by Symbol
  // Names that the outermost scope assigns, outside of any `if`, before it reads them. jinja2 takes
  // them for its own from the start, so a loop or macro that comes earlier in the text and reads
  // one finds nothing, even if a variable of that name was given.
  std::vector<Symbol> hidden;
  Statements body;
};

// Symbols with a meaning of their own, the same in every template.
constexpr Symbol kLoopSymbol = 0;
constexpr Symbol kCallerSymbol = 1;
constexpr Symbol kVarargsSymbol = 2;
constexpr Symbol kKwargsSymbol = 3;

}  // namespace conduit::kernels::jinja
