// HttpServer against clients that send partial, early, oversized, garbled or no bytes, and leave.
#include "provisioning/http_server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "tests/support/raw_client.h"

namespace conduit::provisioning {
namespace {

using namespace std::chrono_literals;
using testing::http_request;
using testing::RawClient;

// "METHOD path?query body": what the handler saw.
void echo(const HttpRequest& request, const Responder& responder) {
  responder.respond(200, {{"Content-Type", "text/plain"}},
                    request.method + " " + request.path + "?" + request.query + " " + request.body);
}

std::unique_ptr<HttpServer> serve(HttpHandler handler, HttpServerOptions options = {}) {
  auto server = HttpServer::start(std::move(options), std::move(handler));
  EXPECT_TRUE(server) << server.error().message;
  return *std::move(server);
}

// A handler's requests, for a test that answers them itself.
class Inbox {
 public:
  HttpHandler handler() {
    return [this](HttpRequest, Responder responder) {
      std::lock_guard lock(mutex_);
      arrived_.push_back(std::move(responder));
      changed_.notify_all();
    };
  }
  std::size_t size() {
    std::lock_guard lock(mutex_);
    return arrived_.size();
  }
  // The next request; none within ten seconds: the test fails in value().
  Responder next() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, 10s, [this] { return arrived_.size() > taken_; }));
    return arrived_.at(taken_++);
  }
  void forget() {
    std::lock_guard lock(mutex_);
    arrived_.clear();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Responder> arrived_;
  std::size_t taken_ = 0;
};

// A future that a callback fulfils, and how often it was called.
struct Signal {
  std::function<void()> callback() {
    return [state = state_] {
      if (++state->calls == 1) state->promise.set_value();
    };
  }
  bool arrives() { return arrived_.wait_for(10s) == std::future_status::ready; }
  int calls() const { return state_->calls; }

 private:
  struct State {
    std::atomic<int> calls = 0;
    std::promise<void> promise;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
  std::future<void> arrived_ = state_->promise.get_future();
};

TEST(HttpServerTest, AnswersARequestWithItsParts) {
  auto server = serve(echo);
  RawClient client(server->port());
  client.send(http_request("/v1/models/org%2Fname?a=b%20c", "hello"));
  auto response = client.read_response();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "POST /v1/models/org/name?a=b%20c hello");
  EXPECT_FALSE(response.header("Date").empty());
}

TEST(HttpServerTest, PathsAreDecodedIntoValidText) {
  auto server = serve(echo);
  RawClient client(server->port());
  const std::pair<const char*, const char*> cases[] = {
      {"/a%2", "/a%2"},           {"/%zz%41", "/%zzA"},    {"/%ff%C3%A9", "/\xEF\xBF\xBD\xC3\xA9"},
      {"http://proxied/x", "/x"}, {"http://proxied", "/"},
  };
  for (auto [target, path] : cases) {
    client.send(http_request(target));
    EXPECT_EQ(client.read_response().body, std::string("GET ") + path + "? ");
  }
}

TEST(HttpServerTest, HeadersAreFoundInAnyCaseAndThePeerIsNamed) {
  auto server = serve([](const HttpRequest& request, const Responder& responder) {
    responder.respond(200, {}, std::string(request.header("x-THING")) + " " + request.peer);
  });
  RawClient client(server->port());
  client.send(http_request("/", "", "X-Thing: 7\r\n"));
  EXPECT_EQ(client.read_response().body.rfind("7 127.0.0.1:", 0), 0u);
}

TEST(HttpServerTest, KeepsTheConnectionForTheNextRequest) {
  auto server = serve(echo);
  RawClient client(server->port());
  for (const char* path : {"/one", "/two", "/three"}) {
    client.send(http_request(path));
    EXPECT_EQ(client.read_response().body, std::string("GET ") + path + "? ");
  }
}

TEST(HttpServerTest, RequestsByteByByteAreWhole) {
  auto server = serve(echo);
  RawClient client(server->port());
  for (char c : http_request("/slow", "body")) client.send({&c, 1});
  EXPECT_EQ(client.read_response().body, "POST /slow? body");
}

TEST(HttpServerTest, ChunkedBodiesAreJoined) {
  auto server = serve(echo);
  RawClient client(server->port());
  client.send("POST /c HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
  client.send("3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\n\r\n");
  EXPECT_EQ(client.read_response().body, "POST /c? abcdefgh");
}

TEST(HttpServerTest, PipelinedRequestsAreAnsweredInOrderOneAtATime) {
  Inbox inbox;
  auto server = serve(inbox.handler());
  RawClient client(server->port());
  client.send(http_request("/1", "first") + http_request("/2", "second") + http_request("/3"));
  Responder first = inbox.next();
  EXPECT_EQ(inbox.size(), 1u);  // the second waits for the first's answer
  first.respond(200, {}, "one");
  EXPECT_EQ(client.read_response().body, "one");
  inbox.next().respond(200, {}, "two");
  EXPECT_EQ(client.read_response().body, "two");
  inbox.next().respond(200, {}, "three");
  EXPECT_EQ(client.read_response().body, "three");
}

TEST(HttpServerTest, MoreReadAheadThanTheBufferHoldsIsServedInItsTurn) {
  Inbox inbox;
  auto server = serve(inbox.handler());
  RawClient client(server->port());
  const std::string large(300'000, 'x');
  std::thread sender([&] { client.send(http_request("/1") + http_request("/2", large)); });
  inbox.next().respond(200, {}, "one");
  EXPECT_EQ(client.read_response().body, "one");
  inbox.next().respond(200, {}, "two");
  EXPECT_EQ(client.read_response().body, "two");
  sender.join();
}

TEST(HttpServerTest, HeadHasTheLengthButNoBody) {
  auto server = serve(echo);
  RawClient client(server->port());
  client.send("HEAD /h HTTP/1.1\r\nHost: t\r\n\r\n" + http_request("/next"));
  auto head = client.read_response(true);
  EXPECT_EQ(head.header("Content-Length"), "9");
  EXPECT_EQ(client.read_response().body, "GET /next? ");
}

TEST(HttpServerTest, Http10ClosesAfterTheAnswer) {
  auto server = serve(echo);
  RawClient client(server->port());
  client.send("GET /old HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.read_response().body, "GET /old? ");
  EXPECT_TRUE(client.is_closed_by_peer());
}

TEST(HttpServerTest, ConnectionCloseIsHonoured) {
  auto server = serve(echo);
  RawClient client(server->port());
  client.send(http_request("/", "", "Connection: close\r\n"));
  EXPECT_EQ(client.read_response().header("Connection"), "close");
  EXPECT_TRUE(client.is_closed_by_peer());
}

TEST(HttpServerTest, Expect100ContinueGetsIt) {
  auto server = serve(echo);
  RawClient client(server->port());
  client.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("ok");
  EXPECT_EQ(client.read_response().body, "POST /? ok");
}

TEST(HttpServerTest, OversizedBodiesGet413EvenIfTheClientSendsThemWhole) {
  HttpServerOptions options;
  options.body_bytes = 1000;
  auto server = serve(echo, options);
  const std::string large(1'000'000, 'x');
  {
    RawClient client(server->port());
    client.send(http_request("/", large));
    auto response = client.read_response();
    EXPECT_EQ(response.status, 413);
    EXPECT_EQ(response.body,
              "{\"error\":{\"message\":\"the body is over the limit of 1000 bytes\"}}");
  }
  RawClient chunked(server->port());
  chunked.send("POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
  chunked.send("ff000\r\n" + large);
  EXPECT_EQ(chunked.read_response().status, 413);
}

TEST(HttpServerTest, BodiesOfExactlyTheLimitAreTaken) {
  HttpServerOptions options;
  options.body_bytes = 1000;
  auto server = serve(echo, options);
  RawClient client(server->port());
  client.send(http_request("/", std::string(1000, 'x')));
  EXPECT_EQ(client.read_response().status, 200);
}

TEST(HttpServerTest, OversizedHeadersGet431) {
  auto server = serve(echo);
  RawClient client(server->port());
  client.send(http_request("/", "", "X-Long: " + std::string(20'000, 'x') + "\r\n"));
  EXPECT_EQ(client.read_response().status, 431);
}

TEST(HttpServerTest, GarbageGets400AndTheNextClientIsServed) {
  auto server = serve(echo);
  const std::string garbage[] = {
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS to a plain port\r\n\r\n",
      "GET\r\n\r\n",
      "GET / HTTP/9.9\r\n\r\n",
      "GET / HTTP/1.1\r\nNo colon here\r\n\r\n",
      "GET / HTTP/1.1\r\nA: b\r\n\r\n",  // no Host
      "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: -5\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      std::string(1000, '\0'),
  };
  for (const std::string& bytes : garbage) {
    RawClient client(server->port());
    client.send(bytes);
    EXPECT_EQ(client.read_response().status, 400) << bytes;
    EXPECT_TRUE(client.is_closed_by_peer());
  }
  RawClient client(server->port());
  client.send(http_request("/"));
  EXPECT_EQ(client.read_response().status, 200);
}

TEST(HttpServerTest, SlowHeadersAndBodiesGet408) {
  HttpServerOptions options;
  options.header_timeout = options.body_timeout = 50ms;
  auto server = serve(echo, options);
  RawClient header(server->port());
  header.send("GET / HTTP/1.1\r\nHost:");
  EXPECT_EQ(header.read_response().status, 408);
  RawClient body(server->port());
  body.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nabc");
  EXPECT_EQ(body.read_response().status, 408);
}

TEST(HttpServerTest, IdleConnectionsAreClosedWithoutAWord) {
  HttpServerOptions options;
  options.idle_timeout = 50ms;
  auto server = serve(echo, options);
  RawClient fresh(server->port());
  EXPECT_TRUE(fresh.is_closed_by_peer());
  RawClient used(server->port());
  used.send(http_request("/"));
  EXPECT_EQ(used.read_response().status, 200);
  EXPECT_TRUE(used.is_closed_by_peer());
}

TEST(HttpServerTest, ConnectionsOverTheLimitGet503) {
  HttpServerOptions options;
  options.connections = 2;
  auto server = serve(echo, options);
  RawClient one(server->port()), two(server->port());
  for (RawClient* client : {&one, &two}) {
    client->send(http_request("/"));
    EXPECT_EQ(client->read_response().status, 200);
  }
  RawClient three(server->port());
  auto refused = three.read_response();
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.header("Retry-After"), "1");
}

TEST(HttpServerTest, ServesFiveHundredConnectionsAtOnce) {
  Inbox inbox;
  auto server = serve(inbox.handler());
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 500; ++i) {
    clients.push_back(std::make_unique<RawClient>(server->port()));
    clients.back()->send(http_request("/"));
  }
  for (int i = 0; i < 500; ++i) inbox.next().respond(200, {}, "all are here");
  for (auto& client : clients) EXPECT_EQ(client->read_response().body, "all are here");
}

TEST(HttpServerTest, StreamsChunksAsTheyAreWritten) {
  Inbox inbox;
  auto server = serve(inbox.handler());
  RawClient client(server->port());
  client.send(http_request("/"));
  Responder responder = inbox.next();
  responder.begin_stream(200, {{"Content-Type", "text/event-stream"}});
  Signal written;
  responder.write("first ", written.callback());
  EXPECT_TRUE(written.arrives());
  EXPECT_NE(client.read_until("first ").find("Transfer-Encoding: chunked"), std::string::npos);
  responder.write("");  // no end of the stream
  responder.write("second");
  responder.end();
  EXPECT_EQ(client.read_until("0\r\n\r\n"), "\r\n6\r\nsecond\r\n0\r\n\r\n");
  client.send(http_request("/again"));
  inbox.next().respond(200, {}, "kept");
  EXPECT_EQ(client.read_response().body, "kept");
}

TEST(HttpServerTest, StreamsToHttp10EndWithTheConnection) {
  Inbox inbox;
  auto server = serve(inbox.handler());
  RawClient client(server->port());
  client.send("GET / HTTP/1.0\r\n\r\n");
  Responder responder = inbox.next();
  responder.begin_stream(200, {});
  responder.write("plain");
  responder.end();
  client.read_until("\r\n\r\n");
  EXPECT_EQ(client.read_until_closed(), "plain");
}

TEST(HttpServerTest, ADisconnectBeforeTheAnswerIsToldOnce) {
  for (bool reset : {false, true}) {
    Inbox inbox;
    auto server = serve(inbox.handler());
    RawClient client(server->port());
    client.send(http_request("/"));
    Responder responder = inbox.next();
    Signal gone;
    responder.on_disconnect(gone.callback());
    reset ? client.reset() : client.close();
    EXPECT_TRUE(gone.arrives());
    responder.respond(200, {}, "too late");
    server->stop(0ms);
    EXPECT_EQ(gone.calls(), 1);
  }
}

TEST(HttpServerTest, ADisconnectDuringAStreamIsToldOnce) {
  Inbox inbox;
  auto server = serve(inbox.handler());
  RawClient client(server->port());
  client.send(http_request("/"));
  Responder responder = inbox.next();
  Signal gone;
  responder.on_disconnect(gone.callback());
  responder.begin_stream(200, {});
  responder.write("some");
  client.read_until("some");
  client.close();
  EXPECT_TRUE(gone.arrives());
  for (int i = 0; i < 10; ++i) responder.write("more");
  responder.end();
  server->stop(0ms);
  EXPECT_EQ(gone.calls(), 1);
}

TEST(HttpServerTest, ADisconnectThatCameFirstIsStillTold) {
  Inbox inbox;
  auto server = serve(inbox.handler());
  RawClient client(server->port());
  client.send(http_request("/"));
  Responder responder = inbox.next();
  Signal first, second;
  responder.on_disconnect(first.callback());
  client.close();
  EXPECT_TRUE(first.arrives());
  responder.on_disconnect(second.callback());
  EXPECT_TRUE(second.arrives());
}

TEST(HttpServerTest, NoDisconnectIsToldAfterTheAnswer) {
  Inbox inbox;
  auto server = serve(inbox.handler());
  RawClient client(server->port());
  client.send(http_request("/"));
  Responder responder = inbox.next();
  Signal gone;
  responder.on_disconnect(gone.callback());
  responder.respond(200, {}, "whole");
  EXPECT_EQ(client.read_response().body, "whole");
  client.close();
  server->stop(1s);
  EXPECT_EQ(gone.calls(), 0);
}

TEST(HttpServerTest, AWriterThatIgnoresItsReaderIsCutOff) {
  HttpServerOptions options;
  options.stream_queue_bytes = 100'000;
  Inbox inbox;
  auto server = serve(inbox.handler(), options);
  RawClient client(server->port(), 4096);
  client.send(http_request("/"));
  Responder responder = inbox.next();
  Signal gone;
  responder.on_disconnect(gone.callback());
  responder.begin_stream(200, {});
  // The client reads nothing: kernel buffers take some megabytes, then the queue must be full.
  for (int i = 0; i < 1000; ++i) responder.write(std::string(50'000, 'x'));
  EXPECT_TRUE(gone.arrives());
}

TEST(HttpServerTest, AWriterThatWaitsForItsReaderGetsThrough) {
  HttpServerOptions options;
  options.stream_queue_bytes = 100'000;
  Inbox inbox;
  auto server = serve(inbox.handler(), options);
  RawClient client(server->port(), 4096);
  client.send(http_request("/"));
  Responder responder = inbox.next();
  responder.begin_stream(200, {});
  auto left = std::make_shared<int>(200);
  auto step = std::make_shared<std::function<void()>>();
  *step = [=] {
    if ((*left)-- > 0) {
      responder.write(std::string(50'000, 'x'), *step);
    } else {
      responder.end();
    }
  };
  (*step)();
  EXPECT_EQ(client.read_response().body.size(), 200u * 50'000);
  *step = nullptr;  // it owns itself
}

TEST(HttpServerTest, AClientThatStopsReadingIsCutOffInTime) {
  HttpServerOptions options;
  options.write_timeout = 50ms;
  options.stream_queue_bytes = 100 << 20;
  Inbox inbox;
  auto server = serve(inbox.handler(), options);
  RawClient client(server->port(), 4096);
  client.send(http_request("/"));
  Responder responder = inbox.next();
  Signal gone;
  responder.on_disconnect(gone.callback());
  responder.begin_stream(200, {});
  responder.write(std::string(50 << 20, 'x'));
  EXPECT_TRUE(gone.arrives());
}

TEST(HttpServerTest, AForgottenRequestGets500) {
  Inbox inbox;
  auto server = serve(inbox.handler());
  RawClient client(server->port());
  client.send(http_request("/"));
  inbox.next();
  inbox.forget();
  EXPECT_EQ(client.read_response().status, 500);
}

TEST(HttpServerTest, AForgottenStreamIsCutOff) {
  Inbox inbox;
  auto server = serve(inbox.handler());
  RawClient client(server->port());
  client.send(http_request("/"));
  inbox.next().begin_stream(200, {});
  client.read_until("\r\n\r\n");
  inbox.forget();
  EXPECT_TRUE(client.is_closed_by_peer());
}

TEST(HttpServerTest, OnlyTheFirstAnswerCounts) {
  Inbox inbox;
  auto server = serve(inbox.handler());
  RawClient client(server->port());
  client.send(http_request("/1"));
  Responder first = inbox.next();
  first.respond(200, {}, "one");
  first.respond(200, {}, "again");
  first.begin_stream(200, {});
  EXPECT_EQ(client.read_response().body, "one");
  client.send(http_request("/2"));
  Responder second = inbox.next();
  first.respond(200, {}, "a late answer to /1");
  second.respond(200, {}, "two");
  EXPECT_EQ(client.read_response().body, "two");
}

TEST(HttpServerTest, HeaderValuesCannotEndTheirLine) {
  auto server = serve([](const HttpRequest&, const Responder& responder) {
    responder.respond(200, {{"X-Evil", "a\r\nSet-Cookie: b"}}, "");
  });
  RawClient client(server->port());
  client.send(http_request("/"));
  EXPECT_EQ(client.read_response().header("X-Evil"), "a  Set-Cookie: b");
}

TEST(HttpServerTest, StopLetsARunningAnswerFinishAndClosesIdleClients) {
  Inbox inbox;
  auto server = serve(inbox.handler());
  RawClient idle(server->port()), busy(server->port());
  busy.send(http_request("/"));
  Responder responder = inbox.next();
  std::thread stopping([&] { server->stop(10s); });
  EXPECT_TRUE(idle.is_closed_by_peer());
  responder.respond(200, {}, "finished");
  auto response = busy.read_response();
  EXPECT_EQ(response.body, "finished");
  EXPECT_EQ(response.header("Connection"), "close");
  busy.close();
  stopping.join();
}

TEST(HttpServerTest, StopCutsOffWhatOutlastsItsBound) {
  Inbox inbox;
  auto server = serve(inbox.handler());
  RawClient client(server->port());
  client.send(http_request("/"));
  Responder responder = inbox.next();
  Signal gone;
  responder.on_disconnect(gone.callback());
  server->stop(0ms);
  EXPECT_TRUE(client.is_closed_by_peer());
  EXPECT_TRUE(gone.arrives());
}

TEST(HttpServerTest, AResponderMayOutliveItsServer) {
  std::optional<Responder> kept;
  {
    Inbox inbox;
    auto server = serve(inbox.handler());
    RawClient client(server->port());
    client.send(http_request("/"));
    kept = inbox.next();
  }
  kept->begin_stream(200, {});
  kept->write("nobody is there", [] { FAIL() << "called back after the server's end"; });
  kept->respond(200, {}, "still nobody");
}

TEST(HttpServerTest, APortThatIsTakenIsNamed) {
  auto server = serve(echo);
  HttpServerOptions options;
  options.port = server->port();
  auto second = HttpServer::start(options, echo);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::unavailable);
  EXPECT_NE(second.error().message.find("127.0.0.1:" + std::to_string(server->port())),
            std::string::npos);
}

TEST(HttpServerTest, AnAddressThatIsNotHereIsNamed) {
  HttpServerOptions options;
  options.host = "192.0.2.1";
  auto server = HttpServer::start(options, echo);
  ASSERT_FALSE(server);
  EXPECT_NE(server.error().message.find("192.0.2.1:0"), std::string::npos);
}

}  // namespace
}  // namespace conduit::provisioning
