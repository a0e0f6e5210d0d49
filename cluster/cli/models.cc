// The model store, for people and for scripts.
#include "cluster/cli/models.h"

#include <ctime>
#include <filesystem>

#include "cluster/cli/table.h"
#include "cluster/cli/terminal.h"
#include "cluster/cli/text_io.h"
#include "cluster/model_source.h"
#include "provisioning/disk_space.h"
#include "provisioning/model_store.h"

namespace conduit::cluster {

namespace {

using provisioning::bytes_text;
using provisioning::LocalModel;

int write_json(const json::Value& value) {
  const Status written = write_stdout(json::dump(value) + "\n");
  return written ? 0 : report(written.error());
}

std::uint64_t bytes_of(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return std::filesystem::file_size(path, error);
  std::uint64_t bytes = 0;  // of what links lead to: a snapshot is nothing else
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path, error))
    if (std::filesystem::is_regular_file(entry.path(), error))
      bytes += std::filesystem::file_size(entry.path(), error);
  return bytes;
}

std::string age_text(std::time_t time) {
  if (time == 0) return "-";
  const double seconds = std::difftime(std::time(nullptr), time);
  constexpr double kDay = 24 * 3600;
  if (seconds < 60) return "now";
  if (seconds < kDay) return duration_text(seconds) + " ago";
  return std::to_string(static_cast<int>(seconds / kDay)) + " days ago";
}

json::Value as_json(const LocalModel& model) {
  return json::Object{
      {"name", model.name},
      {"path", model.path.string()},
      {"bytes", model.bytes},
      {"last_used", model.last_used == 0 ? json::Value() : json::Value(model.last_used)},
      {"is_whole", model.is_whole}};
}

}  // namespace

int run_pull(const PullOptions& options) {
  const auto path = pull_with_progress(options.model, options.as_json, &catch_interrupts());
  if (!path) return path.error().code == Code::cancelled ? kInterrupted : report(path.error());
  if (options.as_json)
    return write_json(
        json::Object{{"name", options.model}, {"path", *path}, {"bytes", bytes_of(*path)}});
  print(*path + "\n");
  return 0;
}

int run_models(const ModelsOptions& options) {
  const std::vector<LocalModel> models = provisioning::list_models();
  if (options.as_json) {
    json::Array list;
    for (const LocalModel& model : models) list.push_back(as_json(model));
    return write_json(std::move(list));
  }
  if (models.empty()) {
    print("no models yet; conduit pull hf:ORG/NAME fetches one\n");
    return 0;
  }
  Table rows = {{"MODEL", "SIZE", "LAST USED", "WHERE"}};
  for (const LocalModel& model : models)
    rows.push_back({model.name, bytes_text(model.bytes) + (model.is_whole ? "" : " (not whole)"),
                    age_text(model.last_used), model.path.string()});
  const Status written = write_stdout(table_text(rows));
  return written ? 0 : report(written.error());
}

int run_rm(const RemoveOptions& options) {
  json::Array removed;
  for (const std::string& model : options.models) {
    const auto name = provisioning::parse_model_name(model);
    const auto freed =
        name ? provisioning::remove_model(*name) : Result<std::uint64_t>(name.error());
    if (!freed) return report(freed.error());
    removed.push_back(json::Object{{"name", model}, {"freed_bytes", *freed}});
    if (!options.as_json) print(model + ": removed, " + bytes_text(*freed) + " freed\n");
  }
  return options.as_json ? write_json(std::move(removed)) : 0;
}

}  // namespace conduit::cluster
