// The properties of characters that \p{…} names, by PCRE2's tables: the second door to that library
// (the first is kernels/model/regex.h). The idea: a library that knows Unicode is asked once per
// property which characters have it, by a search through all of them; the answer is kept for the
// process, as it is the same for everyone.
#pragma once

#include <optional>
#include <string_view>

#include "mdl/code_points.h"

namespace conduit::mdl {

enum class PropertyNames : std::uint8_t {
  ecma,     // as ECMA-262 lists them: \p{Lu}, \p{Script=Greek}, \p{Alphabetic}
  lenient,  // and a script by its bare name, as elsewhere: \p{Greek}
};

// `name`: what stands between the braces. Nothing: no such property. Any thread.
std::optional<CodePoints> unicode_class(std::string_view name,
                                        PropertyNames names = PropertyNames::lenient);

}  // namespace conduit::mdl
