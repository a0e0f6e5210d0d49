// One arena, one table.
#include "kernels/model/vocabulary.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>

namespace conduit::kernels {

Result<Vocabulary> Vocabulary::make(const std::vector<Entry>& entries) {
  std::size_t bytes = 0;
  TokenId largest = -1;
  for (const Entry& entry : entries) {
    bytes += entry.spelling.size();
    largest = std::max(largest, entry.id);
  }
  if (bytes > std::numeric_limits<std::uint32_t>::max())
    return Error{Code::exhausted, "tokenizer: a vocabulary over the limit of 4 GB"};
  Vocabulary made;
  made.spellings_.reserve(bytes);
  made.places_.resize(static_cast<std::size_t>(largest + 1));
  // At most half full: a look-up that finds nothing is the common one, and should end soon.
  made.slots_.assign(std::bit_ceil(entries.size() * 2 + 1), kEmpty);
  for (const Entry& entry : entries) {
    made.places_[static_cast<std::size_t>(entry.id)] = {
        static_cast<std::uint32_t>(made.spellings_.size()),
        static_cast<std::uint32_t>(entry.spelling.size())};
    made.spellings_ += entry.spelling;
    made.slots_[made.slot_of(entry.spelling)] = entry.id;
  }
  return made;
}

// The slot that holds this spelling, or the empty one where it would go.
std::size_t Vocabulary::slot_of(std::string_view text) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = std::hash<std::string_view>()(text) & mask;
  while (slots_[slot] != kEmpty && spelling(slots_[slot]) != text) slot = (slot + 1) & mask;
  return slot;
}

std::optional<TokenId> Vocabulary::find(std::string_view spelling) const {
  const TokenId id = slots_[slot_of(spelling)];
  if (id == kEmpty) return std::nullopt;
  return id;
}

std::string_view Vocabulary::spelling(TokenId id) const {
  if (id < 0 || id >= size()) return {};
  const Place& place = places_[static_cast<std::size_t>(id)];
  return std::string_view(spellings_).substr(place.begin, place.length);
}

}  // namespace conduit::kernels
