// Three token ids as one number; lengths and pauses.
#include "kernels/engine/speculation.h"

#include <algorithm>

#include "kernels/engine/sequence.h"

namespace conduit::kernels {
namespace {

constexpr std::int64_t kGram = 3;  // fewer match by accident, more seldom match
constexpr int kIdBits = 21;        // of a token id: three make a key; vocabularies have 2^18
constexpr int kLongest = 16;       // proposals of one step: rows beyond cost more than they bring
constexpr int kLongestPause = 6;   // 2^6 steps
constexpr int kSettling = 2;       // steps of a trial that are not counted
constexpr int kLongestKept = 2048;

std::uint64_t gram_at(const Sequence& text, std::int64_t begin) {
  std::uint64_t key = 0;
  for (std::int64_t i = begin; i < begin + kGram; ++i)
    key = key << kIdBits | static_cast<std::uint64_t>(text.token(i));
  return key;
}

}  // namespace

std::vector<TokenId> PromptLookup::propose(const Sequence& text, int most) {
  const std::int64_t length = text.length();
  std::vector<TokenId> proposed;
  if (length < kGram) return proposed;
  for (; indexed_ + kGram < length; ++indexed_) next_[gram_at(text, indexed_)] = indexed_ + kGram;
  const auto found = next_.find(gram_at(text, length - kGram));
  if (found == next_.end()) return proposed;
  // Beyond the end of the text the proposal itself goes on: a repetition repeats.
  for (std::int64_t i = found->second; i < found->second + most; ++i)
    proposed.push_back(i < length ? text.token(i) : proposed[static_cast<std::size_t>(i - length)]);
  return proposed;
}

int Confidence::proposals(int most) {
  if (pause_ > 0) {
    --pause_;
    return 0;
  }
  return std::min(length_, most);
}

void Confidence::observe(int proposed, int kept) {
  length_ = kept == proposed ? std::min(2 * proposed, kLongest) : kept + 1;
  if (kept > 0) {
    failures_ = 0;
  } else {
    failures_ = std::min(failures_ + 1, kLongestPause);
    pause_ = 1 << failures_;
  }
}

void DraftTrial::observe(std::size_t tokens, std::chrono::duration<double> took) {
  // The first steps of a trial read what the draft missed, or still profit from it.
  if (phase_ != Phase::kept && left_ <= kTrial - kSettling) {
    Speed& speed = is_on_ ? with_ : without_;
    speed.tokens += static_cast<double>(tokens);
    speed.seconds += took.count();
  }
  if (--left_ == 0) end_phase();
}

void DraftTrial::end_phase() {
  switch (phase_) {
    case Phase::with:
      phase_ = Phase::without;
      is_on_ = false;
      break;
    case Phase::without: {
      phase_ = Phase::kept;
      is_on_ = with_.per_second() > without_.per_second();
      keep_ = is_on_ == was_better_ ? std::min(2 * keep_, kLongestKept) : kFirstKept;
      was_better_ = is_on_;
      break;
    }
    case Phase::kept:
      phase_ = Phase::with;
      is_on_ = true;
      with_ = without_ = {};
      break;
  }
  left_ = phase_ == Phase::kept ? keep_ : kTrial;
}

}  // namespace conduit::kernels
