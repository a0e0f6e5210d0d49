// What a body says about the shape of its answer → the request's constraint: OpenAI's
// response_format, tools and tool_choice, vLLM's structured_outputs and guided_*.
// The idea: each way of saying it becomes one constraint (mdl/constraint.h), and only one may be
// used, as an answer has one shape. Whether a schema can be kept is found where it is compiled,
// before the first token; here its place in the body is checked.
#pragma once

#include <cstddef>

#include "actors/messages.h"
#include "cluster/gateway/field_reader.h"
#include "mdl/base/json.h"

namespace conduit::cluster {

inline constexpr std::size_t kMaxTools = 128;         // OpenAI's
inline constexpr std::size_t kMaxToolNameBytes = 64;  // OpenAI's

// Of either route.
void read_constraint(FieldReader& body, actors::GenerateRequest& request);

// `tools`, `tool_choice` and `parallel_tool_calls` of a chat, after read_constraint. What comes
// back is for the template: an empty list where no tool is to be called.
json::Array read_tools(FieldReader& body, actors::GenerateRequest& request);

}  // namespace conduit::cluster
