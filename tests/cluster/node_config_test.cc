// Flags and files: what they mean, and what is said about mistakes.
#include "cluster/node_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "cluster/config_values.h"
#include "cluster/node.h"
#include "tests/support/shared_dir.h"

namespace conduit::cluster {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string read(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class NodeConfigTest : public ::testing::Test {
 protected:
  Result<NodeConfig> from_file(const std::string& text, const Flags& flags = {}) {
    const auto path = folder_.path() / "node.toml";
    std::ofstream(path) << text;
    return read_node_config(path, flags, "");
  }
  static Result<NodeConfig> from_flags(Flags flags, std::string_view api_key = "") {
    flags.try_emplace("model", std::vector<std::string>{"tiny=tiny.gguf"});
    return read_node_config(std::nullopt, flags, api_key);
  }
  static std::string error_of(const Result<NodeConfig>& config) {
    return config ? "no error" : config.error().message;
  }

  conduit::testing::TemporaryDir folder_;
};

TEST_F(NodeConfigTest, FlagsAloneServeOneModelOnLoopback) {
  const auto config = from_flags({});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->models[0].name, "tiny");
  EXPECT_EQ(config->models[0].path, "tiny.gguf");
  EXPECT_EQ(config->http->host, "127.0.0.1");
  EXPECT_EQ(config->http->port, 8080);
  EXPECT_FALSE(config->joins_nodes());
}

TEST_F(NodeConfigTest, ModelIsNamedAfterItsFileUnlessItHasAName) {
  const auto config = from_flags(
      {{"model", {"/m/SmolLM2.Q4_1.gguf", "name=/m/a=b.gguf", "./x=y.gguf", "/m/folder/"}}});
  ASSERT_TRUE(config) << config.error().message;
  std::vector<std::string> names;
  for (const NodeModel& model : config->models) names.push_back(model.name);
  EXPECT_THAT(names, ElementsAre("SmolLM2.Q4_1", "name", "x=y", "folder"));
  EXPECT_EQ(config->models[1].path, "/m/a=b.gguf");
}

TEST_F(NodeConfigTest, ModelOfAHubIsNamedAfterItsRepositoryUnlessItHasAName) {
  const auto config = from_flags(
      {{"model", {"hf:Qwen/Qwen3-0.6B:Q8_0", "qwen2.5=hf:a/b@v1", "pypi:a==1.0+b/m.gguf"}}});
  ASSERT_TRUE(config) << config.error().message;
  std::vector<std::string> names;
  for (const NodeModel& model : config->models) names.push_back(model.name);
  EXPECT_THAT(names, ElementsAre("Qwen/Qwen3-0.6B", "qwen2.5", "m"));
  EXPECT_EQ(config->models[1].path, "hf:a/b@v1");
  EXPECT_THAT(error_of(from_flags({{"model", {"hf:a/"}}})), HasSubstr("hf:ORG/NAME"));
}

TEST_F(NodeConfigTest, FileSaysTheSameAsFlags) {
  const auto config = from_file(R"(
http = "[::1]:9000"
listen = "tcp://127.0.0.1:7070"
join = ["tcp://localhost:7071", "tcp://127.0.0.1:7072"]
threads = 3
dtype = "f32"
max_model_len = 100
max_model_concurrency = 4
max_waiting = 5
prefix_cache = "off"
speculative_tokens = 3
model_batch_execute_timeout_ms = 5
drain_timeout_ms = 6
log_level = "warning"
load = "on_demand"
keep_alive = "1h30m"
device_memory = "2GiB"
max_loaded_models = 7
memory_wait_ms = 8
[[model]]
name = "one"
path = "1.gguf"
load = "eager"
keep_alive = "never"
pin = true
[[model]]
path = "/m/2.gguf"
)");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->http->host, "::1");
  EXPECT_EQ(config->http->port, 9000);
  EXPECT_EQ(config->listen, "tcp://127.0.0.1:7070");
  EXPECT_THAT(config->join, ElementsAre("tcp://127.0.0.1:7071", "tcp://127.0.0.1:7072"));
  EXPECT_EQ(config->threads, 3);
  EXPECT_EQ(config->precision, kernels::Precision::f32);
  EXPECT_EQ(config->max_model_len, 100);
  EXPECT_EQ(config->max_model_concurrency, 4);
  EXPECT_EQ(config->max_waiting, 5);
  EXPECT_FALSE(config->prefix_cache);
  EXPECT_EQ(config->speculative_tokens, 3);
  EXPECT_EQ(config->model_batch_execute_timeout_ms, 5);
  EXPECT_EQ(config->drain_timeout_ms, 6);
  EXPECT_EQ(config->log_level, log::Level::warning);
  ASSERT_EQ(config->models.size(), 2u);
  EXPECT_EQ(config->models[0].name, "one");
  EXPECT_EQ(config->models[1].name, "2");
  EXPECT_FALSE(config->is_eager);
  EXPECT_EQ(config->keep_alive, std::chrono::minutes(90));
  EXPECT_EQ(config->device_memory, std::int64_t{2} << 30);
  EXPECT_EQ(config->max_loaded_models, 7);
  EXPECT_EQ(config->memory_wait_ms, 8);
  EXPECT_EQ(config->models[0].is_eager, true);
  EXPECT_EQ(config->models[0].keep_alive, kForever);
  EXPECT_TRUE(config->models[0].is_pinned);
  EXPECT_EQ(config->models[1].is_eager, std::nullopt);
  EXPECT_EQ(config->models[1].keep_alive, std::nullopt);
  EXPECT_FALSE(config->models[1].is_pinned);
}

TEST_F(NodeConfigTest, SizesAndTimesHaveUnits) {
  const auto bytes = [](const char* text) { return parse_bytes(text).value_or(-1); };
  EXPECT_EQ(bytes("12GB"), 12'000'000'000);
  EXPECT_EQ(bytes("1.5KiB"), 1536);
  EXPECT_EQ(bytes("2G"), std::int64_t{2} << 30);
  EXPECT_EQ(bytes("1000"), 1000);
  for (const char* wrong : {"", "GB", "-1GB", "12 GB", "12XB", "1e30", "nan", "0", "9999999TB"})
    EXPECT_EQ(bytes(wrong), -1) << wrong;

  const auto milliseconds = [](const char* text) {
    return parse_duration(text).value_or(std::chrono::milliseconds(-1)).count();
  };
  EXPECT_EQ(milliseconds("5m"), 300'000);
  EXPECT_EQ(milliseconds("1h30m"), 5'400'000);
  EXPECT_EQ(milliseconds("250ms"), 250);
  EXPECT_EQ(milliseconds("0"), 0);
  EXPECT_EQ(milliseconds("90"), 90'000);
  EXPECT_EQ(milliseconds("never"), kForever.count());
  EXPECT_EQ(milliseconds("-1"), kForever.count());
  for (const char* wrong : {"", "m", "5 m", "5x", "soon", "-", "1e99h", "--1"})
    EXPECT_EQ(milliseconds(wrong), -1) << wrong;
}

TEST_F(NodeConfigTest, ResidencyThatIsNoneIsRefused) {
  EXPECT_THAT(error_of(from_flags({{"load", {"lazy"}}})), HasSubstr("--load"));
  EXPECT_THAT(error_of(from_flags({{"keep_alive", {"long"}}})), HasSubstr("--keep-alive"));
  EXPECT_THAT(error_of(from_flags({{"device_memory", {"much"}}})), HasSubstr("--device-memory"));
  EXPECT_THAT(error_of(from_file("[[model]]\npath = \"a\"\npin = \"yes\"\n")),
              AllOf(HasSubstr("pin"), HasSubstr("true or false")));
  EXPECT_THAT(error_of(from_file("[[model]]\npath = \"a\"\nload = \"lazy\"\n")),
              AllOf(HasSubstr("load"), HasSubstr("on_demand")));
}

TEST_F(NodeConfigTest, FlagReplacesWhatTheFileSays) {
  const auto config = from_file("threads = 3\nmodel = [\"a=1\", \"b=2\"]\n",
                                {{"threads", {"5"}}, {"model", {"c=3"}}, {"join", {}}});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->threads, 5);
  ASSERT_EQ(config->models.size(), 1u);
  EXPECT_EQ(config->models[0].name, "c");
}

TEST_F(NodeConfigTest, UnknownKeyIsNamedWithItsLineAndTheNearestKnownOne) {
  EXPECT_THAT(error_of(from_file("threads = 1\n\nmax_modl_len = 5\n")),
              AllOf(HasSubstr("node.toml:3:"), HasSubstr("\"max_modl_len\""),
                    HasSubstr("\"max_model_len\"")));
  EXPECT_THAT(error_of(from_file("[[model]]\nnmae = \"x\"\n")), HasSubstr("\"name\""));
  EXPECT_THAT(error_of(from_file("[https]\nport = 1\n")), HasSubstr("\"http\""));
}

TEST_F(NodeConfigTest, WrongTypesAreNamedWithTheirLine) {
  for (const char* line :
       {"threads = \"2\"", "threads = 2.5", "threads = [2]", "http = 8080", "join = 3",
        "join = [1]", "model = 3", "model = [3]", "[model]\nname = \"x\"", "[[model]]\npath = 3"})
    EXPECT_THAT(error_of(from_file(line)), AllOf(HasSubstr("node.toml:"), HasSubstr("must be")))
        << line;
}

TEST_F(NodeConfigTest, MalformedFileIsAnErrorWithItsLine) {
  for (const char* text :
       {"threads =", "= 3", "threads = 1\nthreads = 2", "[[model]", "a = \"\xff\""})
    EXPECT_THAT(error_of(from_file(text)), HasSubstr("node.toml:")) << text;
  EXPECT_EQ(read_node_config(folder_.path() / "missing.toml", {}, "").error().code,
            Code::not_found);
}

TEST_F(NodeConfigTest, NumbersOutsideTheirRangesAreRefusedWithTheFlag) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"threads", "-1"},
      {"threads", "1025"},
      {"threads", "two"},
      {"threads", "2 "},
      {"threads", ""},
      {"threads", "99999999999999999999"},
      {"max_model_len", "-5"},
      {"max_model_concurrency", "0"},
      {"drain_timeout_ms", "3600001"}};
  for (const auto& [key, value] : wrong) {
    std::string flag = "--" + key;
    std::replace(flag.begin(), flag.end(), '_', '-');
    EXPECT_THAT(error_of(from_flags({{key, {value}}})), HasSubstr(flag)) << value;
  }
}

TEST_F(NodeConfigTest, HttpIsAnAddressAndAPort) {
  for (const char* wrong : {"8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", ":8080",
                            "example.org:80", "127.0.0.1:80a", "::1:x", ""})
    EXPECT_THAT(error_of(from_flags({{"http", {wrong}}})), HasSubstr("--http")) << wrong;
  EXPECT_EQ(from_flags({{"http", {"localhost:1"}}})->http->host, "127.0.0.1");
  EXPECT_EQ(from_flags({{"http", {"127.0.0.1:0"}}})->http->port, 0);
}

TEST_F(NodeConfigTest, NothingButLoopbackIsReachableWithoutAKey) {
  for (const char* open : {"0.0.0.0:8080", "192.168.1.5:80", "[::]:8080", "[2001:db8::1]:80"}) {
    EXPECT_THAT(error_of(from_flags({{"http", {open}}})), HasSubstr("CONDUIT_API_KEY")) << open;
    EXPECT_TRUE(from_flags({{"http", {open}}}, "secret")) << open;
  }
  for (const char* loopback : {"127.0.0.1:8080", "127.9.9.9:8080", "[::1]:8080"})
    EXPECT_TRUE(from_flags({{"http", {loopback}}})) << loopback;
  EXPECT_FALSE(from_flags({{"listen", {"tcp://0.0.0.0:7070"}}}));
  EXPECT_FALSE(from_flags({{"join", {"tcp://192.168.1.5:7070"}}}));
}

TEST_F(NodeConfigTest, KeyComesFromAFileOrTheEnvironmentWhichCountsFirst) {
  const std::string file = (folder_.path() / "key").string();
  std::ofstream(file) << "from-file \nsecond line\n";
  EXPECT_EQ(from_flags({{"api_key_file", {file}}})->api_key, "from-file");
  EXPECT_EQ(from_flags({{"api_key_file", {file}}}, "from-env")->api_key, "from-env");
  std::ofstream(file, std::ios::trunc) << "\n";
  EXPECT_THAT(error_of(from_flags({{"api_key_file", {file}}})), HasSubstr("empty"));
  EXPECT_THAT(error_of(from_flags({{"api_key_file", {file + "x"}}})), HasSubstr("cannot be read"));
}

TEST_F(NodeConfigTest, NodeThatCouldDoNothingIsRefused) {
  EXPECT_THAT(error_of(read_node_config(std::nullopt, {}, "")), HasSubstr("--model"));
  EXPECT_THAT(error_of(from_flags({{"http", {"off"}}})), HasSubstr("--listen"));
  EXPECT_TRUE(read_node_config(std::nullopt, {{"join", {"tcp://127.0.0.1:7070"}}}, ""));
  EXPECT_FALSE(from_flags({{"http", {"off"}}, {"listen", {"tcp://127.0.0.1:0"}}})->http);
}

TEST_F(NodeConfigTest, SameNameTwiceIsRefused) {
  EXPECT_THAT(error_of(from_flags({{"model", {"a=1.gguf", "a=2.gguf"}}})), HasSubstr("\"a\""));
}

TEST_F(NodeConfigTest, AdaptersAreNamedForTheirModel) {
  const auto file = from_file(
      "[[model]]\npath = \"a\"\nadapters = { x = \"/l/x\", y = \"/l/y\" }\n[[model]]\npath = "
      "\"b\"\n");
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->models[0].adapters.size(), 2u);
  EXPECT_EQ(file->models[0].adapters[1].name, "y");
  EXPECT_EQ(file->models[0].adapters[1].path, "/l/y");
  EXPECT_TRUE(file->models[1].adapters.empty());

  const auto flags = from_flags({{"model", {"a=1"}}, {"adapter", {"x=/l/x"}}});
  ASSERT_TRUE(flags) << flags.error().message;
  EXPECT_EQ(flags->models[0].adapters.at(0).path, "/l/x");

  EXPECT_THAT(error_of(from_flags({{"model", {"a=1", "b=2"}}, {"adapter", {"x=/l/x"}}})),
              AllOf(HasSubstr("--adapter"), HasSubstr("2 models")));
  EXPECT_THAT(error_of(from_flags({{"model", {"a=1"}}, {"adapter", {"a=/l/x"}}})),
              HasSubstr("\"a\""));
  EXPECT_THAT(error_of(from_flags({{"model", {"a=1"}}, {"adapter", {"/l/x"}}})),
              HasSubstr("NAME=PATH"));
  EXPECT_THAT(error_of(from_file("[[model]]\npath = \"a\"\nadapters = { x = 1 }\n")),
              AllOf(HasSubstr("adapters"), HasSubstr("string")));
}

TEST_F(NodeConfigTest, ADraftIsNamedForItsModel) {
  const auto file =
      from_file("[[model]]\npath = \"a\"\ndraft = \"/m/small\"\n[[model]]\npath = \"b\"\n");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->models[0].draft, "/m/small");
  EXPECT_EQ(file->models[1].draft, "");

  const auto named = from_flags({{"model", {"a=1", "b=2"}}, {"draft", {"b=/m/small"}}});
  ASSERT_TRUE(named) << named.error().message;
  EXPECT_EQ(named->models[0].draft, "");
  EXPECT_EQ(named->models[1].draft, "/m/small");
  EXPECT_EQ(from_flags({{"draft", {"/m/small"}}})->models[0].draft, "/m/small");

  EXPECT_THAT(error_of(from_flags({{"model", {"a=1", "b=2"}}, {"draft", {"/m/small"}}})),
              AllOf(HasSubstr("--draft"), HasSubstr("2 models")));
  EXPECT_THAT(error_of(from_flags({{"draft", {"c=/m/small"}}})), HasSubstr("\"c\""));
  EXPECT_THAT(error_of(from_flags({{"draft", {"/m/small"}}, {"speculative_tokens", {"0"}}})),
              HasSubstr("speculative_tokens"));
  EXPECT_THAT(error_of(from_file("[[model]]\npath = \"a\"\ndraft = 1\n")),
              AllOf(HasSubstr("draft"), HasSubstr("string")));
}

TEST_F(NodeConfigTest, LocalTomlHoldsEveryKeyAndTheDefaults) {
  const auto path = std::filesystem::path(CONDUIT_SOURCE_DIR) / "configs" / "local.toml";
  const auto config = read_node_config(path, {}, "");
  ASSERT_TRUE(config) << config.error().message;
  const NodeConfig defaults;
  EXPECT_EQ(config->http->port, defaults.http->port);
  EXPECT_EQ(config->threads, defaults.threads);
  EXPECT_EQ(config->precision, defaults.precision);
  EXPECT_EQ(config->max_model_len, defaults.max_model_len);
  EXPECT_EQ(config->max_model_concurrency, defaults.max_model_concurrency);
  EXPECT_EQ(config->max_waiting, defaults.max_waiting);
  EXPECT_EQ(config->model_batch_execute_timeout_ms, defaults.model_batch_execute_timeout_ms);
  EXPECT_EQ(config->drain_timeout_ms, defaults.drain_timeout_ms);
  EXPECT_EQ(config->is_eager, defaults.is_eager);
  EXPECT_EQ(config->device_memory, defaults.device_memory);
  EXPECT_EQ(config->max_loaded_models, defaults.max_loaded_models);
  EXPECT_EQ(config->memory_wait_ms, defaults.memory_wait_ms);
  EXPECT_EQ(config->log_level, defaults.log_level);
  const std::string text = read(path);
  for (const Setting& setting : node_settings()) {
    const std::string key(setting.key);
    const bool is_there = text.find("\n" + key + " = ") != std::string::npos ||
                          text.find("\n# " + key + " = ") != std::string::npos ||
                          text.find("\n[[" + key + "]]") != std::string::npos;
    EXPECT_TRUE(is_there) << key;
  }
}

TEST_F(NodeConfigTest, VersionIsThatOfTheProject) {
  const auto path = std::filesystem::path(CONDUIT_SOURCE_DIR) / "CMakeLists.txt";
  EXPECT_THAT(read(path), HasSubstr("project(conduit VERSION " + std::string(kVersion) + " "));
}

}  // namespace
}  // namespace conduit::cluster
