// The logprobs of a chunk in the two shapes of OpenAI's API.
#pragma once

#include <cstddef>

#include "actors/messages.h"
#include "mdl/base/json.h"

namespace conduit::cluster {

// {"content":[{"token","logprob","bytes","top_logprobs":[…]}],"refusal":null}
json::Value chat_logprobs(const actors::TokenChunk& chunk);
// {"text_offset":[…],"token_logprobs":[…],"tokens":[…],"top_logprobs":[{token: logprob}]};
// `offset`: characters before the chunk's first token, moved behind its last.
json::Value completion_logprobs(const actors::TokenChunk& chunk, std::size_t& offset);

}  // namespace conduit::cluster
