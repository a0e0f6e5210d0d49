// Marks in templates, and the message.
#include "actors/tools.h"

#include <string>
#include <string_view>
#include <utility>

namespace conduit::actors {

namespace {

bool has(const kernels::Model& model, std::string_view mark) {
  return model.chat_template && model.chat_template->source().find(mark) != std::string::npos;
}

// What follows is what Nous Research's Hermes models were trained with, and Qwen's after them.
std::string message_about(const json::Value& tools) {
  std::string text =
      "You may call one or more functions to assist with the user query.\n\nYou are provided with "
      "function signatures within <tools></tools> XML tags:\n<tools>";
  for (const json::Value& tool : tools.as_array()) text += "\n" + json::dump(tool);
  return text +
         "\n</tools>\n\nFor each function call, return a json object with function name and "
         "arguments within <tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": "
         "<function-name>, \"arguments\": <args-json-object>}\n</tool_call>";
}

std::string content_of(const json::Value& message) {
  const json::Value* content = message.find("content");
  return content != nullptr && content->is_string() ? content->as_string() : "";
}

void write_calls(json::Value& message) {
  const json::Value* calls = message.find("tool_calls");
  if (calls == nullptr || !calls->is_array()) return;
  std::string text = content_of(message);
  for (const json::Value& call : calls->as_array()) {
    const json::Value* function = call.find("function");
    const json::Value* name = function == nullptr ? nullptr : function->find("name");
    const json::Value* arguments = function == nullptr ? nullptr : function->find("arguments");
    if (name == nullptr || arguments == nullptr) continue;
    const json::Value written = json::Object{{"name", *name}, {"arguments", *arguments}};
    text += (text.empty() ? "" : "\n") + ("<tool_call>\n" + json::dump(written)) + "\n</tool_call>";
  }
  message.set("content", std::move(text));
}

}  // namespace

mdl::ToolFormat tool_format_of(const kernels::Model& model) {
  if (has(model, "[TOOL_CALLS]")) return mdl::ToolFormat::mistral;
  // Llama's system message names the environment its tools run in.
  const bool is_llama = has(model, "ipython") && !has(model, "<tool_call>");
  return is_llama ? mdl::ToolFormat::llama3 : mdl::ToolFormat::hermes;
}

const char* name_of(mdl::ToolFormat format) {
  switch (format) {
    case mdl::ToolFormat::hermes: return "hermes";
    case mdl::ToolFormat::llama3: return "llama3";
    case mdl::ToolFormat::mistral: return "mistral";
  }
  return "";
}

bool template_knows_tools(const kernels::Model& model) { return has(model, "tools"); }

void tell_of_tools(json::Value& messages, const json::Value& tools) {
  for (json::Value& message : messages.as_array()) write_calls(message);
  json::Array& list = messages.as_array();
  const json::Value* role = list.empty() ? nullptr : list.front().find("role");
  const bool has_system = role != nullptr && role->is_string() && role->as_string() == "system";
  if (!has_system) list.insert(list.begin(), json::Object{{"role", "system"}, {"content", ""}});
  const std::string before = content_of(list.front());
  list.front().set("content", (before.empty() ? "" : before + "\n\n") + message_about(tools));
}

}  // namespace conduit::actors
