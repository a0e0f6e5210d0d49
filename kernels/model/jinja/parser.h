// Template source → Syntax, by jinja2's grammar: its tags, its operators' order, its messages.
#pragma once

#include <cstddef>
#include <string_view>

#include "kernels/model/jinja/syntax.h"
#include "mdl/base/result.h"

namespace conduit::kernels::jinja {

// Errors: invalid_argument with the line and what was expected; exhausted when expressions or
// blocks nest deeper than `depth`.
Result<Syntax> parse_template(std::string_view source, std::size_t depth);

}  // namespace conduit::kernels::jinja
