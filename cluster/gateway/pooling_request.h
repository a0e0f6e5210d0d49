// Bodies of /v1/embeddings (OpenAI's, with vLLM's limits) and /v1/rerank (Jina's and Cohere's, as
// vLLM takes them) → one question per text. Plain data in, plain data out, as in openai_request.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "actors/messages.h"
#include "cluster/gateway/api_error.h"
#include "cluster/gateway/field_reader.h"

namespace conduit::cluster {

// Texts of one body: OpenAI's limit, which leaves room for Cohere's thousand documents.
inline constexpr std::size_t kMaxTexts = 2048;

struct EmbeddingsPlan {
  std::string model;
  bool is_base64 = false;  // of little-endian float32, as the `openai` package asks
  int dimensions = 0;      // 0: the model's own
  std::vector<actors::PoolRequest> texts;
};

struct RerankPlan {
  std::string model;
  std::size_t top_n = 0;  // 0: all
  bool returns_documents = true;
  std::vector<actors::PoolRequest> texts;  // one per document
};

void embeddings_fields(FieldReader& body, EmbeddingsPlan& plan);
void rerank_fields(FieldReader& body, RerankPlan& plan);

}  // namespace conduit::cluster
