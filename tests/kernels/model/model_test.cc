// Opening whole models: a folder, a GGUF file, what of them may be absent, and what may not.
#include "kernels/model/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "kernels/engine/engine.h"
#include "tests/support/shared_dir.h"
#include "tests/support/tiny_model.h"
#include "tests/support/weight_files.h"

namespace conduit::kernels {
namespace {

namespace fs = std::filesystem;
using conduit::testing::TinyModelOptions;
using conduit::testing::write_file;
using conduit::testing::write_tiny_gguf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class OpenModelTest : public ::testing::Test {
 protected:
  const fs::path& path() const { return folder_.path(); }
  fs::path write_hf(const TinyModelOptions& options = {}) const {
    return write_tiny_hf_model(path(), options);
  }

  static std::shared_ptr<const Model> opened(const fs::path& path) {
    auto model = open_model(path);
    EXPECT_TRUE(model) << model.error().message;
    return model ? *model : std::make_shared<const Model>();
  }
  static Error refused(const fs::path& path) {
    const auto model = open_model(path);
    EXPECT_FALSE(model) << path;
    return model ? Error{} : model.error();
  }
  static std::string rendered(const Model& model) {
    const auto messages = json::parse(R"({"messages":[{"role":"user","content":"hi"}]})");
    EXPECT_TRUE(model.chat_template.has_value());
    if (!model.chat_template) return {};
    return model.chat_template->render(*messages, 0).value_or("not rendered");
  }

  conduit::testing::TemporaryDir folder_;
};

TEST_F(OpenModelTest, AFolderGivesConfigTensorsTokenizerAndTemplate) {
  const auto model = opened(write_hf());
  EXPECT_EQ(model->config.architecture, "llama");
  EXPECT_THAT(model->config.eos, ElementsAre(2, 0));  // generation_config.json's
  EXPECT_EQ(model->tensors.size(), 21u);
  EXPECT_EQ(model->files.size(), 1u);
  EXPECT_EQ(model->file_bytes, fs::file_size(path() / "model.safetensors"));
  EXPECT_EQ(model->bos_token, "<|im_start|>");
  EXPECT_EQ(model->eos_token, "<|im_end|>");
  ASSERT_TRUE(model->tokenizer.has_value());
  EXPECT_EQ(model->tokenizer->vocab_size(), 288);
  EXPECT_EQ(rendered(*model), "<|im_start|>user\nhi<|im_end|>\n");
}

TEST_F(OpenModelTest, OpeningEndsSoonAfterItIsStopped) {
  std::stop_source stop;
  stop.request_stop();
  for (const fs::path& model : {write_hf(), write_tiny_gguf(path())}) {
    const auto stopped = open_model(model, stop.get_token());
    ASSERT_FALSE(stopped) << model;
    EXPECT_EQ(stopped.error().code, Code::cancelled);
  }
}

// As when it is downloaded anew while a node loads it.
TEST_F(OpenModelTest, WeightsThatAreCutWhileTheyAreLoadedAreAnErrorAndNoSignal) {
  const auto model = opened(write_hf());
  fs::resize_file(path() / "model.safetensors", 5000);
  const auto device = make_cpu_device({.threads = 2, .instructions = ""});
  const auto engine = Engine::create(**device, model, {});
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, Code::corrupt);
  EXPECT_THAT(engine.error().message, HasSubstr("model.safetensors: was changed"));
}

TEST_F(OpenModelTest, AGgufFileGivesTheSame) {
  const auto model = opened(write_tiny_gguf(path()));
  EXPECT_EQ(model->config.architecture, "llama");
  EXPECT_EQ(model->tensors.size(), 21u);
  EXPECT_EQ(model->file_bytes, fs::file_size(path() / "tiny.gguf"));
  EXPECT_EQ(model->bos_token, "<|im_start|>");
  EXPECT_EQ(model->eos_token, "<|im_end|>");
  ASSERT_TRUE(model->tokenizer.has_value());
  EXPECT_EQ(rendered(*model), "<|im_start|>user\nhi<|im_end|>\n");
}

TEST_F(OpenModelTest, BothNotationsOfTheTokenizerEncodeAlike) {
  const auto folder = opened(write_hf());
  const auto gguf = opened(write_tiny_gguf(path()));
  ASSERT_TRUE(folder->tokenizer && gguf->tokenizer);
  const std::string text = "<|im_start|>user\nThe rain in Spain, and 12 more: é😀<|im_end|>";
  EXPECT_EQ(folder->tokenizer->encode(text), gguf->tokenizer->encode(text));
  EXPECT_EQ(folder->tokenizer->decode(folder->tokenizer->encode(text)), text);
}

// Greedy tokens of a fixed prompt, computed in float32.
std::vector<TokenId> generated(const std::shared_ptr<const Model>& model) {
  auto device = make_cpu_device({.threads = 1, .instructions = "scalar"});
  EXPECT_TRUE(device) << device.error().message;
  auto engine = Engine::create(**device, model, {.precision = Precision::f32});
  EXPECT_TRUE(engine) << engine.error().message;
  SequenceSpec spec;
  for (TokenId id = 3; id < 150; id += 2) spec.prompt.push_back(id);
  spec.max_tokens = 24;
  spec.sampling.temperature = 0;
  EXPECT_TRUE((*engine)->add(spec));
  std::vector<TokenId> tokens;
  for (int step = 0; step < 100 && tokens.size() < 24; ++step) {
    const auto outputs = (*engine)->step(Engine::Clock::now());
    for (const SequenceOutput& output : outputs) tokens.push_back(output.token);
  }
  return tokens;
}

// Two notations, one model: rows in GGUF's order, and Llama 3's scaling as a tensor of factors.
TEST_F(OpenModelTest, BothNotationsGenerateTheSameTokens) {
  TinyModelOptions options;
  std::vector<std::vector<TokenId>> seen;
  for (const char* architecture : {"llama", "qwen3"}) {
    for (const char* scaling : {"", "linear", "llama3"}) {
      options.architecture = architecture;
      options.rope_scaling = scaling;
      const auto tokens = generated(opened(write_hf(options)));
      EXPECT_EQ(tokens, generated(opened(write_tiny_gguf(path(), options))))
          << architecture << scaling;
      EXPECT_THAT(seen, Not(Contains(tokens))) << "the options must matter";
      seen.push_back(tokens);
    }
  }
}

TEST_F(OpenModelTest, AnEmbeddingModelsFilesSayHowItPools) {
  const fs::path own = conduit::testing::own_golden_dir() / "own/models";
  const auto headless = opened(own / "embedding-qwen2-headless");
  EXPECT_EQ(headless->config.pooling, Pooling::last);
  EXPECT_TRUE(headless->config.normalise_embedding);
  EXPECT_FALSE(headless->config.has_head);
  EXPECT_EQ(opened(own / "embedding-bert-positions-buffer")->config.pooling, Pooling::mean);
  const auto chat = opened(own / "llama-linear-rope");
  EXPECT_EQ(chat->config.pooling, Pooling::none);
  EXPECT_TRUE(chat->config.has_head);
}

TEST_F(OpenModelTest, AnEmbeddingModelThatCannotBePooledIsRefused) {
  write_hf();
  const auto modules = [&](const std::string& last) {
    write_file(path() / "modules.json",
               R"([{"path":"","type":"sentence_transformers.models.Transformer"},
                   {"path":"1_Pooling","type":"sentence_transformers.models.)" +
                   last + R"("}])");
  };
  modules("Dense");
  EXPECT_THAT(refused(path()).message, HasSubstr("modules.json: module 1: type"));
  EXPECT_THAT(refused(path()).message, HasSubstr("models.Dense"));
  modules("Pooling");
  EXPECT_EQ(refused(path()).code, Code::not_found);
  EXPECT_THAT(refused(path()).message, HasSubstr("1_Pooling/config.json"));
  fs::create_directory(path() / "1_Pooling");
  write_file(path() / "1_Pooling/config.json", R"({"pooling_mode_max_tokens":true})");
  EXPECT_THAT(refused(path()).message, HasSubstr("pooling_mode_max_tokens is not supported"));
  write_file(path() / "1_Pooling/config.json", R"({"pooling_mode_cls_token":true})");
  EXPECT_EQ(opened(path())->config.pooling, Pooling::cls);
  EXPECT_FALSE(opened(path())->config.normalise_embedding);
}

TEST_F(OpenModelTest, TensorsStayValidAfterTheFileIsGone) {
  const auto model = opened(write_hf());
  std::map<std::string, std::byte> last_bytes;
  for (const auto& [name, view] : model->tensors) last_bytes[name] = view.data[view.bytes() - 1];
  fs::remove_all(path());
  model->release_pages();
  for (const auto& [name, view] : model->tensors)
    EXPECT_EQ(view.data[view.bytes() - 1], last_bytes[name]) << name;
}

TEST_F(OpenModelTest, TokenizerAndTemplateMayBeAbsent) {
  TinyModelOptions options;
  options.tokenizer = false;
  options.chat_template = false;
  write_hf(options);
  fs::remove(path() / "tokenizer_config.json");
  fs::remove(path() / "generation_config.json");
  for (const fs::path& bare : {path(), write_tiny_gguf(path() / "gguf", options)}) {
    const auto model = opened(bare);
    EXPECT_FALSE(model->tokenizer.has_value());
    EXPECT_FALSE(model->chat_template.has_value());
    EXPECT_EQ(model->bos_token, "");
    EXPECT_THAT(model->config.eos, ElementsAre(2));
  }
}

TEST_F(OpenModelTest, ATokenizerThatCannotBeRunYetCostsOnlyItself) {
  write_hf();
  write_file(path() / "tokenizer.json", R"({"model":{"type":"Unheard","vocab":[]}})");
  EXPECT_FALSE(opened(path())->tokenizer.has_value());
  write_file(path() / "tokenizer.json", "{");
  const Error error = refused(path());
  EXPECT_EQ(error.code, Code::corrupt);
  EXPECT_THAT(error.message, HasSubstr("tokenizer.json"));
}

TEST_F(OpenModelTest, AGgufsPlaceholderTokensAreNoTokenizer) {
  const auto has_tokenizer = [&](const char* kind) {
    conduit::testing::GgufWriter file;
    file.text("general.architecture", "llama");
    file.number("llama.embedding_length", 64);
    file.number("llama.block_count", 2);
    file.number("llama.attention.head_count", 4);
    file.number("llama.feed_forward_length", 96);
    file.number("llama.context_length", 512);
    file.real("llama.attention.layer_norm_rms_epsilon", 1e-5f);
    file.texts("tokenizer.ggml.tokens", {"t0", "t1"});
    if (kind != nullptr) file.text("tokenizer.ggml.model", kind);
    file.tensor("token_embd.weight", {2, 64}, 0, std::string(2 * 64 * 4, '\0'));
    write_file(path() / "placeholder.gguf", file.finish());
    return opened(path() / "placeholder.gguf")->tokenizer.has_value();
  };
  EXPECT_FALSE(has_tokenizer(nullptr));
  EXPECT_FALSE(has_tokenizer("gpt2"));  // without merges
  EXPECT_FALSE(has_tokenizer("unheard-of"));
}

TEST_F(OpenModelTest, TheTemplatesFileWinsOverTheTokenizersConfig) {
  write_hf();
  write_file(path() / "chat_template.jinja", "from the file");
  EXPECT_EQ(rendered(*opened(path())), "from the file");
}

TEST_F(OpenModelTest, OfNamedTemplatesTheDefaultCounts) {
  write_hf();
  write_file(path() / "tokenizer_config.json", R"({"bos_token":{"content":"<b>"},"eos_token":null,
      "chat_template":[{"name":"tool_use","template":"no"},{"name":"default","template":"yes"}]})");
  const auto model = opened(path());
  EXPECT_EQ(rendered(*model), "yes");
  EXPECT_EQ(model->bos_token, "<b>");
  EXPECT_EQ(model->eos_token, "");
  write_file(path() / "tokenizer_config.json", R"({"chat_template":[{"name":"tool_use"}]})");
  EXPECT_FALSE(opened(path())->chat_template.has_value());
}

TEST_F(OpenModelTest, ATemplateThatCannotBeParsedCostsOnlyItself) {
  write_hf();
  write_file(path() / "chat_template.jinja", "{% for %}");
  EXPECT_FALSE(opened(path())->chat_template.has_value());
}

TEST_F(OpenModelTest, ErrorsNameTheFile) {
  EXPECT_EQ(refused(path() / "absent").code, Code::not_found);
  EXPECT_THAT(refused(path()).message, HasSubstr("config.json"));
  write_file(path() / "x.bin", "no model");
  EXPECT_THAT(refused(path() / "x.bin").message, HasSubstr("x.bin: GGUF: "));
  write_hf();
  write_file(path() / "config.json", R"({"model_type":"mamba"})");
  EXPECT_THAT(refused(path()).message,
              HasSubstr((path() / "config.json").string() +
                        ": architecture 'mamba' is not supported yet; these are: llama"));
  write_file(path() / "config.json", "[");
  EXPECT_THAT(refused(path()).message, HasSubstr("config.json: "));
  write_hf();
  write_file(path() / "generation_config.json", "{");
  EXPECT_THAT(refused(path()).message, HasSubstr("generation_config.json: "));
  write_hf();
  fs::resize_file(path() / "model.safetensors", fs::file_size(path() / "model.safetensors") - 1);
  EXPECT_THAT(refused(path()).message, HasSubstr("model.safetensors: safetensors: tensor "));
  fs::remove(path() / "model.safetensors");
  EXPECT_THAT(refused(path()).message, HasSubstr("neither model.safetensors nor"));
}

}  // namespace
}  // namespace conduit::kernels
