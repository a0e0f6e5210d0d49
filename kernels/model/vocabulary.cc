// One arena, one table.
#include "kernels/model/vocabulary.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>

namespace conduit::kernels {
namespace {

std::size_t hash_of(std::string_view text) { return std::hash<std::string_view>()(text); }

// Of the bits that choose no slot.
std::uint32_t tag_of(std::size_t hash) { return static_cast<std::uint32_t>(hash >> 32); }

}  // namespace

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
  made.slots_.resize(std::bit_ceil(entries.size() * 2 + 1));
  for (const Entry& entry : entries) {
    made.places_[static_cast<std::size_t>(entry.id)] = {
        static_cast<std::uint32_t>(made.spellings_.size()),
        static_cast<std::uint32_t>(entry.spelling.size())};
    made.spellings_ += entry.spelling;
    const std::size_t hash = hash_of(entry.spelling);
    made.slots_[made.slot_of(entry.spelling, hash)] = {tag_of(hash), entry.id};
  }
  return made;
}

// The slot that holds this spelling, or the empty one where it would go.
std::size_t Vocabulary::slot_of(std::string_view text, std::size_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash & mask;
  while (slots_[slot].id != kEmpty &&
         (slots_[slot].tag != tag_of(hash) || spelling(slots_[slot].id) != text))
    slot = (slot + 1) & mask;
  return slot;
}

std::optional<TokenId> Vocabulary::find(std::string_view spelling) const {
  const TokenId id = slots_[slot_of(spelling, hash_of(spelling))].id;
  if (id == kEmpty) return std::nullopt;
  return id;
}

std::string_view Vocabulary::spelling(TokenId id) const {
  if (id < 0 || id >= size()) return {};
  const Place& place = places_[static_cast<std::size_t>(id)];
  return std::string_view(spellings_).substr(place.begin, place.length);
}

}  // namespace conduit::kernels
