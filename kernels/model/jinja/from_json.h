// JSON → Value: what a request brings, as json.loads would give it to a template.
#pragma once

#include "kernels/model/jinja/runtime.h"
#include "kernels/model/jinja/value.h"
#include "mdl/base/json.h"
#include "mdl/base/result.h"

namespace conduit::kernels::jinja {

Result<Value> from_json(Runtime& runtime, const json::Value& json);

}  // namespace conduit::kernels::jinja
