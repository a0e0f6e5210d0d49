// An open-addressing table over two arenas.
#include "kernels/model/word_cache.h"

#include <utility>

namespace conduit::kernels {

std::size_t WordCache::slot_of(std::string_view word, std::uint64_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  for (; slots_[at].word_length != 0; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    const bool is_it = slot.hash == hash && slot.word_length == word.size() &&
                       std::string_view(words_).substr(slot.word_begin, slot.word_length) == word;
    if (is_it) break;
  }
  return at;
}

void WordCache::remember(std::string_view word, std::uint64_t hash, const std::vector<TokenId>& out,
                         std::size_t begin) {
  const std::size_t length = out.size() - begin;
  if (count_ == kMaxWords || word.empty() || length > UINT16_MAX) return;
  if (++count_ * 2 > slots_.size()) {
    const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slots_.size() * 4));
    for (const Slot& slot : old) {
      if (slot.word_length == 0) continue;
      const auto held = std::string_view(words_).substr(slot.word_begin, slot.word_length);
      slots_[slot_of(held, slot.hash)] = slot;
    }
  }
  slots_[slot_of(word, hash)] = {
      hash, static_cast<std::uint32_t>(words_.size()), static_cast<std::uint32_t>(ids_.size()),
      static_cast<std::uint16_t>(word.size()), static_cast<std::uint16_t>(length)};
  words_ += word;
  ids_.insert(ids_.end(), out.begin() + static_cast<std::ptrdiff_t>(begin), out.end());
}

}  // namespace conduit::kernels
