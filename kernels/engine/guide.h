// Guide: which token comes next in an answer whose request constrains it.
// The idea: the grammar (mdl/matcher.h) says what is allowed, and the model's probabilities choose
// among that. Around it stand three rules:
// - A model that thinks does so first and freely; the grammar holds behind its closing tag.
// - Text that must come is not drawn but taken, so that it can be proposed and computed in one pass
//   (speculation.h), and is spelled as the tokenizer would spell it.
// - A draw behind which too few tokens are left to complete the answer gives way to the beginning
//   of its shortest completion, and thoughts end in time. So an answer is valid whatever max_tokens
//   is, as long as that is not below least_tokens().
// What comes depends on the logits, the sampling and the tokens before alone, as without a grammar.
// Not here: which tokens a mask leaves in a row (masked_logits.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "mdl/base/result.h"
#include "mdl/matcher.h"

namespace conduit::kernels {

class AdjustedLogits;
struct Sampling;
struct SequenceSpec;
using TokenId = std::int32_t;

// Of a model that may think before it answers.
struct ThoughtTags {
  TokenId open = 0, close = 0;
  bool is_open = false;  // the prompt ends behind the opening one
};

class Guide {
 public:
  // For a request with a grammar. Ends of the grammar's vocabulary that are not among its stop_ids
  // are not drawn (ignore_eos). Error: invalid_argument, max_tokens is below least_tokens().
  static Result<Guide> make(const SequenceSpec& spec);

  // The tokens in which a valid answer can be had, from here on.
  std::size_t least_tokens();
  // The index-th token, taken; `left`: how many may come, this one included: least_tokens() or
  // more. Errors: internal (logits that name no token), exhausted (the grammar's limits).
  Result<TokenId> next(AdjustedLogits& logits, const Sampling& sampling, std::uint64_t index,
                       std::size_t left);
  // Nothing can follow: an end token came, or the text is complete and cannot go on.
  bool is_over();
  // The last token was an end token rather than text.
  bool has_ended() const { return matcher_.is_finished(); }

  // The tokens that must come next.
  std::vector<TokenId> forced();
  // How many of these, from the first on, may come next.
  std::size_t allowed(std::span<const TokenId> tokens);

 private:
  explicit Guide(const SequenceSpec& spec);

  enum class Stage : std::uint8_t { start, thinking, answer };

  std::optional<TokenId> think(AdjustedLogits& logits, const Sampling& sampling,
                               std::uint64_t index, std::size_t left);
  std::optional<TokenId> begin(AdjustedLogits& logits, const Sampling& sampling,
                               std::uint64_t index, std::size_t left);
  std::optional<TokenId> answer(AdjustedLogits& logits, const Sampling& sampling,
                                std::uint64_t index, std::size_t left);
  std::optional<TokenId> completed(std::optional<TokenId> drawn, const AdjustedLogits& logits,
                                   const Sampling& sampling, std::size_t left);
  bool take(TokenId token);
  bool is_end(TokenId token) const;
  Error failure();

  std::shared_ptr<mdl::TokenGrammar> grammar_;
  mdl::Matcher matcher_;
  std::optional<ThoughtTags> thoughts_;
  std::vector<TokenId> silenced_;  // ends that are not drawn
  Stage stage_ = Stage::answer;
};

}  // namespace conduit::kernels
