// Frames in and out, and the counting of those that nobody has read yet.
#include "cluster/spine/registry.h"

#include "mdl/base/log.h"
#include "mdl/base/metrics.h"

namespace conduit::cluster {

namespace {

metrics::Counter& frames(const char* direction) {
  return metrics::counter("conduit_frames_total", "Frames from and to other nodes",
                          {{"direction", direction}});
}

bool is_hello(const wire::EnvelopeT& envelope) { return envelope.body.type == wire::Body::Hello; }

bool expects_answer(const wire::EnvelopeT& envelope) {
  return envelope.correlation != 0 && !envelope.is_reply;
}

}  // namespace

Registry::Registry(NodeId self, std::unique_ptr<Transport> transport, const MailboxLimits& limits)
    : self_(self), transport_(std::move(transport)), limits_(limits) {}

Registry::~Registry() { close(); }

void Registry::start() {
  transport_->start([this](wire::EnvelopeT envelope, std::size_t bytes) {
    return receive(std::move(envelope), bytes);
  });
}

void Registry::close() {
  {
    std::lock_guard lock(mutex_);
    is_closed_ = true;
  }
  room_.notify_all();
  transport_->stop();
  std::map<ActorId, Addressee> released;  // outside the lock: an actor that ends removes itself
  std::lock_guard lock(mutex_);
  released.swap(actors_);
  peers_.clear();
}

ActorId Registry::draw_number() {
  std::lock_guard lock(mutex_);
  return ++last_number_;
}

void Registry::add(ActorId number, const Addressee& actor) {
  {
    std::lock_guard lock(mutex_);
    if (is_closed_) return;
    actors_.insert_or_assign(number, actor);
  }
  actor->attach_functor([registry = shared_from_this(), number] { registry->remove(number); });
}

void Registry::remove(ActorId number) {
  Addressee released;
  std::lock_guard lock(mutex_);
  const auto found = actors_.find(number);
  if (found == actors_.end()) return;
  released = std::move(found->second);
  actors_.erase(found);
}

void Registry::add_peer(NodeId node, const std::string& endpoint) {
  std::lock_guard lock(mutex_);
  peers_[node] = endpoint;
}

void Registry::remove_peer(NodeId node) {
  std::lock_guard lock(mutex_);
  peers_.erase(node);
}

Status Registry::send(NodeId target, wire::EnvelopeT envelope, Priority priority) {
  std::string endpoint;
  {
    std::lock_guard lock(mutex_);
    const auto found = peers_.find(target);
    if (found == peers_.end()) return Error{Code::unavailable, "that node has left"};
    endpoint = found->second;
  }
  envelope.target_node = target;
  return transmit(endpoint, std::move(envelope), priority);
}

Status Registry::send_to_endpoint(const std::string& endpoint, wire::EnvelopeT envelope) {
  return transmit(endpoint, std::move(envelope), Priority::control);
}

Status Registry::transmit(const std::string& endpoint, wire::EnvelopeT envelope,
                          Priority priority) {
  envelope.source_node = self_;
  envelope.priority = static_cast<std::uint8_t>(priority);
  CONDUIT_TRY(Frame frame, pack(envelope));
  CONDUIT_TRY_STATUS(transport_->send(endpoint, std::move(frame), priority));
  static metrics::Counter& sent = frames("out");
  sent.increment();
  return ok();
}

void Registry::reply_with(const wire::EnvelopeT& question, wire::EnvelopeT answer,
                          Priority priority) {
  answer.source_actor = question.target_actor;
  answer.target_actor = question.source_actor;
  answer.correlation = question.correlation;
  answer.stream = question.stream;
  answer.is_reply = true;
  if (auto sent = send(question.source_node, std::move(answer), priority); !sent)
    log::warning("answer not sent", {{"reason", sent.error().message}});
}

void Registry::reply_failure(const wire::EnvelopeT& question, const Error& error) {
  wire::FailureT failure;
  failure.code = static_cast<std::uint8_t>(error.code);
  failure.message = error.message;
  reply(question, std::move(failure));
}

Status Registry::check_sender(const wire::EnvelopeT& envelope) {
  if (is_hello(envelope)) return ok();
  if (envelope.target_node != self_)
    return rejected("target", "for another node, or for one that ran at this endpoint before");
  std::lock_guard lock(mutex_);
  if (!peers_.contains(envelope.source_node))
    return rejected("stranger", "its sender has not said Hello, or has left");
  return ok();
}

Status Registry::receive(wire::EnvelopeT envelope, std::size_t bytes) {
  CONDUIT_TRY_STATUS(check_sender(envelope));
  static metrics::Counter& received = frames("in");
  received.increment();
  Addressee addressee;
  {
    std::lock_guard lock(mutex_);
    const ActorId number = is_hello(envelope) ? kMembership : envelope.target_actor;
    if (const auto found = actors_.find(number); found != actors_.end()) addressee = found->second;
  }
  if (addressee == nullptr) {
    if (expects_answer(envelope))
      reply_failure(envelope, Error{Code::unavailable, "the replica has ended"});
    return ok();  // otherwise the last words in a talk that is over here
  }
  auto room = take_room(bytes);
  if (room != nullptr)
    actors::tell_anonymously(addressee, Inbound{std::move(envelope), std::move(room)});
  return ok();
}

std::shared_ptr<const void> Registry::take_room(std::size_t bytes) {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [&] {
    const bool is_empty = frames_ == 0;  // then any one frame fits
    return is_closed_ || is_empty || (frames_ < limits_.frames && bytes_ + bytes <= limits_.bytes);
  });
  if (is_closed_) return nullptr;
  ++frames_;
  bytes_ += bytes;
  auto give_back = [registry = shared_from_this(), bytes](const void*) {
    registry->give_back_room(bytes);
  };
  return std::shared_ptr<const void>(this, std::move(give_back));
}

void Registry::give_back_room(std::size_t bytes) {
  {
    std::lock_guard lock(mutex_);
    --frames_;
    bytes_ -= bytes;
  }
  room_.notify_one();
}

}  // namespace conduit::cluster
