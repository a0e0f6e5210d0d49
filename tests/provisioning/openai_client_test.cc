// OpenAiClient against recorded answers of OpenAI's API.
#include "provisioning/openai_client.h"

#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "provisioning/http_server.h"

namespace conduit::provisioning {
namespace {

// Answers every request alike and remembers the last one.
class Recorded {
 public:
  Recorded(int status, std::string body) {
    auto server =
        HttpServer::start({}, [this, status, body](HttpRequest request, Responder answer) {
          std::lock_guard lock(mutex_);
          request_ = std::move(request);
          answer.respond(status, {}, body);
        });
    EXPECT_TRUE(server) << server.error().message;
    server_ = *std::move(server);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }
  HttpRequest request() const {
    std::lock_guard lock(mutex_);
    return request_;
  }

 private:
  mutable std::mutex mutex_;
  HttpRequest request_;
  std::unique_ptr<HttpServer> server_;
};

std::string event(std::string_view json) { return "data: " + std::string(json) + "\n\n"; }

ChatCall question() {
  ChatCall call;
  call.model = "m";
  call.messages = {json::Object{{"role", "user"}, {"content", "Hi"}}};
  return call;
}

Result<std::string> ask(const Recorded& server, std::string& text,
                        const ChatCall& call = question()) {
  return OpenAiClient(server.url(), "key").chat(call, [&](const ChatPiece& piece) {
    text += piece.is_thought ? "(" + std::string(piece.text) + ")" : std::string(piece.text);
  });
}

TEST(OpenAiClientTest, ListsTheModels) {
  const Recorded server(200, R"({"object":"list","data":[{"id":"a"},{"id":"b"}]})");
  const auto names = OpenAiClient(server.url() + "/v1/", "").models();
  ASSERT_TRUE(names) << names.error().message;
  EXPECT_EQ(*names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(server.request().path, "/v1/models");
  EXPECT_EQ(server.request().header("authorization"), "");
}

TEST(OpenAiClientTest, AnAnswerIsItsPiecesAndAReason) {
  const Recorded server(
      200,
      event(R"({"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]})") +
          event(R"({"choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}]})") +
          event(R"({"choices":[{"index":0,"delta":{"content":"lo"}}]})") +
          event(R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})") +
          event(R"({"choices":[],"usage":{"total_tokens":3}})") + event("[DONE]"));
  ChatCall call = question();
  call.temperature = 0;
  call.max_tokens = 7;
  std::string text;
  const auto reason = ask(server, text, call);
  ASSERT_TRUE(reason) << reason.error().message;
  EXPECT_EQ(text, "Hello");
  EXPECT_EQ(*reason, "stop");
  EXPECT_EQ(server.request().path, "/v1/chat/completions");
  EXPECT_EQ(server.request().header("authorization"), "Bearer key");
  EXPECT_EQ(*json::parse(server.request().body),
            *json::parse(R"({"model":"m","messages":[{"role":"user","content":"Hi"}],
                             "stream":true,"temperature":0,"max_tokens":7})"));
}

TEST(OpenAiClientTest, ThoughtsAreToldFromTheAnswer) {
  const Recorded server(
      200, event(R"({"choices":[{"delta":{"reasoning_content":"Hm"}}]})") +
               event(R"({"choices":[{"delta":{"reasoning_content":".","content":"So"}}]})") +
               event(R"({"choices":[{"delta":{"content":"!"},"finish_reason":"stop"}]})"));
  std::string text;
  ASSERT_TRUE(ask(server, text));
  EXPECT_EQ(text, "(Hm)(.)So!");
}

TEST(OpenAiClientTest, AnErrorIsTheServersOwnWords) {
  const Recorded server(404, R"({"error":{"message":"model m is not served","code":404}})");
  std::string text;
  const auto reason = ask(server, text);
  ASSERT_FALSE(reason);
  EXPECT_EQ(reason.error(), (Error{Code::not_found, "model m is not served (HTTP status 404)"}));
}

TEST(OpenAiClientTest, AnErrorWithoutWordsHasItsStatus) {
  const Recorded server(503, "<html>");
  std::string text;
  const auto reason = ask(server, text);
  ASSERT_FALSE(reason);
  EXPECT_EQ(reason.error().code, Code::unavailable);
  EXPECT_NE(reason.error().message.find("503"), std::string::npos);
}

TEST(OpenAiClientTest, AnErrorMayComeInTheMiddle) {
  const Recorded server(200, event(R"({"choices":[{"delta":{"content":"Hel"}}]})") +
                                 event(R"({"error":{"message":"the replica stopped"}})"));
  std::string text;
  const auto reason = ask(server, text);
  ASSERT_FALSE(reason);
  EXPECT_EQ(reason.error().message, "the replica stopped");
  EXPECT_EQ(text, "Hel");
}

TEST(OpenAiClientTest, AnAnswerWithoutAnEndBrokeOff) {
  const Recorded server(200, event(R"({"choices":[{"delta":{"content":"Hel"}}]})"));
  std::string text;
  const auto reason = ask(server, text);
  ASSERT_FALSE(reason);
  EXPECT_EQ(reason.error().code, Code::unavailable);
}

TEST(OpenAiClientTest, WhatIsNotOpenAisIsCorrupt) {
  for (const char* body : {"data: {}\n\n", "data: nonsense\n\n", "data: {\"choices\":7}\n\n"}) {
    const Recorded server(200, body);
    std::string text;
    const auto reason = ask(server, text);
    ASSERT_FALSE(reason) << body;
    EXPECT_EQ(reason.error().code, Code::corrupt);
  }
  const Recorded server(200, "{}");
  EXPECT_FALSE(OpenAiClient(server.url(), "").models());
}

}  // namespace
}  // namespace conduit::provisioning
