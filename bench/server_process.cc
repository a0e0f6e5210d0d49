// Polling, /proc.
#include "bench/server_process.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <thread>
#include <utility>

#include "mdl/base/json.h"
#include "provisioning/http_client.h"

namespace conduit::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPollEvery{2};

bool answers(provisioning::HttpClient& client, const std::string& url) {
  const auto reply = client.send({"GET", url});
  return reply && reply->status == 200;
}

// The first model it lists; empty when it lists none.
std::string listed_model(const std::string& body) {
  const auto models = json::parse(body);
  const json::Value* data = models ? models->find("data") : nullptr;
  if (data == nullptr || !data->is_array() || data->as_array().empty()) return {};
  const json::Value* id = data->as_array().front().find("id");
  return id != nullptr && id->is_string() ? id->as_string() : std::string();
}

// As soon as it completes a token: a server may list a model that it is still loading.
bool is_ready(provisioning::HttpClient& client, const ServerProcess::Options& options) {
  if (options.has_health && !answers(client, options.url + "/health")) return false;
  const auto models = client.send({"GET", options.url + "/v1/models"});
  const std::string model = models ? listed_model(models->body) : std::string();
  if (model.empty()) return false;
  provisioning::HttpCall call{"POST", options.url + "/v1/completions"};
  call.headers = {{"content-type", "application/json"}};
  call.body = json::dump(json::Object{{"model", model}, {"prompt", "a"}, {"max_tokens", 1}});
  const auto reply = client.send(call);
  return reply && reply->status == 200;
}

}  // namespace

Result<int> free_port() {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  const bool is_bound =
      bind(descriptor, any, size) == 0 && getsockname(descriptor, any, &size) == 0;
  close(descriptor);
  if (!is_bound) return Error{Code::unavailable, "no free port on the loopback"};
  return ntohs(address.sin_port);
}

std::size_t process_bytes(const std::string& pid, const std::string& key) {
  std::ifstream status("/proc/" + pid + "/status");
  for (std::string word; status >> word;) {
    std::size_t kilobytes = 0;
    if (word == key + ":" && status >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

Result<ServerProcess> ServerProcess::start(const Options& options) {
  // The shell gives its place to the program, so the process is the program.
  std::vector<std::string> command = {"sh", "-c", "log=$1; shift; exec \"$@\" >\"$log\" 2>&1", "sh",
                                      options.log.string()};
  command.insert(command.end(), options.command.begin(), options.command.end());
  const auto begin = Clock::now();
  CONDUIT_TRY(ChildProcess process, ChildProcess::start(command));
  provisioning::HttpClient client;
  while (!is_ready(client, options)) {
    const bool has_ended = process.has_ended();
    if (has_ended || Clock::now() - begin > options.patience) {
      process.terminate();
      return Error{Code::unavailable, options.command.front() +
                                          (has_ended ? " ended" : " does not get ready") +
                                          "; its output is in " + options.log.string()};
    }
    std::this_thread::sleep_for(kPollEvery);
  }
  return ServerProcess(std::move(process),
                       std::chrono::duration<double>(Clock::now() - begin).count());
}

ServerProcess::ServerProcess(ChildProcess process, double ready_seconds)
    : process_(std::move(process)), ready_seconds_(ready_seconds) {}

ServerProcess::~ServerProcess() { process_.terminate(); }

std::size_t ServerProcess::resident_bytes() const {
  return process_bytes(std::to_string(process_.pid()), "VmRSS");
}

std::size_t ServerProcess::peak_bytes() const {
  return process_bytes(std::to_string(process_.pid()), "VmHWM");
}

}  // namespace conduit::bench
