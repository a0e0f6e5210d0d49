// Folders, links, and what an environment says.
#include "provisioning/hub_cache.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>

#include "mdl/base/json.h"
#include "provisioning/disk_space.h"

namespace conduit::provisioning {

namespace {

namespace fs = std::filesystem;
constexpr std::string_view kPrefix = "models--";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

fs::path home_folder() {
  const std::string home = variable("HOME");
  return home.empty() ? "/" : home;
}

fs::path expanded(const std::string& path) {
  return path.starts_with("~/") ? home_folder() / path.substr(2) : fs::path(path);
}

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back())) != 0)
    line.pop_back();
  return line;
}

Error path_failed(const fs::path& path, const std::string& what) {
  return {Code::unavailable, path.string() + ": " + what};
}

Status make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  return error ? path_failed(folder, "cannot be made: " + error.message()) : ok();
}

bool is_commit(std::string_view text) {
  return text.size() == 40 && std::all_of(text.begin(), text.end(),
                                          [](unsigned char c) { return std::isxdigit(c) != 0; });
}

std::vector<std::string> subfolders(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.is_directory(error)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

// The shards that an index names are all there; without an index there is one file.
bool has_all_shards(const fs::path& snapshot) {
  std::error_code ignored;
  if (fs::exists(snapshot / "model.safetensors", ignored) ||
      fs::exists(snapshot / "adapter_model.safetensors", ignored))
    return true;
  std::ostringstream text;
  text << std::ifstream(snapshot / "model.safetensors.index.json").rdbuf();
  const auto index = json::parse(text.str());
  const json::Value* map = index ? index->find("weight_map") : nullptr;
  if (map == nullptr || !map->is_object()) return false;
  return std::all_of(map->as_object().begin(), map->as_object().end(), [&](const auto& member) {
    return member.value.is_string() && fs::exists(snapshot / member.value.as_string(), ignored);
  });
}

bool has_config(const fs::path& snapshot) {
  std::error_code ignored;
  return fs::exists(snapshot / "config.json", ignored) ||
         fs::exists(snapshot / "adapter_config.json", ignored);
}

// Every link of every snapshot, as the blob it leads to.
std::set<fs::path> linked_blobs(const fs::path& repo) {
  std::set<fs::path> blobs;
  std::error_code error;
  for (auto entry = fs::recursive_directory_iterator(repo / "snapshots", error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error))
    if (entry->is_symlink()) blobs.insert(fs::weakly_canonical(entry->path(), error));
  return blobs;
}

std::uint64_t remove_file(const fs::path& path) {
  std::error_code error;
  const std::uintmax_t bytes = fs::file_size(path, error);
  const bool is_known = !error;
  return fs::remove(path, error) && is_known ? bytes : 0;
}

}  // namespace

HubSettings hub_settings() {
  HubSettings hub;
  hub.endpoint = variable("HF_ENDPOINT");
  if (hub.endpoint.empty()) hub.endpoint = "https://huggingface.co";
  while (hub.endpoint.ends_with('/')) hub.endpoint.pop_back();
  const std::string caches = variable("XDG_CACHE_HOME");
  const std::string home = variable("HF_HOME");
  const fs::path hf_home =
      home.empty() ? (caches.empty() ? home_folder() / ".cache" : fs::path(caches)) / "huggingface"
                   : expanded(home);
  std::string cache = variable("HF_HUB_CACHE");
  if (cache.empty()) cache = variable("HUGGINGFACE_HUB_CACHE");
  hub.cache = cache.empty() ? hf_home / "hub" : expanded(cache);
  hub.token = variable("HF_TOKEN");
  const std::string token_path = variable("HF_TOKEN_PATH");
  if (hub.token.empty())
    hub.token = first_line(token_path.empty() ? hf_home / "token" : expanded(token_path));
  const std::string offline = variable("HF_HUB_OFFLINE");
  hub.is_offline = !offline.empty() && offline != "0" && offline != "false";
  return hub;
}

HubRepo::HubRepo(const fs::path& cache, const std::string& repo) {
  std::string name(kPrefix);
  for (const char c : repo) name += c == '/' ? std::string("--") : std::string(1, c);
  path_ = cache / name;
  locks_ = cache / ".locks" / name;
}

std::optional<std::string> HubRepo::commit_of(const std::string& revision) const {
  std::string commit = is_commit(revision) ? revision : first_line(path_ / "refs" / revision);
  std::error_code ignored;
  if (!is_safe_relative_path(commit) || !fs::is_directory(snapshot(commit), ignored))
    return std::nullopt;
  return commit;
}

std::vector<std::string> HubRepo::revisions() const {
  std::vector<std::string> found;
  std::error_code error;
  const fs::path refs = path_ / "refs";
  for (auto entry = fs::recursive_directory_iterator(refs, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error))
    if (entry->is_regular_file()) found.push_back(entry->path().lexically_relative(refs));
  std::sort(found.begin(), found.end());
  return found;
}

Status HubRepo::set_ref(const std::string& revision, const std::string& commit) const {
  if (revision == commit) return ok();
  const fs::path path = path_ / "refs" / revision;
  CONDUIT_TRY_STATUS(make_folder(path.parent_path()));
  const fs::path fresh = path.string() + "." + std::to_string(getpid());
  std::error_code error;
  if (!(std::ofstream(fresh) << commit).flush()) return path_failed(fresh, "cannot be written");
  fs::rename(fresh, path, error);
  return error ? path_failed(path, "cannot be made: " + error.message()) : ok();
}

Status HubRepo::link(const std::string& commit, const std::string& file,
                     const std::string& etag) const {
  const fs::path link = snapshot(commit) / file;
  CONDUIT_TRY_STATUS(make_folder(link.parent_path()));
  const fs::path target = fs::relative(blob(etag), link.parent_path());
  const fs::path fresh = link.string() + "." + std::to_string(getpid());
  std::error_code error;
  fs::create_symlink(target, fresh, error);
  if (!error) fs::rename(fresh, link, error);
  return error ? path_failed(link, "cannot be linked: " + error.message()) : ok();
}

std::vector<std::string> HubRepo::files(const std::string& commit) const {
  std::vector<std::string> found;
  std::error_code error;
  const fs::path folder = snapshot(commit);
  for (auto entry = fs::recursive_directory_iterator(folder, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    if (fs::is_regular_file(entry->path(), ignored))  // follows the link
      found.push_back(entry->path().lexically_relative(folder));
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::optional<CachedModel> find_cached(const HubSettings& hub, const HubName& name) {
  const HubRepo repo(hub.cache, name.repo);
  const auto commit = repo.commit_of(name.revision);
  if (!commit) return std::nullopt;
  const std::vector<std::string> files = repo.files(*commit);
  const auto chosen = choose_files(name, files);
  if (!chosen) return std::nullopt;
  const fs::path snapshot = repo.snapshot(*commit);
  if (chosen->open.empty() && (!has_all_shards(snapshot) || !has_config(snapshot)))
    return std::nullopt;
  CachedModel model{chosen->open.empty() ? snapshot : snapshot / chosen->open, {}};
  for (const std::string& file : chosen->files) {
    if (!std::binary_search(files.begin(), files.end(), file)) return std::nullopt;
    model.files.push_back(snapshot / file);
  }
  return model;
}

std::vector<std::string> cached_repos(const fs::path& cache) {
  std::vector<std::string> repos;
  for (const std::string& folder : subfolders(cache)) {
    if (!folder.starts_with(kPrefix)) continue;
    std::string repo = folder.substr(kPrefix.size());
    if (const std::size_t mark = repo.find("--"); mark != repo.npos) repo.replace(mark, 2, "/");
    repos.push_back(std::move(repo));
  }
  return repos;
}

Result<std::uint64_t> remove_cached(const HubSettings& hub, const HubName& name) {
  const HubRepo repo(hub.cache, name.repo);
  std::error_code error;
  if (!fs::is_directory(repo.path(), error))
    return Error{Code::not_found, to_string(name) + " is not in " + hub.cache.string() +
                                      "; conduit models lists what is there"};
  const bool is_all = name.file.empty() && name.quant.empty();
  const std::vector<std::string> revisions = repo.revisions();
  const bool is_only =
      revisions.empty() || (revisions.size() == 1 && revisions[0] == name.revision);
  if (is_all && is_only) {
    const std::uint64_t bytes = bytes_below(repo.path());
    fs::remove_all(repo.path(), error);
    if (error) return path_failed(repo.path(), "cannot be removed: " + error.message());
    return bytes;
  }
  const auto commit = repo.commit_of(name.revision);
  if (!commit) return Error{Code::not_found, to_string(name) + " is not on this machine"};
  const std::set<fs::path> before = linked_blobs(repo.path());
  if (is_all) {
    fs::remove_all(repo.snapshot(*commit), error);
    fs::remove(repo.path() / "refs" / name.revision, error);
  } else {
    CONDUIT_TRY(const ChosenFiles chosen, choose_files(name, repo.files(*commit)));
    for (const std::string& file : chosen.files) fs::remove(repo.snapshot(*commit) / file, error);
  }
  const std::set<fs::path> after = linked_blobs(repo.path());
  std::uint64_t freed = 0;
  for (const fs::path& blob : before)
    if (!after.contains(blob)) freed += remove_file(blob);
  if (after.empty()) fs::remove_all(repo.path(), error);
  return freed;
}

}  // namespace conduit::provisioning
