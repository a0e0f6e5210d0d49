// Client::ask against a replica that says what it is told to: what the request holds, and what is
// made of the answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <thread>

#include "actors/errors.h"
#include "actors/router.h"
#include "cluster/client.h"
#include "cluster/spine/spine.h"
#include "tests/support/inbox.h"

namespace conduit {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Question {
  std::string text;
  mdl::range<int, 1, 5> urgency;
};
struct Answer {
  std::string title;
  mdl::range<int, 1, 5> priority;
  std::optional<std::vector<std::string>> tags;
};

// What the replica answers, and what it was asked.
struct Script {
  std::mutex mutex;
  std::string reply;
  actors::GenerateRequest request;
};

actors::ReplicaActor::behavior_type scripted(actors::ReplicaActor::pointer self,
                                             std::shared_ptr<Script> script) {
  return {
      [self, script](const actors::GenerateRequest& request, const actors::TokenSink& sink) {
        const std::lock_guard lock(script->mutex);
        script->request = request;
        actors::TokenChunk chunk;
        chunk.id = request.id;
        chunk.text = script->reply;
        actors::tell(self, sink, std::move(chunk));
        actors::Finished finished;
        finished.id = request.id;
        finished.reason = wire::FinishReason::stop;
        actors::tell(self, sink, std::move(finished));
        actors::Admitted admitted;
        admitted.id = request.id;
        return admitted;
      },
      [](const actors::Cancel&) {},
      [](const actors::Credit&) {},
      [](const actors::TokenizeRequest&) { return actors::TokenizeReply(); },
      [](const actors::DetokenizeRequest&) { return actors::DetokenizeReply(); },
      [](const actors::PoolRequest&) { return actors::PoolReply(); },
      [](const actors::StatusQuery&) { return actors::ReplicaStatus(); },
  };
}

class ClientAskTest : public ::testing::Test {
 protected:
  ClientAskTest() : system(config) {
    router = actors::spawn_router(system);
    replica = system.spawn(scripted, script);
    actors::tell_anonymously(router, actors::ReplicaReady{"model", replica, true});
    cluster::SpineOptions options;
    options.timing.leave_after = 500;  // busy machines are not dead ones
    spine = *cluster::Spine::start(system, router, options);
  }
  ~ClientAskTest() override {
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
  void will_reply(std::string text) {
    const std::lock_guard lock(script->mutex);
    script->reply = std::move(text);
  }
  actors::GenerateRequest request() {
    const std::lock_guard lock(script->mutex);
    return script->request;
  }

  struct Config : caf::actor_system_config {
    Config() { actors::configure(*this, 2); }
  };
  Config config;
  caf::actor_system system;
  std::shared_ptr<Script> script = std::make_shared<Script>();
  actors::RouterActor router;
  actors::ReplicaActor replica;
  std::unique_ptr<cluster::Spine> spine;
};

TEST_F(ClientAskTest, GivesTheAnswerAsTheStruct) {
  const auto client = connect();
  will_reply(R"(<think>hm</think>{"title":"It broke","priority":2,"tags":["a"]})");
  const auto answer = client.ask<Answer>("model", "My wheel broke.");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->title, "It broke");
  EXPECT_EQ(answer->priority, 2);
  EXPECT_EQ(answer->tags, std::vector<std::string>{"a"});
}

TEST_F(ClientAskTest, SendsTheHintAndTheConstraint) {
  const auto client = connect();
  will_reply(R"({"title":"","priority":1,"tags":null})");
  ASSERT_TRUE(client.ask<Answer>("model", Question{"Why?", 4}));
  const auto sent = request();
  EXPECT_EQ(sent.constraint_kind, wire::ConstraintKind::json_schema);
  EXPECT_EQ(sent.constraint, json::dump(*mdl::to_json_schema(mdl::type_of<Answer>())));
  const auto messages = json::parse(sent.messages_json);
  ASSERT_TRUE(messages);
  const std::string text = messages->as_array().at(0).find("content")->as_string();
  EXPECT_THAT(text, StartsWith(R"({"text":"Why?","urgency":4})"));
  EXPECT_THAT(text, HasSubstr("\ntitle: str\npriority: int[1..5]\ntags: Optional[List[str]]\n"));
}

TEST_F(ClientAskTest, AnswerThatDoesNotFitIsAnError) {
  const auto client = connect();
  will_reply(R"({"title":"x","priority":9,"tags":null})");
  const auto answer = client.ask<Answer>("model", "?");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::corrupt);
  EXPECT_THAT(answer.error().message, StartsWith("type_mismatch at priority: "));
  will_reply("I think so.");
  EXPECT_THAT(client.ask<Answer>("model", "?").error().message, StartsWith("invalid_json: "));
}

TEST_F(ClientAskTest, QuestionThatDoesNotFitIsNotSent) {
  const auto client = connect();
  const auto answer = client.ask<Answer>("model", Question{"Why?", 6});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::invalid_argument);
  EXPECT_THAT(answer.error().message, StartsWith("type_mismatch at urgency: "));
  EXPECT_EQ(request().messages_json, "");
}

}  // namespace
}  // namespace conduit
