// Generation: the life of one /v1/chat/completions or /v1/completions answer: streams of tokens in,
// one HTTP answer out.
// The idea: it is over exactly once, by its last choice, by an error or by the client's leaving,
// and whatever still runs is cancelled then. An error that comes before the first token still has
// its HTTP status; later it is an event. Each event that has left for the client earns its stream
// one credit, so a slow client slows its own generation and nothing grows.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "actors/stream.h"
#include "cluster/gateway/generation_metrics.h"
#include "cluster/gateway/http_answer.h"
#include "cluster/gateway/openai_reply.h"
#include "cluster/gateway/openai_request.h"

namespace conduit::cluster {

class Generation : public std::enable_shared_from_this<Generation> {
 public:
  static void start(caf::actor_system& system, actors::RouterActor router, AnswerPlan plan,
                    std::shared_ptr<HttpAnswer> answer);

  Generation(caf::actor_system& system, actors::RouterActor router, AnswerPlan plan,
             std::shared_ptr<HttpAnswer> answer);
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

 private:
  // What the answer tells of its prompts (echo, return_token_ids) is asked for first.
  void learn_prompts();
  template <class Reply, class Query, class Store>
  void ask_about_prompt(Query query, Store store);
  void start_streams();

  void on_chunk(std::size_t index, const actors::TokenChunk& chunk);
  void on_finished(std::size_t index, const actors::Finished& finished);
  void on_disconnect();

  void observe(std::size_t index, const actors::TokenChunk& chunk);
  void stream_chunk(std::size_t index, const actors::TokenChunk& chunk);
  void send_event(std::size_t index, const json::Value& data, bool earns_credit);
  void begin_choice(std::size_t index);
  void deliver();
  void fail(const ApiError& error);
  void conclude();
  const PromptFacts& prompt_of(std::size_t index) const;

  caf::actor_system& system_;
  const actors::RouterActor router_;
  const AnswerPlan plan_;
  const AnswerHead head_;
  const std::shared_ptr<HttpAnswer> answer_;

  std::mutex mutex_;  // actors' threads and the server's meet here
  std::vector<PromptFacts> prompts_;
  std::size_t unanswered_queries_ = 0;
  std::vector<actors::Stream> streams_;
  std::vector<Choice> choices_;
  std::size_t unfinished_ = 0;
  std::optional<GenerationMetrics> metrics_;               // from the first token on
  std::vector<HttpAnswer::Clock::time_point> last_token_;  // of each choice
  bool has_begun_events_ = false;
  bool is_over_ = false;
};

}  // namespace conduit::cluster
