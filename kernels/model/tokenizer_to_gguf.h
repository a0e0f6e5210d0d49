// A Hugging Face folder's tokenizer and chat template as GGUF metadata.
// The idea: a tokenizer is proved, not trusted: the one that is read back from the new file must
// give the same ids as the source for many texts, or the conversion is refused.
#pragma once

#include "kernels/model/gguf_writer.h"
#include "kernels/model/model.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

// Keys tokenizer.*. A folder without a tokenizer gives a file that takes ids only. Errors: as
// read_gguf_vocabulary's; invalid_argument for what surrounds a text and is no single token.
Status add_tokenizer(GgufHeader& header, const Model& source);

// Error: invalid_argument shows a text whose ids differ.
Status check_same_tokenizer(const Model& source, const Model& written);

}  // namespace conduit::kernels
