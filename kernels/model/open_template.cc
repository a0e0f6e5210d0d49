// Where publishers keep a template: in GGUF metadata, in a file of its own, or inside JSON.
#include "kernels/model/open_template.h"

#include <utility>

#include "kernels/model/gguf.h"
#include "kernels/model/json_file.h"
#include "kernels/model/mapped_file.h"
#include "mdl/base/json.h"

namespace conduit::kernels {
namespace {

namespace fs = std::filesystem;

Error no_template(const fs::path& path, const char* where) {
  return {Code::not_found, path.string() + " has no chat template: " + where};
}

// --- GGUF

std::optional<std::string> token_of(const GgufFile& file, std::string_view key) {
  const auto id = file.integer(key);
  const GgufValue* tokens = file.find("tokenizer.ggml.tokens");
  const auto* spellings =
      tokens == nullptr ? nullptr : std::get_if<std::vector<std::string>>(tokens);
  if (!id || spellings == nullptr || *id < 0 || static_cast<std::size_t>(*id) >= spellings->size())
    return std::nullopt;
  return (*spellings)[static_cast<std::size_t>(*id)];
}

Result<TemplateText> from_gguf(const fs::path& path) {
  CONDUIT_TRY(const GgufFile file, GgufFile::open(path));
  if (file.find("tokenizer.chat_template") == nullptr)
    return no_template(path, "tokenizer.chat_template is not there");
  TemplateText text;
  CONDUIT_TRY(text.source, file.text("tokenizer.chat_template"));
  text.bos_token = token_of(file, "tokenizer.ggml.bos_token_id");
  text.eos_token = token_of(file, "tokenizer.ggml.eos_token_id");
  return text;
}

// --- JSON

// "</s>", or the older {"content": "</s>", …}.
std::optional<std::string> special_token(const json::Value& config, std::string_view key) {
  const json::Value* value = config.find(key);
  if (value != nullptr && value->is_object()) value = value->find("content");
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return value->as_string();
}

void take_special_tokens(TemplateText& text, const json::Value& config) {
  if (!text.bos_token) text.bos_token = special_token(config, "bos_token");
  if (!text.eos_token) text.eos_token = special_token(config, "eos_token");
}

// From the files that stand beside a template.
Status take_special_tokens(TemplateText& text, const fs::path& folder) {
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    if (!is_there(folder / name)) continue;
    CONDUIT_TRY(const json::Value config, read_json_file(folder / name));
    take_special_tokens(text, config);
  }
  return ok();
}

// One template, or a list of named ones of which `default` counts.
std::optional<std::string> configured_template(const json::Value& config) {
  const json::Value* value = config.find("chat_template");
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

Result<TemplateText> from_json(const fs::path& path) {
  CONDUIT_TRY(const json::Value config, read_json_file(path));
  auto source = configured_template(config);
  if (!source)
    return no_template(path, "chat_template is neither a text nor a list with a default");
  TemplateText text{*std::move(source), special_token(config, "bos_token"),
                    special_token(config, "eos_token")};
  CONDUIT_TRY_STATUS(take_special_tokens(text, path.parent_path()));
  return text;
}

// --- a template's own text

Result<TemplateText> from_text(const fs::path& path) {
  TemplateText text;
  CONDUIT_TRY(text.source, read_text_file(path, TemplateLimits{}.source_bytes));
  CONDUIT_TRY_STATUS(take_special_tokens(text, path.parent_path()));
  return text;
}

Result<TemplateText> from_folder(const fs::path& folder) {
  if (is_there(folder / "chat_template.jinja")) return from_text(folder / "chat_template.jinja");
  for (const char* name : {"chat_template.json", "tokenizer_config.json"})
    if (is_there(folder / name)) return from_json(folder / name);
  return no_template(folder, "no chat_template.jinja, chat_template.json or tokenizer_config.json");
}

}  // namespace

Result<TemplateText> read_template(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return from_folder(path);
  CONDUIT_TRY(const MappedFile file, MappedFile::open(path));
  const std::string_view bytes(reinterpret_cast<const char*>(file.bytes().data()),
                               file.bytes().size());
  if (bytes.starts_with("GGUF")) return from_gguf(path);
  return path.extension() == ".json" ? from_json(path) : from_text(path);
}

Result<ChatTemplate> open_template(const fs::path& path) {
  CONDUIT_TRY(const TemplateText text, read_template(path));
  auto parsed = ChatTemplate::parse(text.source);
  if (!parsed) return Error{parsed.error().code, path.string() + ": " + parsed.error().message};
  return parsed;
}

}  // namespace conduit::kernels
