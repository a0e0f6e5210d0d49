// Tool calls as OpenAI's clients read them, whole and streamed.
#include <gmock/gmock.h>

#include "tests/support/gateway_fixture.h"

namespace conduit::cluster {
namespace {

using testing::at;
using testing::events;
using testing::http_request;
using testing::parsed;
using testing::RawClient;

constexpr const char* kChat = "/v1/chat/completions";

class GatewayToolsTest : public testing::GatewayFixture {
 protected:
  static std::string body(const std::string& fields = "") {
    return R"({"model":"tiny","messages":[{"role":"user","content":"Hi"}],"tools":[{"type":)"
           R"("function","function":{"name":"f"}}])" +
           fields + "}";
  }
  static actors::TokenChunk piece(std::uint32_t index, std::string name, std::string arguments) {
    actors::TokenChunk chunk;
    chunk.tokens = {1};
    chunk.tool_call_indexes = {index};
    chunk.tool_call_names = {std::move(name)};
    chunk.tool_call_arguments = {std::move(arguments)};
    return chunk;
  }
};

TEST_F(GatewayToolsTest, CallsComeWhole) {
  RawClient client(gateway_->port());
  client.send(http_request(kChat, body()));
  const auto call = router_.next();
  EXPECT_EQ(call.request.constraint_kind, wire::ConstraintKind::tools);
  call.chunk(piece(0, "f", "{\"a\""));
  call.chunk(piece(0, "", ": 1}"));
  call.chunk(piece(1, "g", "{}"));
  call.finish(wire::FinishReason::stop, 3, 3);
  const auto answer = parsed(client.read_response().body);
  const auto choice = at(answer, "choices.0");
  EXPECT_EQ(at(choice, "finish_reason"), json::Value("tool_calls"));
  EXPECT_EQ(at(choice, "message.content"), json::Value(nullptr));
  EXPECT_EQ(at(choice, "message.tool_calls.0.type"), json::Value("function"));
  EXPECT_EQ(at(choice, "message.tool_calls.0.function.name"), json::Value("f"));
  EXPECT_EQ(at(choice, "message.tool_calls.0.function.arguments"), json::Value("{\"a\": 1}"));
  EXPECT_EQ(at(choice, "message.tool_calls.1.function.name"), json::Value("g"));
  EXPECT_EQ(at(choice, "message.tool_calls.0.id").as_string().size(), 9u);
  EXPECT_FALSE(at(choice, "message.tool_calls.0.id") == at(choice, "message.tool_calls.1.id"));
}

TEST_F(GatewayToolsTest, CallsStreamAsDeltas) {
  RawClient client(gateway_->port());
  client.send(http_request(kChat, body(R"(,"stream":true)")));
  const auto call = router_.next();
  call.chunk(piece(0, "f", ""));
  call.chunk(piece(0, "", "{\"a\""));
  call.chunk(piece(0, "", ": 1}"));
  call.finish(wire::FinishReason::stop, 3, 3);
  const auto all = events(client.read_response().body);
  ASSERT_EQ(all.size(), 5u);
  const auto first = at(all[1], "choices.0.delta.tool_calls.0");
  EXPECT_EQ(at(first, "index"), json::Value(0));
  EXPECT_EQ(at(first, "type"), json::Value("function"));
  EXPECT_EQ(at(first, "function.name"), json::Value("f"));
  EXPECT_EQ(at(first, "function.arguments"), json::Value(""));
  EXPECT_TRUE(at(first, "id").is_string());
  EXPECT_EQ(json::dump(at(all[2], "choices.0.delta")),
            R"({"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]})");
  EXPECT_EQ(at(all[4], "choices.0.finish_reason"), json::Value("tool_calls"));
}

TEST_F(GatewayToolsTest, AnAnswerThatIsCutOffEndedInItsLength) {
  RawClient client(gateway_->port());
  client.send(http_request(kChat, body()));
  const auto call = router_.next();
  call.chunk(piece(0, "f", "{"));
  call.finish(wire::FinishReason::length, 3, 1);
  EXPECT_EQ(at(parsed(client.read_response().body), "choices.0.finish_reason"),
            json::Value("length"));
}

TEST_F(GatewayToolsTest, AnAnswerWithoutCallsIsText) {
  RawClient client(gateway_->port());
  client.send(http_request(kChat, body()));
  const auto call = router_.next();
  call.chunk("Hello", {1, 2});
  call.finish(wire::FinishReason::stop, 3, 2);
  const auto answer = parsed(client.read_response().body);
  EXPECT_EQ(at(answer, "choices.0.message.content"), json::Value("Hello"));
  EXPECT_EQ(at(answer, "choices.0.message.tool_calls"), json::Value("absent: tool_calls"));
  EXPECT_EQ(at(answer, "choices.0.finish_reason"), json::Value("stop"));
}

}  // namespace
}  // namespace conduit::cluster
