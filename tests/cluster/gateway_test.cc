// Gateway: HTTP in, messages to a router that the test plays, HTTP out.
#include "cluster/gateway/gateway.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "mdl/base/metrics.h"
#include "tests/support/gateway_fixture.h"

namespace conduit::cluster {
namespace {

using namespace std::chrono_literals;
using testing::at;
using testing::events;
using testing::FakeCall;
using testing::http_request;
using testing::parsed;
using testing::RawClient;
using testing::RawResponse;

class GatewayTest : public testing::GatewayFixture {};

constexpr auto kChat = R"({"model":"tiny","messages":[{"role":"user","content":"Hi"}]})";
constexpr auto kChatStream =
    R"({"model":"tiny","messages":[{"role":"user","content":"Hi"}],"stream":true})";

TEST_F(GatewayTest, ChatAnswersWhole) {
  RawClient client(gateway_->port());
  client.send(http_request("/v1/chat/completions", kChat, "X-Request-Id: abc-1\r\n"));
  FakeCall call = router_.next();
  EXPECT_EQ(call.request.messages_json, R"([{"role":"user","content":"Hi"}])");
  EXPECT_EQ(call.request.prompt_kind, wire::PromptKind::chat);
  call.chunk("Hel", {1});
  call.chunk("lo", {2, 3});
  call.finish(wire::FinishReason::stop, 5, 3);
  auto response = client.read_response();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.header("Content-Type"), "application/json");
  EXPECT_EQ(response.header("X-Request-Id"), "abc-1");
  json::Value body = parsed(response.body);
  EXPECT_TRUE(at(body, "created").is_integer());
  body.set("created", 0);
  EXPECT_EQ(
      json::dump(body),
      R"({"id":"chatcmpl-abc-1","object":"chat.completion","created":0,"model":"tiny",)"
      R"("choices":[{"index":0,"message":{"role":"assistant","content":"Hello",)"
      R"("refusal":null},"logprobs":null,"finish_reason":"stop","stop_reason":null}],)"
      R"("usage":{"prompt_tokens":5,"total_tokens":8,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":0}}})");
}

TEST_F(GatewayTest, ChatStreamsRoleTextAndEnd) {
  RawClient client(gateway_->port());
  client.send(http_request("/v1/chat/completions", kChatStream));
  FakeCall call = router_.next();
  call.chunk("Hel", {1});
  call.chunk("", {2});  // a character that is still incomplete: nothing to see
  call.chunk("lo", {3});
  call.finish(wire::FinishReason::length, 5, 3);
  auto response = client.read_response();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.header("Content-Type"), "text/event-stream; charset=utf-8");
  auto all = events(response.body);
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(json::dump(at(all[0], "choices.0.delta")), R"({"role":"assistant","content":""})");
  EXPECT_EQ(json::dump(at(all[1], "choices.0.delta")), R"({"content":"Hel"})");
  EXPECT_EQ(json::dump(at(all[2], "choices.0.delta")), R"({"content":"lo"})");
  EXPECT_EQ(json::dump(at(all[3], "choices.0.delta")), "{}");
  EXPECT_EQ(at(all[3], "choices.0.finish_reason"), "length");
  for (const auto& event : all) {
    EXPECT_EQ(at(event, "object"), "chat.completion.chunk");
    EXPECT_EQ(at(event, "id"), at(all[0], "id"));
    EXPECT_EQ(event.find("usage"), nullptr);
  }
}

TEST_F(GatewayTest, ThoughtsComeBesideTheAnswer) {
  actors::TokenChunk thought, answer;
  thought.tokens = {1};
  thought.reasoning = "Hm.";
  answer.tokens = {2};
  answer.text = "Yes";
  const auto tell = [&](RawClient& client, std::string_view body) {
    client.send(http_request("/v1/chat/completions", body));
    FakeCall call = router_.next();
    EXPECT_TRUE(call.request.split_reasoning);
    call.chunk(thought);
    call.chunk(answer);
    call.finish(wire::FinishReason::stop, 5, 2);
    return client.read_response().body;
  };
  RawClient whole(gateway_->port()), stream(gateway_->port()), silent(gateway_->port());
  const json::Value message = at(parsed(tell(whole, kChat)), "choices.0.message");
  EXPECT_EQ(at(message, "reasoning_content"), json::Value("Hm."));
  EXPECT_EQ(at(message, "content"), json::Value("Yes"));
  const auto seen = events(tell(stream, kChatStream));
  EXPECT_EQ(json::dump(at(seen.at(1), "choices.0.delta")), R"({"reasoning_content":"Hm."})");
  EXPECT_EQ(json::dump(at(seen.at(2), "choices.0.delta")), R"({"content":"Yes"})");
  const std::string without = R"({"include_reasoning":false,)" + std::string(kChat).substr(1);
  EXPECT_EQ(at(parsed(tell(silent, without)), "choices.0.message").find("reasoning_content"),
            nullptr);
}

TEST_F(GatewayTest, UsageComesLastWhenAskedFor) {
  RawClient client(gateway_->port());
  client.send(http_request("/v1/completions", R"({"model":"tiny","prompt":"a","stream":true,)"
                                              R"("stream_options":{"include_usage":true}})"));
  FakeCall call = router_.next();
  call.chunk("b", {1});
  call.finish(wire::FinishReason::stop, 1, 1);
  auto all = events(client.read_response().body);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(at(all[0], "usage"), json::Value());
  EXPECT_EQ(json::dump(at(all[2], "choices")), "[]");
  EXPECT_EQ(at(all[2], "usage.total_tokens"), 2);
}

TEST_F(GatewayTest, EveryPromptTimesNIsAChoice) {
  RawClient client(gateway_->port());
  client.send(
      http_request("/v1/completions", R"({"model":"tiny","prompt":["a",[7,8]],"n":2,"seed":5})"));
  std::vector<FakeCall> calls;
  for (int i = 0; i < 4; ++i) calls.push_back(router_.next());
  std::sort(calls.begin(), calls.end(), [](const FakeCall& a, const FakeCall& b) {
    return std::tie(a.request.prompt_tokens, a.request.seed) <
           std::tie(b.request.prompt_tokens, b.request.seed);
  });
  EXPECT_EQ(calls[0].request.prompt, "a");
  EXPECT_EQ(calls[3].request.prompt_tokens, (std::vector<std::int32_t>{7, 8}));
  EXPECT_EQ(calls[0].request.seed, 5u);
  EXPECT_EQ(calls[1].request.seed, 6u);  // one seed, different draws
  for (int i = 3; i >= 0; --i) {
    calls[i].chunk("answer " + std::to_string(i), {i});
    actors::Finished finished;
    finished.reason = wire::FinishReason::stop;
    finished.prompt_tokens = 10;
    finished.completion_tokens = 1;
    finished.cached_tokens = 4;
    calls[i].finish(finished);
  }
  const json::Value body = parsed(client.read_response().body);
  ASSERT_EQ(at(body, "choices").as_array().size(), 4u);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(at(body, "choices." + std::to_string(i) + ".text"), "answer " + std::to_string(i));
    EXPECT_EQ(at(body, "choices." + std::to_string(i) + ".index"), i);
  }
  EXPECT_EQ(at(body, "usage.prompt_tokens"), 20);  // each prompt once
  EXPECT_EQ(at(body, "usage.prompt_tokens_details.cached_tokens"), 8);
  EXPECT_EQ(at(body, "usage.completion_tokens"), 4);
}

TEST_F(GatewayTest, TokenIdsAreReturnedWhenAskedFor) {
  RawClient client(gateway_->port());
  client.send(
      http_request("/v1/completions", R"({"model":"tiny","prompt":"ab","return_token_ids":true})"));
  FakeCall call = router_.next();
  call.chunk("", {5});
  call.chunk("x", {6});
  call.finish(wire::FinishReason::stop, 2, 2);
  const json::Value body = parsed(client.read_response().body);
  EXPECT_EQ(json::dump(at(body, "choices.0.prompt_token_ids")), "[97,98]");
  EXPECT_EQ(json::dump(at(body, "choices.0.token_ids")), "[5,6]");
}

TEST_F(GatewayTest, StreamsReturnTokenIdsWithTheFirstEventAndEachChunk) {
  RawClient client(gateway_->port());
  client.send(
      http_request("/v1/completions",
                   R"({"model":"tiny","prompt":[1,2],"return_token_ids":true,"stream":true})"));
  FakeCall call = router_.next();
  call.chunk("", {5});  // without a tokenizer there is no text at all
  call.finish(wire::FinishReason::length, 2, 1);
  auto all = events(client.read_response().body);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(json::dump(at(all[0], "choices.0.prompt_token_ids")), "[1,2]");
  EXPECT_EQ(json::dump(at(all[1], "choices.0.token_ids")), "[5]");
}

TEST_F(GatewayTest, ChatReturnsItsPromptsTokenIds) {
  RawClient client(gateway_->port());
  client.send(http_request(
      "/v1/chat/completions",
      R"({"model":"tiny","messages":[{"role":"user","content":"Hi"}],"return_token_ids":true})"));
  FakeCall call = router_.next();
  call.finish(wire::FinishReason::stop, 2, 0);
  const json::Value body = parsed(client.read_response().body);
  EXPECT_EQ(at(body, "prompt_token_ids").as_array().size(), call.request.messages_json.size());
  EXPECT_EQ(json::dump(at(body, "choices.0.token_ids")), "[]");
}

TEST_F(GatewayTest, EchoPutsThePromptFirst) {
  for (const char* prompt : {R"("ab")", "[97,98]"}) {
    RawClient client(gateway_->port());
    client.send(http_request("/v1/completions", std::string(R"({"model":"tiny","echo":true,)") +
                                                    R"("prompt":)" + prompt + "}"));
    FakeCall call = router_.next();
    call.chunk("c", {1});
    call.finish(wire::FinishReason::stop, 2, 1);
    EXPECT_EQ(at(parsed(client.read_response().body), "choices.0.text"), "abc");
  }
}

TEST_F(GatewayTest, WhatStoppedItIsNamed) {
  RawClient client(gateway_->port());
  client.send(http_request("/v1/completions",
                           R"({"model":"tiny","prompt":["a","b","c"],"stop":["END"],)"
                           R"("stop_token_ids":[9]})"));
  for (int i = 0; i < 3; ++i) {
    FakeCall call = router_.next();
    actors::Finished finished;
    finished.reason = wire::FinishReason::stop;
    if (call.request.prompt == "a") finished.stop_text = "END";
    if (call.request.prompt == "b") finished.stop_token = 9;
    if (call.request.prompt == "c") finished.stop_token = 2;  // the model's own end
    call.finish(finished);
  }
  const json::Value body = parsed(client.read_response().body);
  EXPECT_EQ(at(body, "choices.0.stop_reason"), "END");
  EXPECT_EQ(at(body, "choices.1.stop_reason"), 9);
  EXPECT_EQ(at(body, "choices.2.stop_reason"), json::Value());
}

actors::TokenChunk with_logprobs() {
  actors::TokenChunk chunk;
  chunk.text = "é!";
  chunk.tokens = {10, 11};
  chunk.logprobs = {{10, -0.5f}, {10, -0.5f},  {12, -2.0f},
                    {11, -1.0f}, {13, -0.25f}, {14, -INFINITY}};
  chunk.logprob_bytes = {"é", "é", "\xC3", "!", "?", ""};
  return chunk;
}

TEST_F(GatewayTest, ChatLogprobsHaveBytesAndAlternatives) {
  RawClient client(gateway_->port());
  client.send(http_request("/v1/chat/completions",
                           R"({"model":"tiny","messages":[{"role":"user","content":"Hi"}],)"
                           R"("logprobs":true,"top_logprobs":2})"));
  FakeCall call = router_.next();
  EXPECT_EQ(call.request.logprobs, 2);
  call.chunk(with_logprobs());
  call.finish(wire::FinishReason::stop, 1, 2);
  const json::Value body = parsed(client.read_response().body);
  EXPECT_EQ(json::dump(at(body, "choices.0.logprobs")),
            R"({"content":[{"token":"é","logprob":-0.5,"bytes":[195,169],"top_logprobs":[)"
            R"({"token":"é","logprob":-0.5,"bytes":[195,169]},)"
            R"({"token":"�","logprob":-2.0,"bytes":[195]}]},)"
            R"({"token":"!","logprob":-1.0,"bytes":[33],"top_logprobs":[)"
            R"({"token":"?","logprob":-0.25,"bytes":[63]},)"
            R"({"token":"","logprob":-9999.0,"bytes":[]}]}],"refusal":null})");
}

TEST_F(GatewayTest, CompletionLogprobsCountCharactersAcrossChunks) {
  RawClient client(gateway_->port());
  client.send(http_request("/v1/completions",
                           R"({"model":"tiny","prompt":"a","logprobs":2,"stream":true})"));
  FakeCall call = router_.next();
  call.chunk(with_logprobs());
  call.chunk(with_logprobs());
  call.finish(wire::FinishReason::stop, 1, 4);
  auto all = events(client.read_response().body);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(json::dump(at(all[0], "choices.0.logprobs")),
            R"({"text_offset":[0,1],"token_logprobs":[-0.5,-1.0],"tokens":["é","!"],)"
            R"("top_logprobs":[{"é":-0.5,"�":-2.0},{"?":-0.25,"":-9999.0,"!":-1.0}]})");
  EXPECT_EQ(json::dump(at(all[1], "choices.0.logprobs.text_offset")), "[2,3]");
}

// "ab", of which b was the third best, and the two best in its place.
actors::TokenChunk with_prompt_logprobs() {
  actors::TokenChunk chunk = with_logprobs();
  chunk.prompt_logprobs = {{97, 0}, {98, -3.0f}, {12, -0.5f}, {13, -1.0f}};
  chunk.prompt_logprob_bytes = {"a", "b", "x", "y"};
  chunk.prompt_ranks = {3};
  return chunk;
}

constexpr const char* kPromptLogprobs =
    R"([null,{"98":{"logprob":-3.0,"rank":3,"decoded_token":"b"},)"
    R"("12":{"logprob":-0.5,"rank":1,"decoded_token":"x"},)"
    R"("13":{"logprob":-1.0,"rank":2,"decoded_token":"y"}}])";

TEST_F(GatewayTest, PromptLogprobsHaveVllmsShape) {
  RawClient client(gateway_->port());
  client.send(
      http_request("/v1/completions", R"({"model":"tiny","prompt":"ab","prompt_logprobs":2})"));
  FakeCall call = router_.next();
  EXPECT_EQ(call.request.prompt_logprobs, 2);
  call.chunk(with_prompt_logprobs());
  call.chunk("more", {1});
  call.finish(wire::FinishReason::stop, 2, 3);
  EXPECT_EQ(json::dump(at(parsed(client.read_response().body), "choices.0.prompt_logprobs")),
            kPromptLogprobs);
  client.send(http_request("/v1/chat/completions",
                           R"({"model":"tiny","messages":[{"role":"user","content":"Hi"}],)"
                           R"("prompt_logprobs":2})"));
  call = router_.next();
  call.chunk(with_prompt_logprobs());
  call.finish(wire::FinishReason::stop, 2, 2);
  EXPECT_EQ(json::dump(at(parsed(client.read_response().body), "prompt_logprobs")),
            kPromptLogprobs);
}

TEST_F(GatewayTest, EchoWithLogprobsBeginsWithThePrompts) {
  const std::string all =
      R"({"text_offset":[0,1,2,3],"token_logprobs":[null,-3.0,-0.5,-1.0],)"
      R"("tokens":["a","b","é","!"],"top_logprobs":[null,{"x":-0.5,"y":-1.0,"b":-3.0},)"
      R"({"é":-0.5,"�":-2.0},{"?":-0.25,"":-9999.0,"!":-1.0}]})";
  RawClient client(gateway_->port());
  client.send(http_request("/v1/completions",
                           R"({"model":"tiny","prompt":"ab","echo":true,"logprobs":2})"));
  FakeCall call = router_.next();
  call.chunk(with_prompt_logprobs());
  call.finish(wire::FinishReason::stop, 2, 2);
  const json::Value whole = parsed(client.read_response().body);
  EXPECT_EQ(at(whole, "choices.0.text"), "abé!");
  EXPECT_EQ(json::dump(at(whole, "choices.0.logprobs")), all);
  client.send(
      http_request("/v1/completions",
                   R"({"model":"tiny","prompt":"ab","echo":true,"logprobs":2,"stream":true})"));
  call = router_.next();
  call.chunk(with_prompt_logprobs());
  call.finish(wire::FinishReason::stop, 2, 2);
  const auto streamed = events(client.read_response().body);
  ASSERT_GE(streamed.size(), 2u);
  EXPECT_EQ(at(streamed[0], "choices.0.text"), "ab");
  EXPECT_EQ(json::dump(at(streamed[1], "choices.0.logprobs")), all);
}

TEST_F(GatewayTest, EchoWithoutTokensIsThePromptAlone) {
  RawClient client(gateway_->port());
  client.send(http_request("/v1/completions", R"({"model":"tiny","prompt":"ab","echo":true,)"
                                              R"("logprobs":2,"max_tokens":0})"));
  FakeCall call = router_.next();
  EXPECT_EQ(call.request.max_tokens, 1);
  call.chunk(with_prompt_logprobs());
  call.finish(wire::FinishReason::length, 2, 2);
  const json::Value body = parsed(client.read_response().body);
  EXPECT_EQ(at(body, "choices.0.text"), "ab");
  EXPECT_EQ(json::dump(at(body, "choices.0.logprobs.tokens")), R"(["a","b"])");
}

TEST_F(GatewayTest, ErrorsBeforeTheFirstTokenHaveTheirStatus) {
  const std::pair<const char*, int> cases[] = {
      {"full", 429}, {"loading", 503}, {"broken", 500}, {"nobody", 404}};
  for (auto [model, status] : cases)
    for (const char* stream : {"false", "true"}) {
      auto response = post("/v1/completions", std::string(R"({"model":")") + model +
                                                  R"(","prompt":"a","stream":)" + stream + "}");
      EXPECT_EQ(response.status, status) << model;
      EXPECT_EQ(response.header("Retry-After"), status == 429 || status == 503 ? "1" : "");
      EXPECT_TRUE(at(parsed(response.body), "error.message").is_string());
    }
  auto [status, error] = refused("/v1/completions", R"({"model":"nobody","prompt":"a"})");
  EXPECT_EQ(json::dump(error),
            R"({"message":"model nobody is not served","type":"not_found_error",)"
            R"("param":"model","code":"model_not_found"})");
}

TEST_F(GatewayTest, ErrorsInAStreamAreItsLastEvent) {
  RawClient client(gateway_->port());
  client.send(http_request("/v1/chat/completions", kChatStream));
  FakeCall call = router_.next();
  call.chunk("Hel", {1});
  actors::Finished finished;
  finished.reason = wire::FinishReason::error;
  finished.error_code = static_cast<std::uint8_t>(Code::unavailable);
  finished.error_message = "the replica is gone";
  call.finish(finished);
  auto all = events(client.read_response().body);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(at(all[2], "error.message"), "the replica is gone");
}

TEST_F(GatewayTest, OneChoicesErrorCancelsTheOthers) {
  RawClient client(gateway_->port());
  client.send(http_request("/v1/completions", R"({"model":"tiny","prompt":"a","n":2})"));
  FakeCall one = router_.next(), other = router_.next();
  actors::Finished finished;
  finished.reason = wire::FinishReason::error;
  finished.error_code = static_cast<std::uint8_t>(Code::internal);
  one.finish(finished);
  EXPECT_EQ(client.read_response().status, 500);
  router_.wait_for_cancel(other.request.id);
}

TEST_F(GatewayTest, ADisconnectCancelsAStreamAndAWholeAnswer) {
  for (const char* body : {kChat, kChatStream}) {
    RawClient client(gateway_->port());
    client.send(http_request("/v1/chat/completions", body));
    FakeCall call = router_.next();
    call.chunk("Hel", {1});
    client.close();
    router_.wait_for_cancel(call.request.id);
  }
}

TEST_F(GatewayTest, ADisconnectBeforeTheFirstTokenCancels) {
  RawClient client(gateway_->port());
  client.send(http_request("/v1/chat/completions", kChatStream));
  FakeCall call = router_.next();
  client.close();
  router_.wait_for_cancel(call.request.id);
}

TEST_F(GatewayTest, EveryEventThatLeftEarnsOneCredit) {
  RawClient client(gateway_->port());
  client.send(http_request("/v1/chat/completions", kChatStream));
  FakeCall call = router_.next();
  EXPECT_GT(call.request.credit, 0u);
  EXPECT_LE(call.request.credit, 256u);
  for (int i = 0; i < 10; ++i) call.chunk(i % 2 ? "x" : "", {i});
  router_.wait_for_credit(call.request.id, 10);
}

TEST_F(GatewayTest, AFloodThatItsClientDoesNotReadIsCutOffAndCancelled) {
  RawClient client(gateway_->port(), 4096);
  client.send(http_request("/v1/chat/completions", kChatStream));
  FakeCall call = router_.next();
  // Far more than the sockets and the server's queue hold.
  for (int i = 0; i < 64; ++i) call.chunk(std::string(500'000, 'x'), {1});
  router_.wait_for_cancel(call.request.id);
}

TEST_F(GatewayTest, WrongBodiesGet400NamingTheField) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"/v1/chat/completions", R"({"messages":[]})", "model"},
      {"/v1/chat/completions", R"({"model":"tiny","messages":"Hi"})", "messages"},
      {"/v1/completions", R"({"model":"tiny","prompt":"a","temperature":"hot"})", "temperature"},
      {"/v1/completions", R"({"model":"tiny","prompt":"a","logit_bias":{"a":1}})", "logit_bias"},
      {"/tokenize", R"({"model":"tiny"})", "prompt"},
      {"/detokenize", R"({"model":"tiny","tokens":["a"]})", "tokens"},
  };
  for (auto [path, body, param] : cases) {
    auto [status, error] = refused(path, body);
    EXPECT_EQ(status, 400) << body;
    EXPECT_EQ(at(error, "param"), param) << body;
    EXPECT_EQ(at(error, "type"), "invalid_request_error");
  }
}

TEST_F(GatewayTest, MalformedJsonGets400WhereverItStands) {
  for (const char* body :
       {"{", "nonsense", R"({"model":"tiny","prompt":"a"} trailing)", "[]", "\"text\"", "7",
        R"({"model":"tiny","prompt":"a","unread":{"x":[1,2,}})", "{\"model\":\"\xff\"}"})
    for (const char* path : {"/v1/chat/completions", "/v1/completions", "/tokenize", "/detokenize"})
      EXPECT_EQ(refused(path, body).first, 400) << path << " " << body;
  EXPECT_EQ(ask("POST /v1/completions HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n").status,
            400);
}

TEST_F(GatewayTest, DeepNestingGets400) {
  const std::string body = R"({"model":"tiny","prompt":"a","x":)" + std::string(5000, '[') +
                           std::string(5000, ']') + "}";
  EXPECT_EQ(refused("/v1/completions", body).first, 400);
}

TEST_F(GatewayTest, OversizedBodiesGet413InOpenAisShape) {
  auto [status, error] = refused("/v1/completions", std::string((8 << 20) + 1, ' '));
  EXPECT_EQ(status, 413);
  EXPECT_EQ(at(error, "type"), "invalid_request_error");
}

TEST_F(GatewayTest, UnknownPathsGet404AndWrongMethods405) {
  EXPECT_EQ(ask(http_request("/v2/nothing")).status, 404);
  auto wrong = ask(http_request("/v1/chat/completions"));
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.header("Allow"), "POST, OPTIONS");
  EXPECT_EQ(post("/v1/models", "{}").status, 405);
  auto options = ask("OPTIONS /v1/models HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.header("Allow"), "GET, HEAD, OPTIONS");
}

TEST_F(GatewayTest, ModelsAreListedAndFoundByName) {
  const json::Value list = parsed(ask(http_request("/v1/models")).body);
  EXPECT_EQ(at(list, "object"), "list");
  EXPECT_EQ(at(list, "data.1.id"), "tiny");
  EXPECT_EQ(at(parsed(ask(http_request("/v1/models/tiny")).body), "object"), "model");
  EXPECT_EQ(ask(http_request("/v1/models/nobody")).status, 404);
}

TEST_F(GatewayTest, TokenizeAndDetokenizeHaveVllmsShapes) {
  EXPECT_EQ(post("/tokenize", R"({"model":"tiny","prompt":"ab"})").body,
            R"({"count":2,"max_model_len":2048,"tokens":[97,98],"token_strs":null})");
  const std::string messages = R"([{"role":"user","content":"Hi"}])";
  EXPECT_EQ(at(parsed(post("/tokenize", R"({"model":"tiny","messages":)" + messages + "}").body),
               "count"),
            messages.size());
  EXPECT_EQ(post("/detokenize", R"({"model":"tiny","tokens":[97,98]})").body, R"({"prompt":"ab"})");
  EXPECT_EQ(post("/tokenize", R"({"model":"nobody","prompt":"ab"})").status, 404);
}

TEST_F(GatewayTest, HealthReadyVersionAndMetricsAnswer) {
  auto health = ask(http_request("/health"));
  EXPECT_EQ(health.status, 503);
  EXPECT_EQ(health.body, R"({"status":"unhealthy","models":{"loading":"loading"}})");
  auto ready = ask(http_request("/ready"));
  EXPECT_EQ(ready.status, 503);  // "loading" is expected and has no replica
  EXPECT_EQ(ready.body, R"({"ready":false,"draining":false,"replicas":{"loading":0,"tiny":1}})");
  EXPECT_EQ(ask(http_request("/version")).body, R"({"version":"1.2.3"})");
  auto metrics = ask(http_request("/metrics"));
  EXPECT_NE(metrics.body.find("conduit_http_requests_total{path=\"/health\",status=\"503\"}"),
            std::string::npos);
}

TEST_F(GatewayTest, EveryAnswerHasARequestId) {
  EXPECT_EQ(ask(http_request("/health")).header("X-Request-Id").size(), 32u);
  EXPECT_EQ(ask(http_request("/none")).header("X-Request-Id").size(), 32u);
  const std::string long_id(200, 'x');
  EXPECT_EQ(ask(http_request("/health", "", "X-Request-Id: " + long_id + "\r\n"))
                .header("X-Request-Id")
                .size(),
            32u);
}

TEST_F(GatewayTest, AKeyIsAskedForEverywhereButByProbes) {
  GatewayOptions options;
  options.api_key = "s3cret";
  start(options);
  EXPECT_EQ(ask(http_request("/v1/models")).status, 401);
  for (const char* wrong : {"s3cre", "s3cret!", "S3cret", ""})
    EXPECT_EQ(
        ask(http_request("/v1/models", "", std::string("Authorization: Bearer ") + wrong + "\r\n"))
            .status,
        401)
        << wrong;
  EXPECT_EQ(ask(http_request("/v1/models", "", "Authorization: Bearer s3cret\r\n")).status, 200);
  EXPECT_EQ(ask(http_request("/health")).status, 503);  // a model is loading, but no key is asked
  EXPECT_EQ(ask(http_request("/metrics")).status, 401);
  EXPECT_EQ(ask(http_request("/unknown")).status, 401);
}

TEST_F(GatewayTest, DrainRefusesNewWorkAndLetsTheRunningFinish) {
  RawClient running(gateway_->port()), late(gateway_->port());
  late.send(http_request("/version"));
  EXPECT_EQ(late.read_response().status, 200);
  running.send(http_request("/v1/chat/completions", kChat));
  FakeCall call = router_.next();
  auto drained = std::async(std::launch::async, [this] { return gateway_->drain(10s); });
  // The drain begins on another thread: ask until it shows.
  while (true) {
    late.send(http_request("/v1/completions", "{}"));
    auto response = late.read_response();
    if (response.status == 400) continue;
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(response.header("Retry-After"), "1");
    break;
  }
  call.chunk("Hello", {1});
  call.finish(wire::FinishReason::stop, 1, 1);
  EXPECT_EQ(at(parsed(running.read_response().body), "choices.0.message.content"), "Hello");
  running.close();
  late.close();
  EXPECT_TRUE(drained.get());
}

TEST_F(GatewayTest, DrainGivesUpAfterItsBound) {
  RawClient client(gateway_->port());
  client.send(http_request("/v1/chat/completions", kChat));
  FakeCall call = router_.next();
  EXPECT_FALSE(gateway_->drain(1ms));
  gateway_->stop();
  router_.wait_for_cancel(call.request.id);
}

TEST_F(GatewayTest, DrainEndsEarlyWhereThatIsAskedFor) {
  RawClient client(gateway_->port());
  client.send(http_request("/v1/chat/completions", kChat));
  FakeCall call = router_.next();
  std::stop_source cut;
  cut.request_stop();
  EXPECT_FALSE(gateway_->drain(std::chrono::hours(1), cut.get_token()));
  gateway_ = nullptr;
}

TEST_F(GatewayTest, AKeyCanBeChangedWhileItServes) {
  EXPECT_EQ(ask(http_request("/v1/models")).status, 200);
  gateway_->set_api_key("new");
  EXPECT_EQ(ask(http_request("/v1/models")).status, 401);
  EXPECT_EQ(ask(http_request("/v1/models", "", "Authorization: Bearer new\r\n")).status, 200);
}

TEST_F(GatewayTest, OpenStreamsAreCountedAndForgotten) {
  auto& open = metrics::gauge("conduit_open_streams", "");
  const double before = open.value();
  RawClient client(gateway_->port());
  client.send(http_request("/v1/chat/completions", kChat));
  FakeCall call = router_.next();
  EXPECT_EQ(open.value(), before + 1);
  call.finish(wire::FinishReason::stop, 1, 0);
  client.read_response();
  EXPECT_EQ(open.value(), before);
}

}  // namespace
}  // namespace conduit::cluster
