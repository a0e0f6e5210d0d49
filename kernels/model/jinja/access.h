// object.name, object[index] and slices, as jinja2's sandbox resolves them: an attribute falls
// back to an item and the other way round, and what would change a value or leave the sandbox is
// an Undefined that says so.
#pragma once

#include <string>

#include "kernels/model/jinja/runtime.h"
#include "kernels/model/jinja/value.h"
#include "mdl/base/result.h"

namespace conduit::kernels::jinja {

Result<Value> get_attribute(Runtime& runtime, const Value& object, const std::string& name);
Result<Value> get_item(Runtime& runtime, const Value& object, const Value& index);
// None stands for a bound that is left out.
Result<Value> get_slice(Runtime& runtime, const Value& object, const Value& start,
                        const Value& stop, const Value& step);

}  // namespace conduit::kernels::jinja
