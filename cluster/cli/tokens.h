// `conduit tokenize` and `conduit detokenize`: a model's tokenizer over JSON arrays, without a
// node. Texts in, ids out, and the other way round; whole arrays, so that a script pays the loading
// of a vocabulary once.
#pragma once

#include <string>

namespace conduit::cluster {

struct TokenizeOptions {
  std::string tokenizer;    // a path that kernels::open_tokenizer takes
  bool no_special = false;  // without the tokens that surround a text (BOS …)
};
// stdin ["text", …] → stdout [[id, …], …]. 0 done; 1 failed, one line on stderr says why.
int run_tokenize(const TokenizeOptions& options);

struct DetokenizeOptions {
  std::string tokenizer;
  bool skip_special = false;  // leave special tokens out of the text
};
// stdin [[id, …], …] → stdout ["text", …].
int run_detokenize(const DetokenizeOptions& options);

}  // namespace conduit::cluster
