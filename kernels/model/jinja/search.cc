// One pass over the text; after a mismatch the match so far says how much of it still stands.
#include "kernels/model/jinja/search.h"

#include <string>

namespace conduit::kernels::jinja {

Searcher::Searcher(std::string_view part) : part_(part), shorter_(part.size() + 1, 0) {
  std::uint32_t matched = 0;
  for (std::size_t i = 1; i < part.size(); ++i) {
    while (matched > 0 && part[i] != part[matched]) matched = shorter_[matched];
    if (part[i] == part[matched]) ++matched;
    shorter_[i + 1] = matched;
  }
}

std::optional<std::size_t> Searcher::find(std::string_view text, std::size_t from) const {
  if (part_.empty()) return from;
  std::size_t matched = 0;
  for (std::size_t i = from; i < text.size(); ++i) {
    if (matched == 0) {  // memchr is many times faster than this loop
      i = text.find(part_.front(), i);
      if (i == std::string_view::npos) return std::nullopt;
    }
    while (matched > 0 && text[i] != part_[matched]) matched = shorter_[matched];
    if (text[i] == part_[matched]) ++matched;
    if (matched == part_.size()) return i + 1 - matched;
  }
  return std::nullopt;
}

std::optional<std::size_t> find_text(std::string_view text, std::string_view part) {
  if (part.size() > text.size()) return std::nullopt;
  return Searcher(part).find(text, 0);
}

std::optional<std::size_t> find_last_text(std::string_view text, std::string_view part) {
  const std::string reversed_text(text.rbegin(), text.rend());
  const std::string reversed_part(part.rbegin(), part.rend());
  const auto found = find_text(reversed_text, reversed_part);
  if (!found) return std::nullopt;
  return text.size() - part.size() - *found;
}

std::size_t count_text(std::string_view text, std::string_view part) {
  const Searcher searcher(part);
  std::size_t count = 0;
  for (auto at = searcher.find(text, 0); at; at = searcher.find(text, *at + part.size())) ++count;
  return count;
}

}  // namespace conduit::kernels::jinja
