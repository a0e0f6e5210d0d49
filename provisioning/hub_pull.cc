// The hub's answers, and the order of things.
#include "provisioning/hub_pull.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "mdl/base/json.h"
#include "provisioning/disk_space.h"
#include "provisioning/file_lock.h"
#include "provisioning/hub_files.h"
#include "provisioning/redirects.h"

namespace conduit::provisioning {

namespace {

namespace fs = std::filesystem;
constexpr std::size_t kMostFiles = 100'000;       // the hub's own advice for one repository
constexpr std::uint64_t kMostBytes = 1ULL << 50;  // no file is a petabyte

// A file as the hub lists it; what it does not list is asked for.
struct HubFile {
  std::string path;
  std::string etag;  // the blob's name; empty: not known yet
  std::optional<std::uint64_t> size;
  std::string sha256;  // of a large file
};
struct HubListing {
  std::string commit;
  std::vector<HubFile> files;
};

bool is_hex(std::string_view text, std::size_t length) {
  return text.size() == length && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isxdigit(c) != 0;
         });
}

// A blob's name, which becomes a file's.
bool is_etag(std::string_view text) {
  return !text.empty() && text.size() <= 128 &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; });
}

const std::string* text_member(const json::Value& object, std::string_view key) {
  const json::Value* value = object.find(key);
  return value != nullptr && value->is_string() ? &value->as_string() : nullptr;
}

Result<HubFile> read_file_entry(const json::Value& entry) {
  HubFile file;
  const std::string* path = text_member(entry, "rfilename");
  if (path == nullptr || !is_safe_relative_path(*path))
    return Error{Code::corrupt,
                 "the hub lists a file without a usable path: " + json::dump(entry).substr(0, 100)};
  file.path = *path;
  const json::Value* size = entry.find("size");
  if (size != nullptr && size->kind() == json::Kind::integer && size->as_int() >= 0)
    file.size = size->as_uint();
  if (const std::string* blob = text_member(entry, "blobId")) file.etag = *blob;
  if (const json::Value* lfs = entry.find("lfs"); lfs != nullptr && lfs->is_object()) {
    const std::string* sum = text_member(*lfs, "sha256");
    if (sum == nullptr) sum = text_member(*lfs, "oid");
    file.etag = sum == nullptr ? "" : *sum;
    file.sha256 = file.etag;
  }
  if (!is_etag(file.etag)) file.etag.clear();
  return file;
}

Result<HubListing> read_listing(const std::string& body) {
  CONDUIT_TRY(const json::Value info, json::parse(body));
  HubListing listing;
  const std::string* commit = text_member(info, "sha");
  const json::Value* siblings = info.find("siblings");
  if (commit == nullptr || !is_hex(*commit, 40) || siblings == nullptr || !siblings->is_array())
    return Error{Code::corrupt, "an answer without commit and files: HF_ENDPOINT is no model hub"};
  listing.commit = *commit;
  if (siblings->as_array().size() > kMostFiles)
    return Error{Code::exhausted,
                 "the repository has over " + std::to_string(kMostFiles) + " files"};
  for (const json::Value& entry : siblings->as_array()) {
    CONDUIT_TRY(HubFile file, read_file_entry(entry));
    listing.files.push_back(std::move(file));
  }
  return listing;
}

class HubPull {
 public:
  HubPull(const HubSettings& hub, const HubName& name, const DownloadOptions& options,
          PullProgress& progress, const std::atomic<bool>* cancelled)
      : hub_(hub),
        name_(name),
        options_(options),
        progress_(progress),
        cancelled_(cancelled),
        repo_(hub.cache, name.repo),
        client_(hub.endpoint, hub.token) {}

  Result<fs::path> run() {
    CONDUIT_TRY(HubListing listing, ask_listing());
    std::vector<std::string> names;
    for (const HubFile& file : listing.files) names.push_back(file.path);
    CONDUIT_TRY(const ChosenFiles chosen, choose_files(name_, names));
    CONDUIT_TRY(std::vector<HubFile> files, ask_files(listing, chosen.files));
    CONDUIT_TRY_STATUS(check_room(files));
    for (const HubFile& file : files) CONDUIT_TRY_STATUS(fetch(listing.commit, file));
    CONDUIT_TRY_STATUS(repo_.set_ref(name_.revision, listing.commit));
    const fs::path snapshot = repo_.snapshot(listing.commit);
    return chosen.open.empty() ? snapshot : snapshot / chosen.open;
  }

 private:
  // What an answer that is neither 2xx nor passing means, and what helps.
  Error refused(const HttpReply& reply, const std::string& what) const {
    const std::string code(reply.header("X-Error-Code"));
    const std::string status = " (HTTP status " + std::to_string(reply.status) + ")";
    const std::string page = hub_.endpoint + "/" + name_.repo;
    if (code == "GatedRepo" || (reply.status == 403 && code.empty()))
      return {Code::invalid_argument, name_.repo + " is gated: accept its terms at " + page +
                                          " and set HF_TOKEN to a token of that account" + status};
    if (code == "RevisionNotFound")
      return {Code::not_found, name_.repo + " has no revision \"" + name_.revision + "\"; " + page +
                                   " lists its branches and tags" + status};
    if (code == "EntryNotFound")
      return {Code::not_found, what + " is not in the repository " + name_.repo + status};
    if (reply.status == 401 && !hub_.token.empty() && code != "RepoNotFound")
      return {Code::invalid_argument,
              hub_.endpoint + " does not take this token: renew HF_TOKEN" + status};
    if (reply.status == 401 || reply.status == 404 || code == "RepoNotFound")
      return {Code::not_found,
              name_.repo + " is not at " + hub_.endpoint + ", or is private: check the name" +
                  (hub_.token.empty() ? "; for a private or gated model set HF_TOKEN"
                                      : " and that HF_TOKEN may read it") +
                  status};
    return {reply.status == 403 ? Code::invalid_argument : Code::unavailable,
            what + " was refused by " + hub_.endpoint + status};
  }

  // One small request, with patience.
  Result<HttpReply> ask(HttpCall call, const std::string& what, RedirectingClient::Follow follow) {
    Retries retries(options_.patience, progress_.note, cancelled_);
    call.cancelled = cancelled_;
    call.silence_timeout = options_.silence_timeout;
    for (;;) {
      const auto reply = client_.send(call, {}, follow);
      if (!reply && reply.error().code != Code::unavailable) return reply.error();
      if (!reply) {
        CONDUIT_TRY_STATUS(retries.wait(reply.error()));
      } else if (is_passing(reply->status)) {
        const Error why{Code::unavailable,
                        call.url + ": HTTP status " + std::to_string(reply->status)};
        CONDUIT_TRY_STATUS(retries.wait(why, reply->header("Retry-After")));
      } else if (reply->status >= 400) {
        return refused(*reply, what);
      } else {
        return reply;
      }
    }
  }

  Result<HubListing> ask_listing() {
    HttpCall call;
    // A revision's own slashes are escaped, or they would end its name.
    std::string revision;
    for (const char c : name_.revision)
      revision += c == '/' ? std::string("%2F") : std::string(1, c);
    call.url =
        hub_.endpoint + "/api/models/" + name_.repo + "/revision/" + revision + "?blobs=true";
    const auto reply = ask(call, name_.repo, RedirectingClient::Follow::everywhere);
    if (!reply) return reply.error();
    auto listing = read_listing(reply->body);
    if (!listing) return Error{listing.error().code, call.url + ": " + listing.error().message};
    return listing;
  }

  std::string url_of(const std::string& commit, const std::string& path) const {
    return hub_.endpoint + "/" + name_.repo + "/resolve/" + commit + "/" + encode_path(path);
  }

  Result<std::vector<HubFile>> ask_files(const HubListing& listing,
                                         const std::vector<std::string>& chosen) {
    std::vector<HubFile> files;
    for (const std::string& path : chosen) {
      const auto found = std::find_if(listing.files.begin(), listing.files.end(),
                                      [&](const HubFile& file) { return file.path == path; });
      if (found == listing.files.end())
        return Error{Code::not_found, path + " is not in the repository " + name_.repo +
                                          ", though others of its parts are"};
      HubFile file = *found;
      if (file.etag.empty() || !file.size) CONDUIT_TRY_STATUS(ask_file(listing.commit, file));
      if (*file.size > kMostBytes)
        return Error{Code::corrupt, path + " would have " + std::to_string(*file.size) + " bytes"};
      files.push_back(std::move(file));
    }
    return files;
  }

  // Size and etag by HEAD. A redirect to where large files lie names both as X-Linked-….
  Status ask_file(const std::string& commit, HubFile& file) {
    HttpCall call;
    call.method = "HEAD";
    call.url = url_of(commit, file.path);
    CONDUIT_TRY(const HttpReply reply,
                ask(call, file.path, RedirectingClient::Follow::same_origin));
    std::string_view etag = reply.header("X-Linked-Etag");
    if (etag.empty()) etag = reply.header("ETag");
    if (etag.starts_with("W/")) etag.remove_prefix(2);
    if (etag.size() >= 2 && etag.starts_with('"')) etag = etag.substr(1, etag.size() - 2);
    std::string_view size = reply.header("X-Linked-Size");
    if (size.empty()) size = reply.header("Content-Length");
    std::uint64_t bytes = 0;
    const bool has_size =
        std::from_chars(size.data(), size.data() + size.size(), bytes).ec == std::errc{};
    if (!is_etag(etag) || !has_size)
      return Error{Code::corrupt, call.url + ": the answer has no usable ETag and size"};
    file.etag = etag;
    file.size = bytes;
    if (is_hex(etag, 64)) file.sha256 = etag;  // a git blob's has 40 digits
    return ok();
  }

  Status check_room(const std::vector<HubFile>& files) {
    std::uint64_t missing = 0;
    for (const HubFile& file : files) {
      progress_.total += *file.size;
      std::error_code error;
      if (fs::exists(repo_.blob(file.etag), error)) continue;
      const std::uintmax_t there = fs::file_size(incomplete_path(repo_.blob(file.etag)), error);
      missing += *file.size - (error ? 0 : std::min<std::uint64_t>(there, *file.size));
    }
    return check_disk_space(repo_.path(), missing, name_.repo, "HF_HOME");
  }

  Status fetch(const std::string& commit, const HubFile& file) {
    const fs::path blob = repo_.blob(file.etag);
    std::error_code error;
    fs::create_directories(blob.parent_path(), error);
    CONDUIT_TRY(const FileLock lock,
                FileLock::take(
                    repo_.lock(file.etag),
                    [&] {
                      if (progress_.note)
                        progress_.note("another program fetches " + file.path + ": waiting for it");
                    },
                    cancelled_));
    // Its length is asked too: a crash of the machine can leave a name without its bytes.
    if (fs::file_size(blob, error) == *file.size && !error) {
      progress_.done += *file.size;
    } else {
      CONDUIT_TRY_STATUS(download(target_of(commit, file), options_, progress_, cancelled_));
    }
    return repo_.link(commit, file.path, file.etag);
  }

  DownloadTarget target_of(const std::string& commit, const HubFile& file) const {
    DownloadTarget target;
    target.name = file.path;
    target.url = url_of(commit, file.path);
    target.service = hub_.endpoint;
    target.token = hub_.token;
    target.size = *file.size;
    target.sha256 = file.sha256;
    target.path = repo_.blob(file.etag);
    target.refused = [this, path = file.path](const HttpReply& reply) {
      return refused(reply, path);
    };
    return target;
  }

  const HubSettings& hub_;
  const HubName& name_;
  const DownloadOptions& options_;
  PullProgress& progress_;
  const std::atomic<bool>* cancelled_;
  HubRepo repo_;
  RedirectingClient client_;
};

}  // namespace

Result<fs::path> pull_from_hub(const HubSettings& hub, const HubName& name,
                               const DownloadOptions& options, PullProgress& progress,
                               const std::atomic<bool>* cancelled) {
  if (hub.is_offline)
    return Error{Code::unavailable, to_string(name) + " is not in " + hub.cache.string() +
                                        ", and HF_HUB_OFFLINE forbids to fetch it"};
  return HubPull(hub, name, options, progress, cancelled).run();
}

}  // namespace conduit::provisioning
