// The routes on a server.
#include "cluster/gateway/gateway.h"

#include <utility>

#include "cluster/gateway/routes.h"
#include "mdl/base/log.h"
#include "provisioning/http_server.h"

namespace conduit::cluster {

namespace {

// For answers whose replica has just ended, and for the last bytes of all.
constexpr std::chrono::milliseconds kFlushTime{1'000};

// Refused before there was a request that a route could answer.
std::string refusal_body(const provisioning::HttpRefusal& refusal) {
  count_request("refused", refusal.status);
  log::info("request refused",
            {{"status", refusal.status}, {"reason", refusal.message}, {"peer", refusal.peer}});
  return json::dump(error_object({refusal.status, refusal.message, "", ""}));
}

}  // namespace

struct Gateway::Parts {
  Routes routes;
  std::unique_ptr<provisioning::HttpServer> server;  // last: its threads use the routes
};

Gateway::Gateway(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Gateway::~Gateway() = default;

Result<std::unique_ptr<Gateway>> Gateway::start(caf::actor_system& system,
                                                actors::RouterActor router,
                                                GatewayOptions options) {
  auto parts = std::unique_ptr<Parts>(new Parts{{system, std::move(router), options}, nullptr});
  provisioning::HttpServerOptions http;
  http.host = options.host;
  http.port = options.port;
  http.threads = options.http_threads;
  http.refusal_body = refusal_body;
  auto handler = [routes = &parts->routes](provisioning::HttpRequest request,
                                           provisioning::Responder responder) {
    routes->handle(request, std::move(responder));
  };
  CONDUIT_TRY(parts->server, provisioning::HttpServer::start(std::move(http), std::move(handler)));
  return std::unique_ptr<Gateway>(new Gateway(std::move(parts)));
}

std::uint16_t Gateway::port() const { return parts_->server->port(); }

void Gateway::show_cluster(const std::string& endpoint, const MembershipActor& membership) {
  parts_->routes.show_cluster(endpoint, membership);
}

bool Gateway::drain(std::chrono::milliseconds bound, const std::stop_token& cut) {
  parts_->routes.begin_drain();
  return parts_->routes.open_answers().wait_until_none(bound, cut);
}

void Gateway::stop() {
  parts_->routes.begin_drain();
  (void)parts_->routes.open_answers().wait_until_none(kFlushTime);
  parts_->server->stop(kFlushTime);
}

void Gateway::set_api_key(std::string key) { parts_->routes.set_api_key(std::move(key)); }

}  // namespace conduit::cluster
