// Vocabulary: token id ↔ spelling, as tokenizer.json writes it. The idea: all spellings stand in
// one string and an open-addressing table finds them, so that fifty thousand tokens load in
// milliseconds and without an allocation each. Ids may have holes. Not here: added tokens
// (added_tokens.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mdl/base/result.h"

namespace conduit::kernels {

using TokenId = std::int32_t;  // as tokenizer.h has it

class Vocabulary {
 public:
  struct Entry {
    std::string_view spelling;
    TokenId id;  // 0 … kMaxTokenId
  };
  // Of two entries with the same spelling the last is found by it. Error: exhausted, at 4 GB.
  static Result<Vocabulary> make(const std::vector<Entry>& entries);

  std::optional<TokenId> find(std::string_view spelling) const;
  // Empty when there is none.
  std::string_view spelling(TokenId id) const;
  int size() const { return static_cast<int>(places_.size()); }  // largest id + 1

 private:
  static constexpr TokenId kEmpty = -1;
  struct Place {
    std::uint32_t begin = 0;
    std::uint32_t length = 0;
  };
  // A part of the hash beside the id, so that a look-up that finds nothing reads no spelling.
  struct Slot {
    std::uint32_t tag = 0;
    TokenId id = kEmpty;
  };
  std::size_t slot_of(std::string_view spelling, std::size_t hash) const;

  std::string spellings_;
  std::vector<Place> places_;                       // by id
  std::vector<Slot> slots_ = std::vector<Slot>(1);  // by hash of the spelling; a power of two
};

}  // namespace conduit::kernels
