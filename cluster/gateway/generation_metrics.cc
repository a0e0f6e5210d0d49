// Names and buckets.
#include "cluster/gateway/generation_metrics.h"

#include <vector>

namespace conduit::cluster {

namespace {

// From a tiny model on a GPU to a long prompt on two cores.
const std::vector<double> kFirstTokenBounds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                               0.5,   1,    2.5,   5,    10,  30};
const std::vector<double> kBetweenBounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                            0.1,   0.25,   0.5,   1,    2.5};
const std::vector<double> kWholeBounds = {0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300};
const std::vector<double> kTokenBounds = {1,   2,    5,    10,   20,    50,    100,   200,
                                          500, 1000, 2000, 5000, 10000, 20000, 50000, 100000};

}  // namespace

GenerationMetrics::GenerationMetrics(const std::string& model)
    : model_(model),
      first_token_(metrics::histogram("conduit_time_to_first_token_seconds",
                                      "From a request's last byte to its first token",
                                      kFirstTokenBounds, {{"model", model}})),
      between_tokens_(metrics::histogram("conduit_inter_token_latency_seconds",
                                         "Between two tokens of one answer", kBetweenBounds,
                                         {{"model", model}})),
      whole_(metrics::histogram("conduit_e2e_request_latency_seconds",
                                "From a request's last byte to its last token", kWholeBounds,
                                {{"model", model}})),
      prompt_tokens_(metrics::histogram("conduit_request_prompt_tokens", "Tokens of a prompt",
                                        kTokenBounds, {{"model", model}})),
      completion_tokens_(metrics::histogram("conduit_request_generation_tokens",
                                            "Tokens of an answer", kTokenBounds,
                                            {{"model", model}})) {}

void GenerationMetrics::observe_first_token(Seconds since_request) {
  first_token_.observe(since_request.count());
}

void GenerationMetrics::observe_tokens(Seconds since_last, std::size_t tokens) {
  for (std::size_t i = 0; i < tokens; ++i)
    between_tokens_.observe(since_last.count() / static_cast<double>(tokens));
}

void GenerationMetrics::observe_end(Seconds since_request, std::uint64_t prompt_tokens,
                                    std::uint64_t completion_tokens, const std::string& reason) {
  whole_.observe(since_request.count());
  prompt_tokens_.observe(static_cast<double>(prompt_tokens));
  completion_tokens_.observe(static_cast<double>(completion_tokens));
  metrics::counter("conduit_request_success_total", "Answers that came to their end",
                   {{"model", model_}, {"finished_reason", reason}})
      .increment();
}

}  // namespace conduit::cluster
