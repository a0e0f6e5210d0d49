// Punycode (RFC 3492): labels of international host names in ASCII. Not here: which labels are
// allowed (formats.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace conduit::mdl {

// Both without the prefix "xn--". Nothing: it is no Punycode, or no code point.
std::optional<std::u32string> decode_punycode(std::string_view label);
std::string encode_punycode(std::u32string_view label);

}  // namespace conduit::mdl
