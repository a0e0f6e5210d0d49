// References to URIs, as far as a document needs them that refers to parts of itself (RFC 3986 §5).
// Not here: fetching anything.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace conduit::mdl {

// What `reference` means where `base` (without fragment; it may be empty or relative) holds, its
// fragment included.
std::string resolve_uri(std::string_view base, std::string_view reference);
// Before and behind the first '#': the second is empty when there is none.
std::pair<std::string_view, std::string_view> split_fragment(std::string_view uri);
// %41 → A; a '%' that no two hexadecimal digits follow stays.
std::string percent_decoded(std::string_view text);

}  // namespace conduit::mdl
