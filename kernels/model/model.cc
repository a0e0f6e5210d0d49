// Opening a model: which files a GGUF or a Hugging Face folder is made of, and what is missing.
// The idea: weights and config must be right or nothing is opened; a tokenizer or template that
// Conduit cannot run yet costs only itself, with a warning, since token-id prompts still work.
#include "kernels/model/model.h"

#include <utility>

#include "kernels/model/gguf.h"
#include "kernels/model/safetensors.h"
#include "mdl/base/log.h"

namespace conduit::kernels {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxConfigBytes = 16 << 20;      // tokenizer_config.json reaches 1 MB
constexpr std::size_t kMaxTokenizerBytes = 256 << 20;  // the largest vocabularies take 35 MB

Error prefixed(const fs::path& path, const Error& error) {
  return {error.code, path.string() + ": " + error.message};
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// What Conduit cannot run is warned of and left out; anything else that is wrong is returned.
template <class T>
Result<std::optional<T>> unless_unsupported(Result<T> made, const fs::path& path,
                                            const char* part) {
  if (made) return std::optional<T>(*std::move(made));
  if (made.error().code != Code::invalid_argument) return prefixed(path, made.error());
  log::warning("model part left out",
               {{"part", part}, {"path", path.string()}, {"reason", made.error().message}});
  return std::optional<T>{};
}

void take_files(Model& model, std::vector<std::shared_ptr<const MappedFile>> files) {
  for (const auto& file : files) model.file_bytes += file->bytes().size();
  model.files = std::move(files);
}

// --- GGUF

Result<std::optional<Tokenizer>> gguf_tokenizer(const GgufFile& file, const fs::path& path) {
  const GgufValue* kind = file.find("tokenizer.ggml.model");
  if (kind == nullptr) return std::optional<Tokenizer>{};
  if (*kind == GgufValue(std::string("gpt2")) && file.find("tokenizer.ggml.merges") == nullptr)
    return unless_unsupported<Tokenizer>(
        Error{Code::invalid_argument, "a gpt2 tokenizer without tokenizer.ggml.merges"}, path,
        "tokenizer");
  return unless_unsupported(Tokenizer::from_gguf(file), path, "tokenizer");
}

std::string spelling(const Model& model, std::int32_t id) {
  return model.tokenizer && id >= 0 ? std::string(model.tokenizer->token(id)) : std::string();
}

Result<std::shared_ptr<const Model>> open_gguf(const fs::path& path) {
  CONDUIT_TRY(const GgufFile file, GgufFile::open(path));
  auto model = std::make_shared<Model>();
  model->path = path;
  auto config = config_from_gguf(file);
  if (!config) return prefixed(path, config.error());
  model->config = *std::move(config);
  CONDUIT_TRY(model->tokenizer, gguf_tokenizer(file, path));
  model->bos_token = spelling(*model, model->config.bos);
  if (!model->config.eos.empty()) model->eos_token = spelling(*model, model->config.eos.front());
  if (file.find("tokenizer.chat_template") != nullptr) {
    CONDUIT_TRY(const std::string source, file.text("tokenizer.chat_template"));
    CONDUIT_TRY(model->chat_template,
                unless_unsupported(ChatTemplate::parse(source), path, "chat template"));
  }
  take_files(*model, {file.file()});
  model->tensors = file.tensors();
  return std::shared_ptr<const Model>(std::move(model));
}

// --- Hugging Face folder

Result<json::Value> read_json(const fs::path& path) {
  CONDUIT_TRY(const std::string text, read_text_file(path, kMaxConfigBytes));
  auto value = json::parse(text);
  if (!value) return prefixed(path, value.error());
  return value;
}

Result<json::Value> read_json_if_there(const fs::path& path) {
  if (!is_there(path)) return json::Value();
  return read_json(path);
}

// "</s>", or the older {"content": "</s>", …}; empty when there is none.
std::string special_token(const json::Value& tokenizer_config, std::string_view key) {
  const json::Value* value = tokenizer_config.find(key);
  if (value != nullptr && value->is_object()) value = value->find("content");
  return value != nullptr && value->is_string() ? value->as_string() : std::string();
}

// One template, or a list of named ones of which `default` counts.
std::optional<std::string> configured_template(const json::Value& tokenizer_config) {
  const json::Value* value = tokenizer_config.find("chat_template");
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->as_string();
  if (!value->is_array()) return std::nullopt;
  for (const json::Value& named : value->as_array()) {
    const json::Value* name = named.find("name");
    const json::Value* source = named.find("template");
    if (name != nullptr && *name == json::Value("default") && source != nullptr &&
        source->is_string())
      return source->as_string();
  }
  return std::nullopt;
}

Status read_hf_template(Model& model, const json::Value& tokenizer_config) {
  fs::path path = model.path / "chat_template.jinja";
  std::optional<std::string> source;
  if (is_there(path)) {
    CONDUIT_TRY(source, read_text_file(path, TemplateLimits{}.source_bytes));
  } else {
    path = model.path / "tokenizer_config.json";
    source = configured_template(tokenizer_config);
  }
  if (!source) return ok();
  CONDUIT_TRY(model.chat_template,
              unless_unsupported(ChatTemplate::parse(*source), path, "chat template"));
  return ok();
}

Status read_hf_tokenizer(Model& model) {
  const fs::path path = model.path / "tokenizer.json";
  if (is_there(path)) {
    CONDUIT_TRY(const std::string text, read_text_file(path, kMaxTokenizerBytes));
    CONDUIT_TRY(model.tokenizer, unless_unsupported(Tokenizer::from_json(text), path, "tokenizer"));
  }
  CONDUIT_TRY(const json::Value config, read_json_if_there(model.path / "tokenizer_config.json"));
  model.bos_token = special_token(config, "bos_token");
  model.eos_token = special_token(config, "eos_token");
  return read_hf_template(model, config);
}

Result<std::shared_ptr<const Model>> open_folder(const fs::path& folder) {
  auto model = std::make_shared<Model>();
  model->path = folder;
  CONDUIT_TRY(const json::Value config_json, read_json(folder / "config.json"));
  CONDUIT_TRY(const json::Value generation, read_json_if_there(folder / "generation_config.json"));
  auto config = config_from_hf(config_json, generation);
  if (!config) return prefixed(folder / "config.json", config.error());
  model->config = *std::move(config);
  CONDUIT_TRY_STATUS(read_hf_tokenizer(*model));
  CONDUIT_TRY(const SafetensorsFile weights, SafetensorsFile::open_folder(folder));
  take_files(*model, weights.files());
  model->tensors = weights.tensors();
  return std::shared_ptr<const Model>(std::move(model));
}

}  // namespace

void Model::release_pages() const {
  for (const auto& file : files) file->release_pages();
}

Result<std::shared_ptr<const Model>> open_model(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return open_folder(path);
  if (!is_there(path))
    return Error{Code::not_found, path.string() +
                                      " is not there; a .gguf file or a folder with "
                                      "config.json and safetensors is needed"};
  return open_gguf(path);
}

}  // namespace conduit::kernels
