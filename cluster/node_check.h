// What a node would do, without doing it: `conduit-node --check`.
// The idea: everything is read and planned by the same code that a start uses, and nothing is
// allocated, listened at or written. A port that is taken is told and is no error: a node that runs
// may be checked before it is told to reload.
#pragma once

#include <string>

#include "cluster/node_config.h"
#include "mdl/base/result.h"

namespace conduit::cluster {

// Lines for a reader: addresses, key, device, each model with its memory plan. Errors: of a model
// that cannot be served, or of those at the start that do not fit together.
Result<std::string> check_node(const NodeConfig& config);

}  // namespace conduit::cluster
