// Which files of a hub's repository make up a model: by their names alone.
// The idea: the same choice over what the hub lists (what to fetch) and over what lies in the cache
// (is it whole, and which file is opened). A folder is safetensors with configs and tokenizer; a
// GGUF repository gives one quantisation, Q4_K_M where nothing is said, as llama.cpp and Ollama.
#pragma once

#include <string>
#include <vector>

#include "mdl/base/result.h"
#include "provisioning/model_name.h"

namespace conduit::provisioning {

struct ChosenFiles {
  std::vector<std::string> files;  // small ones first
  std::string open;                // what a reader of models opens; empty: the folder
};

// Errors: not_found, naming what there is instead.
Result<ChosenFiles> choose_files(const HubName& name, const std::vector<std::string>& listed);

// The files of one split model: each part of a `-00001-of-00003` name, or the file itself.
std::vector<std::string> parts_of(const std::string& file);

// What a GGUF file's name says of its quantisation: `a/Qwen3-0.6B-Q4_K_M.gguf` → "Q4_K_M"; empty:
// nothing.
std::string quant_of(const std::string& file);

}  // namespace conduit::provisioning
