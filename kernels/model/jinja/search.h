// Substring search in linear time: std::string's own takes quadratic time on text like "aaa…b",
// which a hostile template could choose.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace conduit::kernels::jinja {

std::optional<std::size_t> find_text(std::string_view text, std::string_view part,
                                     std::size_t from = 0);
std::optional<std::size_t> find_last_text(std::string_view text, std::string_view part);
// Occurrences that do not overlap.
std::size_t count_text(std::string_view text, std::string_view part);

}  // namespace conduit::kernels::jinja
