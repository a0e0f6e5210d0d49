// The value of a number or string as it is written in a template.
#pragma once

#include <string>
#include <string_view>

#include "kernels/model/jinja/value.h"
#include "mdl/base/result.h"

namespace conduit::kernels::jinja {

// With its quotes; escapes are Python's: \n \x41 \u00e9 \101 …, an unknown one stays as it is.
Result<std::string> string_literal(std::string_view token);
Result<Value> integer_literal(std::string_view token);  // 10, 1_000, 0xff
Result<Value> real_literal(std::string_view token);

}  // namespace conduit::kernels::jinja
