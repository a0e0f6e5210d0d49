// What each key must hold.
#include "kernels/model/tokenizer_gguf_fields.h"

namespace conduit::kernels {

namespace {

template <class List>
Result<const List*> list_of(const GgufFile& file, std::string_view key, std::size_t tokens,
                            const char* expected) {
  const GgufValue* value = file.find(key);
  if (value == nullptr) return static_cast<const List*>(nullptr);
  const List* held = std::get_if<List>(value);
  if (held == nullptr || held->size() != tokens) return wrong_type(key, expected);
  return held;
}

// The id under `id_key` where the file (or else the family) wants it in every prompt.
Result<std::optional<TokenId>> edge(const GgufFile& file, std::string_view wanted_key,
                                    bool otherwise, std::string_view id_key, std::size_t tokens) {
  CONDUIT_TRY(const bool is_wanted, gguf_flag(file, wanted_key, otherwise));
  const bool is_only_custom = file.find(wanted_key) == nullptr && file.find(id_key) == nullptr;
  if (!is_wanted || is_only_custom) return std::optional<TokenId>();
  CONDUIT_TRY(const std::int64_t id, file.integer(id_key));
  if (id < 0 || static_cast<std::size_t>(id) >= tokens)
    return wrong_type(id_key, "the id of a token");
  return std::optional<TokenId>(static_cast<TokenId>(id));
}

}  // namespace

Error wrong_type(std::string_view key, std::string_view expected) {
  return Error{Code::corrupt, std::string(key) + " must be " + std::string(expected)};
}

Result<bool> gguf_flag(const GgufFile& file, std::string_view key, bool otherwise) {
  const GgufValue* value = file.find(key);
  if (value == nullptr) return otherwise;
  const bool* held = std::get_if<bool>(value);
  if (held == nullptr) return wrong_type(key, "true or false");
  return *held;
}

Result<const std::vector<std::string>*> gguf_texts(const GgufFile& file, std::string_view key) {
  const GgufValue* value = file.find(key);
  const auto* held = value ? std::get_if<std::vector<std::string>>(value) : nullptr;
  if (held == nullptr) return wrong_type(key, "a list of strings");
  return held;
}

Result<const std::vector<std::int64_t>*> gguf_integers(const GgufFile& file, std::string_view key,
                                                       std::size_t tokens) {
  return list_of<std::vector<std::int64_t>>(file, key, tokens,
                                            "a list of integers, one for each token");
}

Result<const std::vector<double>*> gguf_numbers(const GgufFile& file, std::string_view key,
                                                std::size_t tokens) {
  return list_of<std::vector<double>>(file, key, tokens, "a list of numbers, one for each token");
}

Result<GgufEdges> gguf_edges(const GgufFile& file, bool adds_first, bool adds_last,
                             std::size_t tokens) {
  GgufEdges edges;
  CONDUIT_TRY(edges.first, edge(file, "tokenizer.ggml.add_bos_token", adds_first,
                                "tokenizer.ggml.bos_token_id", tokens));
  CONDUIT_TRY(edges.last, edge(file, "tokenizer.ggml.add_eos_token", adds_last,
                               "tokenizer.ggml.eos_token_id", tokens));
  return edges;
}

}  // namespace conduit::kernels
