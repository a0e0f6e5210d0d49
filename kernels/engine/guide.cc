// The stages one by one, and what all of them end in.
#include "kernels/engine/guide.h"

#include <algorithm>
#include <string>
#include <utility>

#include "kernels/engine/adjusted_logits.h"
#include "kernels/engine/masked_logits.h"
#include "kernels/engine/sampler.h"
#include "kernels/engine/sequence.h"

namespace conduit::kernels {

Result<Guide> Guide::make(const SequenceSpec& spec) {
  Guide guide(spec);
  const std::size_t least = guide.least_tokens();
  CONDUIT_TRY_STATUS(spec.grammar->grammar().health());
  if (least <= static_cast<std::size_t>(spec.max_tokens)) return guide;
  return Error{Code::invalid_argument,
               "max_tokens is " + std::to_string(spec.max_tokens) +
                   "; the shortest answer that fits what is asked for has " +
                   std::to_string(least) + " tokens"};
}

Guide::Guide(const SequenceSpec& spec)
    : grammar_(spec.grammar), matcher_(grammar_), thoughts_(spec.thoughts) {
  if (thoughts_) stage_ = thoughts_->is_open ? Stage::thinking : Stage::start;
  for (TokenId end : grammar_->table().ends())
    if (std::ranges::find(spec.stop_ids, end) == spec.stop_ids.end()) silenced_.push_back(end);
}

std::size_t Guide::least_tokens() { return matcher_.cost() + (stage_ == Stage::thinking ? 1 : 0); }

Result<TokenId> Guide::next(AdjustedLogits& logits, const Sampling& sampling, std::uint64_t index,
                            std::size_t left) {
  std::optional<TokenId> token;
  switch (stage_) {
    case Stage::start: token = begin(logits, sampling, index, left); break;
    case Stage::thinking: token = think(logits, sampling, index, left); break;
    case Stage::answer: token = answer(logits, sampling, index, left); break;
  }
  if (!token || !take(*token)) return failure();
  return *token;
}

// Anything but an end, for as long as the answer has room behind it.
std::optional<TokenId> Guide::think(AdjustedLogits& logits, const Sampling& sampling,
                                    std::uint64_t index, std::size_t left) {
  if (left <= least_tokens()) return thoughts_->close;
  logits.forbid(grammar_->table().ends());
  return sample(logits.row(), sampling, index);
}

// The opening tag beside what the grammar allows.
std::optional<TokenId> Guide::begin(AdjustedLogits& logits, const Sampling& sampling,
                                    std::uint64_t index, std::size_t left) {
  constexpr std::size_t kTags = 2;
  if (left < matcher_.cost() + kTags) return answer(logits, sampling, index, left);
  logits.forbid(silenced_);
  const auto drawn =
      MaskedLogits(logits.row(), with(matcher_.mask(), thoughts_->open)).sample(sampling, index);
  if (drawn == thoughts_->open) return drawn;
  return completed(drawn, logits, sampling, left);
}

std::optional<TokenId> Guide::answer(AdjustedLogits& logits, const Sampling& sampling,
                                     std::uint64_t index, std::size_t left) {
  if (const std::vector<TokenId> forced = matcher_.forced(); !forced.empty())
    return completed(forced.front(), logits, sampling, left);
  logits.forbid(silenced_);
  const auto drawn = MaskedLogits(logits.row(), matcher_.mask()).sample(sampling, index);
  return completed(drawn, logits, sampling, left);
}

// What was drawn, if the answer can still be completed behind it. Where the request forbids all
// that the grammar allows, the grammar counts; broken logits give nothing.
std::optional<TokenId> Guide::completed(std::optional<TokenId> drawn, const AdjustedLogits& logits,
                                        const Sampling& sampling, std::size_t left) {
  if (drawn && (is_end(*drawn) || matcher_.fits(*drawn, left - 1))) return drawn;
  if (!drawn && !sample(logits.row(), sampling, 0)) return std::nullopt;
  return matcher_.ending();
}

bool Guide::take(TokenId token) {
  if (stage_ == Stage::start && token == thoughts_->open) {
    stage_ = Stage::thinking;
    return true;
  }
  if (stage_ == Stage::thinking) {
    if (token == thoughts_->close) stage_ = Stage::answer;
    return true;
  }
  stage_ = Stage::answer;
  return matcher_.accept(token);
}

bool Guide::is_end(TokenId token) const {
  return std::ranges::find(grammar_->table().ends(), token) != grammar_->table().ends().end();
}

bool Guide::is_over() {
  if (stage_ != Stage::answer) return false;
  if (matcher_.is_finished()) return true;
  // Where the text may end, all ends are allowed; nothing else is.
  return matcher_.may_end() && matcher_.mask().count() <= grammar_->table().ends().size();
}

std::vector<TokenId> Guide::forced() {
  return stage_ == Stage::answer ? matcher_.forced() : std::vector<TokenId>{};
}

std::size_t Guide::allowed(std::span<const TokenId> tokens) {
  const Stage before = stage_;
  const std::size_t accepted = matcher_.accepted();
  std::size_t count = 0;
  while (count < tokens.size() && !matcher_.is_finished() && take(tokens[count])) ++count;
  matcher_.rollback(matcher_.accepted() - accepted);
  stage_ = before;
  return count;
}

Error Guide::failure() {
  if (const Status health = grammar_->grammar().health(); !health) return health.error();
  return {Code::internal, "the model gave no usable probabilities"};
}

}  // namespace conduit::kernels
