// Task, tokens, length.
#include "actors/pooling.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "actors/prompt.h"
#include "actors/truncation.h"

namespace conduit::actors {

namespace {

using kernels::Task;
using kernels::TokenId;

// Qwen3-Reranker's own words, from its model card.
constexpr const char* kDefaultInstruction =
    "Given a web search query, retrieve relevant passages that answer the query";
constexpr const char* kJudgeFormat =
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and "
    "the Instruct provided. Note that the answer can only be \"yes\" or \"no\".<|im_end|>\n"
    "<|im_start|>user\n<Instruct>: {}\n<Query>: {}\n<Document>: {}";
constexpr const char* kJudgeEnd = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n";

Error cannot_pool(std::string message) { return {Code::invalid_argument, std::move(message)}; }

bool speaks_of_reranking(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name.find("rerank") != std::string::npos;
}

// An encoder's text is computed in one step.
std::size_t longest_text(const kernels::Model& model, const kernels::EngineOptions& options) {
  const int most = model.config.is_causal ? options.max_model_len
                                          : std::min(options.max_model_len, options.prefill_chunk);
  return static_cast<std::size_t>(most);
}

Status check_bytes(std::size_t bytes, std::size_t tokens) {
  const std::size_t most = RequestLimits{}.bytes_per_token * tokens;
  if (bytes <= most) return ok();
  return cannot_pool(
      fmt::format("a text has {} bytes; {} tokens (max_model_len) never hold more than {}", bytes,
                  tokens, most));
}

Result<std::vector<TokenId>> text_to_embed(const PoolRequest& request, const kernels::Model& model,
                                           std::size_t kept) {
  if (request.prompt_kind == wire::PromptKind::tokens) {
    auto ids = request.prompt_tokens;
    cut_text(ids, ids, kept, Keep::beginning);
    return ids;
  }
  if (request.prompt_kind != wire::PromptKind::text)
    return cannot_pool("an embedding is made of a text or of token ids");
  if (!model.tokenizer)
    return cannot_pool("the model has no tokenizer: send the text as token ids");
  // What a stranger writes is text, also where it is spelled like a special token.
  auto ids = model.tokenizer->encode(request.prompt, {.add_special = true, .parse_special = false});
  if (ids.size() > kept)
    cut_text(
        ids,
        model.tokenizer->encode(request.prompt, {.add_special = false, .parse_special = false}),
        kept, Keep::beginning);
  return ids;
}

Status pair_to_score(const PoolRequest& request, const kernels::Model& model, std::size_t kept,
                     kernels::SequenceSpec& spec) {
  if (!model.tokenizer) return cannot_pool("the model has no tokenizer, so it cannot rerank texts");
  const kernels::Tokenizer& tokenizer = *model.tokenizer;
  if (model.config.labels == 1) {
    kernels::PairEncoding pair = tokenizer.encode_pair(request.prompt, request.document);
    if (pair.ids.size() > kept)
      cut_pair(pair, tokenizer.encode(request.prompt, {.add_special = false}),
               tokenizer.encode(request.document, {.add_special = false}), kept);
    spec.prompt = std::move(pair.ids);
    if (model.config.token_types > 0) spec.type_ids = std::move(pair.type_ids);
    return ok();
  }
  const auto no = tokenizer.id_of("no"), yes = tokenizer.id_of("yes");
  if (!no || !yes || !tokenizer.id_of("<|im_start|>"))
    return cannot_pool(
        "the model's vocabulary lacks \"no\", \"yes\" or <|im_start|>, with which "
        "Qwen3-Reranker is asked");
  spec.score_ids = {*no, *yes};
  const std::string instruction =
      request.instruction.empty() ? kDefaultInstruction : request.instruction;
  spec.prompt = tokenizer.encode(
      fmt::format(fmt::runtime(kJudgeFormat), instruction, request.prompt, request.document) +
          kJudgeEnd,
      {.add_special = false, .parse_special = true});
  // What follows the document begins with a special token, so its tokens stand for themselves.
  const auto end = tokenizer.encode(kJudgeEnd, {.add_special = false}).size();
  if (spec.prompt.size() > kept && kept > end)
    spec.prompt.erase(spec.prompt.begin() + static_cast<std::ptrdiff_t>(kept - end),
                      spec.prompt.end() - static_cast<std::ptrdiff_t>(end));
  return ok();
}

Status check_task(const PoolRequest& request, const std::string& name,
                  const kernels::Model& model) {
  if (request.task == wire::PoolTask::embed && model.config.pooling == kernels::Pooling::none)
    return cannot_pool(fmt::format(
        "model {} makes no embeddings: it states no pooling (1_Pooling/config.json)", name));
  if (request.task == wire::PoolTask::score && task_of(name, model) != wire::ModelTask::rerank)
    return cannot_pool(
        fmt::format("model {} is no reranker: it has no classifier of one label, and no "
                    "\"rerank\" in its name",
                    name));
  return ok();
}

}  // namespace

wire::ModelTask task_of(const std::string& name, const kernels::Model& model) {
  if (model.config.pooling != kernels::Pooling::none) return wire::ModelTask::embed;
  if (model.config.labels == 1) return wire::ModelTask::rerank;
  const bool is_named = speaks_of_reranking(name) || speaks_of_reranking(model.path.filename());
  return is_named && model.config.has_head ? wire::ModelTask::rerank : wire::ModelTask::generate;
}

Result<kernels::SequenceSpec> prepare_pooling(const PoolRequest& request,
                                              const std::string& model_name,
                                              const kernels::Model& model,
                                              const kernels::EngineOptions& options) {
  CONDUIT_TRY_STATUS(check_task(request, model_name, model));
  const std::size_t most = longest_text(model, options);
  CONDUIT_TRY_STATUS(check_bytes(
      request.prompt.size() + request.document.size() + request.instruction.size(), most));
  CONDUIT_TRY(const std::size_t kept, kept_tokens(request.truncate_prompt, most));
  kernels::SequenceSpec spec;
  if (request.task == wire::PoolTask::embed) {
    spec.task = Task::embed;
    CONDUIT_TRY(spec.prompt, text_to_embed(request, model, kept));
  } else {
    spec.task = Task::score;
    CONDUIT_TRY_STATUS(pair_to_score(request, model, kept, spec));
  }
  if (spec.prompt.empty() || spec.prompt.size() > most)
    return cannot_pool(fmt::format("a text has {} tokens; model {} takes 1 to {}",
                                   spec.prompt.size(), model_name, most));
  return spec;
}

kernels::SequenceSpec warm_up_of(const kernels::Model& model) {
  kernels::SequenceSpec spec;
  spec.prompt = {std::max(model.config.bos, 0)};
  spec.sampling.temperature = 0;
  if (model.config.has_head) {
    spec.max_tokens = 1;
  } else {
    spec.task = model.config.pooling != kernels::Pooling::none ? Task::embed : Task::score;
  }
  return spec;
}

}  // namespace conduit::actors
