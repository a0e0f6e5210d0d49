// What --check says, and what it refuses.
#include "cluster/node_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/actor_models.h"
#include "tests/support/shared_dir.h"

namespace conduit::cluster {
namespace {

using ::testing::HasSubstr;

class NodeCheckTest : public ::testing::Test {
 protected:
  NodeCheckTest() {
    config_.models = {
        {"tiny", conduit::testing::write_tiny_hf_model(folder_.path() / "tiny").string()}};
    config_.http = HttpAddress{"127.0.0.1", 0};
    config_.threads = 1;
  }

  conduit::testing::TemporaryDir folder_;
  NodeConfig config_;
};

TEST_F(NodeCheckTest, TellsAddressesDeviceAndEachModelsPlan) {
  config_.api_key = "s3cret";
  config_.max_model_concurrency = 3;
  const auto text = check_node(config_);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_THAT(*text, HasSubstr("127.0.0.1:0, free; an API key is asked for"));
  EXPECT_THAT(*text, HasSubstr("this one is alone"));
  EXPECT_THAT(*text, HasSubstr("device  cpu"));
  EXPECT_THAT(*text, HasSubstr("x 3 requests at most"));
  EXPECT_THAT(*text, HasSubstr("loaded at the start, stays"));
  EXPECT_THAT(*text, ::testing::Not(HasSubstr("s3cret")));
  EXPECT_TRUE(text->ends_with("\nok\n"));
}

TEST_F(NodeCheckTest, ModelThatCannotBeServedIsAnErrorWithItsName) {
  config_.models.push_back({"missing", "/none.gguf"});
  const auto text = check_node(config_);
  ASSERT_FALSE(text);
  EXPECT_THAT(text.error().message, HasSubstr("model missing: /none.gguf"));
}

TEST_F(NodeCheckTest, ModelsAtTheStartMustFitTogetherAndOthersAlone) {
  const auto plan_bytes = [&](std::int64_t budget) {
    config_.device_memory = budget;
    return check_node(config_);
  };
  // Each takes a quarter of the budget for its cache, and more for its weights and scratch.
  for (int i = 1; i <= 4; ++i)
    config_.models.push_back({"tiny" + std::to_string(i), config_.models[0].path});
  const auto together = plan_bytes(8 << 20);
  config_.is_eager = false;
  const auto alone = plan_bytes(8 << 20);
  ASSERT_TRUE(alone) << alone.error().message;
  EXPECT_THAT(*alone, HasSubstr("loaded when asked, goes after 300 s idle"));
  ASSERT_FALSE(together);
  EXPECT_EQ(together.error().code, Code::exhausted);
  EXPECT_THAT(together.error().message, HasSubstr("load on_demand"));
}

}  // namespace
}  // namespace conduit::cluster
