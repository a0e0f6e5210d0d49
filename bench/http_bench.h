// `conduit-bench http`: streaming clients of any OpenAI-compatible server.
// The idea: each client sends one request after another and reads its stream to the end, all at
// the same time, so the server is never short of work; what users feel is told: tokens per second
// of all clients together, and how long each waited for its first one. Prompts are random words,
// no two alike, so that no prefix cache answers. Not here: starting a server (server_process.h).
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "mdl/base/result.h"

namespace conduit::bench {

struct HttpBenchOptions {
  std::string url = "http://127.0.0.1:8080";  // without /v1
  std::string model;                          // empty: the first one the server lists
  std::string api_key;
  int clients = 8;
  int requests = 3;  // of each client, after one round that is not counted
  int prompt_tokens = 94;
  int max_tokens = 64;
  bool is_json = false;
};

struct HttpReport {
  double seconds = 0;                          // of all counted requests
  long long output_tokens = 0;                 // as the server counts them
  double prompt_tokens = 0;                    // of a request, likewise
  int uncounted_requests = 0;                  // the warm-up's
  std::vector<double> first_token_seconds;     // one per request
  std::vector<double> between_tokens_seconds;  // the mean gap of each request

  double output_per_second() const { return static_cast<double>(output_tokens) / seconds; }
};

// Errors: unavailable (no server), invalid_argument (an answer that is no OpenAI answer).
Result<HttpReport> measure_http(const HttpBenchOptions& options);
Status run_http_bench(const HttpBenchOptions& options, std::ostream& out);

}  // namespace conduit::bench
