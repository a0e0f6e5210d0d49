// Where small checkpoints with known results lie: models/ and gguf/ of <shared>/golden and of
// tests/golden/own. Found by walking, so that another case needs no code.
#pragma once

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "tests/golden/reference.h"
#include "tests/support/shared_dir.h"

namespace conduit::testing {

struct ModelCase {
  std::string name;              // letters, digits and underscores
  std::filesystem::path model;   // what open_model takes
  std::filesystem::path golden;  // the folder of golden.json and golden.safetensors
};

inline void PrintTo(const ModelCase& model_case, std::ostream* out) { *out << model_case.model; }

inline void add_model_folders(const std::filesystem::path& root, const std::string& prefix,
                              std::vector<ModelCase>& cases) {
  std::error_code absent;
  for (const auto& entry : std::filesystem::directory_iterator(root, absent)) {
    if (!std::filesystem::exists(entry.path() / "golden.json")) continue;
    cases.push_back({prefix + entry.path().filename().string(), entry.path(), entry.path()});
  }
}

// gguf.json says which folder's results apply to each file.
inline void add_gguf_files(const std::filesystem::path& root, const std::string& prefix,
                           std::vector<ModelCase>& cases) {
  if (!std::filesystem::exists(root / "gguf.json")) return;
  const json::Value files = read_json(root / "gguf.json");
  for (const auto& [file, facts] : files.as_object())
    cases.push_back({prefix + file, root / file, root / member(facts, "golden").as_string()});
}

// All of them, causal or not, sorted by name.
inline std::vector<ModelCase> find_model_cases() {
  std::vector<ModelCase> cases;
  add_model_folders(shared_dir() / "golden/models", "", cases);
  add_model_folders(own_golden_dir() / "own/models", "own_", cases);
  add_gguf_files(shared_dir() / "golden/gguf", "gguf_", cases);
  add_gguf_files(own_golden_dir() / "own/gguf", "own_gguf_", cases);
  for (ModelCase& found : cases) {
    std::replace_if(
        found.name.begin(), found.name.end(), [](unsigned char c) { return std::isalnum(c) == 0; },
        '_');
  }
  std::sort(cases.begin(), cases.end(),
            [](const ModelCase& a, const ModelCase& b) { return a.name < b.name; });
  return cases;
}

// Those whose golden.json has the member: "prompts" of causal models, "inputs" of embedding models
// and rerankers.
inline std::vector<ModelCase> find_model_cases_with(std::string_view key) {
  std::vector<ModelCase> cases = find_model_cases();
  std::erase_if(cases, [&](const ModelCase& found) {
    return read_json(found.golden / "golden.json").find(key) == nullptr;
  });
  return cases;
}

}  // namespace conduit::testing
