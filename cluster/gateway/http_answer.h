// HttpAnswer: a Responder that knows its request: id, JSON, events, and one line in the access log.
// The idea: however an answer ends (whole, streamed, refused, client gone, forgotten), it is
// concluded exactly once, and that is where it is logged, counted and taken off the open ones that
// a drain waits for. Any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "cluster/gateway/api_error.h"
#include "mdl/base/json.h"
#include "provisioning/http_server.h"

namespace conduit::cluster {

// The answers that a drain waits for.
class OpenAnswers {
 public:
  void begin();
  void end();
  // True: there are none; false: `bound` is over, or `cut` is asked for.
  bool wait_until_none(std::chrono::milliseconds bound, const std::stop_token& cut = {});

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::size_t count_ = 0;
};

// What the access log tells of a generation.
struct AnswerUsage {
  std::string model;
  std::uint64_t prompt_tokens = 0;
  std::uint64_t completion_tokens = 0;
};

class HttpAnswer {
 public:
  using Clock = std::chrono::steady_clock;

  // `route`: the path's pattern, a label of few values. The request id is the client's own
  // X-Request-Id where that is sane, else a new one. `is_polled`: asked so often, by machines, that
  // what went well is a line at the debug level only.
  HttpAnswer(const provisioning::HttpRequest& request, std::string route,
             provisioning::Responder responder, std::shared_ptr<OpenAnswers> open,
             bool is_polled = false);
  ~HttpAnswer();  // 500 when nothing was answered
  HttpAnswer(const HttpAnswer&) = delete;
  HttpAnswer& operator=(const HttpAnswer&) = delete;

  const std::string& id() const { return id_; }
  Clock::time_point started() const { return started_; }

  void json(int status, const json::Value& body, provisioning::HttpHeaders headers = {});
  void text(int status, std::string body, std::string content_type,
            provisioning::HttpHeaders headers = {});
  void error(const ApiError& error, provisioning::HttpHeaders headers = {});

  // Server-sent events: `data: …`, and `data: [DONE]` at the end.
  void begin_events();
  void event(const json::Value& data, std::function<void()> on_written = {});
  void end_events();

  // Called once if the client leaves first; the answer is concluded then.
  void on_disconnect(std::function<void()> callback);
  void disconnected();
  // For the log; before the answer is concluded.
  void set_usage(AnswerUsage usage);

 private:
  provisioning::HttpHeaders with_id(provisioning::HttpHeaders headers) const;
  bool conclude(int status);  // false: it was before

  const provisioning::Responder responder_;
  const std::shared_ptr<OpenAnswers> open_;
  const Clock::time_point started_ = Clock::now();
  const std::string method_, path_, route_, peer_, id_;
  const bool is_polled_;
  std::mutex mutex_;
  bool is_concluded_ = false;
  AnswerUsage usage_;
};

// Also counts what the HTTP server refused before there was an answer object.
void count_request(const std::string& route, int status);

}  // namespace conduit::cluster
