// OpenAI's JSON, as far as a chat in a terminal needs it.
#include "provisioning/openai_client.h"

#include <utility>

#include "provisioning/event_stream.h"

namespace conduit::provisioning {

namespace {

// The text under a path of members, if it is there.
const std::string* text_at(const json::Value* value, std::initializer_list<std::string_view> path) {
  for (const std::string_view key : path) value = value ? value->find(key) : nullptr;
  return value != nullptr && value->is_string() ? &value->as_string() : nullptr;
}

Code code_of_status(int status) {
  switch (status) {
    case 400:
    case 401:
    case 403:
    case 422: return Code::invalid_argument;
    case 404: return Code::not_found;
    case 413:
    case 429: return Code::exhausted;
    case 502:
    case 503:
    case 504: return Code::unavailable;
    default: return Code::internal;
  }
}

// {"error": {"message": …}}, or whatever else came with the status.
Error server_error(const HttpReply& reply) {
  const auto body = json::parse(reply.body);
  const std::string* message = body ? text_at(&*body, {"error", "message"}) : nullptr;
  return Error{code_of_status(reply.status), (message ? *message : "the server sent no reason") +
                                                 " (HTTP status " + std::to_string(reply.status) +
                                                 ")"};
}

json::Value body_of(const ChatCall& call) {
  json::Value body =
      json::Object{{"model", call.model}, {"messages", call.messages}, {"stream", true}};
  if (call.temperature) body.set("temperature", *call.temperature);
  if (call.max_tokens) body.set("max_tokens", *call.max_tokens);
  return body;
}

// One event: a piece of text, the finish reason, or an error that came too late for a status.
Status take_event(std::string_view data, std::string& finish_reason,
                  const std::function<void(const ChatPiece&)>& on_piece) {
  if (data == "[DONE]") return ok();
  CONDUIT_TRY(const json::Value event, json::parse(data));
  if (const std::string* message = text_at(&event, {"error", "message"}))
    return Error{Code::internal, *message};
  const json::Value* choices = event.find("choices");
  if (choices == nullptr || !choices->is_array())
    return Error{Code::corrupt, "an event without choices: not a chat of OpenAI's API"};
  for (const json::Value& choice : choices->as_array()) {
    const auto pass_on = [&](std::string_view key, bool is_thought) {
      const std::string* text = text_at(&choice, {"delta", key});
      if (text != nullptr && !text->empty()) on_piece({*text, is_thought});
    };
    pass_on("reasoning_content", true);
    pass_on("content", false);
    if (const std::string* reason = text_at(&choice, {"finish_reason"})) finish_reason = *reason;
  }
  return ok();
}

}  // namespace

OpenAiClient::OpenAiClient(std::string url, std::string api_key)
    : base_(std::move(url)), api_key_(std::move(api_key)) {
  while (base_.ends_with('/')) base_.pop_back();
  if (!base_.ends_with("/v1")) base_ += "/v1";
}

Result<HttpReply> OpenAiClient::send(HttpCall call, const HttpSink& sink) {
  if (!api_key_.empty()) call.headers.emplace_back("Authorization", "Bearer " + api_key_);
  CONDUIT_TRY(HttpReply reply, http_.send(call, sink));
  if (reply.status < 200 || reply.status >= 300) return server_error(reply);
  return reply;
}

Result<std::vector<std::string>> OpenAiClient::models() {
  HttpCall call;
  call.url = base_ + "/models";
  CONDUIT_TRY(const HttpReply reply, send(std::move(call)));
  CONDUIT_TRY(const json::Value body, json::parse(reply.body));
  const json::Value* data = body.find("data");
  if (data == nullptr || !data->is_array())
    return Error{Code::corrupt, base_ + "/models: not a list of OpenAI's API"};
  std::vector<std::string> names;
  for (const json::Value& model : data->as_array())
    if (const std::string* id = text_at(&model, {"id"})) names.push_back(*id);
  return names;
}

Result<std::string> OpenAiClient::chat(const ChatCall& call,
                                       const std::function<void(const ChatPiece&)>& on_piece) {
  HttpCall http;
  http.method = "POST";
  http.url = base_ + "/chat/completions";
  http.headers = {{"Content-Type", "application/json"}, {"Accept", "text/event-stream"}};
  http.body = json::dump(body_of(call));
  http.cancelled = call.cancelled;
  EventStream events;
  std::string finish_reason;
  const auto on_event = [&](std::string_view data) {
    return take_event(data, finish_reason, on_piece);
  };
  const auto sink = [&](std::string_view piece) { return events.feed(piece, on_event); };
  CONDUIT_TRY(const HttpReply reply, send(std::move(http), sink));
  if (finish_reason.empty()) return Error{Code::unavailable, "the answer broke off before its end"};
  return finish_reason;
}

}  // namespace conduit::provisioning
