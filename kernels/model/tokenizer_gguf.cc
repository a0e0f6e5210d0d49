// GGUF metadata → the stages, by tokenizer.ggml.model: gpt2 is byte-level BPE (gguf_family.h says
// how words are cut), llama and t5 are SentencePiece's (sentencepiece_model.h), bert is WordPiece.
#include <algorithm>
#include <utility>

#include "kernels/model/gguf.h"
#include "kernels/model/gguf_family.h"
#include "kernels/model/sentencepiece_model.h"
#include "kernels/model/tokenizer.h"
#include "kernels/model/tokenizer_fields.h"
#include "kernels/model/tokenizer_gguf_fields.h"
#include "kernels/model/tokenizer_parts.h"
#include "mdl/base/utf8.h"

namespace conduit::kernels {

namespace {

using Texts = std::vector<std::string>;
using PieceKind = SentencePieceModel::Kind;

Result<const Texts*> read_tokens(const GgufFile& file) {
  CONDUIT_TRY(const Texts* tokens, gguf_texts(file, "tokenizer.ggml.tokens"));
  if (tokens->size() > static_cast<std::size_t>(kMaxTokenId))
    return Error{Code::exhausted, "tokenizer.ggml.tokens has " + std::to_string(tokens->size()) +
                                      " tokens, over the limit of " + std::to_string(kMaxTokenId)};
  return tokens;
}

// Of each token; all are normal where the file does not say.
Result<std::vector<PieceKind>> read_kinds(const GgufFile& file, std::size_t tokens) {
  CONDUIT_TRY(const auto* numbers, gguf_integers(file, "tokenizer.ggml.token_type", tokens));
  std::vector<PieceKind> kinds(tokens, PieceKind::normal);
  for (std::size_t i = 0; numbers != nullptr && i < tokens; ++i) {
    CONDUIT_TRY(kinds[i], checked_kind((*numbers)[i], i));
  }
  return kinds;
}

// The kinds of token that are looked for in the text as a whole.
Result<AddedTokens> added_of_kinds(const Texts& tokens, const std::vector<PieceKind>& kinds) {
  std::vector<AddedToken> added;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (kinds[i] != PieceKind::control && kinds[i] != PieceKind::user_defined) continue;
    // One that is part of a character would cut texts in the middle of it.
    if (!utf8::is_valid(tokens[i]))
      return wrong_type("tokenizer.ggml.tokens, token " + std::to_string(i), "valid UTF-8");
    CONDUIT_TRY_STATUS(check_piece(tokens[i]));
    AddedToken token;
    token.content = tokens[i];
    token.id = static_cast<TokenId>(i);
    token.is_special = kinds[i] == PieceKind::control;
    added.push_back(std::move(token));
  }
  return AddedTokens(std::move(added), Normalizer());
}

Result<Vocabulary> vocabulary_of(const Texts& tokens) {
  std::vector<Vocabulary::Entry> entries;
  entries.reserve(tokens.size());
  for (const std::string& token : tokens)
    entries.push_back({token, static_cast<TokenId>(entries.size())});
  return Vocabulary::make(entries);
}

// --- gpt2

Result<std::vector<BpeModel::MergeRule>> read_merges(const GgufFile& file) {
  std::vector<BpeModel::MergeRule> rules;
  if (file.find("tokenizer.ggml.merges") == nullptr) return rules;
  CONDUIT_TRY(const Texts* lines, gguf_texts(file, "tokenizer.ggml.merges"));
  rules.reserve(lines->size());
  for (const std::string& line : *lines) {
    CONDUIT_TRY(const auto rule, BpeModel::MergeRule::parse(line));
    rules.push_back(rule);
  }
  return rules;
}

Result<const GgufFamily*> read_family(const GgufFile& file) {
  if (file.find("tokenizer.ggml.pre") == nullptr) return find_gguf_family("default");
  CONDUIT_TRY(const std::string name, file.text("tokenizer.ggml.pre"));
  return find_gguf_family(name);
}

Result<TokenizerParts> byte_level_parts(const GgufFile& file, const std::stop_token& stop) {
  CONDUIT_TRY(const GgufFamily* family, read_family(file));
  CONDUIT_TRY(const Texts* tokens, read_tokens(file));
  CONDUIT_TRY(const auto kinds, read_kinds(file, tokens->size()));
  CONDUIT_TRY(AddedTokens added, added_of_kinds(*tokens, kinds));
  CONDUIT_TRY(Vocabulary vocabulary, vocabulary_of(*tokens));
  CONDUIT_TRY(const auto merges, read_merges(file));
  BpeModel::Options options;
  options.ignore_merges = family->ignores_merges;
  CONDUIT_TRY(BpeModel model, BpeModel::make(std::move(vocabulary), merges, options, stop));
  CONDUIT_TRY(PreTokenizer pre_tokenizer, PreTokenizer::from_json(family->pre_tokenizer()));
  CONDUIT_TRY(const GgufEdges edges, gguf_edges(file, family->adds_bos, false, tokens->size()));
  CONDUIT_TRY(TokenDecoder decoder, TokenDecoder::from_json(json::Object{{"type", "ByteLevel"}}));
  return TokenizerParts{std::move(added),
                        family->is_nfc ? Normalizer(NormalForm::nfc) : Normalizer(),
                        std::move(pre_tokenizer),
                        std::move(model),
                        PostProcessor::around(edges.first, edges.last),
                        std::move(decoder)};
}

// --- llama, t5

Result<std::string> read_charsmap(const GgufFile& file) {
  constexpr std::string_view kKey = "tokenizer.ggml.precompiled_charsmap";
  const GgufValue* value = file.find(kKey);
  if (value == nullptr) return std::string();
  const auto* bytes = std::get_if<std::vector<std::int64_t>>(value);
  if (bytes == nullptr) return wrong_type(kKey, "a list of bytes");
  return std::string(bytes->begin(), bytes->end());
}

// Gemma's user-defined runs of blanks stand in the file as they look to a reader; in the model, as
// in a text it has prepared, a blank is ▁.
std::string piece_text(const std::string& token, PieceKind kind) {
  if (kind != PieceKind::user_defined || token.find(' ') == token.npos) return token;
  return Pattern(" ").replace_all(token, kMetaspace);
}

Result<TokenizerParts> sentencepiece_parts(const GgufFile& file, bool is_unigram,
                                           const std::stop_token& stop) {
  CONDUIT_TRY(const Texts* tokens, read_tokens(file));
  CONDUIT_TRY(const auto kinds, read_kinds(file, tokens->size()));
  CONDUIT_TRY(const auto* scores, gguf_numbers(file, "tokenizer.ggml.scores", tokens->size()));
  if (scores == nullptr)  // Viterbi and the merges need one a piece
    return Error{Code::invalid_argument, "a tokenizer of pieces without tokenizer.ggml.scores"};
  SentencePieceModel model;
  for (std::size_t i = 0; i < tokens->size(); ++i) {
    const auto score = static_cast<float>((*scores)[i]);
    CONDUIT_TRY_STATUS(check_score(score, i));
    model.pieces.push_back({piece_text((*tokens)[i], kinds[i]), score, kinds[i]});
  }
  model.is_unigram = is_unigram;
  model.byte_fallback = std::find(kinds.begin(), kinds.end(), PieceKind::byte) != kinds.end();
  CONDUIT_TRY(model.charsmap, read_charsmap(file));
  CONDUIT_TRY(model.adds_dummy_prefix,
              gguf_flag(file, "tokenizer.ggml.add_space_prefix", /*otherwise=*/true));
  CONDUIT_TRY(model.removes_extra_spaces,
              gguf_flag(file, "tokenizer.ggml.remove_extra_whitespaces", is_unigram));
  CONDUIT_TRY(const GgufEdges edges, gguf_edges(file, /*adds_first=*/!is_unigram,
                                                /*adds_last=*/is_unigram, tokens->size()));
  model.bos = edges.first;
  model.eos = edges.last;
  return parts_of(model, stop);
}

// --- bert

// The file spells a beginning of a word with ▁ and the rest of one plainly; BERT's own vocabulary
// has it the other way round. [CLS] and its like stand as they are.
std::string word_piece_of(const std::string& token, PieceKind kind) {
  const bool is_verbatim = kind == PieceKind::control || kind == PieceKind::unknown ||
                           (token.starts_with('[') && token.ends_with(']'));
  if (is_verbatim) return token;
  return token.starts_with(kMetaspace) ? token.substr(kMetaspace.size()) : "##" + token;
}

// cls and sep are its own keys in older files, bos and eos in newer ones.
Result<TokenId> bert_edge(const GgufFile& file, std::string_view key, std::string_view other_key,
                          std::size_t tokens) {
  const std::string_view used = file.find(key) != nullptr ? key : other_key;
  CONDUIT_TRY(const std::int64_t id, file.integer(used));
  if (id < 0 || static_cast<std::size_t>(id) >= tokens)
    return wrong_type(used, "the id of a token");
  return static_cast<TokenId>(id);
}

Result<TokenizerParts> bert_parts(const GgufFile& file) {
  CONDUIT_TRY(const Texts* given, read_tokens(file));
  CONDUIT_TRY(const auto kinds, read_kinds(file, given->size()));
  Texts tokens;
  for (std::size_t i = 0; i < given->size(); ++i) {
    CONDUIT_TRY_STATUS(check_piece((*given)[i]));
    tokens.push_back(word_piece_of((*given)[i], kinds[i]));
  }
  CONDUIT_TRY(AddedTokens added, added_of_kinds(tokens, kinds));
  CONDUIT_TRY(Vocabulary vocabulary, vocabulary_of(tokens));
  WordPieceModel::Options options;
  options.unknown = vocabulary.find("[UNK]");
  CONDUIT_TRY(const TokenId cls, bert_edge(file, "tokenizer.ggml.cls_token_id",
                                           "tokenizer.ggml.bos_token_id", tokens.size()));
  // "seperator" is how the format spells it.
  CONDUIT_TRY(const TokenId sep, bert_edge(file, "tokenizer.ggml.seperator_token_id",
                                           "tokenizer.ggml.eos_token_id", tokens.size()));
  CONDUIT_TRY(PostProcessor post_processor,
              PostProcessor::from_json(json::Object{{"type", "BertProcessing"},
                                                    {"cls", json::Array{"[CLS]", cls}},
                                                    {"sep", json::Array{"[SEP]", sep}}}));
  CONDUIT_TRY(Normalizer normalize,
              Normalizer::from_json(json::Object{{"type", "BertNormalizer"}}));
  CONDUIT_TRY(PreTokenizer pre_tokenizer,
              PreTokenizer::from_json(json::Object{{"type", "BertPreTokenizer"}}));
  CONDUIT_TRY(TokenDecoder decoder, TokenDecoder::from_json(json::Object{{"type", "WordPiece"}}));
  return TokenizerParts{std::move(added),          std::move(normalize),
                        std::move(pre_tokenizer),  WordPieceModel(std::move(vocabulary), options),
                        std::move(post_processor), std::move(decoder)};
}

Result<TokenizerParts> read_parts(const GgufFile& file, const std::stop_token& stop) {
  CONDUIT_TRY(const std::string model, file.text("tokenizer.ggml.model"));
  if (model == "gpt2") return byte_level_parts(file, stop);
  if (model == "llama") return sentencepiece_parts(file, /*is_unigram=*/false, stop);
  if (model == "t5") return sentencepiece_parts(file, /*is_unigram=*/true, stop);
  if (model == "bert") return bert_parts(file);
  return Error{Code::invalid_argument,
               "tokenizer.ggml.model \"" + model + "\" is not supported yet"};
}

}  // namespace

Result<Tokenizer> Tokenizer::from_gguf(const GgufFile& file, const std::stop_token& stop) {
  CONDUIT_TRY(TokenizerParts parts, read_parts(file, stop));
  return Tokenizer(std::move(parts));
}

}  // namespace conduit::kernels
