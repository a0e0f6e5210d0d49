// Readings, differences, tables. What a node does not say is shown as "-".
#include "cluster/cli/status.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <optional>
#include <thread>

#include "cluster/cli/chat.h"
#include "cluster/cli/table.h"
#include "cluster/cli/terminal.h"
#include "cluster/cli/text_io.h"
#include "cluster/model_source.h"
#include "provisioning/disk_space.h"
#include "provisioning/http_client.h"

namespace conduit::cluster {

namespace {

using Clock = std::chrono::steady_clock;
using provisioning::bytes_text;

const json::Array& rows_of(const json::Value& status, std::string_view key) {
  static const json::Array kNone;
  const json::Value* value = status.find(key);
  return value != nullptr && value->is_array() ? value->as_array() : kNone;
}

std::string cell_of(const json::Value& row, std::string_view key) {
  const json::Value* value = row.find(key);
  if (value == nullptr || value->is_null()) return "-";
  return value->is_string() ? value->as_string() : json::dump(*value);
}

std::optional<double> number_in(const json::Value& row, std::string_view key) {
  const json::Value* value = row.find(key);
  return value != nullptr && value->is_number() ? std::optional(value->as_double()) : std::nullopt;
}

std::string size_of(const json::Value& row, std::string_view key) {
  const auto bytes = number_in(row, key);
  return bytes && *bytes >= 0 ? bytes_text(static_cast<std::uint64_t>(*bytes)) : "-";
}

std::string nodes_text(const json::Value& status) {
  Table rows = {{"NODE", "STATE", "ADDRESS"}};
  for (const json::Value& node : rows_of(status, "nodes")) {
    const json::Value* self = node.find("self");
    const bool is_self = self != nullptr && self->is_bool() && self->as_bool();
    std::string state = cell_of(node, "state");
    if (const auto at = number_in(node, "left_at")) {
      const double ago = std::max(0.0, static_cast<double>(std::time(nullptr)) - *at);
      state += fmt::format(" {} ago: {}", duration_text(ago), cell_of(node, "reason"));
    }
    rows.push_back(
        {cell_of(node, "name") + (is_self ? " (asked)" : ""), state, cell_of(node, "address")});
  }
  return rows.size() == 1 ? "" : "\n" + table_text(rows);
}

std::string models_text(const json::Value& status) {
  Table rows = {{"MODEL", "TASK", "STATE", "CONTEXT", "SIZE"}};
  for (const json::Value& model : rows_of(status, "models")) {
    std::string state = cell_of(model, "state");
    if (const std::string error = cell_of(model, "error"); error != "-") state += ": " + error;
    rows.push_back({cell_of(model, "name"), cell_of(model, "task"), state,
                    cell_of(model, "max_model_len"), size_of(model, "bytes")});
  }
  return rows.size() == 1 ? "\nno models\n" : "\n" + table_text(rows);
}

std::string replicas_text(const json::Value& status) {
  Table rows = {{"REPLICA OF", "NODE", "DEVICE", "STATE", "RUNNING", "WAITING"}};
  for (const json::Value& replica : rows_of(status, "replicas"))
    rows.push_back({cell_of(replica, "model"), cell_of(replica, "node"), cell_of(replica, "device"),
                    cell_of(replica, "state"), cell_of(replica, "running"),
                    cell_of(replica, "waiting")});
  return rows.size() == 1 ? "" : "\n" + table_text(rows);
}

// What the device's total grew by, per second.
std::string rate_of(const json::Value& device, const json::Value& before, std::string_view key,
                    double seconds) {
  const auto now = number_in(device, key);
  for (const json::Value& other : rows_of(before, "devices")) {
    if (cell_of(other, "name") != cell_of(device, "name") ||
        cell_of(other, "node") != cell_of(device, "node"))
      continue;
    const auto then = number_in(other, key);
    if (now && then && *now >= *then && seconds > 0)
      return fmt::format("{:.1f}", (*now - *then) / seconds);
  }
  return "-";
}

std::string memory_text(const json::Value& device) {
  const json::Value* memory = device.find("memory");
  if (memory == nullptr || !memory->is_object()) return "-";
  return fmt::format("{} weights, {} KV, {} free of {}", size_of(*memory, "weights_bytes"),
                     size_of(*memory, "kv_cache_bytes"), size_of(*memory, "free_bytes"),
                     size_of(*memory, "budget_bytes"));
}

std::string devices_text(const json::Value& status, const json::Value& before, double seconds) {
  Table rows = {{"DEVICE", "NODE", "RUNNING", "WAITING", "TOKENS/S", "PROMPT/S", "KV", "MEMORY"}};
  for (const json::Value& device : rows_of(status, "devices")) {
    const auto usage = number_in(device, "kv_cache_usage");
    rows.push_back({cell_of(device, "name"), cell_of(device, "node"), cell_of(device, "running"),
                    cell_of(device, "waiting"),
                    rate_of(device, before, "generated_tokens_total", seconds),
                    rate_of(device, before, "prompt_tokens_total", seconds),
                    usage ? fmt::format("{:.0f} %", 100 * *usage) : "-", memory_text(device)});
  }
  return rows.size() == 1 ? "" : "\n" + table_text(rows);
}

Result<json::Value> ask(const std::string& url) {
  provisioning::HttpCall call;
  call.url = url + (url.ends_with('/') ? "status" : "/status");
  call.silence_timeout = std::chrono::seconds(10);
  if (const std::string key = api_key_of_environment(); !key.empty())
    call.headers.emplace_back("Authorization", "Bearer " + key);
  const auto reply = provisioning::HttpClient().send(call);
  if (!reply)
    return Error{reply.error().code,
                 reply.error().message + " (start a node: conduit serve MODEL; another: --url)"};
  if (reply->status == 401 || reply->status == 403)
    return Error{Code::invalid_argument, url + " wants a key: set CONDUIT_API_KEY"};
  if (reply->status != 200)
    return Error{Code::unavailable, call.url + ": HTTP status " + std::to_string(reply->status) +
                                        "; is a conduit-node of this version there?"};
  auto status = json::parse(reply->body);
  if (!status || !status->is_object())
    return Error{Code::corrupt, call.url + ": the answer is no JSON object"};
  return status;
}

struct Reading {
  json::Value status;
  Clock::time_point when;
};

Result<Reading> read(const std::string& url) {
  CONDUIT_TRY(json::Value status, ask(url));
  return Reading{std::move(status), Clock::now()};
}

std::string text_between(const Reading& before, const Reading& now) {
  return status_text(now.status, before.status,
                     std::chrono::duration<double>(now.when - before.when).count());
}

int watch(const StatusOptions& options, Reading before) {
  const std::atomic<bool>& interrupted = catch_interrupts();
  constexpr std::chrono::milliseconds kTick{50};
  for (;;) {
    for (int tick = 0; tick < 20 && !interrupted; ++tick) std::this_thread::sleep_for(kTick);
    if (interrupted) return 0;
    auto now = read(options.url);
    if (!now) return report(now.error());
    std::string text =
        options.as_json ? json::dump(now->status) + "\n" : text_between(before, *now);
    // Over what was there: erasing the screen first would flicker.
    if (!options.as_json && is_terminal(STDOUT_FILENO)) {
      std::string drawn = "\033[H";
      for (const char c : text) drawn += c == '\n' ? std::string("\033[K\n") : std::string(1, c);
      text = drawn + "\033[J";
    }
    if (!write_stdout(text)) return 0;  // its reader has seen enough
    before = *std::move(now);
  }
}

}  // namespace

std::string status_text(const json::Value& status, const json::Value& before, double seconds) {
  const auto uptime = number_in(status, "uptime_seconds");
  return fmt::format("conduit {}  node {}  up {}\n", cell_of(status, "version"),
                     cell_of(status, "node"), uptime ? duration_text(*uptime) : "-") +
         nodes_text(status) + models_text(status) + replicas_text(status) +
         devices_text(status, before, seconds);
}

int run_status(const StatusOptions& options) {
  auto first = read(options.url);
  if (!first) return report(first.error());
  if (options.watch) return watch(options, *std::move(first));
  if (options.as_json) {
    const Status written = write_stdout(json::dump(first->status) + "\n");
    return written ? 0 : report(written.error());
  }
  constexpr std::chrono::milliseconds kBetween{300};  // long enough for a rate, short for a person
  std::this_thread::sleep_for(kBetween);
  const auto second = read(options.url);
  if (!second) return report(second.error());
  const Status written = write_stdout(text_between(*first, *second));
  return written ? 0 : report(written.error());
}

}  // namespace conduit::cluster
