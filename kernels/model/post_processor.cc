// How tokenizer.json spells what stands around a text.
#include "kernels/model/post_processor.h"

#include <algorithm>
#include <string>
#include <utility>

#include "kernels/model/tokenizer_fields.h"

namespace conduit::kernels {

namespace {

constexpr std::string_view kPostProcessorPart = "post_processor";
// Real ones have 1; a list that repeats its text would multiply every prompt.
constexpr int kMaxTextsInTemplate = 8;
// "<s>" stands for one id; no file has more than a few.
constexpr std::size_t kMaxTemplateItems = 1024;

// "id" of {"SpecialToken": {"id": "<s>", "type_id": 0}}, or of a Sequence.
const json::Value* member_named(const json::Value& item, std::string_view kind,
                                std::string_view key) {
  const json::Value* inner = item.find(kind);
  return inner ? inner->find(key) : nullptr;
}

Result<std::int32_t> type_id_of(const json::Value& item, std::string_view kind) {
  const json::Value* type_id = member_named(item, kind, "type_id");
  if (type_id == nullptr) return 0;
  return checked_token_id(*type_id, "post_processor type_id");
}

}  // namespace

Result<PostProcessor> PostProcessor::from_json(const json::Value& definition) {
  PostProcessor made;
  CONDUIT_TRY_STATUS(made.add(definition));
  return made;
}

PostProcessor PostProcessor::around(std::optional<TokenId> first, std::optional<TokenId> last) {
  PostProcessor made;
  const auto surrounded = [&](Kind text, std::int32_t type_id) {
    Template items;
    if (first) items.push_back({Kind::token, *first, type_id});
    items.push_back({text, 0, type_id});
    if (last) items.push_back({Kind::token, *last, type_id});
    return items;
  };
  made.single_ = surrounded(Kind::first_text, 0);
  made.pair_ = made.single_;
  const Template second = surrounded(Kind::second_text, 1);
  made.pair_.insert(made.pair_.end(), second.begin(), second.end());
  return made;
}

Status PostProcessor::add(const json::Value& definition) {
  if (definition.is_null()) return ok();
  const TokenizerFields fields(kPostProcessorPart, definition);
  CONDUIT_TRY(const std::string type, fields.type());
  if (type == "ByteLevel") return ok();  // moves offsets, not tokens
  if (type == "Sequence") {
    CONDUIT_TRY(const json::Array* parts, fields.list("processors"));
    for (const json::Value& part : *parts) CONDUIT_TRY_STATUS(add(part));
    return ok();
  }
  const bool is_template = type == "TemplateProcessing";
  if (!is_template && type != "RobertaProcessing" && type != "BertProcessing")
    return fields.unsupported(type);
  if (std::exchange(adds_tokens_, true))
    return fields.unsupported("Sequence with two processors that add tokens");
  return is_template ? add_template(definition)
                     : add_cls_and_sep(definition, type == "BertProcessing");
}

// [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], and
// "special_tokens" says which ids "<s>" stands for.
Result<PostProcessor::Template> PostProcessor::read_template(const json::Value& definition,
                                                             std::string_view key) {
  const TokenizerFields fields(kPostProcessorPart, definition);
  CONDUIT_TRY(const json::Array* items, fields.list(key));
  const json::Value* special_tokens = fields.find("special_tokens");
  Template read;
  for (const json::Value& item : *items) {
    if (const json::Value* text = member_named(item, "Sequence", "id")) {
      CONDUIT_TRY(const std::int32_t type_id, type_id_of(item, "Sequence"));
      const bool is_second = *text == json::Value("B");
      if (!is_second && *text != json::Value("A")) return fields.corrupt(key, "of A and B");
      read.push_back({is_second ? Kind::second_text : Kind::first_text, 0, type_id});
      continue;
    }
    const json::Value* name = member_named(item, "SpecialToken", "id");
    if (name == nullptr || !name->is_string())
      return fields.corrupt(key, "a list of SpecialToken and Sequence");
    CONDUIT_TRY(const std::int32_t type_id, type_id_of(item, "SpecialToken"));
    const json::Value* entry = special_tokens ? special_tokens->find(name->as_string()) : nullptr;
    const json::Value* ids = entry ? entry->find("ids") : nullptr;
    if (ids == nullptr || !ids->is_array())
      return fields.corrupt("special_tokens", "an object with the ids of " + name->as_string());
    for (const json::Value& id : ids->as_array()) {
      CONDUIT_TRY(const TokenId checked, checked_token_id(id, "post_processor.special_tokens"));
      read.push_back({Kind::token, checked, type_id});
    }
  }
  const auto count = [&read](Kind kind) {
    return std::count_if(read.begin(), read.end(),
                         [kind](const Item& i) { return i.kind == kind; });
  };
  const bool is_pair = key == "pair";
  const auto firsts = count(Kind::first_text), seconds = count(Kind::second_text);
  if (firsts < 1 || is_pair != (seconds > 0) || firsts + seconds > kMaxTextsInTemplate ||
      read.size() > kMaxTemplateItems)
    return fields.corrupt(
        key, is_pair ? "a template of Sequence A and Sequence B" : "a template of Sequence A");
  return read;
}

Status PostProcessor::add_template(const json::Value& definition) {
  CONDUIT_TRY(single_, read_template(definition, "single"));
  const json::Value* pair = definition.find("pair");
  if (pair == nullptr || pair->is_null()) return ok();
  CONDUIT_TRY(pair_, read_template(definition, "pair"));
  return ok();
}

// "cls": ["<s>", 0], "sep": ["</s>", 2]. Between two texts BERT puts one "sep", RoBERTa two, and
// RoBERTa knows no types.
Status PostProcessor::add_cls_and_sep(const json::Value& definition, bool is_bert) {
  const TokenizerFields fields(kPostProcessorPart, definition);
  const auto read = [&fields](const char* key) -> Result<TokenId> {
    CONDUIT_TRY(const json::Array* token, fields.list(key));
    if (token->size() != 2) return fields.corrupt(key, "a token and its id");
    return checked_token_id(token->back(), key);
  };
  CONDUIT_TRY(const TokenId first, read("cls"));
  CONDUIT_TRY(const TokenId last, read("sep"));
  const std::int32_t second_type = is_bert ? 1 : 0;
  single_ = {{Kind::token, first, 0}, {Kind::first_text, 0, 0}, {Kind::token, last, 0}};
  pair_ = single_;
  if (!is_bert) pair_.push_back({Kind::token, last, 0});
  pair_.push_back({Kind::second_text, 0, second_type});
  pair_.push_back({Kind::token, last, second_type});
  return ok();
}

std::vector<TokenId> PostProcessor::apply(std::vector<TokenId> ids, bool adds_special) const {
  if (single_.size() == 1) return ids;
  std::vector<TokenId> whole;
  for (const Item& item : single_) {
    if (item.kind != Kind::token) {
      whole.insert(whole.end(), ids.begin(), ids.end());
    } else if (adds_special) {
      whole.push_back(item.token);
    }
  }
  return whole;
}

PairEncoding PostProcessor::apply(std::span<const TokenId> first,
                                  std::span<const TokenId> second) const {
  PairEncoding whole;
  for (const Item& item : pair_) {
    const std::span<const TokenId> added = item.kind == Kind::first_text ? first
                                           : item.kind == Kind::second_text
                                               ? second
                                               : std::span(&item.token, 1);
    whole.ids.insert(whole.ids.end(), added.begin(), added.end());
    whole.type_ids.insert(whole.type_ids.end(), added.size(), item.type_id);
  }
  return whole;
}

}  // namespace conduit::kernels
