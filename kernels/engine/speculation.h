// Speculation: which tokens an answer probably continues with. They are computed together in one
// pass and kept as far as they come true.
// The idea: the i-th draw depends on its logits, the seed and i alone, and a row's logits do not
// depend on the rows beside it. So a proposal is right exactly when the draw gives it, and an
// answer is the same, to the last bit, whatever was proposed, greedy or not. Proposals cost rows
// and nothing else; where they keep failing, fewer are made.
// Plain data of one sequence. Not here: proposals of a smaller model (draft.h), the draws
// (engine.cc).
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "kernels/model/tokenizer.h"

namespace conduit::kernels {

struct Sequence;

// What followed when the last three tokens stood in the text before. Saxena, "Prompt lookup
// decoding", 2023.
class PromptLookup {
 public:
  // `most` tokens, or none where those three are new. `text` grows from call to call.
  std::vector<TokenId> propose(const Sequence& text, int most);

 private:
  // Of three tokens, as one number: where the token behind their latest place stands.
  std::unordered_map<std::uint64_t, std::int64_t> next_;
  std::int64_t indexed_ = 0;  // places of the text that next_ knows
};

// How many proposals are worth their rows: twice as many after all came true, one more than came
// true otherwise; after none did, none for a while, each time longer.
class Confidence {
 public:
  // Of the next step, at most `most`; 0: not this time.
  int proposals(int most);
  void observe(int proposed, int kept);

 private:
  int length_ = 2;
  int pause_ = 0;  // steps
  int failures_ = 0;
};

}  // namespace conduit::kernels
