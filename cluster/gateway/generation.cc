// Learn the prompts, start the streams, pass on what they say.
#include "cluster/gateway/generation.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "cluster/gateway/router_query.h"
#include "mdl/base/metrics.h"

namespace conduit::cluster {

namespace {

// Events on their way to one client: enough to hide a round trip, and some 20 kB of memory.
constexpr std::uint32_t kHttpCredit = 64;

metrics::Gauge& open_streams() {
  return metrics::gauge("conduit_open_streams", "Answers being generated for HTTP clients");
}

Error error_of(const actors::Finished& finished) {
  if (finished.reason == wire::FinishReason::cancelled)
    return {Code::cancelled, "the answer was cancelled by the server"};
  return {static_cast<Code>(finished.error_code), finished.error_message};
}

actors::TokenizeRequest tokenize_query(const actors::GenerateRequest& request) {
  actors::TokenizeRequest query;
  query.model = request.model;
  query.prompt_kind = request.prompt_kind;
  query.messages_json = request.messages_json;
  query.template_args_json = request.template_args_json;
  query.prompt = request.prompt;
  query.truncate_prompt = request.truncate_prompt;
  query.max_tokens = request.max_tokens;
  return query;
}

}  // namespace

void Generation::start(caf::actor_system& system, actors::RouterActor router, AnswerPlan plan,
                       std::shared_ptr<HttpAnswer> answer) {
  auto generation =
      std::make_shared<Generation>(system, std::move(router), std::move(plan), std::move(answer));
  generation->answer_->on_disconnect([weak = std::weak_ptr(generation)] {
    if (auto still_running = weak.lock()) still_running->on_disconnect();
  });
  generation->learn_prompts();
}

Generation::Generation(caf::actor_system& system, actors::RouterActor router, AnswerPlan plan,
                       std::shared_ptr<HttpAnswer> answer)
    : system_(system),
      router_(std::move(router)),
      plan_(std::move(plan)),
      head_{(plan_.is_chat ? "chatcmpl-" : "cmpl-") + answer->id(), std::time(nullptr)},
      answer_(std::move(answer)),
      prompts_(plan_.requests.size() / static_cast<std::size_t>(plan_.choices_per_prompt)),
      choices_(plan_.requests.size()),
      unfinished_(plan_.requests.size()),
      last_token_(plan_.requests.size()) {
  answer_->set_usage({plan_.model, 0, 0});
  open_streams().add(1);
}

Generation::~Generation() {
  if (!is_over_) open_streams().add(-1);  // the actor system went down under it
}

// --- the prompts

void Generation::learn_prompts() {
  std::unique_lock lock(mutex_);
  unanswered_queries_ = 1;  // our own, so that a quick reply does not start the streams too early
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    const auto& request = plan_.requests[i * static_cast<std::size_t>(plan_.choices_per_prompt)];
    const bool is_tokens = request.prompt_kind == wire::PromptKind::tokens;
    prompts_[i].token_ids = request.prompt_tokens;
    prompts_[i].text = request.prompt;
    if (plan_.wants_token_ids && !is_tokens)
      ask_about_prompt<actors::TokenizeReply>(tokenize_query(request), [this, i](auto& reply) {
        prompts_[i].token_ids = reply.tokens;
      });
    if (plan_.wants_echo && is_tokens) {
      actors::DetokenizeRequest query;
      query.model = request.model;
      query.tokens = request.prompt_tokens;
      ask_about_prompt<actors::DetokenizeReply>(
          std::move(query), [this, i](auto& reply) { prompts_[i].text = reply.text; });
    }
  }
  if (--unanswered_queries_ == 0) start_streams();
}

template <class Reply, class Query, class Store>
void Generation::ask_about_prompt(Query query, Store store) {
  ++unanswered_queries_;
  ask_router<Reply>(system_, router_, std::move(query),
                    [self = shared_from_this(), store](Result<Reply> reply) {
                      std::lock_guard lock(self->mutex_);
                      if (self->is_over_) return;
                      if (!reply) return self->fail(api_error(reply.error()));
                      store(*reply);
                      if (--self->unanswered_queries_ == 0) self->start_streams();
                    });
}

const PromptFacts& Generation::prompt_of(std::size_t index) const {
  return prompts_[index / static_cast<std::size_t>(plan_.choices_per_prompt)];
}

// The mutex is held meanwhile: a first chunk waits until its stream is known.
void Generation::start_streams() {
  if (is_over_) return;
  streams_.reserve(plan_.requests.size());
  for (std::size_t i = 0; i < plan_.requests.size(); ++i) {
    actors::GenerateRequest request = plan_.requests[i];
    request.credit = kHttpCredit;
    auto self = shared_from_this();
    streams_.push_back(actors::Stream::start(
        system_, router_, std::move(request),
        {.on_chunk = [self, i](const actors::TokenChunk& chunk) { self->on_chunk(i, chunk); },
         .on_finished = [self, i](const actors::Finished& end) { self->on_finished(i, end); }}));
  }
}

// --- what the streams say

void Generation::on_chunk(std::size_t index, const actors::TokenChunk& chunk) {
  std::lock_guard lock(mutex_);
  if (is_over_) return;
  observe(index, chunk);
  // What the log tells if the client leaves; Finished has the same number.
  choices_[index].finished.completion_tokens += static_cast<std::uint32_t>(chunk.tokens.size());
  choices_[index].has_tool_calls |= !chunk.tool_call_indexes.empty();
  if (plan_.is_stream) return stream_chunk(index, chunk);
  append(choices_[index].answer, chunk);
  streams_[index].grant(1);
}

void Generation::on_finished(std::size_t index, const actors::Finished& finished) {
  std::lock_guard lock(mutex_);
  if (is_over_) return;
  if (finished.reason == wire::FinishReason::error ||
      finished.reason == wire::FinishReason::cancelled)
    return fail(api_error(error_of(finished)));
  choices_[index].finished = finished;
  if (metrics_)
    metrics_->observe_end(HttpAnswer::Clock::now() - answer_->started(), finished.prompt_tokens,
                          finished.completion_tokens,
                          finish_reason(finished, choices_[index].has_tool_calls).as_string());
  if (plan_.is_stream) {
    begin_choice(index);
    send_event(index, last_event(plan_, head_, index, choices_[index]), false);
  }
  if (--unfinished_ == 0) deliver();
}

void Generation::on_disconnect() {
  std::lock_guard lock(mutex_);
  if (is_over_) return;
  conclude();
  answer_->disconnected();
}

void Generation::observe(std::size_t index, const actors::TokenChunk& chunk) {
  const auto now = HttpAnswer::Clock::now();
  if (!metrics_) {
    metrics_.emplace(plan_.model);
    metrics_->observe_first_token(now - answer_->started());
  }
  auto& last = last_token_[index];
  if (last != HttpAnswer::Clock::time_point{})
    metrics_->observe_tokens(now - last, chunk.tokens.size());
  last = now;
}

// --- what the client gets

void Generation::stream_chunk(std::size_t index, const actors::TokenChunk& chunk) {
  if (!is_visible(plan_, chunk)) return streams_[index].grant(1);
  begin_choice(index);
  send_event(index, chunk_event(plan_, head_, index, chunk, choices_[index].logprob_offset), true);
}

void Generation::send_event(std::size_t index, const json::Value& data, bool earns_credit) {
  if (!earns_credit) return answer_->event(data);
  answer_->event(data, [self = shared_from_this(), index] {
    std::lock_guard lock(self->mutex_);
    if (!self->is_over_) self->streams_[index].grant(1);
  });
}

void Generation::begin_choice(std::size_t index) {
  if (!std::exchange(has_begun_events_, true)) answer_->begin_events();
  if (std::exchange(choices_[index].has_begun, true)) return;
  if (plan_.is_chat || plan_.wants_echo || plan_.wants_token_ids)
    send_event(index, first_event(plan_, head_, index, prompt_of(index)), false);
}

void Generation::deliver() {
  conclude();
  if (!plan_.is_stream) return answer_->json(200, whole_answer(plan_, head_, prompts_, choices_));
  if (plan_.wants_usage) answer_->event(usage_event(plan_, head_, choices_));
  answer_->end_events();
}

void Generation::fail(const ApiError& error) {
  conclude();
  if (!has_begun_events_) return answer_->error(error);
  answer_->event(error_object(error));
  answer_->end_events();
}

void Generation::conclude() {
  is_over_ = true;
  open_streams().add(-1);
  for (actors::Stream& stream : streams_) stream.cancel();
  AnswerUsage usage{plan_.model, 0, 0};
  for (const Choice& choice : choices_) {
    usage.prompt_tokens += choice.finished.prompt_tokens;
    usage.completion_tokens += choice.finished.completion_tokens;
  }
  answer_->set_usage(std::move(usage));
}

}  // namespace conduit::cluster
