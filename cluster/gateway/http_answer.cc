// Request ids, headers, events, the access log.
#include "cluster/gateway/http_answer.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <random>
#include <utility>

#include "mdl/base/log.h"
#include "mdl/base/metrics.h"

namespace conduit::cluster {

namespace {

// Of a client's own request id: a UUID has 36 characters, trace ids up to 64.
constexpr std::size_t kMaxRequestIdLength = 128;
// nginx's status for a client that left before its answer; it is never sent.
constexpr int kClientLeft = 499;

bool is_sane_id(std::string_view id) {
  return !id.empty() && id.size() <= kMaxRequestIdLength &&
         std::all_of(id.begin(), id.end(), [](unsigned char c) {
           return std::isalnum(c) || c == '-' || c == '_' || c == '.' || c == ':';
         });
}

std::string random_id() {
  std::random_device random;
  char text[33];
  std::snprintf(text, sizeof text, "%08x%08x%08x%08x", random(), random(), random(), random());
  return text;
}

std::string request_id(const provisioning::HttpRequest& request) {
  const std::string_view own = request.header("X-Request-Id");
  return is_sane_id(own) ? std::string(own) : random_id();
}

double seconds_since(HttpAnswer::Clock::time_point start) {
  return std::chrono::duration<double>(HttpAnswer::Clock::now() - start).count();
}

}  // namespace

void count_request(const std::string& route, int status) {
  metrics::counter("conduit_http_requests_total", "HTTP requests answered",
                   {{"path", route}, {"status", std::to_string(status)}})
      .increment();
}

void OpenAnswers::begin() {
  std::lock_guard lock(mutex_);
  ++count_;
}

void OpenAnswers::end() {
  std::lock_guard lock(mutex_);
  --count_;
  changed_.notify_all();
}

bool OpenAnswers::wait_until_none(std::chrono::milliseconds bound, const std::stop_token& cut) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, cut, bound, [this] { return count_ == 0; });
}

HttpAnswer::HttpAnswer(const provisioning::HttpRequest& request, std::string route,
                       provisioning::Responder responder, std::shared_ptr<OpenAnswers> open,
                       bool is_polled)
    : responder_(std::move(responder)),
      open_(std::move(open)),
      method_(request.method),
      path_(request.path),
      route_(std::move(route)),
      peer_(request.peer),
      id_(request_id(request)),
      is_polled_(is_polled) {
  open_->begin();
}

HttpAnswer::~HttpAnswer() { error({500, "the request was given up without an answer", "", ""}); }

void HttpAnswer::json(int status, const json::Value& body, provisioning::HttpHeaders headers) {
  text(status, json::dump(body), "application/json", std::move(headers));
}

void HttpAnswer::text(int status, std::string body, std::string content_type,
                      provisioning::HttpHeaders headers) {
  if (!conclude(status)) return;
  headers.emplace_back("Content-Type", std::move(content_type));
  responder_.respond(status, with_id(std::move(headers)), std::move(body));
}

void HttpAnswer::error(const ApiError& error, provisioning::HttpHeaders headers) {
  if (error.status == 429 || error.status == 503) headers.emplace_back("Retry-After", "1");
  json(error.status, error_object(error), std::move(headers));
}

void HttpAnswer::begin_events() {
  responder_.begin_stream(200, with_id({{"Content-Type", "text/event-stream; charset=utf-8"},
                                        {"Cache-Control", "no-cache"},
                                        {"X-Accel-Buffering", "no"}}));  // proxies: pass it on
}

void HttpAnswer::event(const json::Value& data, std::function<void()> on_written) {
  responder_.write("data: " + json::dump(data) + "\n\n", std::move(on_written));
}

void HttpAnswer::end_events() {
  if (!conclude(200)) return;
  responder_.write("data: [DONE]\n\n");
  responder_.end();
}

void HttpAnswer::on_disconnect(std::function<void()> callback) {
  responder_.on_disconnect(std::move(callback));
}

void HttpAnswer::disconnected() { conclude(kClientLeft); }

void HttpAnswer::set_usage(AnswerUsage usage) {
  std::lock_guard lock(mutex_);
  usage_ = std::move(usage);
}

provisioning::HttpHeaders HttpAnswer::with_id(provisioning::HttpHeaders headers) const {
  headers.emplace_back("X-Request-Id", id_);
  return headers;
}

bool HttpAnswer::conclude(int status) {
  AnswerUsage usage;
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(is_concluded_, true)) return false;
    usage = usage_;
  }
  const double seconds = seconds_since(started_);
  count_request(route_, status);
  metrics::histogram("conduit_request_seconds", "From a request's last byte to its answer's",
                     {0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300}, {{"path", route_}})
      .observe(seconds);
  log::write(is_polled_ && status < 400 ? log::Level::debug : log::Level::info, "request",
             {{"id", id_},
              {"method", method_},
              {"path", path_},
              {"status", status},
              {"seconds", seconds},
              {"peer", peer_},
              {"model", usage.model},
              {"prompt_tokens", usage.prompt_tokens},
              {"completion_tokens", usage.completion_tokens}});
  open_->end();
  return true;
}

}  // namespace conduit::cluster
