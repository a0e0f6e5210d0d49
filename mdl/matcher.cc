// Steps, their completions, and what is forced.
#include "mdl/matcher.h"

#include <algorithm>

#include "mdl/token_table.h"

namespace conduit::mdl {
namespace {

constexpr std::size_t kNever = SIZE_MAX / 2;
constexpr std::size_t kMaxForced = 32;  // tokens at a time

// How many tokens write the text, each the longest that fits. kNever: some byte is in no token.
std::size_t tokens_of(const TokenTable& table, std::string_view text) {
  std::size_t tokens = 0;
  while (!text.empty()) {
    const auto [id, length] = table.parts().trie->longest(text);
    if (id < 0) return kNever;
    text.remove_prefix(length);
    ++tokens;
  }
  return tokens;
}

}  // namespace

Matcher::Matcher(std::shared_ptr<TokenGrammar> grammar) : grammar_(std::move(grammar)) {
  steps_.push_back({grammar_->grammar().start(), {}, false});
}

const Mask& Matcher::mask() { return grammar_->mask(steps_.back().state); }

bool Matcher::may_end() { return grammar_->grammar().accepts(steps_.back().state); }

bool Matcher::accept(TokenId token) {
  if (is_finished_) return false;
  const auto ends = grammar_->table().ends();
  if (std::binary_search(ends.begin(), ends.end(), token)) {
    if (!may_end()) return false;
    steps_.push_back(steps_.back());
    is_finished_ = true;
    return true;
  }
  if (token < 0 || token >= grammar_->table().size()) return false;
  const std::string_view text = grammar_->table().text(token);
  if (text.empty()) return false;
  const Grammar::State next = grammar_->grammar().walk(steps_.back().state, text);
  if (next == Grammar::kDead) return false;
  Step step{next, {}, false};
  // As long as a plan is followed it stays, so that its end comes nearer with every token of it.
  const Step& last = steps_.back();
  if (last.has_plan && std::string_view(last.plan).substr(0, text.size()) == text) {
    step.plan = last.plan.substr(text.size());
    step.has_plan = true;
  }
  steps_.push_back(std::move(step));
  return true;
}

void Matcher::rollback(std::size_t tokens) {
  if (tokens == 0) return;
  steps_.resize(steps_.size() - tokens);
  is_finished_ = false;
}

const std::string& Matcher::plan() {
  Step& step = steps_.back();
  if (!step.has_plan) {
    step.plan = grammar_->grammar().completion(step.state);
    step.has_plan = true;
  }
  return step.plan;
}

std::size_t Matcher::cost() { return tokens_of(grammar_->table(), plan()); }

bool Matcher::fits(TokenId token, std::size_t left_behind_it) {
  if (!accept(token)) return false;
  const bool fits = is_finished_ || cost() <= left_behind_it;
  rollback(1);
  return fits;
}

TokenId Matcher::ending() {
  const std::string& text = plan();
  if (text.empty()) {
    const auto ends = grammar_->table().ends();
    return ends.empty() ? -1 : ends.front();
  }
  return grammar_->table().parts().trie->longest(text).first;
}

std::vector<TokenId> Matcher::forced() {
  std::vector<TokenId> tokens;
  Grammar::State state = steps_.back().state;
  while (!is_finished_ && tokens.size() < kMaxForced && !grammar_->grammar().accepts(state)) {
    const Mask& mask = grammar_->mask(state);
    if (!mask.is_sparse || mask.ids.empty()) break;
    std::string_view longest;
    TokenId best = -1;
    for (const TokenId id : mask.ids) {
      const std::string_view text = grammar_->table().text(id);
      if (text.size() > longest.size()) {
        longest = text;
        best = id;
      }
    }
    const bool is_forced = std::all_of(mask.ids.begin(), mask.ids.end(), [&](TokenId id) {
      return longest.substr(0, grammar_->table().text(id).size()) == grammar_->table().text(id);
    });
    if (!is_forced) break;
    tokens.push_back(best);
    state = grammar_->grammar().walk(state, longest);
  }
  return tokens;
}

}  // namespace conduit::mdl
