// OpenAI's messages → the messages a chat template can take.
#pragma once

#include <string>

#include "cluster/gateway/field_reader.h"

namespace conduit::cluster {

inline constexpr std::size_t kMaxMessages = 4096;  // more than any conversation; each costs work

// What read_messages takes.
inline constexpr const char* kMessagesSchema = R"({"type":"array","minItems":1,"maxItems":4096,
    "items":{"type":"object","required":["role","content"],"properties":{
      "role":{"type":"string"},
      "content":{"anyOf":[{"type":"string"},{"type":"array","items":{"type":"object",
        "required":["type","text"],
        "properties":{"type":{"const":"text"},"text":{"type":"string"}}}}]},
      "tool_calls":{"anyOf":[{"type":"null"},{"type":"array","items":{"type":"object"}}]}}}})";

// `messages` as the JSON text of an array, each with a role and with its content as one string: the
// text parts of a list are joined by line ends, as vLLM does, since few templates know lists; null
// beside tool calls is "". The arguments of tool calls become objects, as templates expect them.
std::string read_messages(FieldReader& body);
// The template's further variables: these tools and `chat_template_kwargs`; empty when there are
// none.
std::string read_template_arguments(FieldReader& body, json::Array tools);

}  // namespace conduit::cluster
