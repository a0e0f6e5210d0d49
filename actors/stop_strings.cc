// A search in the little text that is held back; never longer than the longest stop string and the
// newest piece.
#include "actors/stop_strings.h"

#include <algorithm>
#include <utility>

namespace conduit::actors {

std::string StopStrings::push(std::string_view text) {
  if (found_) return {};
  held_ += text;
  std::size_t first_end = std::string::npos;
  std::size_t first_begin = 0;
  for (const std::string& stop : strings_) {
    const std::size_t begin = held_.find(stop);
    if (begin == std::string::npos) continue;
    const std::size_t end = begin + stop.size();
    if (end > first_end || (end == first_end && begin >= first_begin)) continue;
    first_end = end;
    first_begin = begin;
    found_ = stop;
  }
  const std::size_t shown = !found_        ? held_.size() - undecided()
                            : shows_found_ ? first_end
                                           : first_begin;
  std::string certain = held_.substr(0, shown);
  held_.erase(0, found_ ? held_.size() : shown);
  return certain;
}

std::string StopStrings::flush() { return std::exchange(held_, {}); }

// How many bytes at the end could be the beginning of a stop string.
std::size_t StopStrings::undecided() const {
  std::size_t longest = 0;
  for (const std::string& stop : strings_) {
    const std::string_view text = held_;
    for (std::size_t n = std::min(stop.size() - 1, text.size()); n > longest; --n)
      if (text.substr(text.size() - n) == std::string_view(stop).substr(0, n)) longest = n;
  }
  return longest;
}

}  // namespace conduit::actors
