// The table of paths, and a handler for each.
#include "cluster/gateway/routes.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "cluster/gateway/generation.h"
#include "cluster/gateway/metrics_text.h"
#include "cluster/gateway/openapi.h"
#include "cluster/gateway/page.h"
#include "cluster/gateway/pooling.h"
#include "cluster/gateway/router_query.h"
#include "mdl/base/metrics.h"

namespace conduit::cluster {

namespace {

using provisioning::HttpRequest;

// A router that is silent for longer is stuck itself; probes have little patience.
constexpr std::chrono::milliseconds kProbePatience{2'000};

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

// By probes, Prometheus and open pages, every few seconds for as long as the node lives.
bool is_polled(std::string_view path) {
  return path == "/health" || path == "/ready" || path == "/status" || path == "/metrics";
}

// The body as JSON; nothing after it was answered with 400.
std::optional<json::Value> parsed_body(const HttpRequest& request, HttpAnswer& answer) {
  auto body = json::parse(request.body);
  if (body) return *std::move(body);
  answer.error(invalid_request("", "the body is not valid JSON: " + body.error().message));
  return std::nullopt;
}

json::Value listed_model(const std::string& name, std::time_t created) {
  return json::Object{
      {"id", name}, {"object", "model"}, {"created", created}, {"owned_by", "conduit"}};
}

}  // namespace

Routes::Routes(caf::actor_system& system, actors::RouterActor router, const GatewayOptions& options)
    : system_(system), router_(std::move(router)), options_(options), watch_(system, router_) {
  facts_.name = options_.node;
  facts_.version = options_.version;
  api_key_ = options_.api_key;
}

void Routes::set_api_key(std::string key) {
  std::lock_guard lock(mutex_);
  api_key_ = std::move(key);
}

bool Routes::is_let_in(const HttpRequest& request) {
  std::lock_guard lock(mutex_);
  return has_key(request, api_key_);
}

const std::vector<Routes::Route>& Routes::table() {
  static const auto rerank_schema = [] { return schema_of(rerank_fields); };
  static const std::vector<Route> routes{
      {"POST", "/v1/chat/completions", false, true, &Routes::chat, "Continue a chat",
       [] { return schema_of(chat_fields); }},
      {"POST", "/v1/completions", false, true, &Routes::completion, "Continue a text",
       [] { return schema_of(completion_fields); }},
      {"POST", "/v1/embeddings", false, true, &Routes::embeddings, "Texts as vectors",
       [] { return schema_of(embeddings_fields); }},
      {"POST", "/v1/rerank", false, true, &Routes::rerank, "Documents by how they fit a query",
       rerank_schema},
      {"POST", "/v2/rerank", false, true, &Routes::rerank, "The same, as Cohere's clients ask",
       rerank_schema},
      {"POST", "/rerank", false, true, &Routes::rerank, "The same", rerank_schema},
      {"POST", "/tokenize", false, true, &Routes::tokenize, "The tokens of a text or chat",
       [] { return schema_of(tokenize_fields); }},
      {"POST", "/detokenize", false, true, &Routes::detokenize, "The text of tokens",
       [] { return schema_of(detokenize_fields); }},
      {"GET", "/v1/models", false, false, &Routes::models, "What is served"},
      {"GET", "/v1/models/", false, false, &Routes::model, "One of them"},
      {"GET", "/health", true, false, &Routes::health, "Every model ready and making progress"},
      {"GET", "/ready", true, false, &Routes::ready, "Every model ready, and taking requests"},
      {"GET", "/status", false, false, &Routes::status, "Nodes, models, replicas, devices"},
      {"GET", "/metrics", false, false, &Routes::metrics, "For Prometheus"},
      {"GET", "/version", false, false, &Routes::version, "Of the server"},
      {"GET", "/openapi.json", false, false, &Routes::openapi, "This description"},
      {"GET", "/", true, false, &Routes::page, "A chat and the node's state, for a browser"},
      {"GET", "/page/", true, false, &Routes::page, "The page's other files"},
  };
  return routes;
}

void Routes::show_cluster(const std::string& endpoint, const MembershipActor& membership) {
  std::lock_guard lock(mutex_);
  facts_.endpoint = endpoint;
  membership_ = membership;
}

const Routes::Route* Routes::find(std::string_view path) {
  const std::vector<Route>& routes = table();
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
  auto answer =
      std::make_shared<HttpAnswer>(request, label, std::move(responder), open_, is_polled(label));
  if (!(route != nullptr && route->is_public) && !is_let_in(request))
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

void Routes::embeddings(const HttpRequest& request, Answer answer) {
  auto body = parsed_body(request, *answer);
  if (!body) return;
  EmbeddingsPlan plan;
  if (auto wrong = read_fields(*body, plan, embeddings_fields)) return answer->error(*wrong);
  answer_embeddings(system_, router_, std::move(plan), std::move(answer));
}

void Routes::rerank(const HttpRequest& request, Answer answer) {
  auto body = parsed_body(request, *answer);
  if (!body) return;
  RerankPlan plan;
  if (auto wrong = read_fields(*body, plan, rerank_fields)) return answer->error(*wrong);
  answer_rerank(system_, router_, std::move(plan), std::move(answer));
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
        for (const auto& entry : reply->models) data.push_back(listed_model(entry.name, created));
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
          if (entry.name == name) return answer->json(200, listed_model(name, created));
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

// Healthy: every model is ready and its engine, if it has work, makes progress. Draining is no
// illness. What is wrong is told by model.
void Routes::health(const HttpRequest&, Answer answer) {
  ask_router<actors::ModelsReply>(
      system_, router_, actors::ModelsQuery{},
      [answer, stuck = watch_.stuck_models()](Result<actors::ModelsReply> reply) {
        if (!reply) return answer->error({503, "the router does not answer", "", "unavailable"});
        json::Value ill = json::Object{};
        for (const auto& entry : reply->models)
          if (entry.expected && entry.ready == 0)
            ill.set(entry.name, entry.error.empty() ? "loading" : "failed: " + entry.error);
        for (const std::string& model : stuck) ill.set(model, "stuck: it makes no progress");
        if (ill.as_object().empty()) return answer->json(200, json::Object{{"status", "ok"}});
        answer->json(503, json::Object{{"status", "unhealthy"}, {"models", std::move(ill)}},
                     {{"Retry-After", "1"}});
      },
      kProbePatience);
}

void Routes::status(const HttpRequest&, Answer answer) {
  NodeFacts facts;
  MembershipActor membership;
  {
    std::lock_guard lock(mutex_);
    facts = facts_;
    membership = membership_;
  }
  look_at_node(system_, router_, membership, Whom::everybody,
               [answer, facts = std::move(facts)](Result<NodeSeen> seen) {
                 if (!seen) return answer->error(api_error(seen.error()));
                 answer->json(200, status_object(facts, *seen));
               });
}

void Routes::openapi(const HttpRequest&, Answer answer) {
  std::vector<DescribedRoute> described;
  for (const Route& route : table()) {
    if (route.handle == &Routes::page) continue;  // for people
    const bool may_stream = route.handle == &Routes::chat || route.handle == &Routes::completion;
    const bool is_text = route.handle == &Routes::metrics;
    described.push_back({route.method, route.path, route.summary,
                         is_text ? "text/plain" : "application/json", route.body_schema,
                         may_stream});
  }
  std::unique_lock lock(mutex_);
  const bool has_key = !api_key_.empty();
  lock.unlock();
  answer->json(200, openapi_document(described, options_.version, has_key));
}

void Routes::metrics(const HttpRequest&, Answer answer) {
  answer->text(200, with_vllm_names(conduit::metrics::text()),
               "text/plain; version=0.0.4; charset=utf-8");
}

void Routes::version(const HttpRequest&, Answer answer) {
  answer->json(200, json::Object{{"version", options_.version}});
}

void Routes::page(const HttpRequest& request, Answer answer) { answer_page(request, *answer); }

}  // namespace conduit::cluster
