// Two nodes' spines in one process, over real sockets and with real threads.
#include "cluster/spine/spine.h"

#include <gtest/gtest.h>

#include <thread>

#include "actors/router.h"
#include "actors/stream.h"
#include "tests/support/echo_replica.h"
#include "tests/support/inbox.h"

namespace conduit::cluster {
namespace {

using testing::Inbox;

// A node without a device: an actor system, a router, a spine, and echoes.
class EchoNode {
 public:
  explicit EchoNode(std::vector<std::string> join = {}) : system(config) {
    router = actors::spawn_router(system);
    SpineOptions options;
    options.join = std::move(join);
    options.timing.heartbeat = std::chrono::milliseconds(20);
    options.timing.leave_after = 500;  // busy machines are not dead ones
    spine = *Spine::start(system, router, options);
  }
  ~EchoNode() {
    spine.reset();
    caf::anon_send_exit(router, caf::exit_reason::kill);
    for (const auto& replica : replicas) caf::anon_send_exit(replica, caf::exit_reason::kill);
  }

  void start_replica() {
    replicas.push_back(testing::spawn_echo_replica(system, counts));
    actors::tell_anonymously(router, actors::ReplicaReady{"echo", replicas.back(), true});
  }

  // Until the router has that many.
  void wait_for_replicas(int wanted) {
    const auto end = std::chrono::steady_clock::now() + testing::kPatience;
    int ready = -1;
    while (ready != wanted && std::chrono::steady_clock::now() < end) {
      caf::scoped_actor self{system};
      actors::ask(self.ptr(), router, testing::kPatience, actors::ModelsQuery{})
          .receive(
              [&](const actors::ModelsReply& reply) {
                ready = 0;
                for (const auto& model : reply.models) ready += model.ready;
              },
              [](const caf::error&) {});
      std::this_thread::yield();
    }
    EXPECT_EQ(ready, wanted);
  }

  struct Config : caf::actor_system_config {
    Config() { actors::configure(*this, 2); }
  };
  Config config;
  caf::actor_system system;
  actors::RouterActor router;
  std::unique_ptr<Spine> spine;
  std::shared_ptr<testing::EchoCounts> counts = std::make_shared<testing::EchoCounts>();
  std::vector<actors::ReplicaActor> replicas;
};

// One request and its reader, who takes a chunk and grants the next.
class Reader {
 public:
  Reader(EchoNode& node, int length, std::uint32_t credit) {
    actors::GenerateRequest request;
    request.model = "echo";
    request.max_tokens = length;
    request.credit = credit;
    actors::StreamHandlers handlers;
    handlers.on_chunk = [this](const actors::TokenChunk& chunk) {
      text += chunk.text;
      if (is_taking) stream->grant(1);
    };
    handlers.on_finished = [this](const actors::Finished& message) { finished.put(message); };
    stream =
        actors::Stream::start(node.system, node.router, std::move(request), std::move(handlers));
  }
  actors::Finished wait() { return finished.take().value_or(actors::Finished{}); }

  bool is_taking = false;
  std::string text;
  Inbox<actors::Finished> finished;
  std::optional<actors::Stream> stream;
};

std::string words(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += std::to_string(i) + " ";
  return text;
}

TEST(SpineTest, AReplicaElsewhereAnswers) {
  EchoNode there;
  there.start_replica();
  EchoNode here({there.spine->endpoint()});
  EXPECT_TRUE(here.spine->wait_joined(testing::kPatience));
  here.wait_for_replicas(1);
  Reader reader(here, 300, 1000);
  EXPECT_EQ(reader.wait().reason, wire::FinishReason::length);
  EXPECT_EQ(reader.text, words(300));
}

TEST(SpineTest, ManyStreamsAtOnceAreEachWhole) {
  EchoNode there;
  there.start_replica();
  there.start_replica();
  EchoNode here({there.spine->endpoint()});
  here.wait_for_replicas(2);
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 100; ++i) readers.push_back(std::make_unique<Reader>(here, 50 + i, 1000));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(readers[i]->wait().reason, wire::FinishReason::length);
    EXPECT_EQ(readers[i]->text, words(50 + i));
  }
  EXPECT_EQ(there.counts->open, 0);
}

TEST(SpineTest, ASlowReaderHoldsUpNobody) {
  EchoNode there;
  there.start_replica();
  EchoNode here({there.spine->endpoint()});
  here.wait_for_replicas(1);
  Reader slow(here, 1000, 2);
  Reader quick(here, 1000, 2000);
  EXPECT_EQ(quick.wait().reason, wire::FinishReason::length);
  EXPECT_EQ(there.counts->open, 1);
  EXPECT_LE(there.counts->chunks, 1002);
  slow.stream->grant(2000);
  EXPECT_EQ(slow.wait().reason, wire::FinishReason::length);
  EXPECT_EQ(slow.text, words(1000));
}

TEST(SpineTest, ANodeThatStopsEndsItsStreamsElsewhere) {
  auto there = std::make_unique<EchoNode>();
  there->start_replica();
  EchoNode here({there->spine->endpoint()});
  here.wait_for_replicas(1);
  Reader reader(here, 1000, 1);
  there.reset();
  const auto finished = reader.wait();
  EXPECT_EQ(finished.reason, wire::FinishReason::error);
  EXPECT_EQ(finished.error_code, static_cast<std::uint8_t>(Code::unavailable));
  here.wait_for_replicas(0);
}

TEST(SpineTest, AnAskerThatStopsFreesWhatItAsked) {
  EchoNode there;
  there.start_replica();
  {
    EchoNode here({there.spine->endpoint()});
    here.wait_for_replicas(1);
    Reader reader(here, 1000, 1);
    const auto end = std::chrono::steady_clock::now() + testing::kPatience;
    while (there.counts->open == 0 && std::chrono::steady_clock::now() < end)
      std::this_thread::yield();
    EXPECT_EQ(there.counts->open, 1);
    here.spine->stop();
    EXPECT_EQ(reader.wait().reason, wire::FinishReason::error);
  }
  const auto end = std::chrono::steady_clock::now() + testing::kPatience;
  while (there.counts->open != 0 && std::chrono::steady_clock::now() < end)
    std::this_thread::yield();
  EXPECT_EQ(there.counts->open, 0);
}

TEST(SpineTest, JoiningNobodyIsNoErrorUntilItIsWaitedFor) {
  EchoNode here({"tcp://127.0.0.1:1"});
  const Status joined = here.spine->wait_joined(std::chrono::milliseconds(1));
  ASSERT_FALSE(joined);
  EXPECT_EQ(joined.error().code, Code::unavailable);
  EXPECT_NE(joined.error().message.find("tcp://127.0.0.1:1"), std::string::npos);
}

TEST(SpineTest, EndpointsOffTheMachineAreRefused) {
  EchoNode node;
  SpineOptions options;
  options.join = {"tcp://192.0.2.1:7070"};
  EXPECT_EQ(Spine::start(node.system, node.router, options).error().code, Code::invalid_argument);
}

}  // namespace
}  // namespace conduit::cluster
