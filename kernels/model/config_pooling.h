// sentence-transformers' description of an embedding model: modules.json names the steps after the
// transformer, 1_Pooling/config.json says how its hidden states become one vector.
#pragma once

#include <optional>
#include <string>

#include "kernels/model/config.h"
#include "mdl/base/json.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

struct EmbeddingModules {
  std::optional<std::string> pooling_folder;  // beside modules.json, without a path; absent: none
  bool normalises = false;
};

// Errors: corrupt; invalid_argument for a module that Conduit cannot run, by its name.
Result<EmbeddingModules> modules_from_json(const json::Value& modules);
// hidden: the transformer's, which the pooling must expect. Errors: as above.
Result<Pooling> pooling_from_json(const json::Value& config, int hidden);

}  // namespace conduit::kernels
