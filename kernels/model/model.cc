// Opening a model: which files a GGUF or a Hugging Face folder is made of, and what is missing.
// The idea: weights and config must be right or nothing is opened; a tokenizer or template that
// Conduit cannot run yet costs only itself, with a warning, since token-id prompts still work.
#include "kernels/model/model.h"

#include <utility>

#include "kernels/model/config_pooling.h"
#include "kernels/model/gguf.h"
#include "kernels/model/json_file.h"
#include "kernels/model/open_template.h"
#include "kernels/model/open_tokenizer.h"
#include "kernels/model/safetensors.h"
#include "mdl/base/log.h"

namespace conduit::kernels {
namespace {

namespace fs = std::filesystem;

Error prefixed(const fs::path& path, const Error& error) {
  return {error.code, path.string() + ": " + error.message};
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

Result<std::optional<Tokenizer>> gguf_tokenizer(const GgufFile& file, const fs::path& path,
                                                const std::stop_token& stop) {
  const GgufValue* kind = file.find("tokenizer.ggml.model");
  if (kind == nullptr || *kind == GgufValue(std::string("no_vocab")))
    return std::optional<Tokenizer>{};
  if (*kind == GgufValue(std::string("gpt2")) && file.find("tokenizer.ggml.merges") == nullptr)
    return unless_unsupported<Tokenizer>(
        Error{Code::invalid_argument, "a gpt2 tokenizer without tokenizer.ggml.merges"}, path,
        "tokenizer");
  return unless_unsupported(Tokenizer::from_gguf(file, stop), path, "tokenizer");
}

std::string spelling(const Model& model, std::int32_t id) {
  return model.tokenizer && id >= 0 ? std::string(model.tokenizer->token(id)) : std::string();
}

Result<std::shared_ptr<const Model>> open_gguf(const fs::path& path, const std::stop_token& stop) {
  CONDUIT_TRY(const GgufFile file, GgufFile::open(path));
  auto model = std::make_shared<Model>();
  model->path = path;
  auto config = config_from_gguf(file);
  if (!config) return prefixed(path, config.error());
  model->config = *std::move(config);
  CONDUIT_TRY(model->tokenizer, gguf_tokenizer(file, path, stop));
  model->bos_token = spelling(*model, model->config.bos);
  if (!model->config.eos.empty()) model->eos_token = spelling(*model, model->config.eos.front());
  if (file.find("tokenizer.chat_template") != nullptr) {
    CONDUIT_TRY(const std::string source, file.text("tokenizer.chat_template"));
    CONDUIT_TRY(model->chat_template,
                unless_unsupported(ChatTemplate::parse(source), path, "chat template"));
  }
  take_files(*model, file.files());
  model->tensors = file.tensors();
  return std::shared_ptr<const Model>(std::move(model));
}

// --- Hugging Face folder

Result<json::Value> read_json_if_there(const fs::path& path) {
  if (!is_there(path)) return json::Value();
  return read_json_file(path);
}

// A part that is not there, or that Conduit cannot run, is left out; the latter with a warning.
template <class T>
Status take_part(std::optional<T>& part, Result<T> opened, const char* name) {
  if (opened) part = *std::move(opened);
  if (opened || opened.error().code == Code::not_found) return ok();
  if (opened.error().code != Code::invalid_argument) return std::move(opened).error();
  log::warning("model part left out", {{"part", name}, {"reason", opened.error().message}});
  return ok();
}

Status read_hf_text_parts(Model& model, const std::stop_token& stop) {
  CONDUIT_TRY_STATUS(take_part(model.tokenizer, open_tokenizer(model.path, stop), "tokenizer"));
  auto text = read_template(model.path);
  if (!text) return text.error().code == Code::not_found ? ok() : Status(text.error());
  model.bos_token = text->bos_token.value_or("");
  model.eos_token = text->eos_token.value_or("");
  return take_part(model.chat_template, open_template(model.path), "chat template");
}

// What sentence-transformers wrote beside an embedding model.
Status read_hf_pooling(Model& model) {
  const fs::path path = model.path / "modules.json";
  if (!is_there(path)) return ok();
  CONDUIT_TRY(const json::Value modules_json, read_json_file(path));
  const auto modules = modules_from_json(modules_json);
  if (!modules) return prefixed(path, modules.error());
  model.config.normalise_embedding = modules->normalises;
  if (!modules->pooling_folder) return ok();
  const fs::path pooling_path = model.path / *modules->pooling_folder / "config.json";
  CONDUIT_TRY(const json::Value pooling_json, read_json_file(pooling_path));
  const auto pooling = pooling_from_json(pooling_json, model.config.hidden);
  if (!pooling) return prefixed(pooling_path, pooling.error());
  model.config.pooling = *pooling;
  return ok();
}

Result<std::shared_ptr<const Model>> open_folder(const fs::path& folder,
                                                 const std::stop_token& stop) {
  auto model = std::make_shared<Model>();
  model->path = folder;
  CONDUIT_TRY(const json::Value config_json, read_json_file(folder / "config.json"));
  CONDUIT_TRY(const json::Value generation, read_json_if_there(folder / "generation_config.json"));
  auto config = config_from_hf(config_json, generation);
  if (!config) return prefixed(folder / "config.json", config.error());
  model->config = *std::move(config);
  CONDUIT_TRY_STATUS(read_hf_pooling(*model));
  CONDUIT_TRY_STATUS(read_hf_text_parts(*model, stop));
  CONDUIT_TRY(const SafetensorsFile weights, SafetensorsFile::open_folder(folder));
  take_files(*model, weights.files());
  model->tensors = weights.tensors();
  if (is_saved_without_head(model->config, model->tensors)) model->config.has_head = false;
  return std::shared_ptr<const Model>(std::move(model));
}

}  // namespace

Status Model::check_files() const {
  for (const auto& file : files) CONDUIT_TRY_STATUS(file->check());
  return ok();
}

void Model::release_pages() const {
  for (const auto& file : files) file->release_pages();
}

void Model::release_pages(const TensorView& tensor) const {
  for (const auto& file : files)
    file->release_pages({tensor.data, static_cast<std::size_t>(tensor.bytes())});
}

Result<std::shared_ptr<const Model>> open_model(const fs::path& path, const std::stop_token& stop) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return open_folder(path, stop);
  if (!is_there(path))
    return Error{Code::not_found, path.string() +
                                      " is not there; a .gguf file or a folder with "
                                      "config.json and safetensors is needed"};
  return open_gguf(path, stop);
}

}  // namespace conduit::kernels
