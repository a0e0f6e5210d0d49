// HttpClient against a real server on this machine: answers, streams, limits, and every way to end.
#include "provisioning/http_client.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "provisioning/http_server.h"

namespace conduit::provisioning {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<HttpServer> serve(HttpHandler handler) {
  auto server = HttpServer::start({}, std::move(handler));
  EXPECT_TRUE(server) << server.error().message;
  return *std::move(server);
}

HttpCall call_to(const HttpServer& server, std::string path = "/") {
  HttpCall call;
  call.url = "http://127.0.0.1:" + std::to_string(server.port()) + path;
  return call;
}

TEST(HttpClientTest, SendsWhatItIsToldAndBringsWhatComes) {
  const auto server = serve([](HttpRequest request, Responder responder) {
    responder.respond(201, {{"X-Seen", std::string(request.header("x-sent"))}},
                      request.method + " " + request.path + " " + request.body);
  });
  HttpCall call = call_to(*server, "/a");
  call.method = "POST";
  call.headers = {{"X-Sent", "yes"}};
  call.body = std::string("b\0c", 3);
  const auto reply = HttpClient().send(call);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 201);
  EXPECT_EQ(reply->header("x-seen"), "yes");
  EXPECT_EQ(reply->header("absent"), "");
  EXPECT_EQ(reply->body, std::string("POST /a b\0c", 11));
}

TEST(HttpClientTest, NothingOfOneRequestStaysForTheNext) {
  const auto server = serve([](HttpRequest request, Responder responder) {
    responder.respond(200, {},
                      request.method + std::string(request.header("x-sent")) + request.body);
  });
  HttpClient client;
  HttpCall first = call_to(*server);
  first.method = "PUT";
  first.headers = {{"X-Sent", "yes"}};
  first.body = "body";
  ASSERT_TRUE(client.send(first));
  const auto second = client.send(call_to(*server));
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->body, "GET");
}

TEST(HttpClientTest, AnErrorStatusIsAnAnswer) {
  const auto server =
      serve([](HttpRequest, Responder responder) { responder.respond(404, {}, "no such thing"); });
  std::string streamed;
  const auto reply = HttpClient().send(call_to(*server), [&](std::string_view piece) {
    streamed += piece;
    return ok();
  });
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 404);
  EXPECT_EQ(reply->body, "no such thing");  // collected: the sink is for answers
  EXPECT_EQ(streamed, "");
}

TEST(HttpClientTest, AStreamArrivesPieceByPiece) {
  const auto server = serve([](HttpRequest, Responder responder) {
    responder.begin_stream(200, {});
    responder.write("one ");
    responder.write("two");
    responder.end();
  });
  std::string streamed;
  const auto reply = HttpClient().send(call_to(*server), [&](std::string_view piece) {
    streamed += piece;
    return ok();
  });
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(streamed, "one two");
  EXPECT_EQ(reply->body, "");
}

TEST(HttpClientTest, TheSinksErrorIsTheResult) {
  const auto server =
      serve([](HttpRequest, Responder responder) { responder.respond(200, {}, "body"); });
  const auto reply = HttpClient().send(call_to(*server), [](std::string_view) -> Status {
    return Error{Code::corrupt, "not what was asked for"};
  });
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error(), (Error{Code::corrupt, "not what was asked for"}));
}

TEST(HttpClientTest, AFlagEndsARequestThatIsUnderWay) {
  std::optional<Responder> open;  // outlives the server, so the answer never ends by itself
  const auto server = serve([&open](HttpRequest, Responder responder) {
    open = responder;
    responder.begin_stream(200, {});
    responder.write("first");
  });
  std::atomic<bool> cancelled = false;
  HttpCall call = call_to(*server);
  call.cancelled = &cancelled;
  const auto reply = HttpClient().send(call, [&](std::string_view) {
    cancelled = true;
    return ok();
  });
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::cancelled);
}

TEST(HttpClientTest, SilenceHasALimit) {
  std::optional<Responder> open;
  const auto server = serve([&open](HttpRequest, Responder responder) { open = responder; });
  HttpCall call = call_to(*server);
  call.silence_timeout = 1s;
  const auto reply = HttpClient().send(call);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::unavailable);
}

TEST(HttpClientTest, ACollectedBodyHasALimit) {
  const auto server = serve(
      [](HttpRequest, Responder responder) { responder.respond(200, {}, std::string(1000, 'x')); });
  HttpCall call = call_to(*server);
  call.max_body_bytes = 999;
  const auto reply = HttpClient().send(call);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::exhausted);
  call.max_body_bytes = 1000;
  EXPECT_TRUE(HttpClient().send(call));
}

TEST(HttpClientTest, WhoDoesNotListenIsUnavailable) {
  HttpCall call;
  {
    const auto server = serve([](HttpRequest, Responder) {});
    call = call_to(*server);
  }
  const auto reply = HttpClient().send(call);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::unavailable);
  EXPECT_TRUE(reply.error().message.starts_with(call.url)) << reply.error().message;
}

TEST(HttpClientTest, OnlyHttpIsSpoken) {
  for (const char* url : {"file:///etc/hostname", "ftp://127.0.0.1/", "", "http://[", "no url"}) {
    HttpCall call;
    call.url = url;
    const auto reply = HttpClient().send(call);
    ASSERT_FALSE(reply) << url;
  }
}

TEST(HttpClientTest, AProxyIsNotAskedForThisMachine) {
  const auto server =
      serve([](HttpRequest, Responder responder) { responder.respond(200, {}, "direct"); });
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  const auto reply = HttpClient().send(call_to(*server));
  unsetenv("http_proxy");
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->body, "direct");
}

}  // namespace
}  // namespace conduit::provisioning
