// The door to ZeroMQ: its sockets, its messages, and the one thread that reads.
// The bound ROUTER is touched by the reading thread alone; each DEALER is touched under its lane's
// mutex. libzmq's own threads hand the bytes over.
#include "cluster/spine/transport.h"

#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "cluster/spine/endpoint.h"
#include "mdl/base/check.h"
#include "mdl/base/log.h"

namespace conduit::cluster {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// ZMQ_ZERO_COPY_RECV, from the draft part of zmq.h that Debian's header leaves out. On (the
// default), a received message points into libzmq's read buffer, where it is usually misaligned for
// FlatBuffers and would be copied once more; off, each gets memory of its own.
constexpr int kZeroCopyReceive = 10;
// Frames in libzmq's own queues, per connection. Small: what waits should wait where it is counted.
constexpr int kHighWaterMark = 256;
// ZMTP's own heartbeats stay off. A socket whose reader lags reads no pong and drops a connection
// that is merely slow, with all it holds; and when such a connection dies, libzmq 4.3.4 aborts the
// process at its next ping (`!_io_error`, stream_engine_base.cpp). Whether a node lives is
// membership's question; TCP's keep-alive, in seconds, collects links that nobody closed.
constexpr int kKeepAliveIdle = 10;
constexpr int kKeepAliveInterval = 5;
constexpr int kKeepAliveProbes = 3;
constexpr milliseconds kReconnect{50};
constexpr milliseconds kReconnectMax{1000};
// When frames that wait are tried again: soon while they move, seldom while their peer is absent.
// libzmq could tell, but only to the socket's user of the moment, and that is a sender.
constexpr milliseconds kRetry{1};
constexpr milliseconds kRetryMax{64};
// Frames read before waiting ones get their turn.
constexpr int kReadsPerRound = 64;
// Bad frames may come as fast as the loopback carries; their log lines may not.
constexpr milliseconds kRejectionLogEvery{1000};

Error zmq_error(const std::string& what) {
  return Error{Code::unavailable, what + ": " + zmq_strerror(zmq_errno())};
}

struct CloseSocket {
  void operator()(void* socket) const { zmq_close(socket); }
};
using Socket = std::unique_ptr<void, CloseSocket>;

struct EndContext {
  void operator()(void* context) const {
    while (zmq_ctx_term(context) != 0 && zmq_errno() == EINTR) {
    }
  }
};
using Context = std::unique_ptr<void, EndContext>;

void set_option(const Socket& socket, int option, int value) {
  CONDUIT_CHECK(zmq_setsockopt(socket.get(), option, &value, sizeof value) == 0,
                "libzmq refuses a socket option");
}

void keep_alive(const Socket& socket) {
  set_option(socket, ZMQ_TCP_KEEPALIVE, 1);
  set_option(socket, ZMQ_TCP_KEEPALIVE_IDLE, kKeepAliveIdle);
  set_option(socket, ZMQ_TCP_KEEPALIVE_INTVL, kKeepAliveInterval);
  set_option(socket, ZMQ_TCP_KEEPALIVE_CNT, kKeepAliveProbes);
}

int count(milliseconds time) { return static_cast<int>(time.count()); }

// A zmq_msg_t that is closed when it goes and moves like a value.
class Message {
 public:
  Message() { zmq_msg_init(&message_); }
  explicit Message(Frame frame) {
    auto* owner = new Owner(std::move(frame));
    zmq_msg_init_data(&message_, owner->frame.data(), owner->frame.size(), release, owner);
  }
  Message(Message&& other) noexcept : Message() { zmq_msg_move(&message_, &other.message_); }
  Message& operator=(Message&& other) noexcept {
    zmq_msg_move(&message_, &other.message_);
    return *this;
  }
  ~Message() { zmq_msg_close(&message_); }

  zmq_msg_t* get() { return &message_; }
  std::size_t size() const { return zmq_msg_size(&message_); }
  std::span<const std::uint8_t> bytes() {
    return {static_cast<const std::uint8_t*>(zmq_msg_data(&message_)), size()};
  }

 private:
  // libzmq's I/O thread frees the frame. Its queues order that after the sender's writes; the flag
  // says so again in terms that ThreadSanitizer sees, since libzmq is not instrumented.
  struct Owner {
    explicit Owner(Frame packed) : frame(std::move(packed)) {
      is_complete.store(true, std::memory_order_release);
    }
    Frame frame;
    std::atomic<bool> is_complete{false};
  };
  static void release(void*, void* hint) {
    auto* owner = static_cast<Owner*>(hint);
    (void)owner->is_complete.load(std::memory_order_acquire);
    delete owner;
  }

  zmq_msg_t message_;
};

struct Drained {
  bool still_waiting = false;
  bool has_sent = false;

  Drained& operator|=(const Drained& other) {
    still_waiting |= other.still_waiting;
    has_sent |= other.has_sent;
    return *this;
  }
};

// One DEALER to one peer, and what it does not take yet.
class Lane {
 public:
  Lane(Socket socket, const TransportLimits& limits)
      : socket_(std::move(socket)), limits_(limits) {}

  // True: sent. False: it waits.
  Result<bool> send(Frame frame) {
    std::lock_guard lock(mutex_);
    Message message(std::move(frame));
    if (waiting_.empty()) {  // otherwise it would overtake
      if (zmq_msg_send(message.get(), socket_.get(), ZMQ_DONTWAIT) >= 0) return true;
      if (zmq_errno() != EAGAIN) return zmq_error("sending failed");
    }
    if (waiting_.size() >= limits_.waiting_frames ||
        waiting_bytes_ + message.size() > limits_.waiting_bytes)
      return Error{Code::exhausted, std::to_string(waiting_.size()) + " frames of " +
                                        std::to_string(waiting_bytes_) +
                                        " bytes already wait for it, which is the limit"};
    waiting_bytes_ += message.size();
    waiting_.push_back(std::move(message));
    return false;
  }

  Drained drain() {
    std::lock_guard lock(mutex_);
    Drained drained;
    while (!waiting_.empty()) {
      const std::size_t bytes = waiting_.front().size();
      drained.still_waiting = zmq_msg_send(waiting_.front().get(), socket_.get(), ZMQ_DONTWAIT) < 0;
      if (drained.still_waiting) break;
      drained.has_sent = true;
      waiting_bytes_ -= bytes;
      waiting_.pop_front();
    }
    return drained;
  }

 private:
  std::mutex mutex_;
  Socket socket_;
  const TransportLimits limits_;
  std::deque<Message> waiting_;
  std::size_t waiting_bytes_ = 0;
};

struct Link {
  Link(Socket for_control, Socket for_bulk, const TransportLimits& limits)
      : control(std::move(for_control), limits), bulk(std::move(for_bulk), limits) {}
  Lane control;
  Lane bulk;
};

// A line for the first bad frame, then one a second with how many there were.
class RejectionLog {
 public:
  // `message`: a part of the frame, which knows where it came from.
  void add(const Error& error, Message& message) {
    const char* peer = zmq_msg_gets(message.get(), "Peer-Address");
    ++since_last_;
    const auto now = steady_clock::now();
    if (now < next_) return;
    next_ = now + kRejectionLogEvery;
    log::warning("frame dropped", {{"peer", peer != nullptr ? peer : "unknown"},
                                   {"reason", error.message},
                                   {"since_last_line", since_last_}});
    since_last_ = 0;
  }

 private:
  steady_clock::time_point next_;
  std::uint64_t since_last_ = 0;
};

class ZeroMqTransport final : public Transport {
 public:
  ZeroMqTransport(Context context, Socket router, std::string endpoint,
                  const TransportLimits& limits)
      : context_(std::move(context)),
        router_(std::move(router)),
        endpoint_(std::move(endpoint)),
        limits_(limits),
        wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    CONDUIT_CHECK(wake_ >= 0, "no eventfd");
  }
  ~ZeroMqTransport() override {
    stop();
    close(wake_);
  }

  const std::string& endpoint() const override { return endpoint_; }

  void start(Receive receive) override {
    receive_ = std::move(receive);
    reader_ = std::thread([this] { read(); });
  }

  Status connect(const std::string& peer) override;
  void disconnect(const std::string& peer) override {
    std::lock_guard lock(mutex_);
    links_.erase(peer);
  }
  Status send(const std::string& peer, Frame frame, Priority priority) override;
  void stop() override;

 private:
  Result<Socket> dealer(const std::string& peer);
  void wake();
  void read();
  void read_round(RejectionLog& rejections);
  void read_one(Message frame, RejectionLog& rejections);
  Drained drain();

  Context context_;
  Socket router_;
  const std::string endpoint_;
  const TransportLimits limits_;
  const int wake_;
  Receive receive_;
  std::thread reader_;
  std::atomic<bool> is_stopping_{false};
  std::atomic<bool> has_waiting_{false};

  std::mutex mutex_;  // of links_; never held while sending
  // Shared with senders, so that a link that is dropped outlives the send that uses it.
  std::map<std::string, std::shared_ptr<Link>> links_;
};

Result<Socket> ZeroMqTransport::dealer(const std::string& peer) {
  Socket socket(zmq_socket(context_.get(), ZMQ_DEALER));
  if (!socket) return zmq_error("no socket for " + peer);
  set_option(socket, ZMQ_IMMEDIATE, 1);  // an absent peer's frames wait here, where they count
  set_option(socket, ZMQ_LINGER, count(limits_.linger));
  set_option(socket, ZMQ_SNDHWM, kHighWaterMark);
  keep_alive(socket);
  set_option(socket, ZMQ_RECONNECT_IVL, count(kReconnect));
  set_option(socket, ZMQ_RECONNECT_IVL_MAX, count(kReconnectMax));
  if (zmq_connect(socket.get(), peer.c_str()) != 0) return zmq_error("connecting to " + peer);
  return socket;
}

Status ZeroMqTransport::connect(const std::string& peer) {
  std::lock_guard lock(mutex_);
  if (is_stopping_) return Error{Code::unavailable, "this node is stopping"};
  if (links_.contains(peer)) return ok();
  CONDUIT_TRY(Socket control, dealer(peer));
  CONDUIT_TRY(Socket bulk, dealer(peer));
  links_[peer] = std::make_shared<Link>(std::move(control), std::move(bulk), limits_);
  return ok();
}

Status ZeroMqTransport::send(const std::string& peer, Frame frame, Priority priority) {
  std::shared_ptr<Link> link;
  {
    std::lock_guard lock(mutex_);
    const auto found = links_.find(peer);
    if (found == links_.end()) return Error{Code::unavailable, peer + ": not connected"};
    link = found->second;
  }
  Lane& lane = priority == Priority::control ? link->control : link->bulk;
  auto was_sent = lane.send(std::move(frame));
  if (!was_sent) return Error{was_sent.error().code, peer + ": " + was_sent.error().message};
  if (!*was_sent && !has_waiting_.exchange(true)) wake();
  return ok();
}

void ZeroMqTransport::stop() {
  {
    std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake();
  if (reader_.joinable()) reader_.join();
  drain();
  {
    std::lock_guard lock(mutex_);
    links_.clear();
  }
  router_.reset();
  context_.reset();  // waits, at most `linger`, for sent frames to leave
}

void ZeroMqTransport::wake() {
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then the reader is about to wake anyway.
  [[maybe_unused]] const auto written = write(wake_, &one, sizeof one);
}

void ZeroMqTransport::read() {
  RejectionLog rejections;
  milliseconds retry = kRetry;
  while (!is_stopping_) {
    zmq_pollitem_t items[] = {{router_.get(), 0, ZMQ_POLLIN, 0}, {nullptr, wake_, ZMQ_POLLIN, 0}};
    zmq_poll(items, 2, has_waiting_ ? retry.count() : -1);
    if ((items[1].revents & ZMQ_POLLIN) != 0) {
      std::uint64_t ignored = 0;
      [[maybe_unused]] const auto bytes = ::read(wake_, &ignored, sizeof ignored);
    }
    if ((items[0].revents & ZMQ_POLLIN) != 0) read_round(rejections);
    // Cleared first: a sender whose frame comes to wait meanwhile sets it again.
    if (!has_waiting_.exchange(false)) continue;
    const Drained drained = drain();
    if (drained.still_waiting) has_waiting_ = true;
    retry = drained.has_sent ? kRetry : std::min(2 * retry, kRetryMax);
  }
}

void ZeroMqTransport::read_round(RejectionLog& rejections) {
  for (int i = 0; i < kReadsPerRound && !is_stopping_; ++i) {
    Message route;  // the ROUTER's name for the connection: nothing is ever sent back on it
    if (zmq_msg_recv(route.get(), router_.get(), ZMQ_DONTWAIT) < 0) return;
    Message frame;
    int parts = 0;
    while (zmq_msg_more(parts == 0 ? route.get() : frame.get()) != 0) {
      if (zmq_msg_recv(frame.get(), router_.get(), ZMQ_DONTWAIT) < 0) break;
      ++parts;
    }
    if (parts == 1)
      read_one(std::move(frame), rejections);
    else
      rejections.add(rejected("parts", std::to_string(parts) + " parts; a frame has one"),
                     parts == 0 ? route : frame);
  }
}

void ZeroMqTransport::read_one(Message frame, RejectionLog& rejections) {
  auto envelope = open(frame.bytes());
  const Status received =
      envelope ? receive_(*std::move(envelope), frame.size()) : Status(std::move(envelope).error());
  if (!received) rejections.add(received.error(), frame);
}

Drained ZeroMqTransport::drain() {
  std::vector<std::shared_ptr<Link>> links;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [peer, link] : links_) links.push_back(link);
  }
  Drained drained;
  for (const auto& link : links) {
    drained |= link->control.drain();
    drained |= link->bulk.drain();
  }
  return drained;
}

Result<Socket> bound_router(const Context& context, const std::string& endpoint) {
  Socket router(zmq_socket(context.get(), ZMQ_ROUTER));
  if (!router) return zmq_error("no socket for " + endpoint);
  set_option(router, ZMQ_ROUTER_MANDATORY, 1);  // were it ever to send, silence is not an answer
  const std::int64_t max_bytes = kMaxFrameBytes;
  CONDUIT_CHECK(zmq_setsockopt(router.get(), ZMQ_MAXMSGSIZE, &max_bytes, sizeof max_bytes) == 0,
                "libzmq refuses a socket option");
  set_option(router, ZMQ_RCVHWM, kHighWaterMark);
  set_option(router, ZMQ_LINGER, 0);
  keep_alive(router);
  if (zmq_bind(router.get(), endpoint.c_str()) != 0) return zmq_error("listening on " + endpoint);
  return router;
}

}  // namespace

Result<std::unique_ptr<Transport>> listen(const std::string& endpoint,
                                          const TransportLimits& limits) {
  CONDUIT_TRY(const std::string wanted, listen_endpoint(endpoint));
  Context context(zmq_ctx_new());
  CONDUIT_CHECK(context != nullptr, "no ZeroMQ context");
  zmq_ctx_set(context.get(), kZeroCopyReceive, 0);
  CONDUIT_TRY(Socket router, bound_router(context, wanted));
  char real[256];  // longer than any tcp endpoint
  std::size_t size = sizeof real;
  if (zmq_getsockopt(router.get(), ZMQ_LAST_ENDPOINT, real, &size) != 0)
    return zmq_error("listening on " + wanted);
  return std::unique_ptr<Transport>(
      new ZeroMqTransport(std::move(context), std::move(router), real, limits));
}

}  // namespace conduit::cluster
