// Models of the hub on disk, in the layout that huggingface_hub documents ("Understand caching"),
// so that both see and continue each other's files:
//   HF_HUB_CACHE/models--ORG--NAME/refs/REVISION        the commit it stood for when last asked
//                                 /blobs/ETAG           a file's content (.incomplete: a beginning)
//                                 /snapshots/COMMIT/…   the files' names, links into blobs/
//   HF_HUB_CACHE/.locks/models--ORG--NAME/ETAG.lock     who fetches that blob
// Not here: what is fetched (hub_pull.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "mdl/base/result.h"
#include "provisioning/hub_files.h"
#include "provisioning/model_name.h"

namespace conduit::provisioning {

// From the environment, as huggingface_hub reads it.
struct HubSettings {
  std::string endpoint;         // HF_ENDPOINT, or https://huggingface.co; no slash at its end
  std::string token;            // HF_TOKEN, or what `hf auth login` left in HF_HOME/token
  std::filesystem::path cache;  // HF_HUB_CACHE, or HF_HOME/hub, or ~/.cache/huggingface/hub
  bool is_offline = false;      // HF_HUB_OFFLINE=1
};
HubSettings hub_settings();

class HubRepo {
 public:
  HubRepo(const std::filesystem::path& cache, const std::string& repo);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path blob(const std::string& etag) const { return path_ / "blobs" / etag; }
  std::filesystem::path lock(const std::string& etag) const { return locks_ / (etag + ".lock"); }
  std::filesystem::path snapshot(const std::string& commit) const {
    return path_ / "snapshots" / commit;
  }

  // The commit of a branch, a tag, or a commit's own name, if it is known here.
  std::optional<std::string> commit_of(const std::string& revision) const;
  std::vector<std::string> revisions() const;  // that have a ref
  Status set_ref(const std::string& revision, const std::string& commit) const;
  // snapshots/COMMIT/FILE → blobs/ETAG; replaces what is there.
  Status link(const std::string& commit, const std::string& file, const std::string& etag) const;
  std::vector<std::string> files(const std::string& commit) const;  // whose content is there

 private:
  std::filesystem::path path_, locks_;
};

// What of a name is whole in the cache.
struct CachedModel {
  std::filesystem::path open;  // FILE.gguf or the folder: what a reader of models opens
  std::vector<std::filesystem::path> files;
};
std::optional<CachedModel> find_cached(const HubSettings& hub, const HubName& name);

// ORG/NAME of every models--ORG--NAME.
std::vector<std::string> cached_repos(const std::filesystem::path& cache);

// The named files, or all of that revision, and the content that nothing links any more. The bytes
// that were freed. Errors: not_found.
Result<std::uint64_t> remove_cached(const HubSettings& hub, const HubName& name);

}  // namespace conduit::provisioning
