// What one generation shows to a scraper, by its model. Made when its first token comes, since
// until then the model's name may be anything a client wrote.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "mdl/base/metrics.h"

namespace conduit::cluster {

class GenerationMetrics {
 public:
  using Seconds = std::chrono::duration<double>;

  explicit GenerationMetrics(const std::string& model);

  void observe_first_token(Seconds since_request);
  // `tokens` of one choice that came together, `since_last` after those before them.
  void observe_tokens(Seconds since_last, std::size_t tokens);
  // One request that ended by itself. `reason`: its finish_reason.
  void observe_end(Seconds since_request, std::uint64_t prompt_tokens,
                   std::uint64_t completion_tokens, const std::string& reason);

 private:
  std::string model_;
  metrics::Histogram& first_token_;
  metrics::Histogram& between_tokens_;
  metrics::Histogram& whole_;
  metrics::Histogram& prompt_tokens_;
  metrics::Histogram& completion_tokens_;
};

}  // namespace conduit::cluster
