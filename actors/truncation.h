// Prompts cut to a length, where their asker wants that rather than an error: vLLM's
// truncate_prompt_tokens. The idea: tokens are cut, not text; those that a tokenizer puts around a
// text count, and stay. Who is to go on keeps the end of its prompt, what is embedded or compared
// its beginning, as in vLLM and in transformers' tokenizers. Plain functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/model/tokenizer.h"
#include "mdl/base/result.h"

namespace conduit::actors {

// How many tokens a prompt may have. `truncate_prompt`: of the wire (0: it is not to be cut, -1: to
// what fits, else a number); `most` fit. Error: invalid_argument for a number above `most`.
Result<std::size_t> kept_tokens(std::int32_t truncate_prompt, std::size_t most);

enum class Keep : std::uint8_t { end, beginning };

// `ids`: a text, which alone is `bare`, with what stands around it.
void cut_text(std::vector<kernels::TokenId>& ids, const std::vector<kernels::TokenId>& bare,
              std::size_t kept, Keep keep);

// `pair`: two texts, which alone are `first` and `second`. Their beginnings are kept; the longer
// one is cut first, then both alike ("longest_first").
void cut_pair(kernels::PairEncoding& pair, const std::vector<kernels::TokenId>& first,
              const std::vector<kernels::TokenId>& second, std::size_t kept);

}  // namespace conduit::actors
