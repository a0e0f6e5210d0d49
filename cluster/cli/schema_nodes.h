// The nodes of a schema as JSON, to look at: each with its number, its place in the document and
// what it asserts, in JSON Schema's own words with numbers of nodes where subschemas stood.
#pragma once

#include "mdl/base/json.h"
#include "mdl/schema.h"

namespace conduit::cluster {

// [{"id":0,"place":"#","keywords":{"type":["object"],…}},…]
json::Value nodes_json(const mdl::Schema& schema);

}  // namespace conduit::cluster
