// What a node is told: a TOML file, and flags that replace what the file says.
// The idea: one table of settings. A flag `--max-model-len` is the key `max_model_len`, and both
// pass the same checks, so neither can mean what the other cannot. An unknown key is an error that
// names its line and the nearest known one.
// Not here: what is done with it (node.h), and parsing the command line (node_main.cc).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/device.h"
#include "mdl/base/log.h"
#include "mdl/base/result.h"

namespace conduit::cluster {

struct NodeAdapter {
  std::string name;  // as requests call the model with it
  std::string path;  // a PEFT folder; or such a name
  bool operator==(const NodeAdapter&) const = default;
};

struct NodeDraft {
  std::string model;  // whom it drafts for; empty: the only one
  std::string path;
};

struct NodeModel {
  std::string name;  // as requests call it
  std::string path;  // FILE.gguf or a folder; or a name that model_source.h makes one of
  // Absent: as the node's.
  std::optional<bool> is_eager{};
  std::optional<std::chrono::milliseconds> keep_alive{};
  bool is_pinned = false;  // once loaded, never unloaded
  std::vector<NodeAdapter> adapters{};
  std::string draft{};  // the path of its draft model; empty: none
  bool operator==(const NodeModel&) const = default;
};

struct HttpAddress {
  std::string host;  // an IP address, without brackets
  std::uint16_t port = 0;
  bool operator==(const HttpAddress&) const = default;
};

struct NodeConfig {
  std::vector<NodeModel> models;
  std::vector<NodeAdapter> adapters;                                 // of the only model
  std::vector<NodeDraft> drafts;                                     // until models have them
  std::optional<HttpAddress> http = HttpAddress{"127.0.0.1", 8080};  // absent: no HTTP
  std::string api_key;            // asked of HTTP clients; empty: none, on loopback only
  std::string listen;             // tcp://HOST:PORT for other nodes; empty: chosen when it joins
  std::vector<std::string> join;  // nodes to join
  int threads = 0;                // compute threads; 0: one per core
  kernels::Precision precision = kernels::Precision::fast;
  int max_model_len = 0;  // 0: the model's own limit, at most 8192
  int max_model_concurrency = 16;
  int max_waiting = 2048;  // requests to a model beyond those; one more gets 429
  bool is_eager = true;    // models are loaded at the start; otherwise with their first request
  // How long an idle model stays loaded. Absent: five minutes if loaded with its first request,
  // else for ever (kForever).
  std::optional<std::chrono::milliseconds> keep_alive;
  std::int64_t device_memory = 0;  // bytes for all loaded models; 0: what the machine has, less a
                                   // reserve
  int max_loaded_models = 0;       // 0: as many as fit
  int memory_wait_ms = 60'000;     // of a model that needs the memory of others, which still answer
  int model_batch_execute_timeout_ms = 0;
  bool prefix_cache = true;  // what one request computed of a text, the next ones need not
  int speculative_tokens = 8;
  int drain_timeout_ms = 30'000;
  log::Level log_level = log::Level::info;

  bool joins_nodes() const { return !listen.empty() || !join.empty(); }
};

struct Setting {
  std::string_view key;
  std::string_view value;  // what stands behind the flag in its help
  std::string_view help;
  bool is_list = false;  // the flag may be given more than once
};
std::vector<Setting> node_settings();

using Flags = std::map<std::string, std::vector<std::string>, std::less<>>;  // by key

// `api_key`: of the environment; it counts before the file's. Errors: invalid_argument, not_found
// (a file), naming the flag or the file's line.
Result<NodeConfig> read_node_config(const std::optional<std::filesystem::path>& file,
                                    const Flags& flags, std::string_view api_key);

}  // namespace conduit::cluster
