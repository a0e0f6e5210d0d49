// The transport over real sockets: order, absence, fullness, and bytes that no node of ours sends.
#include "cluster/spine/transport.h"

#include <gtest/gtest.h>
#include <zmq.h>

#include <future>
#include <random>
#include <thread>

#include "mdl/base/metrics.h"
#include "tests/support/inbox.h"

namespace conduit::cluster {
namespace {

using testing::Inbox;

constexpr const char* kAnyPort = "tcp://127.0.0.1:*";

Frame beat(std::uint64_t sequence) {
  wire::HeartbeatT body;
  body.sequence = sequence;
  auto envelope = envelope_around(body);
  envelope.source_node = 1;
  return *pack(envelope);
}

Frame text(std::size_t bytes) {
  wire::TokenChunkT body;
  body.text.assign(bytes, 'x');
  auto envelope = envelope_around(std::move(body));
  envelope.source_node = 1;
  return *pack(envelope);
}

class Listener {
 public:
  explicit Listener(const std::string& endpoint = kAnyPort)
      : transport(*cluster::listen(endpoint)) {
    transport->start([this](wire::EnvelopeT envelope, std::size_t) {
      frames.put(std::move(envelope));
      return ok();
    });
  }
  ~Listener() { transport->stop(); }

  std::uint64_t next_sequence() {
    auto envelope = frames.take();
    if (!envelope) return 0;
    const auto* body = body_of<wire::HeartbeatT>(*envelope);
    return body != nullptr ? body->sequence : 0;
  }

  Inbox<wire::EnvelopeT> frames;
  std::unique_ptr<Transport> transport;
};

TEST(TransportTest, FindsAFreePortAndSaysWhich) {
  const auto transport = listen(kAnyPort);
  ASSERT_TRUE(transport) << transport.error().message;
  EXPECT_TRUE((*transport)->endpoint().starts_with("tcp://127.0.0.1:"));
  EXPECT_EQ((*transport)->endpoint().find('*'), std::string::npos);
  const auto zero = listen("tcp://127.0.0.1:0");
  ASSERT_TRUE(zero);
  EXPECT_NE((*zero)->endpoint(), (*transport)->endpoint());
}

TEST(TransportTest, ATakenPortIsUnavailable) {
  const auto first = listen(kAnyPort);
  const auto second = listen((*first)->endpoint());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::unavailable);
  EXPECT_NE(second.error().message.find((*first)->endpoint()), std::string::npos);
}

TEST(TransportTest, ListensOnLoopbackOnly) {
  const auto everywhere = listen("tcp://0.0.0.0:*");
  ASSERT_FALSE(everywhere);
  EXPECT_EQ(everywhere.error().code, Code::invalid_argument);
}

TEST(TransportTest, FramesArriveOnceAndInOrder) {
  Listener from;
  Listener to;
  ASSERT_TRUE(from.transport->connect(to.transport->endpoint()));
  for (std::uint64_t i = 1; i <= 2000; ++i)
    ASSERT_TRUE(from.transport->send(to.transport->endpoint(), beat(i), Priority::bulk));
  for (std::uint64_t i = 1; i <= 2000; ++i) ASSERT_EQ(to.next_sequence(), i);
}

TEST(TransportTest, SendersOnManyThreadsDoNotDisturbEachOther) {
  Listener from;
  Listener to;
  ASSERT_TRUE(from.transport->connect(to.transport->endpoint()));
  std::vector<std::thread> senders;
  for (std::uint64_t sender = 0; sender < 4; ++sender)
    senders.emplace_back([&, sender] {
      for (std::uint64_t i = 1; i <= 500; ++i)
        EXPECT_TRUE(from.transport->send(to.transport->endpoint(), beat(sender * 1000 + i),
                                         Priority::bulk));
    });
  for (auto& sender : senders) sender.join();
  std::uint64_t next[4] = {1, 1, 1, 1};
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t sequence = to.next_sequence();
    ASSERT_EQ(sequence % 1000, next[sequence / 1000]++);
  }
}

TEST(TransportTest, FramesWaitForAPeerThatIsNotThereYet) {
  std::string endpoint;
  {
    Listener once;
    endpoint = once.transport->endpoint();
  }
  Listener from;
  ASSERT_TRUE(from.transport->connect(endpoint));
  for (std::uint64_t i = 1; i <= 100; ++i)
    ASSERT_TRUE(from.transport->send(endpoint, beat(i), Priority::control));
  Listener to(endpoint);
  for (std::uint64_t i = 1; i <= 100; ++i) ASSERT_EQ(to.next_sequence(), i);
}

TEST(TransportTest, APeerThatComesBackIsReachedAgain) {
  Listener from;
  std::string endpoint;
  {
    Listener to;
    endpoint = to.transport->endpoint();
    ASSERT_TRUE(from.transport->connect(endpoint));
    ASSERT_TRUE(from.transport->send(endpoint, beat(1), Priority::control));
    ASSERT_EQ(to.next_sequence(), 1u);
  }
  Listener reborn(endpoint);
  // What was sent into the dying connection is lost, so send until one arrives.
  std::future<std::uint64_t> arrived =
      std::async(std::launch::async, [&] { return reborn.next_sequence(); });
  while (arrived.wait_for(std::chrono::milliseconds(5)) != std::future_status::ready)
    (void)from.transport->send(endpoint, beat(2), Priority::control);
  EXPECT_EQ(arrived.get(), 2u);
}

TEST(TransportTest, AFullQueueIsTheSendersError) {
  TransportLimits limits;
  limits.waiting_frames = 10;
  limits.linger = std::chrono::milliseconds(0);
  const auto from = *listen(kAnyPort, limits);
  from->start([](wire::EnvelopeT, std::size_t) { return ok(); });
  const std::string nobody = "tcp://127.0.0.1:1";
  ASSERT_TRUE(from->connect(nobody));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(from->send(nobody, beat(1), Priority::bulk));
  const Status full = from->send(nobody, beat(1), Priority::bulk);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::exhausted);
  EXPECT_NE(full.error().message.find(nobody), std::string::npos);
  EXPECT_TRUE(from->send(nobody, beat(1), Priority::control));  // has a queue of its own
}

TEST(TransportTest, WaitingBytesAreLimitedToo) {
  TransportLimits limits;
  limits.waiting_bytes = 10'000;
  limits.linger = std::chrono::milliseconds(0);
  const auto from = *listen(kAnyPort, limits);
  ASSERT_TRUE(from->connect("tcp://127.0.0.1:1"));
  EXPECT_TRUE(from->send("tcp://127.0.0.1:1", text(9000), Priority::bulk));
  EXPECT_FALSE(from->send("tcp://127.0.0.1:1", text(9000), Priority::bulk));
}

TEST(TransportTest, AReceiverThatStandsStillFillsItsSenderAndNobodyElse) {
  std::promise<void> go;
  std::shared_future<void> may_go = go.get_future().share();
  const auto stuck = *listen(kAnyPort);
  stuck->start([may_go](wire::EnvelopeT, std::size_t) {
    may_go.wait();
    return ok();
  });
  Listener well;
  TransportLimits limits;
  limits.waiting_bytes = 1 << 20;
  limits.linger = std::chrono::milliseconds(0);
  const auto from = *listen(kAnyPort, limits);
  from->start([](wire::EnvelopeT, std::size_t) { return ok(); });
  ASSERT_TRUE(from->connect(stuck->endpoint()));
  ASSERT_TRUE(from->connect(well.transport->endpoint()));
  Status sent = ok();
  // Bounded by what libzmq's queues and the kernel's buffers take: some 600 frames of 64 KiB.
  for (int i = 0; i < 100'000 && sent; ++i)
    sent = from->send(stuck->endpoint(), text(1 << 16), Priority::bulk);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, Code::exhausted);
  ASSERT_TRUE(from->send(well.transport->endpoint(), beat(5), Priority::bulk));
  EXPECT_EQ(well.next_sequence(), 5u);
  go.set_value();
  stuck->stop();
}

TEST(TransportTest, ASenderThatDiesWhileNothingIsReadHarmsNobody) {
  std::promise<void> go;
  std::shared_future<void> may_go = go.get_future().share();
  Inbox<wire::EnvelopeT> frames;
  const auto stuck = *listen(kAnyPort);
  stuck->start([&](wire::EnvelopeT envelope, std::size_t) {
    may_go.wait();
    frames.put(std::move(envelope));
    return ok();
  });
  {
    TransportLimits limits;
    limits.waiting_bytes = 1 << 20;
    limits.linger = std::chrono::milliseconds(0);
    const auto dying = *listen(kAnyPort, limits);
    dying->start([](wire::EnvelopeT, std::size_t) { return ok(); });
    ASSERT_TRUE(dying->connect(stuck->endpoint()));
    while (dying->send(stuck->endpoint(), text(1 << 16), Priority::bulk)) {
    }
  }
  Listener well;
  ASSERT_TRUE(well.transport->connect(stuck->endpoint()));
  ASSERT_TRUE(well.transport->send(stuck->endpoint(), beat(3), Priority::control));
  go.set_value();
  std::optional<wire::EnvelopeT> frame;
  do {
    frame = frames.take();
  } while (frame && frame->body.type != wire::Body::Heartbeat);
  EXPECT_TRUE(frame);
  stuck->stop();
}

TEST(TransportTest, AStoppedTransportSendsNothing) {
  Listener from;
  Listener to;
  const std::string endpoint = to.transport->endpoint();
  ASSERT_TRUE(from.transport->connect(endpoint));
  from.transport->stop();
  EXPECT_EQ(from.transport->send(endpoint, beat(1), Priority::bulk).error().code,
            Code::unavailable);
  EXPECT_FALSE(from.transport->connect(endpoint));
}

TEST(TransportTest, WhatWasSentBeforeStoppingArrives) {
  Listener to;
  {
    Listener from;
    ASSERT_TRUE(from.transport->connect(to.transport->endpoint()));
    ASSERT_TRUE(from.transport->send(to.transport->endpoint(), beat(1), Priority::control));
    ASSERT_EQ(to.next_sequence(), 1u);
    ASSERT_TRUE(from.transport->send(to.transport->endpoint(), beat(2), Priority::control));
  }
  EXPECT_EQ(to.next_sequence(), 2u);
}

// --- what comes from a socket that is no node's

class RawSocket {
 public:
  explicit RawSocket(const std::string& endpoint)
      : context_(zmq_ctx_new()), socket_(zmq_socket(context_, ZMQ_DEALER)) {
    EXPECT_EQ(zmq_connect(socket_, endpoint.c_str()), 0);
  }
  ~RawSocket() {
    const int linger = 0;
    zmq_setsockopt(socket_, ZMQ_LINGER, &linger, sizeof linger);
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }
  void send(const std::vector<std::vector<std::uint8_t>>& parts) {
    for (std::size_t i = 0; i < parts.size(); ++i)
      zmq_send(socket_, parts[i].data(), parts[i].size(), i + 1 < parts.size() ? ZMQ_SNDMORE : 0);
  }
  void send(const Frame& frame) { send({{frame.data(), frame.data() + frame.size()}}); }

 private:
  void* context_;
  void* socket_;
};

double rejected_frames() {
  double sum = 0;
  for (const char* reason : {"size", "identifier", "structure", "parts"})
    sum += metrics::counter("conduit_frames_rejected_total",
                            "Frames from other nodes that were dropped", {{"reason", reason}})
               .value();
  return sum;
}

TEST(TransportTest, GarbageIsCountedAndDisturbsNobody) {
  Listener to;
  RawSocket raw(to.transport->endpoint());
  const double before = rejected_frames();
  const Frame good = beat(1);
  const std::vector<std::uint8_t> whole(good.data(), good.data() + good.size());
  std::vector<std::uint8_t> cut(whole.begin(), whole.end() - 9);
  raw.send({{}});
  raw.send({{1, 2, 3}});
  raw.send({std::vector<std::uint8_t>(5000, 0xff)});
  raw.send({cut});
  raw.send({{}, whole});
  raw.send({whole, whole, whole});
  raw.send(beat(7));
  EXPECT_EQ(to.next_sequence(), 7u);
  EXPECT_EQ(rejected_frames(), before + 6);
}

TEST(TransportTest, AFloodOfGarbageDoesNotStopAPeer) {
  Listener from;
  Listener to;
  ASSERT_TRUE(from.transport->connect(to.transport->endpoint()));
  std::atomic<bool> is_over{false};
  std::thread flood([&] {
    RawSocket raw(to.transport->endpoint());
    std::mt19937 random(1);
    while (!is_over) {
      std::vector<std::uint8_t> bytes(random() % 2000);
      for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
      raw.send({bytes});
    }
  });
  for (std::uint64_t i = 1; i <= 200; ++i) {
    EXPECT_TRUE(from.transport->send(to.transport->endpoint(), beat(i), Priority::control));
    EXPECT_EQ(to.next_sequence(), i);
  }
  is_over = true;
  flood.join();
}

TEST(TransportTest, AFrameAboveTheLimitCostsItsSenderTheConnection) {
  Listener to;
  {
    RawSocket raw(to.transport->endpoint());
    raw.send({std::vector<std::uint8_t>(kMaxFrameBytes + 1)});
    Listener from;
    ASSERT_TRUE(from.transport->connect(to.transport->endpoint()));
    ASSERT_TRUE(from.transport->send(to.transport->endpoint(), beat(1), Priority::control));
    EXPECT_EQ(to.next_sequence(), 1u);
  }
}

}  // namespace
}  // namespace conduit::cluster
