// A whole node inside this process, as a program embeds one.
#include "cluster/node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "actors/stream.h"
#include "tests/support/actor_models.h"
#include "tests/support/shared_dir.h"

namespace conduit::cluster {
namespace {

using ::testing::HasSubstr;

// A stream's beginning and end, waited for.
class Ending {
 public:
  actors::StreamHandlers handlers() {
    return {[this](const actors::TokenChunk&) {
              std::lock_guard lock(mutex_);
              has_begun_ = true;
              changed_.notify_all();
            },
            [this](const actors::Finished& finished) {
              std::lock_guard lock(mutex_);
              finished_ = finished;
              changed_.notify_all();
            }};
  }
  void wait_for_beginning() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return has_begun_ || finished_.has_value(); });
  }
  actors::Finished wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return finished_.has_value(); });
    return *finished_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool has_begun_ = false;
  std::optional<actors::Finished> finished_;
};

class NodeTest : public ::testing::Test {
 protected:
  NodeConfig tiny_config() {
    NodeConfig config;
    config.models = {
        {"tiny", conduit::testing::write_tiny_hf_model(folder_.path() / "tiny").string()}};
    config.http = HttpAddress{"127.0.0.1", 0};
    config.threads = 1;
    config.log_level = log::Level::warning;
    return config;
  }

  conduit::testing::TemporaryDir folder_;
};

TEST_F(NodeTest, ServesItsModelAndDrains) {
  auto node = Node::start(tiny_config());
  ASSERT_TRUE(node) << node.error().message;
  EXPECT_GT((*node)->http_port(), 0);
  EXPECT_EQ((*node)->endpoint(), "");
  const Status ready = (*node)->wait_ready();
  ASSERT_TRUE(ready) << ready.error().message;

  Ending ending;
  actors::GenerateRequest request = conduit::testing::text_request(0);
  request.max_tokens = 5;
  request.ignore_eos = true;
  actors::Stream::start((*node)->system(), (*node)->router(), request, ending.handlers());
  const actors::Finished finished = ending.wait();
  EXPECT_EQ(finished.reason, wire::FinishReason::length) << finished.error_message;
  EXPECT_EQ(finished.completion_tokens, 5u);
  EXPECT_TRUE((*node)->drain(std::chrono::seconds(60)));
}

TEST_F(NodeTest, ModelsTakeTurnsInTheMemoryOfOne) {
  NodeConfig config = tiny_config();
  config.is_eager = false;
  config.max_loaded_models = 1;
  config.models.push_back({"other", config.models[0].path});
  auto node = Node::start(config);
  ASSERT_TRUE(node) << node.error().message;
  ASSERT_TRUE((*node)->wait_ready());
  actors::GenerateRequest request = conduit::testing::text_request(0);
  request.max_tokens = 40;
  request.ignore_eos = true;
  std::vector<std::unique_ptr<Ending>> endings;
  for (int i = 0; i < 8; ++i) {
    request.model = i % 2 == 0 ? "tiny" : "other";
    endings.push_back(std::make_unique<Ending>());
    actors::Stream::start((*node)->system(), (*node)->router(), request,
                          endings.back()->handlers());
  }
  for (const auto& ending : endings) {
    const actors::Finished finished = ending->wait();
    EXPECT_EQ(finished.completion_tokens, 40u) << finished.error_message;
  }
  EXPECT_TRUE((*node)->drain(std::chrono::seconds(60)));
}

TEST_F(NodeTest, MoreMemoryThanThereIsIsRefused) {
  NodeConfig config = tiny_config();
  config.device_memory = std::int64_t{1} << 60;
  auto node = Node::start(config);
  ASSERT_TRUE(node) << node.error().message;
  const Status ready = (*node)->wait_ready();
  ASSERT_FALSE(ready);
  EXPECT_THAT(ready.error().message, HasSubstr("device_memory"));
}

TEST_F(NodeTest, AnswerThatOutlastsTheDrainIsCutOffWithAFinish) {
  auto node = Node::start(tiny_config());
  ASSERT_TRUE(node) << node.error().message;
  ASSERT_TRUE((*node)->wait_ready());
  Ending ending;
  actors::GenerateRequest request = conduit::testing::text_request(0);
  request.credit = 1;  // its reader takes nothing more
  request.ignore_eos = true;
  actors::Stream::start((*node)->system(), (*node)->router(), request, ending.handlers());
  ending.wait_for_beginning();
  EXPECT_FALSE((*node)->drain(std::chrono::milliseconds(50)));
  *node = nullptr;
  EXPECT_EQ(ending.wait().reason, wire::FinishReason::error);
}

TEST_F(NodeTest, DrainIsCutWhereThatIsAskedFor) {
  auto node = Node::start(tiny_config());
  ASSERT_TRUE(node) << node.error().message;
  ASSERT_TRUE((*node)->wait_ready());
  Ending ending;
  actors::GenerateRequest request = conduit::testing::text_request(0);
  request.credit = 1;
  request.ignore_eos = true;
  actors::Stream::start((*node)->system(), (*node)->router(), request, ending.handlers());
  ending.wait_for_beginning();
  std::stop_source cut;
  cut.request_stop();
  EXPECT_FALSE((*node)->drain(std::chrono::hours(1), cut.get_token()));
  const actors::Finished finished = ending.wait();
  EXPECT_EQ(finished.reason, wire::FinishReason::error);
  EXPECT_THAT(finished.error_message, HasSubstr("shut down"));
}

TEST_F(NodeTest, ReloadTakesWhatItCanAndNamesTheRest) {
  NodeConfig config = tiny_config();
  auto node = Node::start(config);
  ASSERT_TRUE(node) << node.error().message;
  ASSERT_TRUE((*node)->wait_ready());
  EXPECT_TRUE((*node)->reload(config).empty());
  config.models[0].name = "renamed";
  config.threads = 2;
  config.prefix_cache = false;
  EXPECT_THAT((*node)->reload(config), ::testing::ElementsAre("threads", "prefix_cache"));
  ASSERT_TRUE((*node)->wait_ready());
  Ending ending;
  actors::GenerateRequest request = conduit::testing::text_request(0);
  request.model = "renamed";
  request.max_tokens = 3;
  actors::Stream::start((*node)->system(), (*node)->router(), request, ending.handlers());
  EXPECT_EQ(ending.wait().error_message, "");
}

TEST_F(NodeTest, ModelThatCannotBeServedIsTold) {
  NodeConfig config = tiny_config();
  config.models = {{"missing", (folder_.path() / "missing.gguf").string()}};
  auto node = Node::start(config);
  ASSERT_TRUE(node) << node.error().message;
  const Status ready = (*node)->wait_ready();
  ASSERT_FALSE(ready);
  EXPECT_THAT(ready.error().message, HasSubstr("missing"));
}

TEST_F(NodeTest, TakenPortIsToldWithItsHolderBeforeAModelIsLoaded) {
  NodeConfig config = tiny_config();  // made once: the first node may still be reading its files
  auto first = Node::start(config);
  ASSERT_TRUE(first) << first.error().message;
  config.http->port = (*first)->http_port();
  const auto second = Node::start(config);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::unavailable);
  EXPECT_THAT(second.error().message, HasSubstr("process " + std::to_string(getpid())));
  EXPECT_THAT(second.error().message, HasSubstr("--http"));
}

}  // namespace
}  // namespace conduit::cluster
