// Routes of the two servers.
#include "tests/support/fake_hub.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "mdl/base/json.h"
#include "provisioning/sha256.h"

namespace conduit::testing {

namespace {

using provisioning::HttpHeaders;
using provisioning::HttpRequest;
using provisioning::HttpServer;
using provisioning::Responder;

std::string sum_of(const std::string& content) {
  provisioning::Sha256 sum;
  sum.update(content);
  return sum.hex();
}

std::string etag_of(const FakeHub::File& file) {
  if (!file.is_large) return sum_of(file.content).substr(0, 40);
  return file.listed_sum.empty() ? sum_of(file.content) : file.listed_sum;
}

std::string listing(const FakeHub::State& state) {
  json::Array siblings;
  for (const auto& [path, file] : state.files) {
    json::Value entry = json::Object{{"rfilename", path}};
    if (state.lists_sizes) {
      const auto size = static_cast<std::int64_t>(file.content.size());
      entry.set("size", file.listed_size >= 0 ? file.listed_size : size);
      entry.set("blobId", file.is_large ? sum_of(path).substr(0, 40) : etag_of(file));
      if (file.is_large) entry.set("lfs", json::Object{{"sha256", etag_of(file)}});
    }
    siblings.push_back(std::move(entry));
  }
  return json::dump(json::Object{{"sha", FakeHub::kCommit}, {"siblings", std::move(siblings)}});
}

std::string url(const HttpServer& server) {
  return "http://127.0.0.1:" + std::to_string(server.port());
}

}  // namespace

FakeHub::FakeHub(std::map<std::string, File> files) : state_{std::move(files)} {
  const auto start = [this](const char* name) {
    auto server = HttpServer::start({}, [this, name](HttpRequest request, Responder responder) {
      const std::lock_guard lock(mutex_);
      answer(name, request, responder);
    });
    EXPECT_TRUE(server) << server.error().message;
    return *std::move(server);
  };
  cdn_ = start("cdn");
  hub_ = start("hub");
}

provisioning::HubSettings FakeHub::settings(const std::filesystem::path& cache) const {
  return {url(*hub_), "secret", cache, false};
}

std::string FakeHub::content(const std::string& file) { return (*this)->files.at(file).content; }

std::string FakeHub::etag(const std::string& file) { return etag_of((*this)->files.at(file)); }

std::vector<FakeHub::Seen> FakeHub::seen() { return (*this)->seen; }

int FakeHub::content_requests(const std::string& file) {
  const auto all = seen();
  const std::string server = (*this)->files.at(file).is_large ? "cdn" : "hub";
  return static_cast<int>(std::count_if(all.begin(), all.end(), [&](const Seen& one) {
    return one.method == "GET" && one.server == server && one.path.ends_with("/" + file);
  }));
}

void FakeHub::answer(const std::string& server, const HttpRequest& request,
                     const Responder& responder) {
  state_.seen.push_back({server, request.method, request.path, std::string(request.header("Range")),
                         std::string(request.header("Authorization"))});
  if (request.path.starts_with("/api/")) {
    const HttpHeaders headers = state_.error_code.empty()
                                    ? HttpHeaders{}
                                    : HttpHeaders{{"X-Error-Code", state_.error_code}};
    const bool is_refused = state_.api_status != 200;
    return responder.respond(state_.api_status, headers, is_refused ? "no" : listing(state_));
  }
  const std::string begin = std::string("/org/model/resolve/") + kCommit + "/";
  const std::string path = request.path.substr(std::min(begin.size(), request.path.size()));
  const auto found = state_.files.find(path);
  if (!request.path.starts_with(begin) || found == state_.files.end())
    return responder.respond(404, {{"X-Error-Code", "EntryNotFound"}}, "no such file");
  const File& file = found->second;
  if (server == "hub" && file.is_large)
    return responder.respond(302,
                             {{"Location", url(*cdn_) + request.path},
                              {"X-Linked-Etag", std::string("\"") + etag_of(file) + "\""},
                              {"X-Linked-Size", std::to_string(file.content.size())}},
                             "");
  if (request.method == "HEAD")
    return responder.respond(200, {{"ETag", std::string("\"") + etag_of(file) + "\""}},
                             file.content);
  send_content(file, request, responder);
}

void FakeHub::send_content(const File& file, const HttpRequest& request,
                           const Responder& responder) {
  Fault fault;
  if (!state_.faults.empty()) {
    fault = state_.faults.front();
    state_.faults.pop_front();
  }
  if (fault.status != 0) {
    const HttpHeaders headers =
        fault.retry_after.empty() ? HttpHeaders{} : HttpHeaders{{"Retry-After", fault.retry_after}};
    return responder.respond(fault.status, headers, "not now");
  }
  unsigned long begin = 0, last = file.content.size() - 1;
  const std::string range(request.header("Range"));
  const bool is_range = state_.knows_ranges && !range.empty();
  if (is_range) std::sscanf(range.c_str(), "bytes=%lu-%lu", &begin, &last);
  const std::string part = file.content.substr(begin, last + 1 - begin);
  const HttpHeaders headers =
      is_range ? HttpHeaders{{"Content-Range", "bytes " + std::to_string(begin) + "-" +
                                                   std::to_string(last) + "/" +
                                                   std::to_string(file.content.size())}}
               : HttpHeaders{};
  if (fault.cut_after < 0) return responder.respond(is_range ? 206 : 200, headers, part);
  responder.begin_stream(is_range ? 206 : 200, headers);
  // The last Responder goes without an end, once the bytes have left: the connection is cut.
  if (fault.cut_after > 0)
    responder.write(part.substr(0, static_cast<std::size_t>(fault.cut_after)), [responder] {});
}

}  // namespace conduit::testing
