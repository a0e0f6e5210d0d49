// A replica and a router that only take notes.
#include "tests/support/fake_router.h"

#include <chrono>
#include <map>
#include <set>
#include <utility>

#include "actors/errors.h"
#include "mdl/base/check.h"

namespace conduit::testing {

using actors::ReplicaActor;
using actors::RouterActor;
using actors::tell_anonymously;

struct FakeRouter::Seen {
  template <class Condition>
  void wait(Condition condition) {
    std::unique_lock lock(mutex);
    const bool came = changed.wait_for(lock, std::chrono::seconds(10), condition);
    CONDUIT_CHECK(came, "the message that the test waits for did not come");
  }
  template <class Change>
  void note(Change change) {
    std::lock_guard lock(mutex);
    change();
    changed.notify_all();
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<FakeCall> calls;
  std::size_t taken = 0;
  std::set<std::uint64_t> cancelled;
  std::map<std::uint64_t, std::uint32_t> credit;
};

void FakeCall::chunk(const std::string& text, std::vector<std::int32_t> tokens) const {
  actors::TokenChunk made;
  made.text = text;
  made.tokens = std::move(tokens);
  chunk(std::move(made));
}

void FakeCall::chunk(actors::TokenChunk made) const {
  made.id = request.id;
  tell_anonymously(sink, std::move(made));
}

void FakeCall::finish(wire::FinishReason reason, std::uint32_t prompt_tokens,
                      std::uint32_t completion_tokens) const {
  actors::Finished finished;
  finished.reason = reason;
  finished.prompt_tokens = prompt_tokens;
  finished.completion_tokens = completion_tokens;
  finish(std::move(finished));
}

void FakeCall::finish(actors::Finished finished) const {
  finished.id = request.id;
  tell_anonymously(sink, std::move(finished));
}

namespace {

Status check_model(const std::string& model) {
  if (model == "tiny") return ok();
  if (model == "full") return Error{Code::exhausted, "the queue is full"};
  if (model == "loading") return Error{Code::unavailable, "model loading is not ready yet"};
  if (model == "broken") return Error{Code::internal, "the engine failed"};
  return Error{Code::not_found, "model " + model + " is not served"};
}

actors::TokenizeReply tokenized(const actors::TokenizeRequest& request) {
  actors::TokenizeReply reply;
  const bool is_chat = request.prompt_kind == wire::PromptKind::chat;
  for (unsigned char byte : is_chat ? request.messages_json : request.prompt)
    reply.tokens.push_back(byte);
  reply.max_model_len = 2048;
  return reply;
}

actors::DetokenizeReply detokenized(const actors::DetokenizeRequest& request) {
  actors::DetokenizeReply reply;
  reply.text.assign(request.tokens.begin(), request.tokens.end());
  return reply;
}

// An embedding of length and first byte; a score that grows with the document.
actors::PoolReply pooled(const actors::PoolRequest& request) {
  actors::PoolReply reply;
  const std::size_t tokens = request.prompt.size() + request.prompt_tokens.size();
  if (request.task == wire::PoolTask::embed)
    reply.embedding = {static_cast<float>(tokens),
                       request.prompt.empty() ? 0.0F : static_cast<float>(request.prompt[0]), 0.5F};
  reply.score = static_cast<float>(request.document.size()) / 100;
  reply.prompt_tokens = static_cast<std::uint32_t>(tokens + request.document.size());
  return reply;
}

}  // namespace

FakeRouter::FakeRouter(caf::actor_system& system) : seen_(std::make_shared<Seen>()) {
  replica_ = system.spawn([seen = seen_](ReplicaActor::pointer) -> ReplicaActor::behavior_type {
    return {
        [](const actors::GenerateRequest&, const actors::TokenSink&) { return actors::Admitted(); },
        [seen](const actors::Cancel& cancel) {
          seen->note([&] { seen->cancelled.insert(cancel.id); });
        },
        [seen](const actors::Credit& credit) {
          seen->note([&] { seen->credit[credit.id] += credit.chunks; });
        },
        [](const actors::TokenizeRequest& request) { return tokenized(request); },
        [](const actors::DetokenizeRequest& request) { return detokenized(request); },
        [](const actors::PoolRequest& request) { return pooled(request); },
        [](const actors::StatusQuery&) { return actors::ReplicaStatus(); },
    };
  });
  router_ = system.spawn(
      [seen = seen_, replica = replica_](RouterActor::pointer self) -> RouterActor::behavior_type {
        // As a replica does: a stream that ends before it was admitted sends no Cancel, it is gone.
        auto sinks = std::make_shared<std::map<caf::actor_addr, std::uint64_t>>();
        self->set_down_handler([=](const caf::down_msg& message) {
          seen->note([&] { seen->cancelled.insert(sinks->at(message.source)); });
        });
        return {
            [=](const actors::GenerateRequest& request,
                const actors::TokenSink& sink) -> caf::result<actors::RouteTo> {
              if (auto status = check_model(request.model); !status)
                return actors::to_caf(status.error());
              sinks->emplace(sink.address(), request.id);
              self->monitor(sink);
              seen->note([&] { seen->calls.push_back({request, sink}); });
              return actors::RouteTo{replica, {}};
            },
            [](const actors::TokenizeRequest& request) -> caf::result<actors::TokenizeReply> {
              if (auto status = check_model(request.model); !status)
                return actors::to_caf(status.error());
              return tokenized(request);
            },
            [](const actors::DetokenizeRequest& request) -> caf::result<actors::DetokenizeReply> {
              if (auto status = check_model(request.model); !status)
                return actors::to_caf(status.error());
              return detokenized(request);
            },
            [](const actors::PoolRequest& request) -> caf::result<actors::PoolReply> {
              if (auto status = check_model(request.model); !status)
                return actors::to_caf(status.error());
              return pooled(request);
            },
            [replica](const actors::ModelsQuery&) {
              return actors::ModelsReply{
                  {{"loading", 0, true, "", {}},
                   {"tiny", 1, true, "", {actors::ReplicaReady{"tiny", replica, true}}}}};
            },
            [](const actors::LocalReplicasQuery&) { return actors::LocalReplicas(); },
            [](const actors::ExpectModel&) {},
            [](const actors::ModelFailed&) {},
            [](const actors::ForgetModel&) {},
            [](const actors::ReplicaReady&) {},
        };
      });
}

FakeRouter::~FakeRouter() {
  caf::anon_send_exit(router_, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(replica_, caf::exit_reason::user_shutdown);
}

FakeCall FakeRouter::next() {
  seen_->wait([this] { return seen_->calls.size() > seen_->taken; });
  std::lock_guard lock(seen_->mutex);
  return seen_->calls[seen_->taken++];
}

void FakeRouter::wait_for_cancel(std::uint64_t id) {
  seen_->wait([this, id] { return seen_->cancelled.count(id) > 0; });
}

void FakeRouter::wait_for_credit(std::uint64_t id, std::uint32_t chunks) {
  seen_->wait([this, id, chunks] { return seen_->credit[id] >= chunks; });
}

}  // namespace conduit::testing
