// The logprobs of a chunk in the two shapes of OpenAI's API.
#pragma once

#include <cstddef>

#include "actors/messages.h"
#include "mdl/base/json.h"

namespace conduit::cluster {

// {"content":[{"token","logprob","bytes","top_logprobs":[…]}],"refusal":null}
json::Value chat_logprobs(const actors::TokenChunk& chunk);
// {"text_offset":[…],"token_logprobs":[…],"tokens":[…],"top_logprobs":[{token: logprob}]};
// `offset`: characters before the chunk's first token, moved behind its last. `with_prompt`: those
// of the prompt first, where the chunk has them; the first token's is null.
json::Value completion_logprobs(const actors::TokenChunk& chunk, std::size_t& offset,
                                bool with_prompt);
// vLLM's: [null, {"id": {"logprob","rank","decoded_token"}, …}, …], one per prompt token; null when
// the chunk has none.
json::Value prompt_logprobs(const actors::TokenChunk& chunk);

}  // namespace conduit::cluster
