// Where the text stands among its tokens, and which of it go.
#include "actors/truncation.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "mdl/base/check.h"

namespace conduit::actors {

namespace {

using kernels::TokenId;

template <class T>
void erase_at(std::vector<T>& from, std::size_t at, std::size_t count) {
  const auto begin = from.begin() + static_cast<std::ptrdiff_t>(at);
  from.erase(begin, begin + static_cast<std::ptrdiff_t>(count));
}

}  // namespace

Result<std::size_t> kept_tokens(std::int32_t truncate_prompt, std::size_t most) {
  if (truncate_prompt == 0) return std::numeric_limits<std::size_t>::max();
  if (truncate_prompt == -1) return most;
  if (truncate_prompt > 0 && static_cast<std::size_t>(truncate_prompt) <= most)
    return static_cast<std::size_t>(truncate_prompt);
  return Error{Code::invalid_argument,
               fmt::format("truncate_prompt_tokens is {}; it must be -1 (what fits) or 1 to {}, "
                           "which is what fits",
                           truncate_prompt, most)};
}

void cut_text(std::vector<TokenId>& ids, const std::vector<TokenId>& bare, std::size_t kept,
              Keep keep) {
  if (ids.size() <= kept) return;
  const std::size_t excess = ids.size() - kept;
  const auto found = std::search(ids.begin(), ids.end(), bare.begin(), bare.end());
  const auto begin = static_cast<std::size_t>(found - ids.begin());
  if (found == ids.end() || excess > bare.size())  // less than what stands around it
    return erase_at(ids, keep == Keep::end ? 0 : kept, excess);
  erase_at(ids, keep == Keep::end ? begin : begin + bare.size() - excess, excess);
}

void cut_pair(kernels::PairEncoding& pair, const std::vector<TokenId>& first,
              const std::vector<TokenId>& second, std::size_t kept) {
  if (pair.ids.size() <= kept) return;
  const auto& ids = pair.ids;
  const std::size_t around = ids.size() - first.size() - second.size();
  const std::size_t room = kept - std::min(kept, around);
  std::size_t shorter = std::min(first.size(), second.size());
  std::size_t longer = room - std::min(room, shorter);
  if (longer < shorter) {
    shorter = room / 2;
    longer = room - shorter;
  }
  const bool is_first_longer = first.size() > second.size();
  const auto cut = [&](std::vector<TokenId>::const_iterator begin, std::size_t size,
                       std::size_t left) {
    const auto at = static_cast<std::size_t>(begin - ids.begin()) + left;
    CONDUIT_CHECK(at + size - left <= ids.size(), "a pair holds both of its texts");
    erase_at(pair.type_ids, at, size - left);
    erase_at(pair.ids, at, size - left);
  };
  // From the back, so that what stands before keeps its place.
  cut(std::find_end(ids.begin(), ids.end(), second.begin(), second.end()), second.size(),
      is_first_longer ? shorter : longer);
  cut(std::search(ids.begin(), ids.end(), first.begin(), first.end()), first.size(),
      is_first_longer ? longer : shorter);
}

}  // namespace conduit::actors
