// A model on disk, opened: a GGUF file, or a Hugging Face folder. Config, tensors, and, where
// present, tokenizer and template. Nothing is on a device yet (weights.h does that); opening is
// cheap, since tensors stay mapped.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "kernels/model/chat_template.h"
#include "kernels/model/config.h"
#include "kernels/model/mapped_file.h"
#include "kernels/model/tokenizer.h"
#include "kernels/model/weights.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

struct Model {
  std::filesystem::path path;
  ModelConfig config;
  std::optional<Tokenizer> tokenizer;         // absent: token-id prompts only
  std::optional<ChatTemplate> chat_template;  // absent: no chat
  std::string bos_token, eos_token;           // as the template's variables; empty when unknown
  std::vector<std::shared_ptr<const MappedFile>> files;  // of the weights
  NamedTensors tensors;                                  // views into them
  std::size_t file_bytes = 0;                            // of all weight files

  // Once what is needed has been read. Error: corrupt when a file was changed meanwhile.
  Status check_files() const;
  // Gives the mapped pages back once the weights are on a device.
  void release_pages() const;
  // The same of one tensor's.
  void release_pages(const TensorView& tensor) const;
};

// `path`: FILE.gguf or a folder with config.json and safetensors. Errors name the file and what
// would be right; cancelled, soon after `stop` is requested.
Result<std::shared_ptr<const Model>> open_model(const std::filesystem::path& path,
                                                const std::stop_token& stop = {});

}  // namespace conduit::kernels
