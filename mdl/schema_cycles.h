// Whether checking a value against nodes comes to an end: a schema that applies itself to the same
// value, as {"$ref": "#"} does, never would.
#pragma once

#include "mdl/base/result.h"
#include "mdl/schema.h"

namespace conduit::mdl {

// Error: invalid_argument with the place of a node that refers to itself; exhausted where one value
// is under more nested assertions than kMaxNestedAssertions.
Status refuse_cycles(const Schema& schema);

// References and applicators that lead from one to the next on the same value. Real schemas have
// about ten; whoever recurses over nodes counts on it.
inline constexpr std::size_t kMaxNestedAssertions = 200;

}  // namespace conduit::mdl
