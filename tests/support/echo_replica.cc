// Streams of counted words, as credit allows.
#include "tests/support/echo_replica.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "actors/errors.h"

namespace conduit::testing {

namespace {

using namespace actors;  // the names of the messages

struct EchoStream {
  TokenSink sink;
  std::uint32_t next = 0;
  std::uint32_t length = 0;
  std::uint64_t credit = 0;
};

class Echo {
 public:
  explicit Echo(ReplicaActor::pointer self) : self_(self) {}
  ~Echo() {
    if (counts_) counts_->open -= static_cast<int>(streams_.size());
  }
  void start(std::shared_ptr<EchoCounts> counts) { counts_ = std::move(counts); }

  caf::result<Admitted> generate(const GenerateRequest& request, const TokenSink& sink) {
    if (request.prompt == "refuse") return to_caf({Code::exhausted, "the echo takes nothing more"});
    if (request.prompt == "never")
      return never_.emplace_back(self_->make_response_promise<Admitted>());
    streams_[request.id] = {sink, 0, static_cast<std::uint32_t>(request.max_tokens),
                            request.credit};
    ++counts_->open;
    self_->monitor(sink);
    pump(request.id);
    Admitted admitted;
    admitted.id = request.id;
    admitted.prompt_tokens = static_cast<std::uint32_t>(request.prompt.size());
    return admitted;
  }

  void cancel(const Cancel& message) {
    if (!streams_.contains(message.id)) return;
    ++counts_->cancelled;
    finish(message.id, wire::FinishReason::cancelled);
  }

  void credit(const Credit& message) {
    const auto stream = streams_.find(message.id);
    if (stream == streams_.end()) return;
    stream->second.credit += message.chunks;
    pump(message.id);
  }

  void sink_down(const caf::actor_addr& sink) {
    counts_->open -= static_cast<int>(std::erase_if(
        streams_, [&](const auto& entry) { return entry.second.sink.address() == sink; }));
  }

 private:
  void pump(std::uint64_t id) {
    EchoStream& stream = streams_.at(id);
    for (; stream.credit > 0 && stream.next < stream.length; --stream.credit) {
      TokenChunk chunk;
      chunk.id = id;
      chunk.first_index = stream.next;
      chunk.tokens = {static_cast<int>(stream.next)};
      chunk.text = std::to_string(stream.next) + " ";
      ++stream.next;
      ++counts_->chunks;
      tell(self_, stream.sink, std::move(chunk));
    }
    if (stream.next == stream.length) finish(id, wire::FinishReason::length);
  }

  void finish(std::uint64_t id, wire::FinishReason reason) {
    const auto stream = streams_.find(id);
    Finished finished;
    finished.id = id;
    finished.reason = reason;
    finished.completion_tokens = stream->second.next;
    tell(self_, stream->second.sink, std::move(finished));
    streams_.erase(stream);
    --counts_->open;
  }

  ReplicaActor::pointer self_;
  std::shared_ptr<EchoCounts> counts_;
  std::map<std::uint64_t, EchoStream> streams_;
  std::vector<caf::typed_response_promise<Admitted>> never_;
};

ReplicaActor::behavior_type echo(ReplicaActor::stateful_pointer<Echo> self,
                                 std::shared_ptr<EchoCounts> counts) {
  Echo& state = self->state;
  state.start(std::move(counts));
  self->set_down_handler([&state](const caf::down_msg& down) { state.sink_down(down.source); });
  return {
      [&state](const GenerateRequest& request, const TokenSink& sink) {
        return state.generate(request, sink);
      },
      [&state](const Cancel& message) { state.cancel(message); },
      [&state](const Credit& message) { state.credit(message); },
      [](const TokenizeRequest& request) {
        TokenizeReply reply;
        reply.tokens.assign(request.prompt.begin(), request.prompt.end());
        return reply;
      },
      [](const DetokenizeRequest& request) {
        DetokenizeReply reply;
        reply.text.assign(request.tokens.begin(), request.tokens.end());
        return reply;
      },
      [](const PoolRequest& request) {
        PoolReply reply;
        reply.embedding = {static_cast<float>(request.prompt.size())};
        reply.prompt_tokens = static_cast<std::uint32_t>(request.prompt.size());
        return reply;
      },
      [](const StatusQuery&) {
        ReplicaStatus status;
        status.model = "echo";
        status.state = wire::ReplicaState::ready;
        return status;
      },
  };
}

}  // namespace

ReplicaActor spawn_echo_replica(caf::actor_system& system, std::shared_ptr<EchoCounts> counts) {
  return system.spawn(echo, std::move(counts));
}

}  // namespace conduit::testing
