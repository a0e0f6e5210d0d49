// Routes: which path does what, and what stands before each: method, key, drain.
// The idea: a table of paths and handlers; a handler checks its body and either asks the router or
// starts a generation, and returns at once. Any of the server's threads.
#pragma once

#include <atomic>
#include <ctime>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/messages.h"
#include "cluster/gateway/gateway.h"
#include "cluster/gateway/http_answer.h"
#include "cluster/gateway/node_view.h"
#include "cluster/gateway/openai_request.h"
#include "provisioning/http_server.h"

namespace conduit::cluster {

class Routes {
 public:
  Routes(caf::actor_system& system, actors::RouterActor router, const GatewayOptions& options);

  void handle(const provisioning::HttpRequest& request, provisioning::Responder responder);
  // From now on what makes work gets 503.
  void begin_drain() { is_draining_ = true; }
  OpenAnswers& open_answers() { return *open_; }
  void set_api_key(std::string key);
  // The node is one of several from now on.
  void show_cluster(const std::string& endpoint, const MembershipActor& membership);

 private:
  using HttpRequest = provisioning::HttpRequest;
  using Answer = std::shared_ptr<HttpAnswer>;
  using PlanReader = std::optional<ApiError> (*)(const json::Value&, AnswerPlan&);
  struct Route {
    std::string_view method;
    std::string_view path;  // one that ends in a slash stands for all below it
    bool is_public;         // needs no key: probes cannot carry one
    bool is_work;           // refused while draining
    void (Routes::*handle)(const HttpRequest&, Answer);
    std::string_view summary;
    json::Value (*body_schema)() = nullptr;
  };
  static const std::vector<Route>& table();
  static const Route* find(std::string_view path);
  bool is_let_in(const HttpRequest& request);

  void chat(const HttpRequest& request, Answer answer);
  void completion(const HttpRequest& request, Answer answer);
  void generate(const HttpRequest& request, Answer answer, PlanReader read);
  void embeddings(const HttpRequest& request, Answer answer);
  void rerank(const HttpRequest& request, Answer answer);
  void tokenize(const HttpRequest& request, Answer answer);
  void detokenize(const HttpRequest& request, Answer answer);
  void models(const HttpRequest& request, Answer answer);
  void model(const HttpRequest& request, Answer answer);
  void ready(const HttpRequest& request, Answer answer);
  void health(const HttpRequest& request, Answer answer);
  void metrics(const HttpRequest& request, Answer answer);
  void status(const HttpRequest& request, Answer answer);
  void openapi(const HttpRequest& request, Answer answer);
  void version(const HttpRequest& request, Answer answer);
  void page(const HttpRequest& request, Answer answer);

  caf::actor_system& system_;
  const actors::RouterActor router_;
  const GatewayOptions options_;
  const std::time_t started_ = std::time(nullptr);
  const std::shared_ptr<OpenAnswers> open_ = std::make_shared<OpenAnswers>();
  std::atomic<bool> is_draining_ = false;
  HealthWatch watch_;
  std::mutex mutex_;  // of what follows
  std::string api_key_;
  NodeFacts facts_;
  MembershipActor membership_;
};

}  // namespace conduit::cluster
