// Names and paths.
#include "cluster/model_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <utility>

#include "cluster/config_values.h"
#include "provisioning/model_name.h"

namespace conduit::cluster {

namespace {

using Values = std::vector<std::string>;

Error invalid_model(std::string message) { return {Code::invalid_argument, std::move(message)}; }

struct NamedPath {
  std::string name;  // empty: none was given
  std::string path;
};

// [NAME=]MODEL. A path may hold `=` too, but then after a slash or a dot; `pypi:PACKAGE==VERSION`
// does.
NamedPath named_path(const std::string& value) {
  const std::size_t equals = value.find('=');
  const bool has_name = equals != std::string::npos && !provisioning::is_remote(value) &&
                        (equals < value.find_first_of("/.~") ||
                         provisioning::is_remote(std::string_view(value).substr(equals + 1)));
  return has_name ? NamedPath{value.substr(0, equals), value.substr(equals + 1)}
                  : NamedPath{"", value};
}

Status place_adapters(NodeConfig& config) {
  if (!config.adapters.empty() && config.models.size() != 1)
    return invalid_model(
        fmt::format("--adapter: {} models are served, and an adapter is of one: give it "
                    "in the file, under [[model]], as adapters",
                    config.models.size()));
  for (NodeAdapter& adapter : config.adapters)
    config.models.front().adapters.push_back(std::move(adapter));
  config.adapters.clear();
  return ok();
}

Status place_drafts(NodeConfig& config) {
  for (NodeDraft& draft : std::exchange(config.drafts, {})) {
    if (draft.model.empty() && config.models.size() != 1)
      return invalid_model(
          fmt::format("--draft: {} models are served, so it must be NAME=PATH, with the "
                      "NAME of the model that it drafts for",
                      config.models.size()));
    const auto model =
        draft.model.empty()
            ? config.models.begin()
            : std::find_if(config.models.begin(), config.models.end(),
                           [&](const NodeModel& served) { return served.name == draft.model; });
    if (model == config.models.end())
      return invalid_model(fmt::format("--draft: no model is called \"{}\"", draft.model));
    model->draft = std::move(draft.path);
  }
  for (const NodeModel& model : config.models)
    if (!model.draft.empty() && config.speculative_tokens == 0)
      return invalid_model(
          fmt::format("model {} has a draft, which proposes nothing as "
                      "speculative_tokens is 0",
                      model.name));
  return ok();
}

Status check_names(const NodeConfig& config) {
  std::set<std::string_view> names;
  for (const NodeModel& model : config.models) names.insert(model.name);
  for (const NodeModel& model : config.models)
    for (const NodeAdapter& adapter : model.adapters)
      if (!names.insert(adapter.name).second)
        return invalid_model(fmt::format("the name \"{}\" is given twice", adapter.name));
  return ok();
}

}  // namespace

std::string expand_home(std::string path) {
  const char* home = std::getenv("HOME");
  return home != nullptr && path.starts_with("~/") ? home + path.substr(1) : path;
}

Result<bool> parse_load(std::string_view text) {
  if (text != "eager" && text != "on_demand")
    return invalid_model(fmt::format("\"{}\" is neither eager nor on_demand", text));
  return text == "eager";
}

bool is_model_text(std::string_view key) {
  return key == "name" || key == "path" || key == "load" || key == "keep_alive" || key == "draft";
}

Status set_model_text(NodeModel& model, std::string_view key, const std::string& text) {
  if (key == "name") {
    model.name = text;
  } else if (key == "path") {
    model.path = text;
  } else if (key == "draft") {
    if (text.empty()) return invalid_model("the path is empty");
    model.draft = expand_home(text);
  } else if (key == "load") {
    CONDUIT_TRY(model.is_eager, parse_load(text));
  } else {
    CONDUIT_TRY(model.keep_alive, parse_duration(text));
  }
  return ok();
}

Status add_model(NodeConfig& config, NodeModel model) {
  if (model.path.empty()) return invalid_model("the path is empty; it must be [NAME=]MODEL");
  model.path = expand_home(std::move(model.path));
  CONDUIT_TRY(const auto source, provisioning::parse_model_name(model.path));
  if (model.name.empty()) model.name = provisioning::served_name(source);
  for (const NodeModel& other : config.models)
    if (other.name == model.name)
      return invalid_model(fmt::format("the name \"{}\" is given twice", model.name));
  config.models.push_back(std::move(model));
  return ok();
}

Result<NodeAdapter> adapter_of(std::string name, const std::string& path) {
  if (name.empty() || path.empty()) return invalid_model("an adapter must be NAME=PATH");
  return NodeAdapter{std::move(name), expand_home(path)};
}

Status set_models(NodeConfig& config, const Values& values) {
  config.models.clear();
  for (const std::string& value : values) {
    NamedPath given = named_path(value);
    CONDUIT_TRY_STATUS(add_model(config, {std::move(given.name), std::move(given.path)}));
  }
  return ok();
}

Status set_adapters(NodeConfig& config, const Values& values) {
  config.adapters.clear();
  for (const std::string& value : values) {
    const std::size_t equals = std::min(value.find('='), value.size());
    CONDUIT_TRY(NodeAdapter adapter, adapter_of(value.substr(0, equals),
                                                value.substr(std::min(equals + 1, value.size()))));
    config.adapters.push_back(std::move(adapter));
  }
  return ok();
}

Status set_drafts(NodeConfig& config, const Values& values) {
  config.drafts.clear();
  for (const std::string& value : values) {
    NamedPath given = named_path(value);
    if (given.path.empty()) return invalid_model("the path is empty; it must be [NAME=]PATH");
    config.drafts.push_back({std::move(given.name), expand_home(std::move(given.path))});
  }
  return ok();
}

Status place_model_settings(NodeConfig& config) {
  CONDUIT_TRY_STATUS(place_adapters(config));
  CONDUIT_TRY_STATUS(place_drafts(config));
  return check_names(config);
}

}  // namespace conduit::cluster
