// Statements, scopes and calls; expressions are in evaluation.cc.
#include "kernels/model/jinja/interpreter.h"

#include <algorithm>
#include <unordered_set>

#include "kernels/model/jinja/access.h"
#include "kernels/model/jinja/printing.h"

namespace conduit::kernels::jinja {

namespace {

// A search through this many variables costs a step more.
constexpr std::size_t kVariablesPerStep = 16;

}  // namespace

Value* Frame::find(Symbol symbol) {
  auto found = std::find_if(variables.begin(), variables.end(),
                            [&](const auto& variable) { return variable.first == symbol; });
  return found == variables.end() ? nullptr : &found->second;
}

void Frame::set(Symbol symbol, Value value) {
  if (Value* present = find(symbol)) {
    *present = std::move(value);
  } else {
    variables.emplace_back(symbol, std::move(value));
  }
}

Interpreter::Interpreter(const Syntax& syntax, Runtime& runtime)
    : syntax_(syntax), runtime_(runtime) {
  for (const std::string& name : syntax.names) functions_.push_back(find_function(name));
}

Result<std::string> Interpreter::run(const Dict& variables) {
  std::string prompt;
  out_ = &prompt;
  const auto flow = in_scope(nullptr, [&] {
    give(variables);
    return execute(syntax_.body);
  });
  if (!flow) return flow.error();
  return prompt;
}

void Interpreter::give(const Dict& variables) {
  const std::unordered_set<Symbol> hidden(syntax_.hidden.begin(), syntax_.hidden.end());
  for (std::size_t index = 0; index < syntax_.names.size(); ++index) {
    const auto symbol = static_cast<Symbol>(index);
    if (hidden.count(symbol) > 0) {
      frame_->variables.emplace_back(
          symbol, Value::undefined(in_quotes(syntax_.names[index]) + " is undefined"));
    } else if (const Value* value = variables.find(syntax_.names[index])) {
      frame_->variables.emplace_back(symbol, *value);
    }
  }
}

template <class Body>
auto Interpreter::in_scope(Frame* around, Body body) -> decltype(body()) {
  auto frame = std::make_unique<Frame>();
  frame->around = around;
  Frame* const before = std::exchange(frame_, frame.get());
  auto result = body();
  frame_ = before;
  if (frame->is_captured) captured_frames_.push_back(std::move(frame));
  return result;
}

Status Interpreter::write(std::string_view text) {
  CONDUIT_TRY_STATUS(runtime_.allow_text(text.size(), out_->size()));
  *out_ += text;
  return ok();
}

Result<std::string> Interpreter::text_of(const Statements& statements, Flow& flow) {
  std::string text;
  std::string* const before = std::exchange(out_, &text);
  auto result = in_scope(frame_, [&] { return execute(statements); });
  out_ = before;
  CONDUIT_TRY(flow, std::move(result));
  return text;
}

Result<Value*> Interpreter::look_up(Symbol symbol) {
  for (Frame* frame = frame_; frame != nullptr; frame = frame->around) {
    CONDUIT_TRY_STATUS(runtime_.spend(frame->variables.size() / kVariablesPerStep));
    if (Value* found = frame->find(symbol)) return found;
  }
  return nullptr;
}

Status Interpreter::set(Symbol symbol, Value value) {
  CONDUIT_TRY_STATUS(runtime_.spend(1 + frame_->variables.size() / kVariablesPerStep));
  frame_->set(symbol, std::move(value));
  return ok();
}

Status Interpreter::assign(const Target& target, const Value& value) {
  if (!target.is_unpacking)
    return target.attribute.empty() ? set(target.symbol, value) : assign_attribute(target, value);
  auto items = iterate(runtime_, value);
  if (!items && items.error().code == Code::invalid_argument)
    return failure("cannot unpack non-iterable " + std::string(type_name(value)) + " object");
  if (!items) return std::move(items).error();
  const std::string expected = std::to_string(target.parts.size());
  if (items->size() > target.parts.size())
    return failure("too many values to unpack (expected " + expected + ")");
  if (items->size() < target.parts.size())
    return failure("not enough values to unpack (expected " + expected + ", got " +
                   std::to_string(items->size()) + ")");
  for (std::size_t i = 0; i < items->size(); ++i)
    CONDUIT_TRY_STATUS(assign(target.parts[i], (*items)[i]));
  return ok();
}

Status Interpreter::assign_attribute(const Target& target, const Value& value) {
  CONDUIT_TRY(const Value* found, look_up(target.symbol));
  auto* space = found == nullptr ? nullptr : found->get<std::shared_ptr<Namespace>>();
  if (space == nullptr) return failure("cannot assign attribute on non-namespace object");
  CONDUIT_TRY_STATUS(runtime_.spend((*space)->attributes.size() / kVariablesPerStep));
  (*space)->set(target.attribute, value);
  return ok();
}

// The frames around a macro live as long as it may be called.
Macro Interpreter::capture(const MacroDefinition& definition) {
  for (Frame* frame = frame_; frame != nullptr && !frame->is_captured; frame = frame->around)
    frame->is_captured = true;
  return Macro{&definition, frame_};
}

Result<Interpreter::Flow> Interpreter::execute(const Statements& statements) {
  for (const Statement& statement : statements) {
    CONDUIT_TRY(const Flow flow, execute(statement));
    if (flow != Flow::next) return flow;
  }
  return Flow::next;
}

Result<Interpreter::Flow> Interpreter::execute(const Statement& statement) {
  CONDUIT_TRY_STATUS(runtime_.spend(1));
  CONDUIT_TRY_STATUS(runtime_.enter());
  const Leave leave(runtime_);
  auto flow = std::visit([&](const auto& form) { return execute(form); }, statement.form);
  if (flow || is_error_located_) return flow;
  is_error_located_ = true;
  Error& error = flow.error();
  // A message that the template itself raises is for its user: it stays as it is.
  if (error.message.rfind(kRaisedByTemplate, 0) != 0)
    error.message = "line " + std::to_string(statement.line) + ": " + error.message;
  return flow;
}

Result<Interpreter::Flow> Interpreter::execute(const Data& data) {
  CONDUIT_TRY_STATUS(write(data.text));
  return Flow::next;
}

Result<Interpreter::Flow> Interpreter::execute(const Output& output) {
  CONDUIT_TRY(const Value value, evaluate(*output.value));
  if (const std::string* text = value.string()) {
    CONDUIT_TRY_STATUS(write(*text));
    return Flow::next;
  }
  CONDUIT_TRY(const std::string text, str(runtime_, value));
  CONDUIT_TRY_STATUS(write(text));
  return Flow::next;
}

Result<Interpreter::Flow> Interpreter::execute(const If& choice) {
  for (const auto& [condition, then] : choice.branches) {
    CONDUIT_TRY(const Value value, evaluate(*condition));
    if (value.truth()) return execute(then);
  }
  return execute(choice.otherwise);
}

Result<Interpreter::Flow> Interpreter::execute(const Set& set) {
  CONDUIT_TRY(const Value value, evaluate(*set.value));
  CONDUIT_TRY_STATUS(assign(set.target, value));
  return Flow::next;
}

Result<Interpreter::Flow> Interpreter::execute(const SetBlock& set) {
  Flow flow = Flow::next;
  CONDUIT_TRY(auto text, text_of(set.body, flow));
  if (flow != Flow::next) return flow;
  CONDUIT_TRY(Value value, runtime_.make_text(std::move(text)));
  if (set.filter != nullptr) {
    CONDUIT_TRY(value, filter_text(*set.filter, std::move(value)));
  }
  CONDUIT_TRY_STATUS(assign(set.target, value));
  return Flow::next;
}

// All values are computed outside: one cannot read a name set by another.
Result<Interpreter::Flow> Interpreter::execute(const With& with) {
  std::vector<Value> values;
  for (const auto& [target, expression] : with.assignments) {
    CONDUIT_TRY(Value value, evaluate(*expression));
    values.push_back(std::move(value));
  }
  return in_scope(frame_, [&]() -> Result<Flow> {
    for (std::size_t i = 0; i < values.size(); ++i)
      CONDUIT_TRY_STATUS(assign(with.assignments[i].first, values[i]));
    return execute(with.body);
  });
}

Result<Interpreter::Flow> Interpreter::execute(const std::unique_ptr<MacroDefinition>& macro) {
  CONDUIT_TRY_STATUS(set(macro->symbol, Value::of(capture(*macro))));
  return Flow::next;
}

Result<Interpreter::Flow> Interpreter::execute(const CallBlock& block) {
  const auto& invocation = std::get<Call>(block.call->form);
  CONDUIT_TRY(const Value callee, evaluate(*invocation.callee));
  CONDUIT_TRY(Arguments arguments, evaluate(invocation.arguments));
  arguments.named.emplace_back("caller", Value::of(capture(*block.caller)));
  CONDUIT_TRY(const Value value, call(callee, std::move(arguments)));
  CONDUIT_TRY(const std::string text, str(runtime_, value));
  CONDUIT_TRY_STATUS(write(text));
  return Flow::next;
}

Result<Interpreter::Flow> Interpreter::execute(const FilterBlock& block) {
  Flow flow = Flow::next;
  CONDUIT_TRY(auto text, text_of(block.body, flow));
  CONDUIT_TRY(Value value, runtime_.make_text(std::move(text)));
  CONDUIT_TRY(value, filter_text(*block.filter, std::move(value)));
  CONDUIT_TRY(const std::string filtered, str(runtime_, value));
  CONDUIT_TRY_STATUS(write(filtered));
  return flow;
}

Result<Interpreter::Flow> Interpreter::execute(const Scoped& scoped) {
  return in_scope(frame_, [&] { return execute(scoped.body); });
}

Result<Interpreter::Flow> Interpreter::execute(const LoopControl& control) {
  return control.is_break ? Flow::break_loop : Flow::continue_loop;
}

Result<Interpreter::Flow> Interpreter::execute(const ForLoop& loop) {
  CONDUIT_TRY(const Value iterable, evaluate(*loop.iterable));
  return run_loop(loop, iterable, 0);
}

Result<Interpreter::Flow> Interpreter::run_loop(const ForLoop& loop, const Value& iterable,
                                                int depth0) {
  CONDUIT_TRY(auto items, loop_items(loop, iterable));
  if (items.empty()) return in_scope(frame_, [&] { return execute(loop.otherwise); });
  CONDUIT_TRY_STATUS(run_iterations(loop, std::move(items), depth0));
  return Flow::next;
}

Result<std::vector<Value>> Interpreter::loop_items(const ForLoop& loop, const Value& iterable) {
  CONDUIT_TRY(auto items, iterate(runtime_, iterable));
  if (loop.condition == nullptr) return items;
  std::vector<Value> kept;
  for (Value& item : items) {
    const auto condition = in_scope(frame_, [&]() -> Result<Value> {
      CONDUIT_TRY_STATUS(assign(loop.target, item));
      return evaluate(*loop.condition);
    });
    if (!condition) return condition.error();
    if (condition->truth()) kept.push_back(std::move(item));
  }
  return kept;
}

Status Interpreter::run_iterations(const ForLoop& loop, std::vector<Value> items, int depth0) {
  auto state = std::make_shared<Loop>();
  state->items = std::move(items);
  state->length = state->items.size();
  state->depth0 = depth0;
  if (loop.is_recursive) {
    state->recursive = &loop;
    state->scope = frame_;
  }
  const auto iterate_once = [&]() -> Result<Flow> {
    CONDUIT_TRY_STATUS(set(kLoopSymbol, Value::of(state)));
    CONDUIT_TRY_STATUS(assign(loop.target, state->items[state->index0]));
    return execute(loop.body);
  };
  Result<Flow> flow = Flow::next;
  for (; state->index0 < state->length; ++state->index0) {
    flow = in_scope(frame_, iterate_once);
    if (!flow || *flow == Flow::break_loop) break;
  }
  state->finish();
  if (!flow) return std::move(flow).error();
  return ok();
}

// loop(items) inside a recursive loop: the text of the whole loop over these.
Result<Value> Interpreter::call_loop(const Loop& loop, const Arguments& arguments) {
  if (loop.recursive == nullptr || loop.is_finished)
    return failure("The loop must have the 'recursive' marker to be called recursively.");
  CONDUIT_TRY(const Bound bound, Bound::bind("loop", {"iterable"}, 1, arguments));
  std::string text;
  std::string* const out_before = std::exchange(out_, &text);
  Frame* const frame_before = std::exchange(frame_, loop.scope);
  const auto flow = run_loop(*loop.recursive, bound[0], loop.depth0 + 1);
  frame_ = frame_before;
  out_ = out_before;
  if (!flow) return flow.error();
  return runtime_.make_text(std::move(text));
}

Result<Value> Interpreter::call(const Value& callee, Arguments arguments) {
  if (callee.is_undefined()) return undefined_error(callee);
  if (auto* function = callee.get<const Function*>()) return (*function)->call(runtime_, arguments);
  if (auto* method = callee.get<std::shared_ptr<const Method>>())
    return call_method(runtime_, **method, arguments);
  if (auto* macro = callee.get<Macro>()) return call_macro(*macro, std::move(arguments));
  if (auto* loop = callee.get<std::shared_ptr<Loop>>()) return call_loop(**loop, arguments);
  if (auto* joiner = callee.get<std::shared_ptr<Joiner>>())
    return std::exchange((*joiner)->is_used, true) ? (*joiner)->separator : Value::text("");
  return failure("'" + std::string(type_name(callee)) + "' object is not callable");
}

Result<Value> Interpreter::call_macro(const Macro& macro, Arguments arguments) {
  std::string text;
  std::string* const before = std::exchange(out_, &text);
  const auto flow = in_scope(macro.scope, [&]() -> Result<Flow> {
    CONDUIT_TRY_STATUS(bind_parameters(*macro.definition, std::move(arguments)));
    return execute(macro.definition->body);
  });
  out_ = before;
  if (!flow) return flow.error();
  return runtime_.make_text(std::move(text));
}

Status Interpreter::bind_parameters(const MacroDefinition& definition, Arguments arguments) {
  auto& [positional, named] = arguments;
  std::vector<const Parameter*> missing;
  const std::size_t given = std::min(positional.size(), definition.parameters.size());
  for (std::size_t i = 0; i < definition.parameters.size(); ++i) {
    const Parameter& parameter = definition.parameters[i];
    CONDUIT_TRY_STATUS(runtime_.spend(named.size() / kVariablesPerStep));
    if (i < given) {
      CONDUIT_TRY_STATUS(set(parameter.symbol, std::move(positional[i])));
      continue;
    }
    auto found = std::find_if(named.begin(), named.end(),
                              [&](const auto& entry) { return entry.first == parameter.name; });
    if (found == named.end()) {
      missing.push_back(&parameter);
      continue;
    }
    CONDUIT_TRY_STATUS(set(parameter.symbol, std::move(found->second)));
    named.erase(found);
  }
  positional.erase(positional.begin(), positional.begin() + static_cast<std::ptrdiff_t>(given));
  for (const Parameter* parameter : missing) {
    Value value = Value::undefined("parameter " + in_quotes(parameter->name) + " was not provided");
    if (parameter->fallback != nullptr) {
      CONDUIT_TRY(value, evaluate(*parameter->fallback));
    }
    CONDUIT_TRY_STATUS(set(parameter->symbol, std::move(value)));
  }
  return bind_rest(definition, std::move(arguments));
}

// What fits no parameter: varargs, kwargs and caller, for a macro that reads them.
Status Interpreter::bind_rest(const MacroDefinition& definition, Arguments arguments) {
  auto& [positional, named] = arguments;
  const std::string name = in_quotes(definition.name);
  auto caller = std::find_if(named.begin(), named.end(),
                             [](const auto& entry) { return entry.first == "caller"; });
  if (definition.uses_caller) {
    const bool is_given = caller != named.end();
    CONDUIT_TRY_STATUS(set(kCallerSymbol, is_given ? std::move(caller->second)
                                                   : Value::undefined("No caller defined")));
    if (is_given) named.erase(caller);
  }
  if (definition.uses_kwargs) {
    std::vector<std::pair<Value, Value>> entries;
    for (auto& [key, value] : named)
      entries.emplace_back(Value::text(std::move(key)), std::move(value));
    CONDUIT_TRY(Value kwargs, runtime_.make_dict(std::move(entries)));
    CONDUIT_TRY_STATUS(set(kKwargsSymbol, std::move(kwargs)));
  } else if (!named.empty() && named.front().first == "caller") {
    return failure("macro " + name +
                   " was invoked with two values for the special caller argument. This is most "
                   "likely a bug.");
  } else if (!named.empty()) {
    return failure("macro " + name + " takes no keyword argument " +
                   in_quotes(named.front().first));
  }
  if (definition.uses_varargs) {
    CONDUIT_TRY(Value varargs, runtime_.make_list(ListKind::tuple, std::move(positional)));
    CONDUIT_TRY_STATUS(set(kVarargsSymbol, std::move(varargs)));
  } else if (!positional.empty()) {
    return failure("macro " + name + " takes not more than " +
                   std::to_string(definition.parameters.size()) + " argument(s)");
  }
  return ok();
}

}  // namespace conduit::kernels::jinja
