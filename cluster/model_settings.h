// What a node is told about its models: which they are, their names, adapters and draft models.
// Not here: the other settings, and reading the file (node_config.cc).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cluster/node_config.h"
#include "mdl/base/result.h"

namespace conduit::cluster {

// "~/" becomes $HOME.
std::string expand_home(std::string path);

// "eager" or "on_demand".
Result<bool> parse_load(std::string_view text);

// Of the keys of a [[model]] table, those whose value is a string.
bool is_model_text(std::string_view key);
Status set_model_text(NodeModel& model, std::string_view key, const std::string& text);
// A model that was given no name has its file's. Error: invalid_argument for a name twice.
Status add_model(NodeConfig& config, NodeModel model);

Result<NodeAdapter> adapter_of(std::string name, const std::string& path);

// What the flags say; `values` are [NAME=]PATH, NAME=PATH and [NAME=]PATH.
Status set_models(NodeConfig& config, const std::vector<std::string>& values);
Status set_adapters(NodeConfig& config, const std::vector<std::string>& values);
Status set_drafts(NodeConfig& config, const std::vector<std::string>& values);

// Once all is read: gives --adapter's and --draft's to their models; every name is one model's or
// adapter's.
Status place_model_settings(NodeConfig& config);

}  // namespace conduit::cluster
