// A model hub of a test's own, over real HTTP on loopback: Hugging Face's API for one repository,
// org/model, with large files on a second server as its CDN has them; and all that can go wrong on
// the way, said beforehand.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "provisioning/http_server.h"
#include "provisioning/hub_cache.h"

namespace conduit::testing {

class FakeHub {
 public:
  static constexpr const char* kCommit = "0123456789abcdef0123456789abcdef01234567";

  struct File {
    std::string content;
    bool is_large = false;        // on the other server, behind a redirect, with a SHA-256
    std::string listed_sum = {};  // instead of the content's
    std::int64_t listed_size = -1;
  };
  // What becomes of one request for content, instead of an answer.
  struct Fault {
    int status = 0;  // 0: none
    std::string retry_after = {};
    std::int64_t cut_after = -1;  // bytes
  };
  struct Seen {
    std::string server;  // hub or cdn
    std::string method, path, range, authorization;
  };

  // What tests may change while the servers' threads read it: by `hub->`, which locks.
  struct State {
    std::map<std::string, File> files;
    bool lists_sizes = true;
    bool knows_ranges = true;
    int api_status = 200;
    std::string error_code = {};    // X-Error-Code of a refusal
    std::deque<Fault> faults = {};  // for the next requests for content, in turn
    std::vector<Seen> seen = {};
  };
  class Locked {
   public:
    Locked(std::mutex& mutex, State& state) : lock_(mutex), state_(state) {}
    State* operator->() { return &state_; }

   private:
    std::unique_lock<std::mutex> lock_;
    State& state_;
  };

  explicit FakeHub(std::map<std::string, File> files);

  Locked operator->() { return {mutex_, state_}; }
  provisioning::HubSettings settings(const std::filesystem::path& cache) const;
  std::string content(const std::string& file);
  std::string etag(const std::string& file);
  std::vector<Seen> seen();
  int content_requests(const std::string& file);  // GETs that were not redirected

 private:
  // Both with the lock held.
  void answer(const std::string& server, const provisioning::HttpRequest& request,
              const provisioning::Responder& responder);
  void send_content(const File& file, const provisioning::HttpRequest& request,
                    const provisioning::Responder& responder);

  std::mutex mutex_;
  State state_;
  std::unique_ptr<provisioning::HttpServer> hub_, cdn_;
};

}  // namespace conduit::testing
