// PostProcessor: the ids of a text → with the tokens a model expects around them, such as the
// beginning-of-sequence token; tokenizer.json's "post_processor". The idea: whatever it is called
// there, for a single text it is some tokens before and some behind. Not here: pairs of texts.
#pragma once

#include <optional>
#include <vector>

#include "kernels/model/vocabulary.h"
#include "mdl/base/json.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

class PostProcessor {
 public:
  // Errors: invalid_argument names a type that is not supported.
  static Result<PostProcessor> from_json(const json::Value& definition);
  // [first] text [last]
  static PostProcessor around(std::optional<TokenId> first, std::optional<TokenId> last);

  std::vector<TokenId> apply(std::vector<TokenId> ids) const;

 private:
  Status add(const json::Value& definition);
  Status add_template(const json::Value& definition);
  Status add_pair(const json::Value& definition);
  void surround(std::vector<TokenId> before, const std::vector<TokenId>& after);

  std::vector<TokenId> before_, after_;
};

}  // namespace conduit::kernels
