// Hint text of a JSON Schema: what it says about shape, in MDL's notation, for a model to read. The
// idea: a schema says more than MDL can, so a hint may leave out, but never says what is wrong:
// what has no notation becomes a comment or Any, a field that may be absent is written `name?`.
// Not here: hints of types, which are exact (type.h).
#pragma once

#include <string>
#include <vector>

#include "mdl/schema.h"

namespace conduit::mdl {

// A line per property of an object, `name: type`; one line, the type, for any other schema.
std::vector<std::string> hint(const Schema& schema);

}  // namespace conduit::mdl
