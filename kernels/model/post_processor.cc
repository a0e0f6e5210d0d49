// How tokenizer.json spells what stands around a text.
#include "kernels/model/post_processor.h"

#include <string>
#include <utility>

#include "kernels/model/tokenizer_fields.h"

namespace conduit::kernels {

namespace {
constexpr std::string_view kPart = "post_processor";
}

Result<PostProcessor> PostProcessor::from_json(const json::Value& definition) {
  PostProcessor made;
  CONDUIT_TRY_STATUS(made.add(definition));
  return made;
}

PostProcessor PostProcessor::around(std::optional<TokenId> first, std::optional<TokenId> last) {
  PostProcessor made;
  if (first) made.before_.push_back(*first);
  if (last) made.after_.push_back(*last);
  return made;
}

// A later processor works on the result of the earlier one, so its tokens stand outside.
void PostProcessor::surround(std::vector<TokenId> before, const std::vector<TokenId>& after) {
  before.insert(before.end(), before_.begin(), before_.end());
  before_ = std::move(before);
  after_.insert(after_.end(), after.begin(), after.end());
}

Status PostProcessor::add(const json::Value& definition) {
  if (definition.is_null()) return ok();
  const TokenizerFields fields(kPart, definition);
  CONDUIT_TRY(const std::string type, fields.type());
  if (type == "ByteLevel") return ok();  // moves offsets, not tokens
  if (type == "Sequence") {
    CONDUIT_TRY(const json::Array* parts, fields.list("processors"));
    for (const json::Value& part : *parts) CONDUIT_TRY_STATUS(add(part));
    return ok();
  }
  if (type == "TemplateProcessing") return add_template(definition);
  if (type == "RobertaProcessing" || type == "BertProcessing") return add_pair(definition);
  return fields.unsupported(type);
}

// "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}], and "special_tokens"
// says which ids "<s>" stands for.
Status PostProcessor::add_template(const json::Value& definition) {
  const TokenizerFields fields(kPart, definition);
  CONDUIT_TRY(const json::Array* items, fields.list("single"));
  const json::Value* special_tokens = fields.find("special_tokens");
  std::vector<TokenId> before, after;
  int texts = 0;
  for (const json::Value& item : *items) {
    if (item.find("Sequence") != nullptr) {
      ++texts;
      continue;
    }
    const json::Value* special = item.find("SpecialToken");
    const json::Value* name = special ? special->find("id") : nullptr;
    if (name == nullptr || !name->is_string())
      return fields.corrupt("single", "a list of SpecialToken and Sequence");
    const json::Value* entry = special_tokens ? special_tokens->find(name->as_string()) : nullptr;
    const json::Value* ids = entry ? entry->find("ids") : nullptr;
    if (ids == nullptr || !ids->is_array())
      return fields.corrupt("special_tokens", "an object with the ids of " + name->as_string());
    for (const json::Value& id : ids->as_array()) {
      CONDUIT_TRY(const TokenId checked, checked_token_id(id, "post_processor.special_tokens"));
      (texts == 0 ? before : after).push_back(checked);
    }
  }
  if (texts != 1) return fields.corrupt("single", "a template with one Sequence");
  surround(std::move(before), after);
  return ok();
}

// "cls": ["<s>", 0], "sep": ["</s>", 2]
Status PostProcessor::add_pair(const json::Value& definition) {
  const TokenizerFields fields(kPart, definition);
  const auto read = [&fields](const char* key) -> Result<TokenId> {
    CONDUIT_TRY(const json::Array* token, fields.list(key));
    if (token->size() != 2) return fields.corrupt(key, "a token and its id");
    return checked_token_id(token->back(), key);
  };
  CONDUIT_TRY(const TokenId first, read("cls"));
  CONDUIT_TRY(const TokenId last, read("sep"));
  surround({first}, {last});
  return ok();
}

std::vector<TokenId> PostProcessor::apply(std::vector<TokenId> ids) const {
  ids.insert(ids.begin(), before_.begin(), before_.end());
  ids.insert(ids.end(), after_.begin(), after_.end());
  return ids;
}

}  // namespace conduit::kernels
