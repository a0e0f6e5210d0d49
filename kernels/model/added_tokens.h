// AddedTokens: the tokens that are cut out of a text before anything else sees it, such as
// <|im_start|>; tokenizer.json's "added_tokens". The idea: at each place the longest one wins,
// found by narrowing the sorted spellings byte by byte. Hugging Face looks twice: in the text as
// given, and, for tokens marked `normalized`, in what the normalizer made of the pieces between.
#pragma once

#include <bitset>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "kernels/model/normalizer.h"
#include "kernels/model/regex.h"
#include "kernels/model/vocabulary.h"
#include "mdl/base/json.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

struct AddedToken {
  std::string content;
  TokenId id = 0;
  bool is_special = false;   // left out by decode with skip_special
  bool strips_left = false;  // takes the blanks before it along
  bool strips_right = false;
  bool is_single_word = false;  // only where no word character touches it
  bool is_normalized = false;   // looked for in normalized text
  // What it is when decoded, set by AddedTokens: as in the reference a normalized one is its
  // normalized content.
  std::string decoded = {};
};

class AddedTokens {
 public:
  // `normalize` is applied to the spellings of the normalized ones.
  AddedTokens(std::vector<AddedToken> tokens, const Normalizer& normalize);
  AddedTokens() = default;

  // A piece of text: an added token, or what lies between two.
  struct Section {
    TextRange range;
    std::optional<TokenId> token;
  };
  enum class Pass { given_text, normalized_text };
  // `finds_special`: false leaves special tokens in the text between.
  std::vector<Section> split(std::string_view text, Pass pass, bool finds_special) const;

  // nullptr when there is none.
  const AddedToken* find(TokenId id) const;
  const AddedToken* find(std::string_view content) const;
  const std::vector<AddedToken>& all() const { return tokens_; }
  // Whether a special token has this content: what decodes to it is left out with them.
  bool is_special_content(std::string_view content) const {
    return special_contents_.contains(std::string(content));
  }

 private:
  struct Spelling {
    std::string text;
    std::size_t token;  // index
  };
  struct Match {
    std::size_t length;
    std::size_t token;
  };
  struct Spellings {
    std::vector<Spelling> sorted;  // by text, none empty
    std::bitset<256> first_bytes;  // of any of them: most places of a text are dismissed by these
    std::optional<Match> longest_at_begin(std::string_view text) const;
  };

  std::vector<AddedToken> tokens_;
  std::unordered_map<TokenId, std::size_t> by_id_;
  std::unordered_set<std::string> special_contents_;
  Spellings given_, normalized_;
};

Result<std::vector<AddedToken>> read_added_tokens(const json::Array& definitions);

}  // namespace conduit::kernels
