// The table of paths, and a handler for each.
#include "cluster/gateway/routes.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "cluster/gateway/generation.h"
#include "cluster/gateway/router_query.h"
#include "mdl/base/metrics.h"

namespace conduit::cluster {

namespace {

using provisioning::HttpRequest;

constexpr std::string_view kWelcome =
    "Conduit, an OpenAI-compatible server.\n"
    "  POST /v1/chat/completions  /v1/completions  /tokenize  /detokenize\n"
    "  GET  /v1/models  /health  /ready  /metrics  /version\n";

// Takes the same time wherever the texts differ, so that a key cannot be guessed byte by byte.
bool is_same_secret(std::string_view given, std::string_view secret) {
  unsigned char difference = given.size() == secret.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i)
    difference |= static_cast<unsigned char>(given[i] ^ secret[i % secret.size()]);
  return difference == 0;
}

bool has_key(const HttpRequest& request, const std::string& key) {
  static constexpr std::string_view kScheme = "Bearer ";
  const std::string_view given = request.header("Authorization");
  return key.empty() ||
         (given.starts_with(kScheme) && is_same_secret(given.substr(kScheme.size()), key));
}

// The body as JSON; nothing after it was answered with 400.
std::optional<json::Value> parsed_body(const HttpRequest& request, HttpAnswer& answer) {
  auto body = json::parse(request.body);
  if (body) return *std::move(body);
  answer.error(invalid_request("", "the body is not valid JSON: " + body.error().message));
  return std::nullopt;
}

json::Value model_object(const std::string& name, std::time_t created) {
  return json::Object{
      {"id", name}, {"object", "model"}, {"created", created}, {"owned_by", "conduit"}};
}

}  // namespace

Routes::Routes(caf::actor_system& system, actors::RouterActor router, const GatewayOptions& options)
    : system_(system), router_(std::move(router)), options_(options) {}

const Routes::Route* Routes::find(std::string_view path) {
  static const std::vector<Route> routes{
      {"POST", "/v1/chat/completions", false, true, &Routes::chat},
      {"POST", "/v1/completions", false, true, &Routes::completion},
      {"POST", "/tokenize", false, true, &Routes::tokenize},
      {"POST", "/detokenize", false, true, &Routes::detokenize},
      {"GET", "/v1/models", false, false, &Routes::models},
      {"GET", "/v1/models/", false, false, &Routes::model},
      {"GET", "/health", true, false, &Routes::health},
      {"GET", "/ready", true, false, &Routes::ready},
      {"GET", "/metrics", false, false, &Routes::metrics},
      {"GET", "/version", false, false, &Routes::version},
      {"GET", "/", false, false, &Routes::welcome},
  };
  const auto found = std::find_if(routes.begin(), routes.end(), [&](const Route& route) {
    const bool is_folder = route.path.size() > 1 && route.path.ends_with('/');
    return is_folder ? path.starts_with(route.path) : path == route.path;
  });
  return found == routes.end() ? nullptr : &*found;
}

void Routes::handle(const HttpRequest& request, provisioning::Responder responder) {
  const Route* route = find(request.path);
  // Unknown paths share a label, or a scanner would fill the metrics.
  const std::string label = route == nullptr ? "unknown" : std::string(route->path);
  auto answer = std::make_shared<HttpAnswer>(request, label, std::move(responder), open_);
  if (!(route != nullptr && route->is_public) && !has_key(request, options_.api_key))
    return answer->error({401, "the API key is missing or wrong", "", "invalid_api_key"},
                         {{"WWW-Authenticate", "Bearer"}});
  if (route == nullptr)
    return answer->error({404, "there is nothing at " + request.path, "", "unknown_url"});

  const bool is_get = route->method == "GET";
  const std::string allowed = is_get ? "GET, HEAD, OPTIONS" : "POST, OPTIONS";
  if (request.method == "OPTIONS") return answer->text(204, "", "text/plain", {{"Allow", allowed}});
  if (request.method != route->method && !(is_get && request.method == "HEAD"))
    return answer->error({405, request.path + " takes " + allowed + ", not " + request.method, "",
                          "method_not_allowed"},
                         {{"Allow", allowed}});
  if (route->is_work && is_draining_)
    return answer->error({503, "the node is shutting down", "", "draining"});
  (this->*route->handle)(request, std::move(answer));
}

// --- work

void Routes::chat(const HttpRequest& request, Answer answer) {
  generate(request, std::move(answer), read_chat);
}

void Routes::completion(const HttpRequest& request, Answer answer) {
  generate(request, std::move(answer), read_completion);
}

void Routes::generate(const HttpRequest& request, Answer answer, PlanReader read) {
  auto body = parsed_body(request, *answer);
  if (!body) return;
  AnswerPlan plan;
  if (auto wrong = read(*body, plan)) return answer->error(*wrong);
  for (auto& one : plan.requests)
    one.deadline_ms = static_cast<std::uint32_t>(options_.answer_timeout.count());
  Generation::start(system_, router_, std::move(plan), std::move(answer));
}

void Routes::tokenize(const HttpRequest& request, Answer answer) {
  auto body = parsed_body(request, *answer);
  if (!body) return;
  actors::TokenizeRequest query;
  if (auto wrong = read_tokenize(*body, query)) return answer->error(*wrong);
  ask_router<actors::TokenizeReply>(
      system_, router_, std::move(query), [answer](Result<actors::TokenizeReply> reply) {
        if (!reply) return answer->error(api_error(reply.error()));
        answer->json(
            200, json::Object{{"count", reply->tokens.size()},
                              {"max_model_len", reply->max_model_len},
                              {"tokens", json::Array(reply->tokens.begin(), reply->tokens.end())},
                              {"token_strs", nullptr}});
      });
}

void Routes::detokenize(const HttpRequest& request, Answer answer) {
  auto body = parsed_body(request, *answer);
  if (!body) return;
  actors::DetokenizeRequest query;
  if (auto wrong = read_detokenize(*body, query)) return answer->error(*wrong);
  ask_router<actors::DetokenizeReply>(system_, router_, std::move(query),
                                      [answer](Result<actors::DetokenizeReply> reply) {
                                        if (!reply) return answer->error(api_error(reply.error()));
                                        answer->json(200, json::Object{{"prompt", reply->text}});
                                      });
}

// --- what is here

void Routes::models(const HttpRequest&, Answer answer) {
  ask_router<actors::ModelsReply>(
      system_, router_, actors::ModelsQuery{},
      [answer, created = started_](Result<actors::ModelsReply> reply) {
        if (!reply) return answer->error(api_error(reply.error()));
        json::Array data;
        for (const auto& entry : reply->models) data.push_back(model_object(entry.name, created));
        answer->json(200, json::Object{{"object", "list"}, {"data", std::move(data)}});
      });
}

void Routes::model(const HttpRequest& request, Answer answer) {
  std::string name = request.path.substr(std::string_view("/v1/models/").size());
  ask_router<actors::ModelsReply>(
      system_, router_, actors::ModelsQuery{},
      [answer, name = std::move(name), created = started_](Result<actors::ModelsReply> reply) {
        if (!reply) return answer->error(api_error(reply.error()));
        for (const auto& entry : reply->models)
          if (entry.name == name) return answer->json(200, model_object(name, created));
        answer->error(api_error({Code::not_found, "the model " + name + " is not served here"}));
      });
}

// Ready: every model that this node should serve has a replica that has generated a token.
void Routes::ready(const HttpRequest&, Answer answer) {
  ask_router<actors::ModelsReply>(
      system_, router_, actors::ModelsQuery{},
      [answer, draining = is_draining_.load()](Result<actors::ModelsReply> reply) {
        if (!reply) return answer->error(api_error(reply.error()));
        bool is_ready = !draining && !reply->models.empty();
        json::Value replicas = json::Object{};
        for (const auto& entry : reply->models) {
          if (entry.expected && entry.ready == 0) is_ready = false;
          replicas.set(entry.name, entry.ready);
        }
        answer->json(is_ready ? 200 : 503, json::Object{{"ready", is_ready},
                                                        {"draining", draining},
                                                        {"replicas", std::move(replicas)}});
      });
}

void Routes::health(const HttpRequest&, Answer answer) {
  answer->json(200, json::Object{{"status", "ok"}});
}

void Routes::metrics(const HttpRequest&, Answer answer) {
  answer->text(200, conduit::metrics::text(), "text/plain; version=0.0.4; charset=utf-8");
}

void Routes::version(const HttpRequest&, Answer answer) {
  answer->json(200, json::Object{{"version", options_.version}});
}

void Routes::welcome(const HttpRequest&, Answer answer) {
  answer->text(200, std::string(kWelcome), "text/plain; charset=utf-8");
}

}  // namespace conduit::cluster
