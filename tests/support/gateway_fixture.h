// A gateway on a free port before a router that the test plays, and readers of its answers.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/gateway/gateway.h"
#include "mdl/base/json.h"
#include "tests/support/fake_router.h"
#include "tests/support/raw_client.h"

namespace conduit::testing {

inline json::Value parsed(const std::string& text) {
  auto value = json::parse(text);
  EXPECT_TRUE(value) << text;
  return value ? *value : json::Value();
}

// `path`: members and indices: "choices.0.text".
inline json::Value at(const json::Value& value, std::string_view path) {
  const auto dot = path.find('.');
  const std::string step(path.substr(0, dot));
  const json::Value* found = value.find(step);
  if (value.is_array()) found = &value.as_array().at(std::stoul(step));
  if (found == nullptr) return "absent: " + step;
  return dot == path.npos ? *found : at(*found, path.substr(dot + 1));
}

// The data of each event; the last must be [DONE].
inline std::vector<json::Value> events(const std::string& body) {
  std::vector<json::Value> out;
  std::size_t start = 0, end;
  while ((end = body.find("\n\n", start)) != std::string::npos) {
    const std::string data = body.substr(start + 6, end - start - 6);
    EXPECT_EQ(body.substr(start, 6), "data: ");
    start = end + 2;
    if (data == "[DONE]") break;
    out.push_back(parsed(data));
  }
  EXPECT_EQ(body.substr(start), "") << "bytes after [DONE]";
  EXPECT_NE(body.find("data: [DONE]\n\n"), std::string::npos);
  return out;
}

// Its model is the test.
class GatewayFixture : public ::testing::Test {
 protected:
  void SetUp() override { start({}); }

  void start(cluster::GatewayOptions options) {
    gateway_.reset();
    options.port = 0;
    options.version = "1.2.3";
    auto started = cluster::Gateway::start(system_, router_.actor(), std::move(options));
    ASSERT_TRUE(started) << started.error().message;
    gateway_ = *std::move(started);
  }

  RawResponse ask(const std::string& request) {
    RawClient client(gateway_->port());
    client.send(request);
    return client.read_response();
  }
  RawResponse post(std::string_view path, std::string_view body) {
    return ask(http_request(path, body));
  }
  // A refusal: its status, and the object under "error".
  std::pair<int, json::Value> refused(std::string_view path, std::string_view body) {
    auto response = post(path, body);
    return {response.status, at(parsed(response.body), "error")};
  }

  // Plain members in this order: the gateway goes first, the system last.
  struct Config : caf::actor_system_config {
    Config() { actors::configure(*this, 2); }
  };
  Config config_;
  caf::actor_system system_{config_};
  FakeRouter router_{system_};
  std::unique_ptr<cluster::Gateway> gateway_;
};

}  // namespace conduit::testing
