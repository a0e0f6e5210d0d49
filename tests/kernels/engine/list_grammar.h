// The texts {"list": [12,3,…]}: a beginning that is forced, and behind it lists of numbers of up to
// three digits, as long as one likes. What the engine's tests constrain answers with.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/model/tokenizer.h"
#include "mdl/grammar.h"
#include "mdl/matcher.h"

namespace conduit::testing {

class ListGrammar : public mdl::Grammar {
 public:
  explicit ListGrammar(std::string beginning = "{\"list\": [")
      : beginning_(std::move(beginning)), list_(static_cast<State>(beginning_.size()) + 1) {}

  State start() override { return 1; }
  State step(State state, std::uint8_t byte) override {
    const char c = static_cast<char>(byte);
    if (state < list_) return c == beginning_[state - 1] ? state + 1 : kDead;
    const State place =
        state - list_;  // 0: no number yet, 1 to 3: digits, 4: a comma, 5: a bracket
    const bool is_digit = c >= '0' && c <= '9';
    if (is_digit && place != 3 && place < 5)
      return list_ + (place == 0 || place == 4 ? 1 : place + 1);
    if (c == ',' && place >= 1 && place <= 3) return list_ + 4;
    if (c == ']' && place != 4 && place < 5) return list_ + 5;
    return c == '}' && place == 5 ? list_ + 6 : kDead;
  }
  bool accepts(State state) override { return state == list_ + 6; }
  std::string completion(State state) override {
    if (state < list_) return beginning_.substr(state - 1) + "]}";
    const State place = state - list_;
    return place == 4 ? "0]}" : place < 4 ? "]}" : place == 5 ? "}" : "";
  }

  // Whether it is one of these texts.
  bool has(std::string_view text) { return accepts(walk(start(), text)); }

 private:
  std::string beginning_;
  State list_;
};

// Of a tiny model.
inline std::shared_ptr<const mdl::TokenTable> token_table(const kernels::Tokenizer& tokenizer,
                                                          std::vector<kernels::TokenId> ends) {
  std::vector<std::string> texts;
  for (kernels::TokenId id = 0; id < tokenizer.vocab_size(); ++id)
    texts.emplace_back(tokenizer.is_special(id) ? "" : tokenizer.bytes(id));
  return mdl::TokenTable::make(std::move(texts), std::move(ends));
}

}  // namespace conduit::testing
