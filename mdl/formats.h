// The formats of JSON Schema (date-time, email, uuid…), as regular languages, the same for
// validator and decoder. The idea: one table of name → expression (RFC grammars, leap years
// included); a format that no regular language says exactly is narrowed where the decoder writes,
// never widened. Unknown names are annotations.
#pragma once

#include <span>
#include <string_view>

#include "mdl/base/result.h"
#include "mdl/regex.h"

namespace conduit::mdl {

bool is_known_format(std::string_view name);
std::span<const std::string_view> known_formats();
// The texts that have the format, or fewer where it is not regular: host names without A-labels
// (xn--…), simple regular expressions. Error: exhausted. Requires a known name.
Result<Regexes::Id> format_expression(Regexes& regexes, std::string_view name);
// The format is not regular, and format_expression() says less: ask has_format().
bool is_narrowed_format(std::string_view name);
// Whether `text` has the format, exactly. Compiles the format at every call: where the expression
// says all, keep that instead. Error: exhausted. Requires a known name.
Result<bool> has_format(Regexes& regexes, std::string_view name, std::string_view text);

}  // namespace conduit::mdl
