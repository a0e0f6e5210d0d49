// Strings, token ids, lists of either; documents.
#include "cluster/gateway/pooling_request.h"

#include <utility>

namespace conduit::cluster {

namespace {

constexpr const char* kInputSchema = R"({"anyOf":[{"type":"string"},
    {"type":"array","minItems":1,"items":{"type":"integer","minimum":0,"maximum":2147483647}},
    {"type":"array","minItems":1,"maxItems":2048,"items":{"type":"string"}},
    {"type":"array","minItems":1,"maxItems":2048,"items":
      {"type":"array","minItems":1,"items":{"type":"integer","minimum":0,"maximum":2147483647}}}]})";
constexpr const char* kDocumentsSchema = R"({"type":"array","minItems":1,"maxItems":2048,
    "items":{"anyOf":[{"type":"string"},
      {"type":"object","required":["text"],"properties":{"text":{"type":"string"}}}]}})";
constexpr auto kInputs = "must be a string, a list of token ids, or a list of up to 2048 of either";

std::optional<actors::PoolRequest> as_text(const json::Value& value, const std::string& model,
                                           std::int32_t truncate_prompt) {
  actors::PoolRequest text;
  text.model = model;
  text.task = wire::PoolTask::embed;
  text.truncate_prompt = truncate_prompt;
  if (value.is_string()) {
    text.prompt_kind = wire::PromptKind::text;
    text.prompt = value.as_string();
    return text;
  }
  auto ids = as_token_ids(value);
  if (!ids || ids->empty()) return std::nullopt;
  text.prompt_kind = wire::PromptKind::tokens;
  text.prompt_tokens = *std::move(ids);
  return text;
}

void read_input(FieldReader& body, EmbeddingsPlan& plan) {
  body.describe("input", kInputSchema, true);
  const std::int32_t truncate_prompt = read_truncation(body);
  const json::Value* input = body.find("input");
  if (input == nullptr) return body.fail("input", "is required");
  if (auto single = as_text(*input, plan.model, truncate_prompt))
    return plan.texts.push_back(*std::move(single));
  if (!input->is_array() || input->as_array().empty() || input->as_array().size() > kMaxTexts)
    return body.fail("input", kInputs);
  for (const json::Value& item : input->as_array()) {
    auto text = as_text(item, plan.model, truncate_prompt);
    if (!text) return body.fail("input", kInputs);
    plan.texts.push_back(*std::move(text));
  }
}

// A document is a string, or an object with its `text`.
const json::Value* text_of(const json::Value& document) {
  const json::Value* text = document.is_object() ? document.find("text") : &document;
  return text != nullptr && text->is_string() ? text : nullptr;
}

void read_documents(FieldReader& body, const actors::PoolRequest& query, RerankPlan& plan) {
  body.describe("documents", kDocumentsSchema, true);
  const json::Value* documents = body.find("documents");
  if (documents == nullptr || !documents->is_array() || documents->as_array().empty() ||
      documents->as_array().size() > kMaxTexts)
    return body.fail("documents", "must be a list of 1 to 2048 texts");
  for (const json::Value& document : documents->as_array()) {
    const json::Value* text = text_of(document);
    if (text == nullptr)
      return body.fail("documents", "must be strings, or objects with a string `text`");
    plan.texts.push_back(query);
    plan.texts.back().document = text->as_string();
  }
}

}  // namespace

void embeddings_fields(FieldReader& body, EmbeddingsPlan& plan) {
  plan.model = body.required_text("model");
  body.describe("encoding_format", R"({"enum":["float","base64"]})");
  const json::Value* format = body.find("encoding_format");
  plan.is_base64 = format != nullptr && *format == json::Value("base64");
  if (format != nullptr && !plan.is_base64 && *format != json::Value("float"))
    body.fail("encoding_format", "must be \"float\" or \"base64\"");
  plan.dimensions = static_cast<int>(body.integer("dimensions", 0, 1, INT32_MAX));
  body.refuse_unless("messages", {});
  body.refuse_unless("normalize", {true});
  body.refuse_unless("add_special_tokens", {true});
  read_input(body, plan);
}

void rerank_fields(FieldReader& body, RerankPlan& plan) {
  actors::PoolRequest query;
  plan.model = query.model = body.required_text("model");
  query.task = wire::PoolTask::score;
  query.prompt_kind = wire::PromptKind::text;
  query.prompt = body.required_text("query");
  query.instruction = body.text("instruction");
  plan.top_n = static_cast<std::size_t>(body.integer("top_n", 0, 0, INT32_MAX));
  plan.returns_documents = body.boolean("return_documents", true);
  query.truncate_prompt = read_truncation(body);
  body.refuse_unless("max_tokens_per_doc", {});
  body.refuse_unless("max_chunks_per_doc", {});
  read_documents(body, query, plan);
}

}  // namespace conduit::cluster
