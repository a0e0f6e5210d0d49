// What the gateway says of itself: /openapi.json, /status, vLLM's metric names.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/gateway/metrics_text.h"
#include "cluster/gateway/node_view.h"
#include "cluster/gateway/openai_request.h"
#include "tests/support/gateway_fixture.h"

namespace conduit::cluster {
namespace {

using testing::at;
using ::testing::HasSubstr;
using testing::http_request;
using ::testing::Not;
using testing::parsed;

class GatewayDescriptionTest : public testing::GatewayFixture {};

TEST_F(GatewayDescriptionTest, OpenApiNamesEveryPathThatIsServed) {
  const auto document = parsed(ask(http_request("/openapi.json")).body);
  EXPECT_EQ(at(document, "openapi"), json::Value("3.1.0"));
  const json::Value paths = at(document, "paths");
  EXPECT_GE(paths.as_object().size(), 16u);
  for (const json::Member& path : paths.as_object()) {
    const bool is_post = path.value.find("post") != nullptr;
    std::string asked = path.key;
    if (const auto name = asked.find("{name}"); name != std::string::npos)
      asked.replace(name, 6, "tiny");
    const int status = is_post ? post(asked, "{}").status : ask(http_request(asked)).status;
    EXPECT_TRUE(status == 200 || (is_post && status == 400) || (!is_post && status == 503))
        << path.key << " gives " << status;
  }
}

TEST_F(GatewayDescriptionTest, FieldsAreThoseThatTheParserAsksFor) {
  const json::Value schema = schema_of(chat_fields);
  const json::Value& fields = *schema.find("properties");
  for (const char* field : {"model",
                            "messages",
                            "temperature",
                            "top_k",
                            "min_p",
                            "stop",
                            "seed",
                            "logit_bias",
                            "max_completion_tokens",
                            "stream_options",
                            "tools",
                            "tool_choice",
                            "parallel_tool_calls",
                            "response_format",
                            "structured_outputs",
                            "guided_json",
                            "guided_regex",
                            "guided_choice",
                            "guided_grammar",
                            "chat_template_kwargs",
                            "include_reasoning",
                            "n"})
    EXPECT_NE(fields.find(field), nullptr) << field;
  EXPECT_EQ(json::dump(*schema.find("required")), R"(["model","messages"])");
  EXPECT_EQ(json::dump(*fields.find("temperature")),
            R"({"anyOf":[{"type":"number","minimum":0.0,"maximum":2.0},{"type":"null"}]})");
  EXPECT_EQ(json::dump(*fields.find("use_beam_search")), R"({"enum":[false,null]})");
}

TEST_F(GatewayDescriptionTest, StatusHasNodesModelsReplicasAndDevices) {
  const auto status = parsed(ask(http_request("/status")).body);
  EXPECT_EQ(at(status, "version"), json::Value("1.2.3"));
  EXPECT_EQ(at(status, "nodes.0.self"), json::Value(true));
  EXPECT_EQ(at(status, "models.0.name"), json::Value("loading"));
  EXPECT_EQ(at(status, "models.0.state"), json::Value("loading"));
  EXPECT_EQ(at(status, "models.0.task"), json::Value());
  EXPECT_EQ(at(status, "replicas.0.model"), json::Value("tiny"));
  EXPECT_EQ(at(status, "replicas.0.local"), json::Value(true));
  EXPECT_TRUE(at(status, "uptime_seconds").is_number());
  EXPECT_TRUE(at(status, "devices").is_array());
}

TEST(StatusObjectTest, DevicesSumTheirReplicas) {
  actors::ReplicaStatus word;
  word.state = wire::ReplicaState::ready;
  word.device = "cpu avx512 2 threads";
  word.device_budget = 1000;
  word.bytes = 300;
  word.kv_bytes = 100;
  word.kv_pages_used = 1;
  word.kv_pages_total = 4;
  word.running = 2;
  word.max_model_len = 64;
  NodeSeen seen;
  seen.models = {{"a", 1, true, "", {}}, {"gone", 0, true, "no such file", {}}};
  seen.replicas = {{{"a", actors::ReplicaActor(), false, "tcp://127.0.0.1:1"}, word}};
  const json::Value status = status_object({"here", "", "1", {}}, seen);
  EXPECT_EQ(
      json::dump(at(status, "devices.0")),
      R"({"name":"cpu avx512 2 threads","node":"tcp://127.0.0.1:1","threads":2,"memory":{"budget_bytes":1000,)"
      R"("weights_bytes":200,"kv_cache_bytes":100,"free_bytes":700},"kv_cache_usage":0.25,)"
      R"("generated_tokens_total":0,"prompt_tokens_total":0,"running":2,"waiting":0})");
  EXPECT_EQ(at(status, "models.0.state"), json::Value("ready"));
  EXPECT_EQ(at(status, "models.0.bytes"), json::Value(300));
  EXPECT_EQ(at(status, "models.1.state"), json::Value("failed"));
  EXPECT_EQ(at(status, "models.1.error"), json::Value("no such file"));
}

TEST(MetricsTextTest, VllmsNamesFollowOurs) {
  const std::string text = with_vllm_names(
      "# HELP conduit_requests_running Requests\n# TYPE conduit_requests_running gauge\n"
      "conduit_requests_running{model=\"m\"} 3\n"
      "# TYPE conduit_time_to_first_token_seconds histogram\n"
      "conduit_time_to_first_token_seconds_bucket{model=\"m\",le=\"0.5\"} 1\n"
      "conduit_request_success_total{finished_reason=\"stop\",model=\"m\"} 2\n"
      "conduit_requests_running_other{model=\"m\"} 9\n");
  EXPECT_THAT(text, HasSubstr("\nconduit_requests_running{model=\"m\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("\n# TYPE vllm:num_requests_running gauge\n"
                              "vllm:num_requests_running{model_name=\"m\"} 3\n"));
  EXPECT_THAT(text,
              HasSubstr("vllm:time_to_first_token_seconds_bucket{model_name=\"m\",le=\"0.5\"} "
                        "1\n"));
  EXPECT_THAT(text, HasSubstr("vllm:request_success_total{finished_reason=\"stop\",model_name="
                              "\"m\"} 2\n"));
  EXPECT_THAT(text, Not(HasSubstr("vllm:num_requests_running_other")));
}

}  // namespace
}  // namespace conduit::cluster
