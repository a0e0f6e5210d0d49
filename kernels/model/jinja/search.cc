// glibc's memmem is two-way string matching: linear, without extra memory.
#include "kernels/model/jinja/search.h"

#include <string.h>

#include <string>

namespace conduit::kernels::jinja {

std::optional<std::size_t> find_text(std::string_view text, std::string_view part,
                                     std::size_t from) {
  if (from > text.size()) return std::nullopt;
  const void* found = ::memmem(text.data() + from, text.size() - from, part.data(), part.size());
  if (found == nullptr) return std::nullopt;
  return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

std::optional<std::size_t> find_last_text(std::string_view text, std::string_view part) {
  const std::string reversed_text(text.rbegin(), text.rend());
  const std::string reversed_part(part.rbegin(), part.rend());
  const auto found = find_text(reversed_text, reversed_part);
  if (!found) return std::nullopt;
  return text.size() - part.size() - *found;
}

std::size_t count_text(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = find_text(text, part); at; at = find_text(text, part, *at + part.size())) ++count;
  return count;
}

}  // namespace conduit::kernels::jinja
