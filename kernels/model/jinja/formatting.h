// Python's two ways to format text: "%s has %d" % values, and "{} has {n:>5}".format(…).
#pragma once

#include <string_view>

#include "kernels/model/jinja/arguments.h"
#include "kernels/model/jinja/runtime.h"
#include "kernels/model/jinja/value.h"
#include "mdl/base/result.h"

namespace conduit::kernels::jinja {

// `format`: a str; `values`: a tuple of arguments, a dict for %(name)s, or the single argument.
Result<Value> format_percent(Runtime& runtime, const Value& format, const Value& values);

// str.format. Fields may go into attributes and items, by the sandbox's rules.
Result<Value> format_braces(Runtime& runtime, const Value& format, const Arguments& arguments);

}  // namespace conduit::kernels::jinja
