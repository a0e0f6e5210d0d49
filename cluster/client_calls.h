// What a client's calls stand on: the reader of a call that blocks, and those that keep a Call's
// promise. Not installed: client.h names none of it.
// The idea: the actors' threads put down, under a mutex, what they are told; whoever waits takes
// it. A call is ended by its last reply, its first error, or its Call, whichever comes first.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "actors/messages.h"
#include "actors/stream.h"
#include "cluster/client.h"
#include "cluster/gateway/router_query.h"

namespace conduit {

// A model may have to be loaded first, and others' long texts may be before this one.
inline constexpr std::chrono::minutes kTextTimeout{10};
// Of one call: what an engine's batch takes at once, with some to wait for the next step.
inline constexpr std::size_t kTextsUnderWay = 32;

// An ended stream as its asker's result.
Result<ChatAnswer> answer_of(std::string text, const actors::Finished& finished);

// What the stream's actor puts down and the calling thread takes.
class Inbox {
 public:
  void put(const actors::TokenChunk& chunk) {
    std::lock_guard lock(mutex_);
    texts_.push_back(chunk.text);
    changed_.notify_one();
  }
  void finish(const actors::Finished& finished) {
    std::lock_guard lock(mutex_);
    finished_ = finished;
    changed_.notify_one();
  }

  // The next piece of text; nothing: it is finished.
  std::optional<std::string> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !texts_.empty() || finished_; });
    if (texts_.empty()) return std::nullopt;
    std::string text = std::move(texts_.front());
    texts_.pop_front();
    return text;
  }
  actors::Finished finished() {
    std::lock_guard lock(mutex_);
    return *finished_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> texts_;
  std::optional<actors::Finished> finished_;
};

// An answer that nobody waits for: its stream's actor hands the text over and keeps the promise.
class Answering : public std::enable_shared_from_this<Answering> {
 public:
  explicit Answering(Client::OnText on_text) : on_text_(std::move(on_text)) {}

  Call<ChatAnswer> start(caf::actor_system& system, const actors::RouterActor& router,
                         actors::GenerateRequest request, const std::stop_token& cancel) {
    std::stop_source own;
    Call<ChatAnswer> call(promise_.get_future(), own);
    std::lock_guard lock(mutex_);  // a first chunk waits until its stream is known
    auto self = shared_from_this();
    stream_ = actors::Stream::start(
        system, router, std::move(request),
        {.on_chunk = [self](const actors::TokenChunk& chunk) { self->take(chunk); },
         .on_finished = [self](const actors::Finished& finished) { self->finish(finished); }});
    // Either ends it: the caller's token, or the Call.
    const auto stop = [stream = *stream_]() mutable { stream.cancel(); };
    on_cancel_.emplace(cancel, stop);
    on_call_.emplace(own.get_token(), stop);
    return call;
  }

 private:
  using OnStop = std::stop_callback<std::function<void()>>;

  void take(const actors::TokenChunk& chunk) {
    std::lock_guard lock(mutex_);
    if (on_text_ && !chunk.text.empty()) on_text_(chunk.text);
    text_ += chunk.text;
    stream_->grant(1);
  }
  void finish(const actors::Finished& finished) {
    std::lock_guard lock(mutex_);
    promise_.set_value(answer_of(std::move(text_), finished));
  }

  std::mutex mutex_;
  const Client::OnText on_text_;
  std::string text_;
  std::promise<Result<ChatAnswer>> promise_;
  std::optional<actors::Stream> stream_;
  std::optional<OnStop> on_cancel_, on_call_;
};

// Texts that become numbers, some of them under way at a time; their last reply, or the first
// error, keeps the promise.
template <class T>
class Pooling : public std::enable_shared_from_this<Pooling<T>> {
 public:
  using Collect = T (*)(std::vector<actors::PoolReply>&);

  Pooling(caf::actor_system& system, actors::RouterActor router,
          std::vector<actors::PoolRequest> texts, Collect collect)
      : system_(system),
        router_(std::move(router)),
        texts_(std::move(texts)),
        collect_(collect),
        replies_(texts_.size()) {}

  Call<T> start() {
    std::stop_source cancel;
    Call<T> call(promise_.get_future(), cancel);
    on_cancel_.emplace(cancel.get_token(), [weak = this->weak_from_this()] {
      if (auto self = weak.lock()) self->finish(Error{Code::cancelled, "the call was cancelled"});
    });
    if (texts_.empty()) finish(collect_(replies_));
    for (std::size_t i = 0; i < kTextsUnderWay; ++i) ask_next();
    return call;
  }

 private:
  void ask_next() {
    std::unique_lock lock(mutex_);
    if (is_over_ || next_ == texts_.size()) return;
    const std::size_t text = next_++;
    lock.unlock();
    cluster::ask_router<actors::PoolReply>(
        system_, router_, std::move(texts_[text]),
        [self = this->shared_from_this(), text](Result<actors::PoolReply> reply) {
          self->take(text, std::move(reply));
        },
        kTextTimeout);
  }

  void take(std::size_t text, Result<actors::PoolReply> reply) {
    if (!reply) return finish(reply.error());
    std::unique_lock lock(mutex_);
    if (is_over_) return;
    replies_[text] = *std::move(reply);
    const bool is_last = ++answered_ == replies_.size();
    lock.unlock();
    is_last ? finish(collect_(replies_)) : ask_next();
  }

  void finish(Result<T> result) {
    std::unique_lock lock(mutex_);
    if (std::exchange(is_over_, true)) return;
    lock.unlock();
    promise_.set_value(std::move(result));
  }

  caf::actor_system& system_;
  const actors::RouterActor router_;
  std::vector<actors::PoolRequest> texts_;  // each moved from when it is asked
  const Collect collect_;
  std::promise<Result<T>> promise_;
  std::optional<std::stop_callback<std::function<void()>>> on_cancel_;

  std::mutex mutex_;
  std::vector<actors::PoolReply> replies_;
  std::size_t next_ = 0;
  std::size_t answered_ = 0;
  bool is_over_ = false;
};

}  // namespace conduit
