// Addresses, device, models, sum.
#include "cluster/node_check.h"

#include <fmt/format.h>

#include <utility>

#include "actors/loader.h"
#include "actors/memory_budget.h"
#include "cluster/config_values.h"
#include "cluster/node.h"
#include "cluster/port_holder.h"

namespace conduit::cluster {

namespace {

std::string mib(std::int64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

std::string http_line(const NodeConfig& config) {
  if (!config.http) return "http    off\n";
  const auto& [host, port] = *config.http;
  const std::string holder = port == 0 ? "" : port_holder(port);
  return fmt::format(
      "http    {}:{}, {}; {}\n", host, port, holder.empty() ? "free" : "taken by " + holder,
      config.api_key.empty() ? "no API key is asked for" : "an API key is asked for");
}

std::string nodes_line(const NodeConfig& config) {
  if (!config.joins_nodes()) return "nodes   none: this one is alone\n";
  return fmt::format(
      "nodes   listens at {}, joins {}\n", config.listen.empty() ? "a free port" : config.listen,
      config.join.empty() ? "none" : fmt::format("{}", fmt::join(config.join, ", ")));
}

std::string residency_text(const actors::Residency& residency) {
  std::string text = residency.is_eager ? "loaded at the start" : "loaded when asked";
  if (residency.is_pinned || !residency.keep_alive) return text + ", stays";
  return text + fmt::format(", goes after {} s idle", residency.keep_alive->count() / 1000);
}

std::string model_lines(const actors::ModelSpec& spec, const actors::OpenedModel& plan) {
  const std::int64_t cache = plan.options.kv_bytes;
  std::string text =
      fmt::format("model   {}: {}, {} layers, {}; {}\n", spec.name, plan.model->config.architecture,
                  plan.model->config.layers, spec.path, residency_text(spec.residency));
  text += fmt::format(
      "        {} weights + {} cache ({} tokens x {} requests at most) + {} else = {}\n",
      mib(plan.weight_bytes), mib(cache), plan.options.max_model_len, plan.options.max_concurrency,
      mib(plan.bytes - plan.weight_bytes - cache), mib(plan.bytes));
  for (const auto& adapter : spec.engine.adapters)
    text += fmt::format("        adapter {}: {}\n", adapter.name, adapter.folder.string());
  if (!spec.draft.empty()) text += fmt::format("        draft {}\n", spec.draft);
  return text;
}

Error does_not_fit(const std::string& what, std::int64_t bytes, std::int64_t budget) {
  return {Code::exhausted, fmt::format("{} {}, device_memory allows {}: lower max_model_len or "
                                       "max_model_concurrency, or load on_demand",
                                       what, mib(bytes), mib(budget))};
}

}  // namespace

Result<std::string> check_node(const NodeConfig& config) {
  CONDUIT_TRY(const auto device, device_of(config));
  const std::int64_t budget =
      config.device_memory != 0
          ? config.device_memory
          : actors::default_budget(static_cast<std::int64_t>(device->memory_bytes()));
  std::string text = http_line(config) + nodes_line(config);
  text += fmt::format("device  {}; {} for models\n", device->name(), mib(budget));
  std::int64_t at_start = 0;
  for (const actors::ModelSpec& spec : specs_of(config)) {
    auto plan = actors::open_and_plan({spec, budget}, *device);
    if (!plan) return Error{plan.error().code, "model " + spec.name + ": " + plan.error().message};
    text += model_lines(spec, *plan);
    if (plan->bytes > budget)
      return does_not_fit("model " + spec.name + " needs", plan->bytes, budget);
    if (spec.residency.is_eager) at_start += plan->bytes;
  }
  if (at_start > budget)
    return does_not_fit("the models loaded at the start need", at_start, budget);
  return text + fmt::format("memory  {} of {} at the start\nok\n", mib(at_start), mib(budget));
}

}  // namespace conduit::cluster
