// The client library against a node of echoes.
#include "cluster/client.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "actors/router.h"
#include "cluster/spine/spine.h"
#include "tests/support/actor_models.h"
#include "tests/support/echo_replica.h"
#include "tests/support/inbox.h"
#include "tests/support/shared_dir.h"

namespace conduit {
namespace {

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() : system(config) {
    router = actors::spawn_router(system);
    replica = testing::spawn_echo_replica(system, counts);
    actors::tell_anonymously(router, actors::ReplicaReady{"echo", replica, true});
    cluster::SpineOptions options;
    options.timing.heartbeat = std::chrono::milliseconds(20);
    options.timing.leave_after = 500;  // busy machines are not dead ones
    spine = *cluster::Spine::start(system, router, options);
  }
  ~ClientTest() override {
    spine.reset();
    caf::anon_send_exit(router, caf::exit_reason::kill);
    caf::anon_send_exit(replica, caf::exit_reason::kill);
  }

  // Connected, and the model known.
  Client connect() {
    auto client = Client::connect(spine->endpoint(), testing::kPatience);
    EXPECT_TRUE(client) << client.error().message;
    const auto end = std::chrono::steady_clock::now() + testing::kPatience;
    while (client->models()->empty() && std::chrono::steady_clock::now() < end)
      std::this_thread::yield();
    return *std::move(client);
  }

  struct Config : caf::actor_system_config {
    Config() { actors::configure(*this, 2); }
  };
  Config config;
  caf::actor_system system;
  actors::RouterActor router;
  actors::ReplicaActor replica;
  std::shared_ptr<testing::EchoCounts> counts = std::make_shared<testing::EchoCounts>();
  std::unique_ptr<cluster::Spine> spine;
};

TEST_F(ClientTest, SeesTheModelsOfTheCluster) {
  const auto client = connect();
  EXPECT_EQ(client.models().value(), std::vector<std::string>{"echo"});
}

TEST_F(ClientTest, AnswersAsTheyAreMade) {
  const auto client = connect();
  ChatOptions options;
  options.max_tokens = 200;  // more than it gives credit for at once
  std::string streamed;
  const auto answer = client.chat("echo", {{"user", "count"}}, options,
                                  [&](std::string_view text) { streamed += text; });
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->text, streamed);
  EXPECT_TRUE(streamed.starts_with("0 1 2 "));
  EXPECT_TRUE(streamed.ends_with("198 199 "));
  EXPECT_EQ(answer->finish_reason, "length");
  EXPECT_EQ(answer->completion_tokens, 200u);
}

TEST_F(ClientTest, MayBeAskedFromSeveralThreads) {
  const auto client = connect();
  std::vector<std::thread> threads;
  for (int i = 1; i <= 4; ++i)
    threads.emplace_back([&, i] {
      ChatOptions options;
      options.max_tokens = 10 * i;
      const auto answer = client.chat("echo", {{"user", "count"}}, options);
      ASSERT_TRUE(answer) << answer.error().message;
      EXPECT_EQ(answer->completion_tokens, 10u * i);
    });
  for (auto& thread : threads) thread.join();
}

TEST_F(ClientTest, AnUnknownModelIsNotFound) {
  const auto client = connect();
  const auto answer = client.chat("other", {{"user", "hello"}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::not_found);
}

TEST_F(ClientTest, CancellingEndsTheAnswerAndFreesTheReplica) {
  const auto client = connect();
  std::stop_source stop;
  ChatOptions options;
  options.max_tokens = 1'000'000;
  options.cancel = stop.get_token();
  const auto answer = client.chat("echo", {{"user", "count"}}, options,
                                  [&](std::string_view) { stop.request_stop(); });
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::cancelled);
  const auto end = std::chrono::steady_clock::now() + testing::kPatience;
  while (counts->open != 0 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_EQ(counts->open, 0);
}

TEST_F(ClientTest, ANodeThatStopsIsUnavailable) {
  const auto client = connect();
  ChatOptions options;
  options.max_tokens = 1'000'000;
  bool has_stopped = false;
  const auto answer = client.chat("echo", {{"user", "count"}}, options, [&](std::string_view) {
    if (!std::exchange(has_stopped, true)) spine->stop();
  });
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::unavailable);
}

TEST_F(ClientTest, CallsRunBesideEachOther) {
  const auto client = connect();
  std::vector<Call<ChatAnswer>> calls;
  for (int i = 1; i <= 8; ++i) {
    ChatOptions options;
    options.max_tokens = 30 * i;  // the later ones need credit more than once
    calls.push_back(i % 2 == 0 ? client.chat_async("echo", {{"user", "count"}}, options)
                               : client.complete_async("echo", "count", options));
  }
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const auto answer = calls[i].get();
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->completion_tokens, 30 * (i + 1));
  }
}

TEST_F(ClientTest, ACallHandsItsTextOver) {
  const auto client = connect();
  ChatOptions options;
  options.max_tokens = 100;
  std::string streamed;
  auto call = client.complete_async("echo", "count", options,
                                    [&](std::string_view text) { streamed += text; });
  const auto answer = call.get();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->text, streamed);
  EXPECT_TRUE(streamed.ends_with("98 99 "));
}

TEST_F(ClientTest, ACancelledCallAndADroppedOneFreeTheReplica) {
  const auto client = connect();
  ChatOptions options;
  options.max_tokens = 1'000'000;
  std::stop_source stop;
  options.cancel = stop.get_token();
  auto by_token = client.complete_async("echo", "count", options);
  auto cancelled = client.complete_async("echo", "count", options);
  { auto dropped = client.complete_async("echo", "count", options); }
  cancelled.cancel();
  EXPECT_EQ(cancelled.get().error().code, Code::cancelled);
  EXPECT_FALSE(by_token.wait_for(std::chrono::milliseconds(0)));
  stop.request_stop();
  EXPECT_EQ(by_token.get().error().code, Code::cancelled);
  const auto end = std::chrono::steady_clock::now() + testing::kPatience;
  while (counts->open != 0 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_EQ(counts->open, 0);
}

TEST_F(ClientTest, CallsThatOutliveTheirClientEndWithAnError) {
  std::optional<Client> client = connect();
  ChatOptions options;
  options.max_tokens = 1'000'000;
  auto call = client->complete_async("echo", "count", options);
  client.reset();
  EXPECT_EQ(call.get().error().code, Code::unavailable);
}

TEST_F(ClientTest, EmbedsTextsInTheirOrder) {
  const auto client = connect();
  std::vector<std::string> texts;
  for (std::size_t i = 1; i <= 100; ++i) texts.emplace_back(i, 'x');
  const auto embeddings = client.embed("echo", texts);  // the echo of a text is its length
  ASSERT_TRUE(embeddings) << embeddings.error().message;
  ASSERT_EQ(embeddings->vectors.size(), 100u);
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(embeddings->vectors[i][0], i + 1);
  EXPECT_EQ(embeddings->prompt_tokens, 5050u);
  EXPECT_TRUE(client.embed("echo", {})->vectors.empty());
  EXPECT_EQ(client.rank("echo", "query", {"a", "b"})->size(), 2u);
  EXPECT_EQ(client.embed("other", {"text"}).error().code, Code::not_found);
}

TEST_F(ClientTest, ANodeOfItsOwnAnswers) {
  const testing::TemporaryDir folder;
  const auto path = testing::write_tiny_hf_model(folder.path() / "tiny").string();
  auto client = Client::embed_node({.models = {"mine=" + path}, .settings = {{"threads", "1"}}});
  ASSERT_TRUE(client) << client.error().message;
  EXPECT_EQ(client->models().value(), std::vector<std::string>{"mine"});
  ChatOptions options;
  options.max_tokens = 5;
  auto call = client->complete_async("mine", "Hello", options);
  const auto answer = client->complete("mine", "Hello", options);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_GT(answer->prompt_tokens, 0u);
  EXPECT_TRUE(call.get());
}

TEST_F(ClientTest, ANodeOfItsOwnThatCannotServeSaysWhy) {
  const auto missing = Client::embed_node({.models = {"/none.gguf"}, .settings = {}});
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("/none.gguf"), std::string::npos);
  for (const char* key : {"threads", "thread"}) {
    const auto wrong = Client::embed_node({.models = {"/none.gguf"}, .settings = {{key, "many"}}});
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, Code::invalid_argument);
    EXPECT_NE(wrong.error().message.find(key), std::string::npos);
  }
}

TEST_F(ClientTest, NobodyThereIsUnavailable) {
  const auto client = Client::connect("tcp://127.0.0.1:1", std::chrono::milliseconds(1));
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, Code::unavailable);
}

TEST_F(ClientTest, AnEndpointThatIsNoneIsRefused) {
  EXPECT_EQ(Client::connect("somewhere").error().code, Code::invalid_argument);
}

}  // namespace
}  // namespace conduit
