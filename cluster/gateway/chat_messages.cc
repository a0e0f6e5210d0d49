// Messages, parts, tool calls: checked and brought into one shape.
#include "cluster/gateway/chat_messages.h"

#include <utility>

namespace conduit::cluster {

namespace {

// The text of one part, or nothing after body.fail.
std::string part_text(FieldReader& body, const json::Value& part, const std::string& name) {
  const json::Value* type = part.find("type");
  if (type == nullptr || !type->is_string()) {
    body.fail(name + ".type", "must be a string");
    return "";
  }
  if (type->as_string() != "text") {
    body.fail(name + ".type",
              "is " + json::quote(type->as_string()) + ": the model takes text only");
    return "";
  }
  const json::Value* text = part.find("text");
  if (text != nullptr && text->is_string()) return text->as_string();
  body.fail(name + ".text", "must be a string");
  return "";
}

json::Value one_text(FieldReader& body, const json::Value& message, const std::string& name) {
  const json::Value* content = message.find("content");
  if (content == nullptr || content->is_null()) {
    const json::Value* calls = message.find("tool_calls");
    if (calls == nullptr || calls->is_null()) body.fail(name, "is required");
    return "";
  }
  if (content->is_string()) return *content;
  if (!content->is_array()) {
    body.fail(name, "must be a string or a list of text parts");
    return "";
  }
  std::string joined;
  for (std::size_t i = 0; i < content->as_array().size(); ++i) {
    if (i > 0) joined += '\n';
    joined += part_text(body, content->as_array()[i], name + "[" + std::to_string(i) + "]");
  }
  return joined;
}

// OpenAI sends a call's arguments as JSON text; templates print objects. Text that is no object is
// the model's own mistake of an earlier turn and stays as it is.
void parse_arguments(json::Value& call) {
  const json::Value* function = call.find("function");
  const json::Value* arguments = function == nullptr ? nullptr : function->find("arguments");
  if (arguments == nullptr || !arguments->is_string()) return;
  auto parsed = json::parse(arguments->as_string());
  if (!parsed || !parsed->is_object()) return;
  json::Value changed = *function;
  changed.set("arguments", *std::move(parsed));
  call.set("function", std::move(changed));
}

json::Value one_message(FieldReader& body, const json::Value& message, const std::string& name) {
  if (!message.is_object()) {
    body.fail(name, "must be an object");
    return {};
  }
  const json::Value* role = message.find("role");
  if (role == nullptr || !role->is_string()) body.fail(name + ".role", "must be a string");
  json::Value out = message;
  out.set("content", one_text(body, message, name + ".content"));
  const json::Value* calls = message.find("tool_calls");
  if (calls == nullptr || calls->is_null()) return out;
  if (!calls->is_array()) {
    body.fail(name + ".tool_calls", "must be a list");
    return {};
  }
  json::Value copies = *calls;
  for (json::Value& call : copies.as_array()) parse_arguments(call);
  out.set("tool_calls", std::move(copies));
  return out;
}

}  // namespace

std::string read_messages(FieldReader& body) {
  body.describe("messages", kMessagesSchema, true);
  const json::Value* messages = body.find("messages");
  if (messages == nullptr || !messages->is_array() || messages->as_array().empty() ||
      messages->as_array().size() > kMaxMessages) {
    body.fail("messages", "must be a list of 1 to " + std::to_string(kMaxMessages) + " messages");
    return "";
  }
  json::Array out;
  for (std::size_t i = 0; i < messages->as_array().size() && !body.failure(); ++i)
    out.push_back(
        one_message(body, messages->as_array()[i], "messages[" + std::to_string(i) + "]"));
  return json::dump(out);
}

std::string read_template_arguments(FieldReader& body, json::Array tools) {
  json::Value arguments = json::Object{};
  if (const json::Value* further = body.object("chat_template_kwargs")) arguments = *further;
  if (!tools.empty()) arguments.set("tools", std::move(tools));
  return arguments.as_object().empty() ? "" : json::dump(arguments);
}

}  // namespace conduit::cluster
