// /health of a node whose device hangs: real actors, a real engine, and a step that does not end
// until the test lets it.
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "actors/device.h"
#include "actors/router.h"
#include "actors/stream.h"
#include "actors/supervisor.h"
#include "cluster/gateway/gateway.h"
#include "tests/support/actor_models.h"
#include "tests/support/raw_client.h"
#include "tests/support/shared_dir.h"

namespace conduit::cluster {
namespace {

using testing::http_request;
using testing::RawClient;
using testing::RawResponse;

// Closed, whoever passes waits.
class Gate {
 public:
  void set_open(bool is_open) {
    std::lock_guard lock(mutex_);
    is_open_ = is_open;
    changed_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_open_ = true;
};

class HealthTest : public ::testing::Test {
 protected:
  HealthTest() {
    const auto path = testing::write_tiny_hf_model(folder_.path() / "tiny");
    actors::ModelSpec spec{"tiny", path.string(), {}};
    spec.engine.max_model_len = 64;
    supervisor_ = actors::spawn_supervisor(
        system_,
        [this]() -> Result<actors::DeviceActor> {
          CONDUIT_TRY(auto cpu, kernels::make_cpu_device({.threads = 1, .instructions = "scalar"}));
          actors::DeviceOptions options;
          options.now = [gate = gate_] {  // asked before each step
            gate->pass();
            return std::chrono::steady_clock::now();
          };
          return spawn_device(system_, std::move(cpu), options);
        },
        router_, {spec});
    GatewayOptions options;
    options.port = 0;
    auto started = Gateway::start(system_, router_, options);
    EXPECT_TRUE(started);
    gateway_ = *std::move(started);
  }
  ~HealthTest() override {
    gate_->set_open(true);
    gateway_.reset();
    caf::anon_send_exit(supervisor_, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(router_, caf::exit_reason::user_shutdown);
  }

  RawResponse health() {
    RawClient client(gateway_->port());
    client.send(http_request("/health"));
    return client.read_response();
  }
  // The time is only a bound on waiting for a failure.
  RawResponse wait_for(int status) {
    RawResponse response;
    for (int i = 0; i < 600; ++i) {
      response = health();
      if (response.status == status) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    EXPECT_EQ(response.status, status) << response.body;
    return response;
  }

  struct Config : caf::actor_system_config {
    Config() { actors::configure(*this, 2); }
  };
  testing::TemporaryDir folder_;
  Config config_;
  caf::actor_system system_{config_};
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  actors::RouterActor router_ = actors::spawn_router(system_);
  actors::SupervisorActor supervisor_;
  std::unique_ptr<Gateway> gateway_;
};

TEST_F(HealthTest, AnEngineThatHangsIsToldAndForgottenWhenItGoesOn) {
  wait_for(200);
  gate_->set_open(false);
  auto request = testing::text_request(0);
  request.max_tokens = 8;
  auto stream = actors::Stream::start(system_, router_, request, {});
  const RawResponse stuck = wait_for(503);
  EXPECT_NE(stuck.body.find(R"("tiny":"stuck)"), std::string::npos) << stuck.body;
  gate_->set_open(true);
  wait_for(200);
}

}  // namespace
}  // namespace conduit::cluster
