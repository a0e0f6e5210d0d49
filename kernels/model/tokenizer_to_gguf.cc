// Keys, and the proof.
#include "kernels/model/tokenizer_to_gguf.h"

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "kernels/model/gguf_vocabulary.h"
#include "kernels/model/json_file.h"
#include "kernels/model/open_template.h"
#include "kernels/model/open_tokenizer.h"
#include "mdl/base/json.h"

namespace conduit::kernels {
namespace {

constexpr std::string_view kKeyPrefix = "tokenizer.ggml.";

std::string key(std::string_view name) { return std::string(kKeyPrefix) + std::string(name); }

// Which tokens a tokenizer puts around a text.
struct Edges {
  std::optional<TokenId> first, last;
};

Result<Edges> edges_of(const Tokenizer& tokenizer) {
  const std::vector<TokenId> bare = tokenizer.encode("a", {.add_special = false});
  const std::vector<TokenId> whole = tokenizer.encode("a");
  const auto found = std::search(whole.begin(), whole.end(), bare.begin(), bare.end());
  const auto before = found - whole.begin();
  const auto after = whole.end() - found - static_cast<std::ptrdiff_t>(bare.size());
  if (before > 1 || after > 1)
    return Error{Code::invalid_argument,
                 "tokenizer: several tokens around a text cannot be written to GGUF"};
  Edges edges;
  if (before == 1) edges.first = whole.front();
  if (after == 1) edges.last = whole.back();
  return edges;
}

void add_id(GgufHeader& header, std::string_view name, std::optional<TokenId> id) {
  if (id && *id >= 0) header.add(key(name), static_cast<std::uint32_t>(*id));
}

// Generation ends at any of config.eos; the first is the one that templates call eos_token.
void add_ends(GgufHeader& header, const Model& source, const Edges& edges) {
  std::vector<TokenId> ends = source.config.eos;
  const auto named = source.tokenizer ? source.tokenizer->id_of(source.eos_token) : std::nullopt;
  const auto first = std::find(ends.begin(), ends.end(), named.value_or(-1));
  if (first != ends.end()) std::rotate(ends.begin(), first, first + 1);
  if (edges.last) ends.insert(ends.begin(), *edges.last);
  constexpr std::string_view kNames[] = {"eos_token_id", "eot_token_id", "eom_token_id"};
  for (std::size_t i = 0; i < std::min(ends.size(), std::size(kNames)); ++i)
    add_id(header, kNames[i], ends[i]);
}

Status add_vocabulary(GgufHeader& header, const Model& source) {
  CONDUIT_TRY(const auto file, tokenizer_file_of(source.path));
  CONDUIT_TRY(const GgufVocabulary vocabulary, read_gguf_vocabulary(file, source.config.vocab));
  header.add_text(key("model"), vocabulary.model);
  header.add_text(key("pre"), vocabulary.pre);
  header.add_texts(key("tokens"), vocabulary.tokens);
  if (!vocabulary.scores.empty()) header.add_numbers(key("scores"), vocabulary.scores);
  header.add_integers(key("token_type"), vocabulary.kinds);
  if (!vocabulary.merges.empty()) header.add_texts(key("merges"), vocabulary.merges);
  const auto unknown = std::find(vocabulary.kinds.begin(), vocabulary.kinds.end(), 2);
  if (unknown != vocabulary.kinds.end())
    add_id(header, "unknown_token_id", static_cast<TokenId>(unknown - vocabulary.kinds.begin()));
  return ok();
}

// As transformers keeps it in tokenizer_config.json; absent: none.
std::optional<TokenId> padding_of(const Model& source) {
  const auto config = read_json_file(source.path / "tokenizer_config.json");
  if (!config) return std::nullopt;
  const json::Value* token = config->find("pad_token");
  if (token != nullptr && token->is_object()) token = token->find("content");
  if (token == nullptr || !token->is_string()) return std::nullopt;
  return source.tokenizer->id_of(token->as_string());
}

Status add_template(GgufHeader& header, const Model& source) {
  const auto text = read_template(source.path);
  if (text) header.add_text("tokenizer.chat_template", text->source);
  if (text || text.error().code == Code::not_found) return ok();
  return text.error();
}

// --- the proof

constexpr const char* kTexts[] = {
    "The quick brown fox doesn't jump; it's 3.14159 times\tslower than 1234567 others.\r\n\n  OK?",
    "  two blanks, trailing ones too   ",
    "\n\n\n",
    "for (int i = 0; i < 10; ++i) {\n    x[i] += f(i) * 0x1F;\n}\n",
    "Zwölf große Boxkämpfer, naïve café, e\u0301 and é, ﬁ, Ⅻ, ½",
    "这是一个测试。日本語のテキスト、한국어 문장입니다 ١٢٣ हिन्दी עברית",
    "🙂👩‍👩‍👧‍👦 \u200b zero width, \u00a0 no-break, €100 & \\ / # @ ~",
    "don't DON'T we'LL I'm  HTTPServer2Go snake_case CamelCase",
};

constexpr int kRandomTexts = 400;
constexpr int kTokensOfText = 24;

// Texts that use the whole vocabulary but special tokens, the same in every run; then those.
std::vector<std::string> probes(const Tokenizer& tokenizer) {
  std::mt19937 random(20240229);
  std::vector<std::string> texts;
  for (int i = 0; i < kRandomTexts; ++i) {
    std::vector<TokenId> ids;
    for (int j = 0; j < kTokensOfText; ++j)
      ids.push_back(static_cast<TokenId>(random() % static_cast<unsigned>(tokenizer.vocab_size())));
    texts.push_back(tokenizer.decode(ids, /*skip_special=*/true));
  }
  for (TokenId id = 0; id < tokenizer.vocab_size(); ++id)
    if (tokenizer.is_special(id)) texts.push_back("a" + std::string(tokenizer.token(id)) + "b");
  return texts;
}

}  // namespace

Status add_tokenizer(GgufHeader& header, const Model& source) {
  Edges edges;
  if (source.tokenizer) {
    CONDUIT_TRY_STATUS(add_vocabulary(header, source));
    CONDUIT_TRY(edges, edges_of(*source.tokenizer));
    header.add_flag(key("add_bos_token"), edges.first.has_value());
    header.add_flag(key("add_eos_token"), edges.last.has_value());
    const bool has_prefix =
        source.tokenizer->bytes(source.tokenizer->encode("a", {.add_special = false}).front())
            .starts_with(' ');
    header.add_flag(key("add_space_prefix"), has_prefix);
    add_id(header, "padding_token_id", padding_of(source));
  } else if (tokenizer_file_of(source.path)) {  // which could not be read
    return open_tokenizer(source.path).error();
  } else {
    header.add_text(key("model"), "no_vocab");  // llama.cpp wants the key
  }
  add_id(header, "bos_token_id", edges.first.value_or(source.config.bos));
  add_ends(header, source, edges);
  return add_template(header, source);
}

Status check_same_tokenizer(const Model& source, const Model& written) {
  if (!source.tokenizer) return ok();
  if (!written.tokenizer)
    return Error{Code::invalid_argument, "tokenizer: what was written cannot be read"};
  std::vector<std::string> texts = probes(*source.tokenizer);
  texts.insert(texts.end(), std::begin(kTexts), std::end(kTexts));
  for (const std::string& text : texts) {
    const std::vector<TokenId> ids = source.tokenizer->encode(text);
    if (ids == written.tokenizer->encode(text) &&
        source.tokenizer->decode(ids) == written.tokenizer->decode(ids))
      continue;
    return Error{Code::invalid_argument,
                 "tokenizer: GGUF has no equal of it: " + json::quote(text.substr(0, 60)) +
                     " would become other ids"};
  }
  return ok();
}

}  // namespace conduit::kernels
