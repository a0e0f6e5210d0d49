// tokenizer.json → the stages. What a file asks for and is not here is an error that names it;
// "truncation" and "padding" are not read, since how long a prompt may be is the engine's business.
#include <algorithm>
#include <utility>

#include "kernels/model/tokenizer.h"
#include "kernels/model/tokenizer_fields.h"
#include "kernels/model/tokenizer_parts.h"

namespace conduit::kernels {

namespace {

const json::Value kAbsent;

const json::Value& part(const json::Value& root, std::string_view key) {
  const json::Value* value = root.find(key);
  return value ? *value : kAbsent;
}

Result<Vocabulary> read_vocabulary(const TokenizerFields& fields) {
  const json::Value* vocab = fields.find("vocab");
  if (vocab == nullptr || !vocab->is_object()) return fields.corrupt("vocab", "an object");
  std::vector<Vocabulary::Entry> entries;
  entries.reserve(vocab->as_object().size());
  for (const auto& [spelling, value] : vocab->as_object()) {
    CONDUIT_TRY(const TokenId id, checked_token_id(value, "model.vocab"));
    entries.push_back({spelling, id});
  }
  return Vocabulary::make(entries);
}

// ["a", "b"], or "a b" in older files.
Result<std::vector<BpeModel::MergeRule>> merges_of(const TokenizerFields& fields) {
  CONDUIT_TRY(const json::Array* merges, fields.list("merges"));
  std::vector<BpeModel::MergeRule> rules;
  rules.reserve(merges->size());
  for (const json::Value& merge : *merges) {
    if (merge.is_string()) {
      if (merge.as_string().starts_with("#version")) continue;
      CONDUIT_TRY(const auto rule, BpeModel::MergeRule::parse(merge.as_string()));
      rules.push_back(rule);
      continue;
    }
    const bool is_pair = merge.is_array() && merge.as_array().size() == 2 &&
                         merge.as_array()[0].is_string() && merge.as_array()[1].is_string();
    if (!is_pair) return fields.corrupt("merges", "a list of pairs");
    rules.push_back({merge.as_array()[0].as_string(), merge.as_array()[1].as_string()});
  }
  return rules;
}

// By its spelling; none when the vocabulary does not have it.
Result<std::optional<TokenId>> read_unknown(const TokenizerFields& fields,
                                            const Vocabulary& vocabulary) {
  if (fields.find("unk_token") == nullptr) return std::optional<TokenId>();
  CONDUIT_TRY(const std::string unknown, fields.text("unk_token"));
  return vocabulary.find(unknown);
}

Result<TokenModel> read_bpe(const TokenizerFields& fields, const std::stop_token& stop) {
  const json::Value* dropout = fields.find("dropout");
  if (dropout != nullptr && *dropout != json::Value(0))
    return fields.unsupported("BPE with dropout");
  CONDUIT_TRY(Vocabulary vocabulary, read_vocabulary(fields));
  CONDUIT_TRY(const auto merges, merges_of(fields));
  BpeModel::Options options;
  CONDUIT_TRY(options.ignore_merges, fields.flag("ignore_merges", false));
  CONDUIT_TRY(options.fuse_unknown, fields.flag("fuse_unk", false));
  CONDUIT_TRY(options.byte_fallback, fields.flag("byte_fallback", false));
  CONDUIT_TRY(options.continuing_prefix, fields.text("continuing_subword_prefix", ""));
  CONDUIT_TRY(options.end_suffix, fields.text("end_of_word_suffix", ""));
  CONDUIT_TRY(options.unknown, read_unknown(fields, vocabulary));
  CONDUIT_TRY(BpeModel model, BpeModel::make(std::move(vocabulary), merges, options, stop));
  return TokenModel(std::move(model));
}

// [["▁the", -3.2], …], the ids by their order.
Result<TokenModel> read_unigram(const TokenizerFields& fields) {
  CONDUIT_TRY(const json::Array* pieces, fields.list("vocab"));
  if (pieces->size() > static_cast<std::size_t>(kMaxTokenId))
    return fields.corrupt("vocab", "a list of at most " + std::to_string(kMaxTokenId) + " pieces");
  std::vector<Vocabulary::Entry> entries;
  std::vector<std::optional<double>> scores;
  double lowest = 0;
  for (const json::Value& piece : *pieces) {
    const bool is_piece = piece.is_array() && piece.as_array().size() == 2 &&
                          piece.as_array()[0].is_string() && piece.as_array()[1].is_number();
    if (!is_piece) return fields.corrupt("vocab", "a list of pieces and scores");
    CONDUIT_TRY_STATUS(check_piece(piece.as_array()[0].as_string()));
    const double score = piece.as_array()[1].as_double();
    lowest = entries.empty() ? score : std::min(lowest, score);
    entries.push_back({piece.as_array()[0].as_string(), static_cast<TokenId>(entries.size())});
    scores.emplace_back(score);
  }
  UnigramModel::Options options;
  options.unknown_score = lowest - UnigramModel::kUnknownPenalty;
  CONDUIT_TRY(options.byte_fallback, fields.flag("byte_fallback", false));
  if (fields.find("unk_id") != nullptr) {
    CONDUIT_TRY(options.unknown, fields.id("unk_id"));
    if (static_cast<std::size_t>(*options.unknown) >= entries.size())
      return fields.corrupt("unk_id", "the id of a piece");
  }
  CONDUIT_TRY(Vocabulary vocabulary, Vocabulary::make(entries));
  return TokenModel(UnigramModel(std::move(vocabulary), scores, options));
}

Result<TokenModel> read_word_piece(const TokenizerFields& fields) {
  CONDUIT_TRY(Vocabulary vocabulary, read_vocabulary(fields));
  for (const auto& [spelling, id] : fields.find("vocab")->as_object())
    CONDUIT_TRY_STATUS(check_piece(spelling));
  WordPieceModel::Options options;
  CONDUIT_TRY(options.unknown, read_unknown(fields, vocabulary));
  CONDUIT_TRY(options.continuing_prefix,
              fields.text("continuing_subword_prefix", options.continuing_prefix));
  if (fields.find("max_input_chars_per_word") != nullptr) {
    CONDUIT_TRY(const TokenId limit, fields.id("max_input_chars_per_word"));
    options.max_characters = static_cast<std::size_t>(limit);
  }
  return TokenModel(WordPieceModel(std::move(vocabulary), options));
}

// Older files do not name the type; what only one type has tells it.
Result<std::string> model_type(const TokenizerFields& fields) {
  if (fields.find("type") == nullptr) {
    const json::Value* vocab = fields.find("vocab");
    if (fields.find("merges") != nullptr) return std::string("BPE");
    if (fields.find("max_input_chars_per_word") != nullptr) return std::string("WordPiece");
    if (vocab != nullptr && vocab->is_array()) return std::string("Unigram");
  }
  return fields.type();
}

Result<TokenModel> read_model(const json::Value& definition, const std::stop_token& stop) {
  const TokenizerFields fields("model", definition);
  CONDUIT_TRY(const std::string type, model_type(fields));
  if (type == "BPE") return read_bpe(fields, stop);
  if (type == "Unigram") return read_unigram(fields);
  if (type == "WordPiece") return read_word_piece(fields);
  return fields.unsupported(type);
}

Result<AddedTokens> read_added(const json::Value& root, const Vocabulary& vocabulary,
                               const Normalizer& normalize) {
  const TokenizerFields fields("tokenizer.json", root);
  if (fields.find("added_tokens") == nullptr) return AddedTokens();
  CONDUIT_TRY(const json::Array* definitions, fields.list("added_tokens"));
  CONDUIT_TRY(std::vector<AddedToken> tokens, read_added_tokens(*definitions));
  // A token that the vocabulary has as well is that one, whatever id the list gives.
  for (AddedToken& token : tokens) token.id = vocabulary.find(token.content).value_or(token.id);
  return AddedTokens(std::move(tokens), normalize);
}

}  // namespace

Result<Tokenizer> Tokenizer::from_json(std::string_view tokenizer_json,
                                       const std::stop_token& stop) {
  CONDUIT_TRY(const json::Value root, json::parse(tokenizer_json));
  // The model first: its type is what tells one family of tokenizers from another.
  CONDUIT_TRY(TokenModel model, read_model(part(root, "model"), stop));
  CONDUIT_TRY(Normalizer normalize, Normalizer::from_json(part(root, "normalizer")));
  CONDUIT_TRY(PreTokenizer pre_tokenizer, PreTokenizer::from_json(part(root, "pre_tokenizer")));
  CONDUIT_TRY(PostProcessor post_processor, PostProcessor::from_json(part(root, "post_processor")));
  CONDUIT_TRY(TokenDecoder decoder, TokenDecoder::from_json(part(root, "decoder")));
  CONDUIT_TRY(AddedTokens added, read_added(root, vocabulary_of(model), normalize));
  return Tokenizer(TokenizerParts{std::move(added), std::move(normalize), std::move(pre_tokenizer),
                                  std::move(model), std::move(post_processor), std::move(decoder)});
}

}  // namespace conduit::kernels
