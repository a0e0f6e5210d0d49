// SentencePiece's model → the stages. Its control tokens are special added tokens; its user-defined
// pieces, in a BPE model, added tokens of the normalized text, as nothing merges with them.
#include <algorithm>
#include <limits>
#include <utility>

#include "kernels/model/sentencepiece_model.h"
#include "kernels/model/tokenizer.h"
#include "kernels/model/tokenizer_fields.h"
#include "kernels/model/tokenizer_parts.h"
#include "mdl/base/utf8.h"

namespace conduit::kernels {

namespace {

using PieceKind = SentencePieceModel::Kind;
using Piece = SentencePieceModel::Piece;

std::optional<TokenId> first_of_kind(const SentencePieceModel& model, PieceKind kind) {
  const auto found = std::find_if(model.pieces.begin(), model.pieces.end(),
                                  [kind](const Piece& piece) { return piece.kind == kind; });
  if (found == model.pieces.end()) return std::nullopt;
  return static_cast<TokenId>(found - model.pieces.begin());
}

Result<Vocabulary> piece_vocabulary(const SentencePieceModel& model) {
  std::vector<Vocabulary::Entry> entries;
  entries.reserve(model.pieces.size());
  for (const Piece& piece : model.pieces)
    entries.push_back({piece.text, static_cast<TokenId>(entries.size())});
  return Vocabulary::make(entries);
}

bool is_text(PieceKind kind) {
  return kind == PieceKind::normal || kind == PieceKind::user_defined;
}

Result<TokenModel> bpe_of(const SentencePieceModel& model, Vocabulary vocabulary,
                          const std::stop_token& stop) {
  std::vector<std::optional<float>> scores;
  for (const Piece& piece : model.pieces)
    scores.push_back(is_text(piece.kind) ? std::optional(piece.score) : std::nullopt);
  BpeModel::Options options;
  options.unknown = first_of_kind(model, PieceKind::unknown);
  options.fuse_unknown = true;
  options.byte_fallback = model.byte_fallback;
  CONDUIT_TRY(BpeModel made, BpeModel::from_scores(std::move(vocabulary), scores, options, stop));
  return TokenModel(std::move(made));
}

// A user-defined piece scores above nearly any other way through its characters: scores are
// logarithms, and the highest is reckoned from the smallest positive number as in the reference.
Result<TokenModel> unigram_of(const SentencePieceModel& model, Vocabulary vocabulary) {
  float lowest = std::numeric_limits<float>::max();
  float highest = std::numeric_limits<float>::min();
  for (const Piece& piece : model.pieces) {
    if (piece.kind != PieceKind::normal) continue;
    lowest = std::min(lowest, piece.score);
    highest = std::max(highest, piece.score);
  }
  std::vector<std::optional<double>> scores;
  for (const Piece& piece : model.pieces) {
    std::optional<double>& score = scores.emplace_back();
    if (piece.kind == PieceKind::normal) score = piece.score;
    if (piece.kind == PieceKind::user_defined)
      score = static_cast<float>(piece.text.size()) * highest - 0.1f;
  }
  UnigramModel::Options options;
  options.unknown = first_of_kind(model, PieceKind::unknown);
  options.unknown_score = lowest - UnigramModel::kUnknownPenalty;
  options.byte_fallback = model.byte_fallback;
  options.sums_floats = true;
  return TokenModel(UnigramModel(std::move(vocabulary), scores, options));
}

Result<Normalizer> normalizer_of(const SentencePieceModel& model) {
  Normalizer::SentencePiece spec;
  if (!model.charsmap.empty()) {
    CONDUIT_TRY(Charsmap charsmap, Charsmap::parse(model.charsmap));
    spec.charsmap = std::make_shared<const Charsmap>(std::move(charsmap));
    for (const Piece& piece : model.pieces)
      if (piece.kind == PieceKind::user_defined) spec.kept.add(piece.text, 0);
  }
  spec.adds_dummy_prefix = model.adds_dummy_prefix;
  spec.removes_extra_spaces = model.removes_extra_spaces;
  spec.escapes_spaces = model.escapes_spaces;
  return Normalizer(std::move(spec));
}

AddedTokens added_of(const SentencePieceModel& model) {
  std::vector<AddedToken> added;
  for (std::size_t id = 0; id < model.pieces.size(); ++id) {
    const Piece& piece = model.pieces[id];
    const bool is_special = piece.kind == PieceKind::control || piece.kind == PieceKind::unknown;
    const bool is_whole = piece.kind == PieceKind::user_defined && !model.is_unigram;
    if (!is_special && !is_whole) continue;
    AddedToken token;
    token.content = piece.text;
    token.id = static_cast<TokenId>(id);
    token.is_special = is_special;
    token.is_normalized = !is_special;
    added.push_back(std::move(token));
  }
  // The pieces are spelled as normalized text is.
  return AddedTokens(std::move(added), Normalizer());
}

// ▁ → blank, <0xNN> → bytes, and the dummy prefix goes.
Result<TokenDecoder> decoder_of(const SentencePieceModel& model) {
  json::Array steps;
  steps.push_back(json::Object{
      {"type", "Replace"}, {"pattern", json::Object{{"String", "▁"}}}, {"content", " "}});
  steps.push_back(json::Object{{"type", "ByteFallback"}});
  steps.push_back(json::Object{{"type", "Fuse"}});
  if (model.adds_dummy_prefix)
    steps.push_back(json::Object{{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  return TokenDecoder::from_json(
      json::Object{{"type", "Sequence"}, {"decoders", std::move(steps)}});
}

}  // namespace

Result<TokenizerParts> parts_of(const SentencePieceModel& model, const std::stop_token& stop) {
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    if (!utf8::is_valid(model.pieces[i].text))
      return Error{Code::corrupt, "tokenizer: piece " + std::to_string(i) + " must be valid UTF-8"};
    CONDUIT_TRY_STATUS(check_piece(model.pieces[i].text));
  }
  CONDUIT_TRY(Vocabulary vocabulary, piece_vocabulary(model));
  CONDUIT_TRY(Normalizer normalize, normalizer_of(model));
  CONDUIT_TRY(TokenDecoder decoder, decoder_of(model));
  CONDUIT_TRY(TokenModel tokens, model.is_unigram ? unigram_of(model, std::move(vocabulary))
                                                  : bpe_of(model, std::move(vocabulary), stop));
  return TokenizerParts{added_of(model),
                        std::move(normalize),
                        PreTokenizer(),
                        std::move(tokens),
                        PostProcessor::around(model.bos, model.eos),
                        std::move(decoder)};
}

Result<Tokenizer> Tokenizer::from_sentencepiece(std::string_view model_proto,
                                                const std::stop_token& stop) {
  CONDUIT_TRY(const SentencePieceModel model, SentencePieceModel::parse(model_proto));
  CONDUIT_TRY(TokenizerParts parts, parts_of(model, stop));
  return Tokenizer(std::move(parts));
}

}  // namespace conduit::kernels
