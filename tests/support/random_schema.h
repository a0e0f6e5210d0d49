// Random JSON Schemas that most often have values: for property tests of decoder and engine.
#pragma once

#include <random>

#include "mdl/base/json.h"

namespace conduit::testing {

// At most `depth` schemas within each other.
json::Value random_schema(std::mt19937& random, int depth);

}  // namespace conduit::testing
