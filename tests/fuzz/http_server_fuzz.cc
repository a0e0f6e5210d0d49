// HttpServer over any bytes, as a client sends them that then closes: it answers or closes, and the
// next client is served by the same server.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "mdl/base/check.h"
#include "provisioning/http_server.h"
#include "tests/support/raw_client.h"

namespace {

using namespace conduit;  // the program's own file

provisioning::HttpServer& server() {
  static const auto instance = [] {
    provisioning::HttpServerOptions options;
    options.body_bytes = 1000;
    auto started = provisioning::HttpServer::start(
        options, [](const provisioning::HttpRequest& request, const provisioning::Responder& to) {
          CONDUIT_CHECK(request.body.size() <= 1000, "the limit holds");
          to.respond(200, {{"X-Path", request.path}}, request.body);
        });
    CONDUIT_CHECK(started, "no free port");
    return *std::move(started);
  }();
  return *instance;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  testing::RawClient client(server().port());
  client.send({reinterpret_cast<const char*>(data), size});
  client.finish_sending();
  client.read_until_closed();
  return 0;
}
