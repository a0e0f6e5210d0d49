// Which chat template a path holds, and the two tokens that templates ask for: a template's own
// text, tokenizer_config.json, chat_template.json, a GGUF file, or a model's folder.
// Not here: the language (chat_template.h).
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "kernels/model/chat_template.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

struct TemplateText {
  std::string source;
  std::optional<std::string> bos_token, eos_token;  // absent where the model names none
};

// Errors name the path: not_found where there is no template, corrupt for bad JSON or GGUF.
Result<TemplateText> read_template(const std::filesystem::path& path);
// The same, parsed.
Result<ChatTemplate> open_template(const std::filesystem::path& path);

}  // namespace conduit::kernels
