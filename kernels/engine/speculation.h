// Speculation: which tokens an answer probably continues with. They are computed together in one
// pass and kept as far as they come true.
// The idea: the i-th draw depends on its logits, the seed and i alone, and a row's logits do not
// depend on the rows beside it. So a proposal is right exactly when the draw gives it, and an
// answer is the same, to the last bit, whatever was proposed, greedy or not. Proposals cost rows
// and nothing else; where they keep failing, fewer are made.
// Plain data, of one sequence but for DraftTrial. Not here: proposals of a smaller model (draft.h),
// the draws (engine.cc).
#pragma once

#include <chrono>
#include <cstddef>
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

// Whether a draft model pays. It takes time that proposals from the text do not, so its right
// guesses alone do not say: tokens per second are counted with it and without, in turn, and the
// better way is kept for a while, each time longer as long as it stays the better one.
class DraftTrial {
 public:
  bool is_on() const { return is_on_; }  // in the next step
  // Of a step that computed no prompt.
  void observe(std::size_t tokens, std::chrono::duration<double> took);

 private:
  struct Speed {
    double tokens = 0, seconds = 0;
    double per_second() const { return seconds > 0 ? tokens / seconds : 0; }
  };
  void end_phase();

  enum class Phase : std::uint8_t { with, without, kept } phase_ = Phase::with;
  Speed with_, without_;
  bool is_on_ = true;
  bool was_better_ = true;  // with it, the last time
  int left_ = kTrial;       // steps of the phase
  int keep_ = kFirstKept;   // the next phase that keeps the better way

  static constexpr int kTrial = 16;
  static constexpr int kFirstKept = 128;
};

}  // namespace conduit::kernels
