// The life of one /v1/embeddings or /v1/rerank answer: many texts out, one HTTP answer back.
// The idea: each text is a question of its own to the router, so the texts of all clients meet in
// the engine's batch, also a remote replica's; of one answer only a few are under way at a time, so
// a client with thousands of texts does not push others out of the queue. The first error is the
// answer's, and after it, or when the client has left, no further text is asked.
#pragma once

#include <chrono>
#include <memory>

#include "cluster/gateway/http_answer.h"
#include "cluster/gateway/pooling_request.h"

namespace conduit::cluster {

void answer_embeddings(caf::actor_system& system, const actors::RouterActor& router,
                       EmbeddingsPlan plan, std::shared_ptr<HttpAnswer> answer);
void answer_rerank(caf::actor_system& system, const actors::RouterActor& router, RerankPlan plan,
                   std::shared_ptr<HttpAnswer> answer);

}  // namespace conduit::cluster
