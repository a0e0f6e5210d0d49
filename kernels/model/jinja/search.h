// Substring search in linear time (Knuth, Morris, Pratt): std::string's own takes quadratic time
// on text like "aaa…b", which a hostile template could choose.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace conduit::kernels::jinja {

// For many searches of one part. Keeps a view of it.
class Searcher {
 public:
  explicit Searcher(std::string_view part);
  // The first occurrence at or behind `from`, which may be up to text.size().
  std::optional<std::size_t> find(std::string_view text, std::size_t from) const;

 private:
  std::string_view part_;
  // Per length of a match so far: the longest shorter one that ends at the same place.
  std::vector<std::uint32_t> shorter_;
};

std::optional<std::size_t> find_text(std::string_view text, std::string_view part);
std::optional<std::size_t> find_last_text(std::string_view text, std::string_view part);
// Occurrences that do not overlap; `part` must not be empty.
std::size_t count_text(std::string_view text, std::string_view part);

}  // namespace conduit::kernels::jinja
