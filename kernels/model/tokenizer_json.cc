// tokenizer.json → the stages. What a file asks for and is not here is an error that names it;
// "truncation" and "padding" are not read, since how long a prompt may be is the engine's business.
#include <utility>

#include "kernels/model/tokenizer.h"
#include "kernels/model/tokenizer_fields.h"
#include "kernels/model/tokenizer_parts.h"

namespace conduit::kernels {

namespace {

const json::Value kAbsent;

const json::Value& member(const json::Value& root, std::string_view key) {
  const json::Value* value = root.find(key);
  return value ? *value : kAbsent;
}

Result<Normalizer> read_normalizer(const json::Value& definition) {
  if (definition.is_null()) return Normalizer{keep_as_is};
  const TokenizerFields fields("normalizer", definition);
  CONDUIT_TRY(const std::string type, fields.type());
  if (type == "NFC") return Normalizer{normalize_nfc};
  if (type != "Sequence") return fields.unsupported(type);
  CONDUIT_TRY(const json::Array* parts, fields.list("normalizers"));
  Normalizer read = keep_as_is;
  for (const json::Value& part : *parts) {
    CONDUIT_TRY(const Normalizer next, read_normalizer(part));
    if (next != Normalizer{keep_as_is}) read = next;  // NFC twice is NFC
  }
  return read;
}

// Decoding is joining what each token's byte letters stand for: ByteLevel, and around it what
// changes nothing then.
Result<bool> decodes_byte_letters(const json::Value& definition) {
  const TokenizerFields fields("decoder", definition);
  CONDUIT_TRY(const std::string type, fields.type());
  if (type == "ByteLevel") return true;
  if (type == "Fuse") return false;
  if (type != "Sequence") return fields.unsupported(type);
  CONDUIT_TRY(const json::Array* parts, fields.list("decoders"));
  bool does = false;
  for (const json::Value& part : *parts) {
    CONDUIT_TRY(const bool part_does, decodes_byte_letters(part));
    does = does || part_does;
  }
  return does;
}

Status check_decoder(const json::Value& definition) {
  if (!definition.is_null()) {
    CONDUIT_TRY(const bool does, decodes_byte_letters(definition));
    if (does) return ok();
  }
  return Error{Code::invalid_argument,
               "tokenizer: a decoder other than ByteLevel is not supported yet"};
}

// What other kinds of BPE have and byte-level ones do not.
Status check_variant(const TokenizerFields& fields) {
  for (const std::string_view key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const json::Value* value = fields.find(key);
    if (value != nullptr && *value != json::Value(""))
      return fields.unsupported("BPE with " + std::string(key));
  }
  const json::Value* dropout = fields.find("dropout");
  if (dropout != nullptr && *dropout != json::Value(0))
    return fields.unsupported("BPE with dropout");
  CONDUIT_TRY(const bool falls_back, fields.flag("byte_fallback", false));
  if (falls_back) return fields.unsupported("BPE with byte_fallback");
  return ok();
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
Result<std::vector<BpeModel::MergeRule>> read_merges(const TokenizerFields& fields) {
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

Result<BpeModel> read_model(const json::Value& definition) {
  const TokenizerFields fields("model", definition);
  CONDUIT_TRY(const std::string type, fields.type());
  if (type != "BPE") return fields.unsupported(type);
  CONDUIT_TRY_STATUS(check_variant(fields));
  CONDUIT_TRY(Vocabulary vocabulary, read_vocabulary(fields));
  CONDUIT_TRY(const auto merges, read_merges(fields));
  BpeModel::Options options;
  CONDUIT_TRY(options.ignore_merges, fields.flag("ignore_merges", false));
  CONDUIT_TRY(options.fuse_unknown, fields.flag("fuse_unk", false));
  if (fields.find("unk_token") != nullptr) {
    CONDUIT_TRY(const std::string unknown, fields.text("unk_token"));
    options.unknown = vocabulary.find(unknown);
  }
  return BpeModel::make(std::move(vocabulary), merges, options);
}

Result<AddedTokens> read_added(const json::Value& root, const Vocabulary& vocabulary,
                               Normalizer normalize) {
  const TokenizerFields fields("tokenizer.json", root);
  if (fields.find("added_tokens") == nullptr) return AddedTokens();
  CONDUIT_TRY(const json::Array* definitions, fields.list("added_tokens"));
  CONDUIT_TRY(std::vector<AddedToken> tokens, read_added_tokens(*definitions));
  // A token that the vocabulary has as well is that one, whatever id the list gives.
  for (AddedToken& token : tokens) token.id = vocabulary.find(token.content).value_or(token.id);
  return AddedTokens(std::move(tokens), normalize);
}

}  // namespace

Result<Tokenizer> Tokenizer::from_json(std::string_view tokenizer_json) {
  CONDUIT_TRY(const json::Value root, json::parse(tokenizer_json));
  // The model first: its type is what tells one family of tokenizers from another.
  CONDUIT_TRY(BpeModel model, read_model(member(root, "model")));
  CONDUIT_TRY(const Normalizer normalize, read_normalizer(member(root, "normalizer")));
  CONDUIT_TRY(PreTokenizer pre_tokenizer, PreTokenizer::from_json(member(root, "pre_tokenizer")));
  CONDUIT_TRY(PostProcessor post_processor,
              PostProcessor::from_json(member(root, "post_processor")));
  CONDUIT_TRY_STATUS(check_decoder(member(root, "decoder")));
  CONDUIT_TRY(AddedTokens added, read_added(root, model.vocabulary(), normalize));
  return Tokenizer(TokenizerParts{std::move(added), normalize, std::move(pre_tokenizer),
                                  std::move(model), std::move(post_processor)});
}

}  // namespace conduit::kernels
