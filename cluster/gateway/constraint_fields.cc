// The fields, each with what it becomes.
#include "cluster/gateway/constraint_fields.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "actors/constraints.h"

namespace conduit::cluster {

namespace {

using wire::ConstraintKind;

// The first one stays; a second, or one that is too long, is refused by name.
class OneConstraint {
 public:
  OneConstraint(FieldReader& body, actors::GenerateRequest& request)
      : body_(body), request_(request) {}

  void set(std::string field, ConstraintKind kind, std::string text) {
    if (!field_.empty())
      return body_.fail(field, "cannot be combined with " + field_ + ": an answer has one shape");
    if (text.size() > actors::kMaxConstraintBytes)
      return body_.fail(field, "has " + std::to_string(text.size()) + " bytes; at most " +
                                   std::to_string(actors::kMaxConstraintBytes) + " are taken");
    field_ = std::move(field);
    request_.constraint_kind = kind;
    request_.constraint = std::move(text);
  }

 private:
  FieldReader& body_;
  actors::GenerateRequest& request_;
  std::string field_;
};

constexpr const char* kResponseFormatSchema = R"({"type":"object","required":["type"],"properties":{
    "type":{"enum":["text","json_object","json_schema"]},
    "json_schema":{"type":"object","required":["schema"],"properties":{
      "name":{"type":"string"},"description":{"type":"string"},
      "schema":{"type":["object","boolean"]},"strict":{"type":["boolean","null"]}}}}})";

void read_response_format(FieldReader& body, OneConstraint& constraint) {
  const json::Value* format = body.object("response_format");
  body.describe("response_format", kResponseFormatSchema);
  if (format == nullptr) return;
  const json::Value* type = format->find("type");
  const std::string kind = type != nullptr && type->is_string() ? type->as_string() : "";
  if (kind == "text") return;
  if (kind == "json_object")
    return constraint.set("response_format", ConstraintKind::json_object, "");
  if (kind != "json_schema")
    return body.fail("response_format.type",
                     "must be \"text\", \"json_object\" or \"json_schema\"");
  // vLLM's clients know it as "json_schema" of the same name, too.
  const json::Value* wrapped = format->find("json_schema");
  const json::Value* schema = wrapped == nullptr ? nullptr : wrapped->find("schema");
  if (schema == nullptr || !(schema->is_object() || schema->is_bool()))
    return body.fail("response_format.json_schema.schema", "must be a JSON schema");
  const json::Value* strict = wrapped->find("strict");
  if (strict != nullptr && !strict->is_null() && !strict->is_bool())
    return body.fail("response_format.json_schema.strict", "must be true or false");
  constraint.set("response_format", ConstraintKind::json_schema, json::dump(*schema));
}

// A schema, or its text.
void read_json(FieldReader& body, const std::string& field, const json::Value* value,
               OneConstraint& constraint) {
  if (value == nullptr || value->is_null()) return;
  if (!value->is_string() && !value->is_object() && !value->is_bool())
    return body.fail(field, "must be a JSON schema, or its text");
  constraint.set(field, ConstraintKind::json_schema,
                 value->is_string() ? value->as_string() : json::dump(*value));
}

void read_text(FieldReader& body, const std::string& field, const json::Value* value,
               ConstraintKind kind, OneConstraint& constraint) {
  if (value == nullptr || value->is_null()) return;
  if (!value->is_string()) return body.fail(field, "must be a string");
  constraint.set(field, kind, value->as_string());
}

void read_choice(FieldReader& body, const std::string& field, const json::Value* value,
                 OneConstraint& constraint) {
  if (value == nullptr || value->is_null()) return;
  const bool is_good =
      value->is_array() && !value->as_array().empty() &&
      std::ranges::all_of(value->as_array(), [](const auto& text) { return text.is_string(); });
  if (!is_good) return body.fail(field, "must be a list of at least one string");
  constraint.set(field, ConstraintKind::choice, json::dump(*value));
}

constexpr const char* kChoiceSchema = R"({"type":"array","minItems":1,"items":{"type":"string"}})";
constexpr const char* kJsonSchema = R"({"type":["object","string","boolean"]})";

void read_guided(FieldReader& body, OneConstraint& constraint) {
  body.describe("guided_json", kJsonSchema);
  body.describe("guided_choice", kChoiceSchema);
  for (const char* name : {"guided_regex", "guided_grammar"})
    body.describe(name, R"({"type":"string"})");
  read_json(body, "guided_json", body.find("guided_json"), constraint);
  read_text(body, "guided_regex", body.find("guided_regex"), ConstraintKind::regex, constraint);
  read_choice(body, "guided_choice", body.find("guided_choice"), constraint);
  read_text(body, "guided_grammar", body.find("guided_grammar"), ConstraintKind::gbnf, constraint);
}

constexpr const char* kStructuredSchema = R"({"type":"object","properties":{
    "json":{"type":["object","string","boolean","null"]},"regex":{"type":["string","null"]},
    "choice":{"anyOf":[{"type":"null"},{"type":"array","minItems":1,"items":{"type":"string"}}]},
    "grammar":{"type":["string","null"]},"json_object":{"type":["boolean","null"]}}})";

void read_structured(FieldReader& body, OneConstraint& constraint) {
  const json::Value* outputs = body.object("structured_outputs");
  body.describe("structured_outputs", kStructuredSchema);
  if (outputs == nullptr) return;
  FieldReader nested(*outputs, "structured_outputs.");
  const auto name = [](const char* field) { return std::string("structured_outputs.") + field; };
  read_json(body, name("json"), outputs->find("json"), constraint);
  read_text(body, name("regex"), outputs->find("regex"), ConstraintKind::regex, constraint);
  read_choice(body, name("choice"), outputs->find("choice"), constraint);
  read_text(body, name("grammar"), outputs->find("grammar"), ConstraintKind::gbnf, constraint);
  if (nested.boolean("json_object", false))
    constraint.set(name("json_object"), ConstraintKind::json_object, "");
  for (const char* unsupported : {"structural_tag", "whitespace_pattern"})
    nested.refuse_unless(unsupported, {});
  body.take_failure(nested);
}

// --- tools

bool is_tool_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxToolNameBytes && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

constexpr const char* kToolsSchema = R"({"type":"array","maxItems":128,"items":{"type":"object",
    "required":["type","function"],"properties":{"type":{"const":"function"},
      "function":{"type":"object","required":["name"],"properties":{
        "name":{"type":"string","pattern":"^[A-Za-z0-9_.-]{1,64}$"},
        "description":{"type":["string","null"]},"parameters":{"type":["object","boolean","null"]},
        "strict":{"type":["boolean","null"]}}}}}})";
constexpr const char* kToolChoiceSchema = R"({"anyOf":[{"enum":["none","auto","required"]},
    {"type":"object","required":["type","function"],"properties":{"type":{"const":"function"},
      "function":{"type":"object","required":["name"],"properties":{"name":{"type":"string"}}}}}]})";

// {"name":…,"parameters":…}, or null after body.fail. One without parameters takes none.
json::Value declaration(FieldReader& body, const json::Value& tool, const std::string& place) {
  const json::Value* type = tool.find("type");
  if (type == nullptr || *type != json::Value("function")) {
    body.fail(place + ".type", "must be \"function\"");
    return {};
  }
  const json::Value* function = tool.find("function");
  const json::Value* name = function == nullptr ? nullptr : function->find("name");
  if (name == nullptr || !name->is_string() || !is_tool_name(name->as_string())) {
    body.fail(place + ".function.name", "must be 1 to " + std::to_string(kMaxToolNameBytes) +
                                            " letters, digits, dots, dashes and underscores");
    return {};
  }
  json::Value parameters = json::Object{{"type", "object"}, {"additionalProperties", false}};
  const json::Value* given = function->find("parameters");
  if (given != nullptr && !given->is_null()) parameters = *given;
  if (!parameters.is_object() && !parameters.is_bool()) {
    body.fail(place + ".function.parameters", "must be a JSON schema");
    return {};
  }
  return json::Object{{"name", *name}, {"parameters", std::move(parameters)}};
}

json::Array declarations(FieldReader& body, const json::Array& tools) {
  json::Array out;
  for (std::size_t i = 0; i < tools.size() && !body.failure(); ++i) {
    json::Value tool = declaration(body, tools[i], "tools[" + std::to_string(i) + "]");
    if (body.failure()) break;
    const json::Value& name = *tool.find("name");
    if (std::ranges::any_of(out, [&](const auto& other) { return *other.find("name") == name; }))
      body.fail("tools[" + std::to_string(i) + "].function.name",
                json::quote(name.as_string()) + " is another tool's name too");
    out.push_back(std::move(tool));
  }
  return out;
}

// "none", "auto" or "required"; `declared` is left with what may be called.
std::string read_choice_of_tool(FieldReader& body, json::Array& declared) {
  body.describe("tool_choice", kToolChoiceSchema);
  const json::Value* choice = body.find("tool_choice");
  if (choice == nullptr) return declared.empty() ? "none" : "auto";
  if (*choice == json::Value("none") || *choice == json::Value("auto"))
    return declared.empty() ? "none" : choice->as_string();
  const json::Value* type = choice->find("type");
  const json::Value* function = choice->find("function");
  const json::Value* name = function == nullptr ? nullptr : function->find("name");
  const bool is_named = type != nullptr && *type == json::Value("function") && name != nullptr;
  if (!is_named && *choice != json::Value("required")) {
    body.fail("tool_choice",
              "must be \"none\", \"auto\", \"required\" or "
              "{\"type\":\"function\",\"function\":{\"name\":…}}");
    return "none";
  }
  if (is_named)
    std::erase_if(declared, [&](const auto& tool) { return *tool.find("name") != *name; });
  if (declared.empty())
    body.fail("tool_choice",
              is_named ? "names " + shortened(json::dump(*name)) + ", which is not among the tools"
                       : std::string("needs tools"));
  return "required";
}

}  // namespace

void read_constraint(FieldReader& body, actors::GenerateRequest& request) {
  OneConstraint constraint(body, request);
  read_response_format(body, constraint);
  read_structured(body, constraint);
  read_guided(body, constraint);
}

json::Array read_tools(FieldReader& body, actors::GenerateRequest& request) {
  body.describe("tools", kToolsSchema);
  const bool is_parallel = body.boolean("parallel_tool_calls", true);
  const json::Value* tools = body.find("tools");
  if (tools != nullptr && (!tools->is_array() || tools->as_array().size() > kMaxTools)) {
    body.fail("tools", "must be a list of at most " + std::to_string(kMaxTools) + " tools");
    return {};
  }
  const json::Array given = tools == nullptr ? json::Array() : tools->as_array();
  json::Array declared = declarations(body, given);
  if (body.failure()) return {};
  const std::string choice = read_choice_of_tool(body, declared);
  if (choice == "none") return {};
  if (request.constraint_kind != ConstraintKind::none) {
    body.fail("tools", "with tool_choice " + json::quote(choice) +
                           " cannot be combined with response_format, structured_outputs or "
                           "guided decoding: an answer has one shape");
    return {};
  }
  request.constraint_kind = ConstraintKind::tools;
  request.constraint = json::dump(
      json::Object{{"choice", choice}, {"parallel", is_parallel}, {"tools", std::move(declared)}});
  if (request.constraint.size() > actors::kMaxConstraintBytes)
    body.fail("tools", "have " + std::to_string(request.constraint.size()) + " bytes; at most " +
                           std::to_string(actors::kMaxConstraintBytes) + " are taken");
  return given;
}

}  // namespace conduit::cluster
