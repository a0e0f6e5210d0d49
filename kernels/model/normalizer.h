// Normalizer: what a tokenizer does to a text before it cuts it; tokenizer.json's "normalizer". The
// idea: a list of steps, each text → text. Not here: the Unicode behind them (unicode.h) and
// SentencePiece's table of replacements (charsmap.h).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kernels/model/charsmap.h"
#include "kernels/model/pattern.h"
#include "kernels/model/trie.h"
#include "kernels/model/unicode.h"
#include "mdl/base/json.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

class Normalizer {
 public:
  // SentencePiece's normalizer_spec: characters by its table, blanks by its flags.
  struct SentencePiece {
    std::shared_ptr<const Charsmap> charsmap;  // nullptr: characters stay
    Trie kept;  // of user-defined pieces, which the table does not touch
    bool adds_dummy_prefix = true;
    bool removes_extra_spaces = true;
    bool escapes_spaces = true;  // a space becomes ▁
  };

  Normalizer() = default;  // leaves a text as it is
  explicit Normalizer(NormalForm form) { steps_.emplace_back(form); }
  explicit Normalizer(SentencePiece spec) { steps_.emplace_back(std::move(spec)); }
  // Errors: invalid_argument names a type that is not supported; corrupt for bad fields.
  static Result<Normalizer> from_json(const json::Value& definition);

  // `text` must be valid UTF-8.
  std::string operator()(std::string_view text) const;

 private:
  struct Bert {
    bool cleans_text, spaces_chinese, strips_accents, lowers;
  };
  struct Strip {
    bool left, right;
  };
  struct StripAccents {};
  struct Lowercase {};
  struct Nmt {};
  struct ByteLetters {};
  struct Prepend {
    std::string content;
  };
  struct Replace {
    Pattern pattern;
    std::string content;
  };
  struct Precompiled {
    std::shared_ptr<const Charsmap> charsmap;
  };
  using Step = std::variant<NormalForm, Bert, Strip, StripAccents, Lowercase, Nmt, ByteLetters,
                            Prepend, Replace, Precompiled, SentencePiece>;

  Status add(const json::Value& definition);
  Status add_bert(const json::Value& definition);
  Status add_replace(const json::Value& definition);
  Status add_precompiled(const json::Value& definition);
  Status grow(std::size_t factor);

  static std::string apply(NormalForm form, std::string_view text);
  static std::string apply(const Bert& step, std::string_view text);
  static std::string apply(const Strip& step, std::string_view text);
  static std::string apply(StripAccents step, std::string_view text);
  static std::string apply(Lowercase step, std::string_view text);
  static std::string apply(Nmt step, std::string_view text);
  static std::string apply(ByteLetters step, std::string_view text);
  static std::string apply(const Prepend& step, std::string_view text);
  static std::string apply(const Replace& step, std::string_view text);
  static std::string apply(const Precompiled& step, std::string_view text);
  static std::string apply(const SentencePiece& step, std::string_view text);

  std::vector<Step> steps_;
  std::size_t growth_ = 1;  // how many times longer the steps can make a text
};

}  // namespace conduit::kernels
