// The request readers over any JSON: what they accept keeps what the actors take for granted,
// and what they refuse names a 400.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "cluster/gateway/openai_request.h"
#include "cluster/gateway/pooling_request.h"
#include "mdl/base/check.h"

namespace {

using namespace conduit;  // the program's own file
using cluster::AnswerPlan;
using cluster::ApiError;

void check_plan(const AnswerPlan& plan) {
  CONDUIT_CHECK(!plan.requests.empty() && plan.requests.size() <= cluster::kMaxChoices,
                "as many choices as are allowed");
  CONDUIT_CHECK(plan.requests.size() % static_cast<std::size_t>(plan.choices_per_prompt) == 0,
                "every prompt has all its choices");
  for (const auto& request : plan.requests) {
    CONDUIT_CHECK(!request.model.empty(), "a model is named");
    CONDUIT_CHECK(request.temperature >= 0 && request.top_p > 0 && request.top_p <= 1, "ranges");
    CONDUIT_CHECK(
        request.prompt_kind != wire::PromptKind::chat || json::parse(request.messages_json),
        "messages are JSON");
  }
}

void check(const std::optional<ApiError>& wrong, const AnswerPlan& plan) {
  if (!wrong) return check_plan(plan);
  CONDUIT_CHECK(wrong->status == 400 && !wrong->message.empty(), "a refusal says why");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto body = json::parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!body) return 0;
  AnswerPlan chat, completion;
  check(cluster::read_chat(*body, chat), chat);
  check(cluster::read_completion(*body, completion), completion);
  actors::TokenizeRequest tokenize;
  actors::DetokenizeRequest detokenize;
  (void)cluster::read_tokenize(*body, tokenize);
  (void)cluster::read_detokenize(*body, detokenize);
  cluster::EmbeddingsPlan embeddings;
  const auto wrong_input = cluster::read_fields(*body, embeddings, cluster::embeddings_fields);
  CONDUIT_CHECK(wrong_input || !embeddings.texts.empty(), "there is something to embed");
  cluster::RerankPlan rerank;
  const auto wrong_pair = cluster::read_fields(*body, rerank, cluster::rerank_fields);
  CONDUIT_CHECK(wrong_pair || !rerank.texts.empty(), "there is something to rank");
  return 0;
}
