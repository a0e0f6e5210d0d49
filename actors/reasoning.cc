// One stage after the other: before the tag, inside, the blanks behind it, the rest.
#include "actors/reasoning.h"

#include <algorithm>
#include <utility>

namespace conduit::actors {

namespace {

std::size_t leading_blanks(std::string_view text) {
  return std::min(text.find_first_not_of(kThoughtsBlanks), text.size());
}

// The end of `text` that may be the beginning of `tag`, with the blanks before it.
std::size_t undecided(std::string_view text, std::string_view tag) {
  std::size_t tail = std::min(text.size(), tag.size() - 1);
  while (tail > 0 && !tag.starts_with(text.substr(text.size() - tail))) --tail;
  const std::size_t last = text.substr(0, text.size() - tail).find_last_not_of(kThoughtsBlanks);
  return text.size() - (last == text.npos ? 0 : last + 1);
}

}  // namespace

Reasoning::Parts Reasoning::push(std::string_view text) {
  if (stage_ == Stage::answer) return {"", std::string(text)};
  held_ += text;
  return decide(false);
}

Reasoning::Parts Reasoning::flush() { return decide(true); }

Reasoning::Parts Reasoning::decide(bool is_last) {
  Parts parts;
  if (stage_ == Stage::start && !open(is_last)) return parts;
  if (stage_ == Stage::thinking && !think(parts, is_last)) return parts;
  if (stage_ == Stage::gap) {
    held_.erase(0, leading_blanks(held_));
    if (!held_.empty()) stage_ = Stage::answer;
  }
  if (stage_ == Stage::answer) parts.text = std::exchange(held_, {});
  return parts;
}

// Whether there is a tag, once that is certain. Without one the text stays as it is, blanks too.
bool Reasoning::open(bool is_last) {
  const std::string_view text = std::string_view(held_).substr(leading_blanks(held_));
  if (text.starts_with(kThoughtsBegin)) {
    held_ = std::string(text.substr(kThoughtsBegin.size()));
    stage_ = Stage::thinking;
  } else if (is_last || !kThoughtsBegin.starts_with(text)) {
    stage_ = Stage::answer;
  }
  return stage_ != Stage::start;
}

// Whether the end of the thoughts was reached.
bool Reasoning::think(Parts& parts, bool is_last) {
  if (!has_thought_) held_.erase(0, leading_blanks(held_));
  const std::size_t close = held_.find(kThoughtsEnd);
  const bool is_closed = close != std::string::npos;
  std::string thought = held_.substr(0, close);
  const std::size_t kept = is_closed ? undecided(thought, " ") : undecided(thought, kThoughtsEnd);
  if (is_closed || !is_last) thought.resize(thought.size() - kept);
  has_thought_ |= !thought.empty();
  held_.erase(0, is_closed ? close + kThoughtsEnd.size() : thought.size());
  parts.reasoning = std::move(thought);
  if (is_closed) stage_ = Stage::gap;
  return is_closed;
}

std::string tail_of(const kernels::Tokenizer& tokenizer, std::span<const kernels::TokenId> prompt) {
  constexpr std::size_t kTail = 16;  // tokens
  return tokenizer.decode(prompt.subspan(prompt.size() - std::min(prompt.size(), kTail)));
}

bool ends_thinking(std::string_view prompt) {
  const std::size_t last = prompt.find_last_not_of(kThoughtsBlanks);
  return last != prompt.npos && prompt.substr(0, last + 1).ends_with(kThoughtsBegin);
}

}  // namespace conduit::actors
