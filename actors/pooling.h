// From a PoolRequest to what the engine runs: a text to embed, or a query and a document to
// compare. Plain functions. The idea: everything that can be wrong is found here, as in prompt.h.
// A cross-encoder takes both texts with its tokenizer's own tokens around them; a causal reranker
// (Qwen3-Reranker) is asked in words, and its "yes" is weighed against its "no".
#pragma once

#include <string>

#include "actors/messages.h"
#include "kernels/engine/sequence.h"
#include "kernels/model/model.h"
#include "mdl/base/result.h"

namespace conduit::actors {

// What a model is for. A causal reranker is built like any chat model: it is known by "rerank" in
// its name or in its file's.
wire::ModelTask task_of(const std::string& name, const kernels::Model& model);

// The sequence for the engine, still without an id. Errors: invalid_argument (not made for the
// task, no tokenizer, a text that does not fit).
Result<kernels::SequenceSpec> prepare_pooling(const PoolRequest& request,
                                              const std::string& model_name,
                                              const kernels::Model& model,
                                              const kernels::EngineOptions& options);

// One token, to see whether the model works at all.
kernels::SequenceSpec warm_up_of(const kernels::Model& model);

}  // namespace conduit::actors
