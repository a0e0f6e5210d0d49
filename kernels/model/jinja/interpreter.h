// Walks a Syntax and writes the prompt.
// The idea: a scope is a frame, linked to the frame around it in the text, and ends with its block;
// only one that a macro was defined in is kept until the end, since the macro may be called then.
// Not here: what values do (operators.h, access.h) and what can be called (functions.h).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/model/jinja/runtime.h"
#include "kernels/model/jinja/syntax.h"
#include "kernels/model/jinja/value.h"
#include "mdl/base/result.h"

namespace conduit::kernels::jinja {

// The names set in one scope, in the order they were set.
struct Frame {
  Frame* around = nullptr;  // in the text
  std::vector<std::pair<Symbol, Value>> variables;
  bool is_captured = false;  // a macro remembers it

  Value* find(Symbol symbol);
  void set(Symbol symbol, Value value);
};

class Interpreter {
 public:
  Interpreter(const Syntax& syntax, Runtime& runtime);

  // `variables`: names the template may use, by name.
  Result<std::string> run(const Dict& variables);

 private:
  enum class Flow { next, break_loop, continue_loop };

  Result<Flow> execute(const Statements& statements);
  Result<Flow> execute(const Statement& statement);
  Result<Flow> execute(const Data& data);
  Result<Flow> execute(const Output& output);
  Result<Flow> execute(const If& choice);
  Result<Flow> execute(const ForLoop& loop);
  Result<Flow> execute(const Set& set);
  Result<Flow> execute(const SetBlock& set);
  Result<Flow> execute(const With& with);
  Result<Flow> execute(const std::unique_ptr<MacroDefinition>& macro);
  Result<Flow> execute(const CallBlock& block);
  Result<Flow> execute(const FilterBlock& block);
  Result<Flow> execute(const Scoped& scoped);
  Result<Flow> execute(const LoopControl& control);

  Result<Value> evaluate(const Expression& expression);
  Result<Value> evaluate(const Literal& literal);
  Result<Value> evaluate(const Variable& variable);
  Result<Value> evaluate(const ListDisplay& display);
  Result<Value> evaluate(const DictDisplay& display);
  Result<Value> evaluate(const UnaryOperation& operation);
  Result<Value> evaluate(const Negation& negation);
  Result<Value> evaluate(const BinaryOperation& operation);
  Result<Value> evaluate(const Concatenation& concatenation);
  Result<Value> evaluate(const ComparisonChain& chain);
  Result<Value> evaluate(const Junction& junction);
  Result<Value> evaluate(const Conditional& conditional);
  Result<Value> evaluate(const AttributeAccess& access);
  Result<Value> evaluate(const ItemAccess& access);
  Result<Value> evaluate(const SliceAccess& access);
  Result<Value> evaluate(const Call& call);
  Result<Value> evaluate(const FilterUse& use);
  Result<Value> evaluate(const TestUse& use);
  Result<Value> evaluate_or_none(const ExpressionPtr& expression);
  Result<std::vector<Value>> evaluate_all(const std::vector<ExpressionPtr>& expressions);
  Result<Arguments> evaluate(const CallArguments& arguments);
  Result<Value> apply_filter(const FilterUse& use, const Value& input);
  // The filters of a block, of which the innermost takes `text`.
  Result<Value> filter_text(const Expression& filters, Value text);

  Result<Value> call(const Value& callee, Arguments arguments);
  Result<Value> call_macro(const Macro& macro, Arguments arguments);
  Status bind_parameters(const MacroDefinition& definition, Arguments arguments);
  Status bind_rest(const MacroDefinition& definition, Arguments arguments);
  Result<Value> call_loop(const Loop& loop, const Arguments& arguments);
  Result<Flow> run_loop(const ForLoop& loop, const Value& iterable, int depth0);
  Result<std::vector<Value>> loop_items(const ForLoop& loop, const Value& iterable);
  Status run_iterations(const ForLoop& loop, std::vector<Value> items, int depth0);

  Result<Value*> look_up(Symbol symbol);
  Status set(Symbol symbol, Value value);  // in the current frame
  Status assign(const Target& target, const Value& value);
  Status assign_attribute(const Target& target, const Value& value);
  Macro capture(const MacroDefinition& definition);

  void give(const Dict& variables);  // to the outermost scope
  Status write(std::string_view text);
  // Runs `body` in a frame of its own inside `around`.
  template <class Body>
  auto in_scope(Frame* around, Body body) -> decltype(body());
  // What `statements` write, in a scope of their own.
  Result<std::string> text_of(const Statements& statements, Flow& flow);

  const Syntax& syntax_;
  Runtime& runtime_;
  std::vector<const Function*> functions_;  // by Symbol
  Frame* frame_ = nullptr;
  std::string* out_ = nullptr;
  std::vector<std::unique_ptr<Frame>> captured_frames_;
  bool is_error_located_ = false;
};

}  // namespace conduit::kernels::jinja
