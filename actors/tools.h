// Tools: how a model is told of those it may call, and how it writes its calls.
// The idea: the model's own chat template says both. Where it has no place for tools, they are
// told in a system message, in the words of Hermes' format, so that every model can be given
// tools; what it then writes is up to the grammar (mdl/constraint.h).
// Not here: reading calls from an answer (mdl/tool_calls.h).
#pragma once

#include "kernels/model/model.h"
#include "mdl/base/json.h"
#include "mdl/tool_calls.h"

namespace conduit::actors {

mdl::ToolFormat tool_format_of(const kernels::Model& model);
// As mdl::parse_tool_format reads it.
const char* name_of(mdl::ToolFormat format);

bool template_knows_tools(const kernels::Model& model);
// `messages`: a list of messages as the gateway makes them (chat_messages.h); `tools`: OpenAI's
// list. Calls of earlier turns become text of their messages.
void tell_of_tools(json::Value& messages, const json::Value& tools);

}  // namespace conduit::actors
