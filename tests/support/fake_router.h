// A router whose model is the test: it takes requests, and the test says what is answered.
// Admission and queries follow the model's name; chunks and ends are sent by hand.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/messages.h"

namespace conduit::testing {

// One admitted request.
struct FakeCall {
  actors::GenerateRequest request;
  actors::TokenSink sink;

  void chunk(const std::string& text, std::vector<std::int32_t> tokens) const;
  void chunk(actors::TokenChunk chunk) const;
  void finish(wire::FinishReason reason, std::uint32_t prompt_tokens,
              std::uint32_t completion_tokens) const;
  void finish(actors::Finished finished) const;
};

// Models: "tiny" serves; "full" is exhausted, "loading" not ready, "broken" internal; any other is
// not found. Tokenizing "tiny" gives one token per byte.
class FakeRouter {
 public:
  explicit FakeRouter(caf::actor_system& system);
  ~FakeRouter();

  const actors::RouterActor& actor() const { return router_; }
  // Each waits at most ten seconds and then aborts the test.
  FakeCall next();
  void wait_for_cancel(std::uint64_t id);
  void wait_for_credit(std::uint64_t id, std::uint32_t chunks);

 private:
  struct Seen;
  std::shared_ptr<Seen> seen_;
  actors::ReplicaActor replica_;
  actors::RouterActor router_;
};

}  // namespace conduit::testing
