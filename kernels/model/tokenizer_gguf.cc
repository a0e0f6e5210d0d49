// GGUF metadata → the stages. A GGUF file names its pre-tokenizer instead of stating it; what each
// name means is known here, put together as the family's own tokenizer.json has it (the names are
// llama.cpp's).
#include <algorithm>
#include <utility>

#include "kernels/model/gguf.h"
#include "kernels/model/tokenizer.h"
#include "kernels/model/tokenizer_fields.h"
#include "kernels/model/tokenizer_parts.h"
#include "mdl/base/utf8.h"

namespace conduit::kernels {

namespace {

using Texts = std::vector<std::string>;

struct Family {
  std::vector<std::string_view> names;
  std::vector<std::string_view> expressions;  // each cuts what the one before left whole
  bool cuts_digits = false;                   // then every digit by itself
  bool has_gpt2_words = false;                // then GPT-2's expression
  bool is_nfc = false;
  bool ignores_merges = false;
  bool adds_bos = false;  // unless the file says otherwise
};

// clang-format off
const std::vector<Family>& families() {
  static const std::vector<Family> all = {
    {.names = {"gpt-2", "phi-2", "jais", "modern-bert"}, .expressions = {}, .has_gpt2_words = true},
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
    {.names = {"llama3", "llama-v3", "llama-bpe", "falcon3", "lfm2"},
     .expressions = {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
     .ignores_merges = true, .adds_bos = true},
    {.names = {"dbrx", "smaug-bpe"},
     .expressions = {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}},
    {.names = {"tekken"},
     .expressions = {R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
     .ignores_merges = true, .adds_bos = true},
    {.names = {"gpt-4o", "llama4"},
     .expressions = {R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}},
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

Result<const Family*> find_family(const GgufFile& file) {
  std::string name = "default";
  if (file.find("tokenizer.ggml.pre") != nullptr) {
    CONDUIT_TRY(name, file.text("tokenizer.ggml.pre"));
  }
  for (const Family& family : families())
    if (std::find(family.names.begin(), family.names.end(), name) != family.names.end())
      return &family;
  return Error{Code::invalid_argument, "tokenizer.ggml.pre \"" + name + "\" is not supported yet"};
}

json::Value pre_tokenizer_of(const Family& family) {
  json::Array steps;
  for (const std::string_view expression : family.expressions)
    steps.push_back(json::Object{{"type", "Split"},
                                 {"pattern", json::Object{{"Regex", expression}}},
                                 {"behavior", "Isolated"}});
  if (family.cuts_digits)
    steps.push_back(json::Object{{"type", "Digits"}, {"individual_digits", true}});
  steps.push_back(json::Object{
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", family.has_gpt2_words}});
  return json::Object{{"type", "Sequence"}, {"pretokenizers", std::move(steps)}};
}

Error wrong_type(std::string_view key, std::string_view expected) {
  return Error{Code::corrupt, std::string(key) + " must be " + std::string(expected)};
}

// Absent: `otherwise`.
Result<bool> flag(const GgufFile& file, std::string_view key, bool otherwise) {
  const GgufValue* value = file.find(key);
  if (value == nullptr) return otherwise;
  const bool* held = std::get_if<bool>(value);
  if (held == nullptr) return wrong_type(key, "true or false");
  return *held;
}

Result<const Texts*> texts(const GgufFile& file, std::string_view key) {
  const GgufValue* value = file.find(key);
  const Texts* held = value ? std::get_if<Texts>(value) : nullptr;
  if (held == nullptr) return wrong_type(key, "a list of strings");
  return held;
}

Result<Vocabulary> read_vocabulary(const Texts& tokens) {
  if (tokens.size() > static_cast<std::size_t>(kMaxTokenId))
    return Error{Code::exhausted, "tokenizer.ggml.tokens has " + std::to_string(tokens.size()) +
                                      " tokens, over the limit of " + std::to_string(kMaxTokenId)};
  std::vector<Vocabulary::Entry> entries;
  entries.reserve(tokens.size());
  for (const std::string& token : tokens)
    entries.push_back({token, static_cast<TokenId>(entries.size())});
  return Vocabulary::make(entries);
}

Result<std::vector<BpeModel::MergeRule>> read_merges(const GgufFile& file) {
  std::vector<BpeModel::MergeRule> rules;
  if (file.find("tokenizer.ggml.merges") == nullptr) return rules;
  CONDUIT_TRY(const Texts* lines, texts(file, "tokenizer.ggml.merges"));
  rules.reserve(lines->size());
  for (const std::string& line : *lines) {
    CONDUIT_TRY(const auto rule, BpeModel::MergeRule::parse(line));
    rules.push_back(rule);
  }
  return rules;
}

// The kinds of token that are looked for in the text as a whole; the file has a number for each.
Result<AddedTokens> read_added(const GgufFile& file, const Texts& tokens, Normalizer normalize) {
  constexpr std::int64_t kControl = 3, kUserDefined = 4;
  constexpr std::string_view kKey = "tokenizer.ggml.token_type";
  const GgufValue* value = file.find(kKey);
  if (value == nullptr) return AddedTokens();
  const auto* kinds = std::get_if<std::vector<std::int64_t>>(value);
  if (kinds == nullptr || kinds->size() != tokens.size())
    return wrong_type(kKey, "a list of integers, one for each token");
  std::vector<AddedToken> added;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::int64_t kind = (*kinds)[i];
    if (kind != kControl && kind != kUserDefined) continue;
    // One that is part of a character would cut texts in the middle of it.
    if (!utf8::is_valid(tokens[i]))
      return wrong_type("tokenizer.ggml.tokens, token " + std::to_string(i), "valid UTF-8");
    AddedToken token;
    token.content = tokens[i];
    token.id = static_cast<TokenId>(i);
    token.is_special = kind == kControl;
    added.push_back(std::move(token));
  }
  return AddedTokens(std::move(added), normalize);
}

// The id under `id_key` where the file (or else the family) wants it in every prompt.
Result<std::optional<TokenId>> edge_token(const GgufFile& file, std::string_view wanted_key,
                                          bool otherwise, std::string_view id_key,
                                          std::size_t tokens) {
  CONDUIT_TRY(const bool is_wanted, flag(file, wanted_key, otherwise));
  if (!is_wanted) return std::optional<TokenId>();
  CONDUIT_TRY(const std::int64_t id, file.integer(id_key));
  if (id < 0 || static_cast<std::size_t>(id) >= tokens)
    return wrong_type(id_key, "the id of a token");
  return std::optional<TokenId>(static_cast<TokenId>(id));
}

Result<PostProcessor> read_post_processor(const GgufFile& file, const Family& family,
                                          std::size_t tokens) {
  CONDUIT_TRY(const auto first, edge_token(file, "tokenizer.ggml.add_bos_token", family.adds_bos,
                                           "tokenizer.ggml.bos_token_id", tokens));
  CONDUIT_TRY(const auto last, edge_token(file, "tokenizer.ggml.add_eos_token", false,
                                          "tokenizer.ggml.eos_token_id", tokens));
  return PostProcessor::around(first, last);
}

}  // namespace

Result<Tokenizer> Tokenizer::from_gguf(const GgufFile& file) {
  CONDUIT_TRY(const std::string model_name, file.text("tokenizer.ggml.model"));
  if (model_name != "gpt2")
    return Error{Code::invalid_argument,
                 "tokenizer.ggml.model \"" + model_name + "\" is not supported yet"};
  CONDUIT_TRY(const Family* family, find_family(file));
  const Normalizer normalize = family->is_nfc ? normalize_nfc : keep_as_is;
  CONDUIT_TRY(const Texts* tokens, texts(file, "tokenizer.ggml.tokens"));
  CONDUIT_TRY(Vocabulary vocabulary, read_vocabulary(*tokens));
  CONDUIT_TRY(const auto merges, read_merges(file));
  BpeModel::Options options;
  options.ignore_merges = family->ignores_merges;
  CONDUIT_TRY(BpeModel model, BpeModel::make(std::move(vocabulary), merges, options));
  CONDUIT_TRY(PreTokenizer pre_tokenizer, PreTokenizer::from_json(pre_tokenizer_of(*family)));
  CONDUIT_TRY(PostProcessor post_processor, read_post_processor(file, *family, tokens->size()));
  CONDUIT_TRY(AddedTokens added, read_added(file, *tokens, normalize));
  return Tokenizer(TokenizerParts{std::move(added), normalize, std::move(pre_tokenizer),
                                  std::move(model), std::move(post_processor)});
}

}  // namespace conduit::kernels
