// compile(): a constraint's kind says who reads its text. Tools are read here: their JSON, and all
// their schemas, so that a bad one is refused before the model runs; their grammars, which cost
// more, are made by tagged_grammar when their tool is called.
#include "mdl/constraint.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mdl/base/json.h"
#include "mdl/gbnf.h"
#include "mdl/json_grammar.h"
#include "mdl/regex_grammar.h"
#include "mdl/schema.h"
#include "mdl/tagged_grammar.h"

namespace conduit::mdl {

namespace {

constexpr std::size_t kMaxTools = 1024;          // the longest known list has some hundred
constexpr std::size_t kMaxNameBytes = 256;       // of a tool; OpenAI allows 64 characters
constexpr std::size_t kMaxTextBytes = 16 << 20;  // of tools with their schemas

using GrammarResult = Result<std::shared_ptr<Grammar>>;

Error wrong(std::string message) { return {Code::invalid_argument, std::move(message)}; }

Status check_stop(const std::atomic<bool>* stop) {
  if (stop != nullptr && *stop) return Error{Code::cancelled, "the constraint is no longer needed"};
  return ok();
}

Result<json::Value> parse_text(std::string_view text, const std::string& what) {
  auto value = json::parse(text, {kMaxTextBytes, json::Limits{}.depth});
  if (value) return value;
  const Code code =
      value.error().code == Code::corrupt ? Code::invalid_argument : value.error().code;
  return Error{code, what + ": " + value.error().message};
}

GrammarResult compile_schema(const json::Value& document, const std::atomic<bool>* stop) {
  CONDUIT_TRY(Schema schema, read_schema(document));
  CONDUIT_TRY_STATUS(check_stop(stop));
  return json_grammar(std::move(schema));
}

Result<std::string> read_word(const json::Value& tools, std::string_view key,
                              std::string_view expected) {
  const json::Value* value = tools.find(key);
  if (value == nullptr || !value->is_string())
    return wrong("tools: '" + std::string(key) + "' must be " + std::string(expected));
  return value->as_string();
}

Result<TaggedOptions> read_options(const json::Value& tools) {
  constexpr std::string_view kFormats = "\"hermes\", \"llama3\" or \"mistral\"";
  constexpr std::string_view kChoices = "\"auto\" or \"required\"";
  TaggedOptions options;
  CONDUIT_TRY(const std::string format, read_word(tools, "format", kFormats));
  const auto known_format = parse_tool_format(format);
  if (!known_format)
    return wrong("tools: the format '" + format + "' is none of " + std::string(kFormats));
  options.format = *known_format;
  CONDUIT_TRY(const std::string choice, read_word(tools, "choice", kChoices));
  if (choice != "auto" && choice != "required")
    return wrong("tools: the choice '" + choice + "' is none of " + std::string(kChoices));
  options.is_required = choice == "required";
  if (const json::Value* parallel = tools.find("parallel")) {
    if (!parallel->is_bool()) return wrong("tools: 'parallel' must be true or false");
    options.is_parallel = parallel->as_bool();
  }
  return options;
}

// Without parameters a function has none, as in OpenAI's API.
Result<Schema> read_parameters(const json::Value* parameters) {
  if (parameters == nullptr || parameters->is_null())
    return read_schema(std::string_view(R"({"type":"object","additionalProperties":false})"));
  CONDUIT_TRY(Schema schema, read_schema(*parameters));
  Node& root = schema.nodes[schema.root];
  root.types &= kObject;
  if (root.types == 0) return wrong("the parameters must allow an object");
  return schema;
}

Result<TaggedTool> read_tool(const json::Value& tool) {
  const json::Value* name = tool.find("name");
  if (name == nullptr || !name->is_string())
    return wrong("tools: each must be an object with a 'name', a string");
  if (name->as_string().size() > kMaxNameBytes)
    return Error{Code::exhausted, "tools: a name has " + std::to_string(name->as_string().size()) +
                                      " bytes, the limit is " + std::to_string(kMaxNameBytes)};
  auto schema = read_parameters(tool.find("parameters"));
  if (!schema)
    return Error{schema.error().code,
                 "tool '" + name->as_string() + "': " + schema.error().message};
  return TaggedTool{name->as_string(), [schema = *std::move(schema)]() mutable {
                      return json_grammar(std::move(schema));  // called once
                    }};
}

GrammarResult compile_tools(std::string_view text, const std::atomic<bool>* stop) {
  CONDUIT_TRY(const json::Value value, parse_text(text, "tools"));
  CONDUIT_TRY(const TaggedOptions options, read_options(value));
  const json::Value* list = value.find("tools");
  if (list == nullptr || !list->is_array()) return wrong("tools: 'tools' must be an array");
  if (list->as_array().size() > kMaxTools)
    return Error{Code::exhausted, "tools: there are " + std::to_string(list->as_array().size()) +
                                      ", the limit is " + std::to_string(kMaxTools)};
  std::vector<TaggedTool> tools;
  for (const json::Value& tool : list->as_array()) {
    CONDUIT_TRY_STATUS(check_stop(stop));
    CONDUIT_TRY(TaggedTool read, read_tool(tool));
    tools.push_back(std::move(read));
  }
  return tagged_grammar(options, std::move(tools));
}

}  // namespace

GrammarResult compile(const Constraint& constraint, const std::atomic<bool>* stop) {
  CONDUIT_TRY_STATUS(check_stop(stop));
  switch (constraint.kind) {
    case ConstraintKind::none: break;
    case ConstraintKind::json_object: {
      CONDUIT_TRY(const json::Value document, json::parse(R"({"type":"object"})"));
      return compile_schema(document, stop);
    }
    case ConstraintKind::json_schema: {
      CONDUIT_TRY(const json::Value document, parse_text(constraint.text, "JSON Schema"));
      return compile_schema(document, stop);
    }
    case ConstraintKind::regex: return regex_grammar(constraint.text);
    case ConstraintKind::gbnf: return gbnf_grammar(constraint.text);
    case ConstraintKind::choice: return choice_grammar(constraint.text);
    case ConstraintKind::tools: return compile_tools(constraint.text, stop);
  }
  return wrong("the constraint's kind " + std::to_string(static_cast<int>(constraint.kind)) +
               " is none that has a grammar");
}

}  // namespace conduit::mdl
