// What a request says about its answer, made ready for the model that gives it. Plain functions.
// Not here: the work of compiling, and who does it (grammars.h).
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "actors/messages.h"
#include "kernels/engine/guide.h"
#include "kernels/model/model.h"
#include "mdl/base/result.h"
#include "mdl/constraint.h"
#include "mdl/matcher.h"
#include "mdl/tool_calls.h"

namespace conduit::actors {

// Of a constraint's text. The largest schemas in the wild have a tenth of it, and compiling one of
// this size still ends within its time.
inline constexpr std::size_t kMaxConstraintBytes = 1 << 20;

// For mdl::compile, with the model's tool format filled in. Errors: invalid_argument: too long, a
// model without a tokenizer or end token, tools that are no object.
Result<mdl::Constraint> constraint_of(const GenerateRequest& request, const kernels::Model& model);

// How its calls are to be read, where the request has tools.
std::optional<mdl::ToolFormat> tool_calls_of(const GenerateRequest& request,
                                             const kernels::Model& model);

// The tags of the thoughts before the constraint holds: where the request splits them off, the
// model's vocabulary has both tags as tokens, and the prompt does not end behind the closing one,
// as a template writes it that switches thinking off.
std::optional<kernels::ThoughtTags> thoughts_of(const GenerateRequest& request,
                                                const kernels::Model& model,
                                                std::span<const kernels::TokenId> prompt);

// The texts of all tokens that the model can draw, and those that end its answers.
std::shared_ptr<const mdl::TokenTable> token_table_of(const kernels::Model& model);

}  // namespace conduit::actors
