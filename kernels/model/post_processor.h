// PostProcessor: the ids of one text, or of two → one input with the tokens a model expects around
// them, such as the beginning-of-sequence token; tokenizer.json's "post_processor". The idea:
// whatever it is called there, it is a list of items, each the first text, the second or a token,
// and each with a type id: a list for single texts and a list for pairs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kernels/model/vocabulary.h"
#include "mdl/base/json.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

// Two texts as one input, such as a cross-encoder's query and document.
struct PairEncoding {
  std::vector<TokenId> ids;
  std::vector<std::int32_t>
      type_ids;  // one for each id; BERT: 0 for the first text, 1 for the other
};

class PostProcessor {
 public:
  // Errors: invalid_argument names a type that is not supported; corrupt for bad fields.
  static Result<PostProcessor> from_json(const json::Value& definition);
  // [first] text [last], and for pairs [first] text [last] [first] text [last].
  static PostProcessor around(std::optional<TokenId> first, std::optional<TokenId> last);

  // `adds_special`: false leaves the tokens out.
  std::vector<TokenId> apply(std::vector<TokenId> ids, bool adds_special) const;
  PairEncoding apply(std::span<const TokenId> first, std::span<const TokenId> second) const;

 private:
  enum class Kind : std::uint8_t { first_text, second_text, token };
  struct Item {
    Kind kind;
    TokenId token;
    std::int32_t type_id;
  };
  using Template = std::vector<Item>;

  static Result<Template> read_template(const json::Value& definition, std::string_view key);
  Status add(const json::Value& definition);
  Status add_template(const json::Value& definition);
  Status add_cls_and_sep(const json::Value& definition, bool is_bert);

  Template single_ = {{Kind::first_text, 0, 0}};
  Template pair_ = {{Kind::first_text, 0, 0}, {Kind::second_text, 0, 1}};
  bool adds_tokens_ = false;
};

}  // namespace conduit::kernels
