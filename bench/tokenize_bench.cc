// Both in turn, on one text; the medians.
#include "bench/tokenize_bench.h"

#include <algorithm>
#include <chrono>
#include <iomanip>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/child_process.h"
#include "bench/python_environment.h"
#include "kernels/model/mapped_file.h"
#include "kernels/model/open_tokenizer.h"
#include "mdl/base/json.h"

namespace conduit::bench {
namespace {

using kernels::TokenId;

constexpr std::size_t kMaxTextBytes = 1 << 30;
constexpr kernels::EncodeOptions kPlain{.add_special = false};

double seconds_of_encoding(const kernels::Tokenizer& tokenizer, const std::string& text) {
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<TokenId> ids = tokenizer.encode(text, kPlain);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

struct Peer {
  ChildProcess process;
  std::string version;
};

Result<json::Value> answer_of(ChildProcess& process) {
  CONDUIT_TRY(const std::string line, process.read_line());
  return json::parse(line);
}

// Its first answer has its ids.
Result<Peer> open_peer(const TokenizeBenchOptions& options, const std::vector<TokenId>& ids) {
  CONDUIT_TRY(const std::string python, python_with({"tokenizers", "tokenizers"}));
  CONDUIT_TRY(ChildProcess process,
              ChildProcess::start({python, bench_script("peer_tokenizers.py"),
                                   options.tokenizer.string(), options.text.string()}));
  CONDUIT_TRY(const json::Value hello, answer_of(process));
  const json::Value* version = hello.find("version");
  const json::Value* peer_ids = hello.find("ids");
  if (version == nullptr || !version->is_string() || peer_ids == nullptr)
    return Error{Code::corrupt, "the peer did not say its version and ids"};
  if (*peer_ids != json::Value(json::Array(ids.begin(), ids.end())))
    return Error{Code::internal, "tokenizers " + version->as_string() + " gives other ids"};
  return Peer{std::move(process), version->as_string()};
}

Result<double> seconds_of_peer(Peer& peer) {
  CONDUIT_TRY_STATUS(peer.process.write_line(""));
  CONDUIT_TRY(const json::Value answer, answer_of(peer.process));
  const json::Value* seconds = answer.find("seconds");
  if (seconds == nullptr || !seconds->is_number())
    return Error{Code::corrupt, "the peer's answer lacks seconds"};
  return seconds->as_double();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

Status run_tokenize_bench(const TokenizeBenchOptions& options, std::ostream& out) {
  CONDUIT_TRY(const kernels::Tokenizer tokenizer, kernels::open_tokenizer(options.tokenizer));
  CONDUIT_TRY(const std::string text, kernels::read_text_file(options.text, kMaxTextBytes));
  const std::vector<TokenId> ids = tokenizer.encode(text, kPlain);
  std::optional<Peer> peer;
  if (options.is_against_tokenizers) {
    CONDUIT_TRY(Peer opened, open_peer(options, ids));
    peer.emplace(std::move(opened));
  }
  std::vector<double> ours, theirs;
  for (int run = 0; run < options.runs; ++run) {
    ours.push_back(seconds_of_encoding(tokenizer, text));
    if (!peer) continue;
    CONDUIT_TRY(theirs.emplace_back(), seconds_of_peer(*peer));
  }
  const double megabytes = static_cast<double>(text.size()) / 1e6;
  out << std::fixed << std::setprecision(2) << megabytes << " MB, " << ids.size() << " tokens\n"
      << "conduit           " << megabytes / median(ours) << " MB/s\n";
  if (peer)
    out << "tokenizers " << peer->version << " " << megabytes / median(theirs)
        << " MB/s, the same ids; " << median(theirs) / median(ours) << " times as long\n";
  return ok();
}

}  // namespace conduit::bench
