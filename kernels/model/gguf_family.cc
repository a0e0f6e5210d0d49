// The table.
#include "kernels/model/gguf_family.h"

#include <algorithm>
#include <string>
#include <utility>

namespace conduit::kernels {

// clang-format off
const std::vector<GgufFamily>& gguf_families() {
  static const std::vector<GgufFamily> all = {
    {.names = {"gpt-2", "phi-2", "jais", "modern-bert", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "gigachat", "a.x-4.0", "mellum", "exaone4"},
     .expressions = {}, .has_gpt2_words = true},
    {.names = {"olmo", "mpt"}, .expressions = {}, .has_gpt2_words = true, .is_nfc = true},
    {.names = {"smollm", "starcoder", "refact", "codeshell", "exaone", "minerva-7b"},
     .expressions = {}, .cuts_digits = true, .has_gpt2_words = true},
    {.names = {"command-r"}, .expressions = {}, .cuts_digits = true, .has_gpt2_words = true,
     .is_nfc = true},
    {.names = {"qwen2", "deepseek-r1-qwen", "megrez", "stablelm2"},
     .expressions = {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
     .is_nfc = true},
    {.names = {"qwen35"},
     .expressions = {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
     .is_nfc = true},
    {.names = {"llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"},
     .expressions = {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
     .ignores_merges = true, .adds_bos = true},
    {.names = {"dbrx", "smaug-bpe", "glm4", "chatglm-bpe"},
     .expressions = {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}},
    {.names = {"tekken"},
     .expressions = {R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
     .ignores_merges = true, .adds_bos = true},
    {.names = {"gpt-4o", "llama4"},
     .expressions = {R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}},
    {.names = {"bloom", "poro-chat", "gpt3-finnish"},
     .expressions = {" ?[^(\\s|.,!?…。，、।۔،)]+"}},
    {.names = {"viking"}, .expressions = {" ?[^(\\s|.,!?…。，、।۔،)]+"}, .cuts_digits = true},
    {.names = {"deepseek-coder"},
     .expressions = {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", "[一-龥ࠀ-一가-퟿]+"},
     .cuts_digits = true},
    {.names = {"deepseek-v3"},
     .expressions = {R"(\p{N}{1,3})", "[一-龥぀-ゟ゠-ヿ]+",
                     R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}},
    // What llama.cpp does for a file that names none.
    {.names = {"default"},
     .expressions = {R"([\p{P}\$\+<=>\^~\|]+)",
                     R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
                     R"(\p{N}+)", "[0-9][0-9][0-9]"}},
  };
  return all;
}
// clang-format on

Result<const GgufFamily*> find_gguf_family(std::string_view name) {
  for (const GgufFamily& family : gguf_families())
    if (std::find(family.names.begin(), family.names.end(), name) != family.names.end())
      return &family;
  return Error{Code::invalid_argument,
               "tokenizer.ggml.pre \"" + std::string(name) + "\" is not supported yet"};
}

json::Value GgufFamily::pre_tokenizer() const {
  json::Array steps;
  for (const std::string_view expression : expressions)
    steps.push_back(json::Object{{"type", "Split"},
                                 {"pattern", json::Object{{"Regex", expression}}},
                                 {"behavior", "Isolated"}});
  if (cuts_digits) steps.push_back(json::Object{{"type", "Digits"}, {"individual_digits", true}});
  steps.push_back(json::Object{
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", has_gpt2_words}});
  return json::Object{{"type", "Sequence"}, {"pretokenizers", std::move(steps)}};
}

}  // namespace conduit::kernels
