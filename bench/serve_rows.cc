// One server after the other, each with the two cores to itself.
#include "bench/serve_rows.h"

#include <algorithm>
#include <iomanip>
#include <optional>
#include <sstream>
#include <utility>

#include "bench/http_bench.h"
#include "bench/peer.h"
#include "bench/python_environment.h"
#include "bench/server_process.h"
#include "bench/spread.h"
#include "kernels/model/model.h"

namespace conduit::bench {
namespace {

namespace fs = std::filesystem;

constexpr int kClients = 8;
constexpr int kMaxModelLen = 2048;

struct Served {
  double ready_seconds = 0;
  std::size_t ready_bytes = 0, served_bytes = 0;  // resident
  HttpReport http;
};

std::string text_of(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

std::string mebibytes(double bytes) { return text_of(bytes / (1 << 20), 0); }

std::vector<std::string> our_command(const ServeCase& wanted, int port, int threads) {
  const fs::path program = fs::read_symlink("/proc/self/exe").parent_path() / "conduit-node";
  return {program.string(),
          "--model",
          "model=" + wanted.model.string(),
          "--http",
          "127.0.0.1:" + std::to_string(port),
          "--threads",
          std::to_string(threads),
          "--max-model-len",
          std::to_string(kMaxModelLen)};
}

Result<Served> serve(const ServeCase& wanted, ServerProcess::Options options,
                     const std::string& name, int port) {
  options.url = "http://127.0.0.1:" + std::to_string(port);
  options.log = bench_cache() / (name + ".log");
  CONDUIT_TRY(const ServerProcess server, ServerProcess::start(options));
  Served served;
  served.ready_seconds = server.ready_seconds();
  served.ready_bytes = server.resident_bytes();
  HttpBenchOptions http;
  http.url = options.url;
  http.clients = kClients;
  http.prompt_tokens = wanted.prompt_tokens;
  http.max_tokens = wanted.max_tokens;
  CONDUIT_TRY(served.http, measure_http(http));
  served.served_bytes = server.peak_bytes();
  return served;
}

Result<Served> serve_ours(const ServeCase& wanted, int threads) {
  CONDUIT_TRY(const int port, free_port());
  ServerProcess::Options options;
  options.command = our_command(wanted, port, threads);
  options.has_health = true;
  return serve(wanted, options, "conduit-node", port);
}

Result<Served> serve_peer(const std::string& peer, const ServeCase& wanted, int threads) {
  CONDUIT_TRY(const int port, free_port());
  ServerProcess::Options options;
  CONDUIT_TRY(options.command,
              peer_server_command(peer, wanted.model, {port, threads, kMaxModelLen}));
  return serve(wanted, options, peer, port);
}

// Keys and values of every token that was served, as f16: the cache of a server that keeps what it
// has seen; one that does not has less of it resident, and is measured the more strictly.
double kv_bytes(const kernels::ModelConfig& config, const ServeCase& wanted,
                const HttpReport& report) {
  const double requests =
      static_cast<double>(report.first_token_seconds.size()) + report.uncounted_requests;
  const double per_token = 2.0 * 2.0 * config.layers * config.kv_heads * config.head_dim;
  return per_token * requests * (wanted.prompt_tokens + wanted.max_tokens);
}

// One value of ours and the peers', and how ours compares where more is better or less is.
class RowMaker {
 public:
  RowMaker(const Served& ours, const std::vector<std::optional<Served>>& peers)
      : ours_(ours), peers_(peers) {}

  template <class Value>
  ServeRow row(const std::string& name, int digits, bool is_less_better, Value value,
               const std::string& share = "–") const {
    ServeRow made{name, {text_of(value(ours_), digits)}, {}, {}};
    double best = 0;
    for (const auto& peer : peers_) {
      made.cells.push_back(peer ? text_of(value(*peer), digits) : "–");
      if (!peer) continue;
      const double theirs = value(*peer);
      best = best == 0 ? theirs : is_less_better ? std::min(best, theirs) : std::max(best, theirs);
    }
    made.cells.push_back(best > 0 ? text_of(value(ours_) / best, 2) : "–");
    made.cells.push_back(share);
    return made;
  }

 private:
  const Served& ours_;
  const std::vector<std::optional<Served>>& peers_;
};

std::string memory_share(const Served& ours, const ServeCase& wanted) {
  const auto model = kernels::open_model(wanted.model);
  if (!model) return "–";
  const double weights = static_cast<double>((*model)->file_bytes);
  const double kv = kv_bytes((*model)->config, wanted, ours.http);
  return text_of(static_cast<double>(ours.served_bytes) / (weights + kv), 2) + "x of " +
         mebibytes(weights) + " weights + " + mebibytes(kv) + " KV; when ready " +
         text_of(static_cast<double>(ours.ready_bytes) / weights, 2) + "x of the weights";
}

}  // namespace

std::vector<ServeRow> measure_serve(const ServeCase& wanted, const std::vector<std::string>& peers,
                                    int threads) {
  const std::string clients = wanted.name + ", HTTP, 8 clients, ";
  const auto ours = serve_ours(wanted, threads);
  if (!ours) return {{clients, {}, ours.error().message, {}}};
  std::vector<std::optional<Served>> theirs;
  std::vector<std::string> notes;
  for (const std::string& peer : peers) {
    auto served = serve_peer(peer, wanted, threads);
    if (!served) notes.push_back(peer + ", " + clients + served.error().message);
    theirs.push_back(served ? std::optional(*std::move(served)) : std::nullopt);
  }
  const RowMaker maker(*ours, theirs);
  std::vector<ServeRow> rows;
  rows.push_back(maker.row(clients + "output tokens/s", 1, false,
                           [](const Served& s) { return s.http.output_per_second(); }));
  rows.push_back(maker.row(clients + "first token p50, s", 2, true, [](const Served& s) {
    return spread_of(s.http.first_token_seconds).median;
  }));
  rows.push_back(maker.row(
      wanted.name + ", resident MiB", 0, true,
      [](const Served& s) { return static_cast<double>(s.served_bytes) / (1 << 20); },
      memory_share(*ours, wanted)));
  rows.push_back(maker.row(wanted.name + ", start to ready, s", 2, true,
                           [](const Served& s) { return s.ready_seconds; }));
  rows.front().notes = notes;
  return rows;
}

}  // namespace conduit::bench
