// JSON as Python's json.dumps(value, ensure_ascii=False) writes it: ", " and ": " between, numbers
// as repr() has them. It is the text in which instances of a schema are given to decoders when they
// are compared, and what most training data looks like.
#pragma once

#include <string>

#include "mdl/base/json.h"

namespace conduit::cluster {

std::string python_json(const json::Value& value);

}  // namespace conduit::cluster
