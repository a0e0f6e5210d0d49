// WordCache: words of one text that were encoded already, with their tokens. The idea: most words
// of a text have been there before, and a look-up costs a tenth of merging one. It lives as long as
// one call, so it needs no lock and forgets nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/model/vocabulary.h"

namespace conduit::kernels {

class WordCache {
 public:
  // Appends the tokens of `word` to `out`: as remembered, or as encode(word, out) appends them.
  template <class Encode>
  void append(std::string_view word, std::vector<TokenId>& out, Encode encode) {
    if (word.size() > kMaxWordBytes) return encode(word, out);
    const std::uint64_t hash = std::hash<std::string_view>()(word);
    const Slot& found = slots_[slot_of(word, hash)];
    if (found.word_length != 0) {
      const auto begin = ids_.begin() + found.ids_begin;
      out.insert(out.end(), begin, begin + found.ids_length);
      return;
    }
    const std::size_t before = out.size();
    encode(word, out);
    remember(word, hash, out, before);
  }

 private:
  // Longer ones do not come again.
  static constexpr std::size_t kMaxWordBytes = 128;
  // At about 100 bytes a word, 13 MB.
  static constexpr std::size_t kMaxWords = 1 << 17;
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t word_begin = 0, ids_begin = 0;
    std::uint16_t word_length = 0, ids_length = 0;  // word_length 0: free
  };
  std::size_t slot_of(std::string_view word, std::uint64_t hash) const;
  void remember(std::string_view word, std::uint64_t hash, const std::vector<TokenId>& out,
                std::size_t begin);

  std::vector<Slot> slots_ = std::vector<Slot>(64);  // a power of two, at most half full
  std::size_t count_ = 0;
  std::string words_;
  std::vector<TokenId> ids_;
};

}  // namespace conduit::kernels
