// tokenizer.json's model, added tokens and pre-tokenizer; tokenizer.model's pieces.
#include "kernels/model/gguf_vocabulary.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "kernels/model/added_tokens.h"
#include "kernels/model/gguf_family.h"
#include "kernels/model/mapped_file.h"
#include "kernels/model/sentencepiece_model.h"
#include "kernels/model/tokenizer_fields.h"
#include "mdl/base/json.h"

namespace conduit::kernels {
namespace {

using PieceKind = SentencePieceModel::Kind;

constexpr float kUnusedScore = -10000;  // as llama.cpp's converter has it

Error no_vocabulary(const std::string& what) {
  return {Code::invalid_argument, "tokenizer: " + what + " cannot be written to GGUF"};
}

std::int32_t number_of(PieceKind kind) { return static_cast<std::int32_t>(kind); }

bool is_byte(std::string_view token) {
  return token.size() == 6 && token.starts_with("<0x") && token.ends_with('>');
}

// A list as long as the embedding; what no token has is a placeholder.
GgufVocabulary placeholders(int rows) {
  GgufVocabulary made;
  for (int i = 0; i < rows; ++i) made.tokens.push_back("[PAD" + std::to_string(i) + "]");
  made.kinds.assign(made.tokens.size(), number_of(PieceKind::unused));
  return made;
}

Status put_token(GgufVocabulary& made, std::int64_t id, std::string_view token, PieceKind kind) {
  if (id < 0 || id >= static_cast<std::int64_t>(made.tokens.size()))
    return Error{Code::corrupt, "tokenizer: token " + std::to_string(id) +
                                    " has no row in the model, which has " +
                                    std::to_string(made.tokens.size())};
  made.tokens[static_cast<std::size_t>(id)] = token;
  made.kinds[static_cast<std::size_t>(id)] = number_of(kind);
  return ok();
}

// --- how words are cut

// What a pre-tokenizer comes down to, for comparison.
struct Cut {
  std::vector<std::string> expressions;
  bool cuts_digits = false, has_gpt2_words = false, is_byte_level = false;
  bool operator==(const Cut&) const = default;
};

const json::Value& member(const json::Value& value, std::string_view key) {
  static const json::Value kAbsent;
  const json::Value* found = value.find(key);
  return found != nullptr ? *found : kAbsent;
}

bool is_set(const json::Value& value) { return value == json::Value(true); }

std::string type_of(const json::Value& value) {
  const json::Value& type = member(value, "type");
  return type.is_string() ? type.as_string() : std::string();
}

// Nothing: a step that no family has.
std::optional<Cut> cut_of(const json::Value& definition) {
  json::Array steps{definition};
  if (type_of(definition) == "Sequence" && member(definition, "pretokenizers").is_array())
    steps = member(definition, "pretokenizers").as_array();
  Cut cut;
  for (const json::Value& step : steps) {
    const std::string type = type_of(step);
    const json::Value& expression = member(member(step, "pattern"), "Regex");
    if (type == "Split" && expression.is_string()) {
      cut.expressions.push_back(expression.as_string());
    } else if (type == "Digits" && is_set(member(step, "individual_digits"))) {
      cut.cuts_digits = true;
    } else if (type == "ByteLevel" && !is_set(member(step, "add_prefix_space"))) {
      cut.is_byte_level = true;
      cut.has_gpt2_words = member(step, "use_regex") != json::Value(false);
    } else {
      return std::nullopt;
    }
  }
  return cut;
}

bool is_nfc(const json::Value& normalizer) {
  const json::Value& steps = member(normalizer, "normalizers");
  if (steps.is_array() && steps.as_array().size() == 1) return is_nfc(steps.as_array().front());
  return type_of(normalizer) == "NFC";
}

Result<std::string> pre_tokenizer_name(const json::Value& root) {
  const auto cut = cut_of(member(root, "pre_tokenizer"));
  const bool normalises = is_nfc(member(root, "normalizer"));
  const bool ignores_merges = is_set(member(member(root, "model"), "ignore_merges"));
  for (const GgufFamily& family : gguf_families())
    if (cut && cut_of(family.pre_tokenizer()) == cut && family.is_nfc == normalises &&
        family.ignores_merges == ignores_merges)
      return std::string(family.names.front());
  return no_vocabulary("this pre-tokenizer (no tokenizer.ggml.pre stands for it)");
}

// --- tokenizer.json

struct Merges {
  std::vector<std::string> lines;                // "left right"
  std::unordered_map<std::string, float> order;  // of what a merge makes: 0, -1, …
};

// ["a", "b"], or "a b" in older files.
Result<Merges> merge_texts(const TokenizerFields& model) {
  Merges merges;
  CONDUIT_TRY(const json::Array* list, model.list("merges"));
  for (const json::Value& merge : *list) {
    if (merge.is_string() && merge.as_string().starts_with("#version")) continue;
    std::string line;
    if (merge.is_string()) line = merge.as_string();
    if (merge.is_array() && merge.as_array().size() == 2 && merge.as_array()[0].is_string() &&
        merge.as_array()[1].is_string())
      line = merge.as_array()[0].as_string() + " " + merge.as_array()[1].as_string();
    const std::size_t blank = line.find(' ');
    if (blank == line.npos) return model.corrupt("merges", "a list of pairs");
    merges.order.emplace(line.substr(0, blank) + line.substr(blank + 1),
                         -static_cast<float>(merges.order.size()));
    merges.lines.push_back(std::move(line));
  }
  return merges;
}

Status put_added(GgufVocabulary& made, const json::Value& root) {
  const TokenizerFields fields("tokenizer.json", root);
  if (fields.find("added_tokens") == nullptr) return ok();
  CONDUIT_TRY(const json::Array* definitions, fields.list("added_tokens"));
  CONDUIT_TRY(const std::vector<AddedToken> added, read_added_tokens(*definitions));
  for (const AddedToken& token : added)
    CONDUIT_TRY_STATUS(put_token(made, token.id, token.content,
                                 token.is_special ? PieceKind::control : PieceKind::user_defined));
  return ok();
}

// A piece of SentencePiece's that is no text, and the score of one that is.
void finish_pieces(GgufVocabulary& made, const Merges& merges, const json::Value& unknown) {
  const auto lowest = -static_cast<float>(merges.order.size());
  for (std::size_t i = 0; i < made.tokens.size(); ++i) {
    std::string& token = made.tokens[i];
    if (made.kinds[i] == number_of(PieceKind::normal) && is_byte(token))
      made.kinds[i] = number_of(PieceKind::byte);
    if (unknown == json::Value(token)) made.kinds[i] = number_of(PieceKind::unknown);
    const auto merged = merges.order.find(token);
    made.scores.push_back(made.kinds[i] == number_of(PieceKind::unused) ? kUnusedScore
                          : merged == merges.order.end()                ? lowest
                                                                        : merged->second);
    if (made.kinds[i] != number_of(PieceKind::user_defined)) continue;
    // Readers look for these in the text as it came.
    for (std::size_t at = 0; (at = token.find(kMetaspace, at)) != token.npos;)
      token.replace(at, kMetaspace.size(), " ");
  }
}

Result<GgufVocabulary> from_tokenizer_json(std::string_view text, int rows) {
  CONDUIT_TRY(const json::Value root, json::parse(text));
  const TokenizerFields model("model", member(root, "model"));
  const json::Value* vocab = model.find("vocab");
  if (vocab == nullptr || model.find("merges") == nullptr || !vocab->is_object())
    return no_vocabulary("a model of type " + json::dump(member(member(root, "model"), "type")));
  GgufVocabulary made = placeholders(rows);
  for (const auto& [token, id] : vocab->as_object()) {
    CONDUIT_TRY(const TokenId checked, checked_token_id(id, "model.vocab"));
    CONDUIT_TRY_STATUS(put_token(made, checked, token, PieceKind::normal));
  }
  CONDUIT_TRY_STATUS(put_added(made, root));
  CONDUIT_TRY(Merges merges, merge_texts(model));
  CONDUIT_TRY(const bool has_bytes, model.flag("byte_fallback", false));
  if (has_bytes) {
    made.model = "llama";
    made.pre = "default";
    finish_pieces(made, merges, member(member(root, "model"), "unk_token"));
  } else {
    made.model = "gpt2";
    CONDUIT_TRY(made.pre, pre_tokenizer_name(root));
    made.merges = std::move(merges.lines);
  }
  return made;
}

// --- tokenizer.model

Result<GgufVocabulary> from_sentencepiece(std::string_view proto, int rows) {
  CONDUIT_TRY(const SentencePieceModel model, SentencePieceModel::parse(proto));
  if (model.is_unigram) return no_vocabulary("a model of type \"Unigram\"");
  if (!model.charsmap.empty() || model.removes_extra_spaces)
    return no_vocabulary("SentencePiece's normalizer");
  GgufVocabulary made = placeholders(rows);
  made.model = "llama";
  made.pre = "default";
  made.scores.assign(made.tokens.size(), kUnusedScore);
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    const SentencePieceModel::Piece& piece = model.pieces[i];
    CONDUIT_TRY_STATUS(put_token(made, static_cast<std::int64_t>(i), piece.text, piece.kind));
    made.scores[i] = piece.score;
  }
  return made;
}

}  // namespace

Result<GgufVocabulary> read_gguf_vocabulary(const std::filesystem::path& file, int rows) {
  CONDUIT_TRY(const MappedFile mapped, MappedFile::open(file));
  const std::string_view bytes(reinterpret_cast<const char*>(mapped.bytes().data()),
                               mapped.bytes().size());
  const std::size_t first = bytes.find_first_not_of(" \t\r\n");
  const bool is_json = first != bytes.npos && bytes[first] == '{';
  return is_json ? from_tokenizer_json(bytes, rows) : from_sentencepiece(bytes, rows);
}

}  // namespace conduit::kernels
