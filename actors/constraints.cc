// Checks, the tool format, tags, and the vocabulary.
#include "actors/constraints.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/reasoning.h"
#include "actors/tools.h"
#include "mdl/base/json.h"

namespace conduit::actors {

namespace {

using kernels::TokenId;

static_assert(static_cast<int>(wire::ConstraintKind::json_object) ==
              static_cast<int>(mdl::ConstraintKind::json_object));
static_assert(static_cast<int>(wire::ConstraintKind::MAX) ==
              static_cast<int>(mdl::ConstraintKind::tools));

// Special tokens that are part of the format in which a model writes calls, and so of the answer's
// text as far as its grammar is concerned.
constexpr std::array<std::string_view, 3> kToolMarks{"[TOOL_CALLS]", "<tool_call>", "</tool_call>"};

Error refused(std::string message) { return {Code::invalid_argument, std::move(message)}; }

std::vector<TokenId> ends_of(const kernels::Model& model) {
  std::vector<TokenId> ends;
  for (TokenId id : model.config.eos)
    if (id >= 0 && id < model.config.vocab) ends.push_back(id);
  std::ranges::sort(ends);
  ends.erase(std::ranges::unique(ends).begin(), ends.end());
  return ends;
}

Result<std::string> with_tool_format(const std::string& text, const kernels::Model& model) {
  auto tools = json::parse(text);
  if (!tools) return refused("tools: " + tools.error().message);
  if (!tools->is_object()) return refused("tools must be an object");
  tools->set("format", name_of(tool_format_of(model)));
  return json::dump(*tools);
}

}  // namespace

Result<mdl::Constraint> constraint_of(const GenerateRequest& request, const kernels::Model& model) {
  const std::string name = model.path.filename().string();
  if (request.constraint.size() > kMaxConstraintBytes)
    return refused("the constraint has " + std::to_string(request.constraint.size()) +
                   " bytes; at most " + std::to_string(kMaxConstraintBytes) + " are taken");
  if (!model.tokenizer)
    return refused("model " + name + " has no tokenizer, so its answers cannot be constrained");
  if (ends_of(model).empty())
    return refused("model " + name + " has no end token, so its answers cannot be constrained");
  mdl::Constraint constraint{static_cast<mdl::ConstraintKind>(request.constraint_kind),
                             request.constraint};
  if (constraint.kind == mdl::ConstraintKind::tools) {
    CONDUIT_TRY(constraint.text, with_tool_format(request.constraint, model));
  }
  return constraint;
}

std::optional<mdl::ToolFormat> tool_calls_of(const GenerateRequest& request,
                                             const kernels::Model& model) {
  if (request.constraint_kind != wire::ConstraintKind::tools) return std::nullopt;
  return tool_format_of(model);
}

std::optional<kernels::ThoughtTags> thoughts_of(const GenerateRequest& request,
                                                const kernels::Model& model,
                                                std::span<const TokenId> prompt) {
  if (!request.split_reasoning || !model.tokenizer) return std::nullopt;
  const auto open = model.tokenizer->id_of(kThoughtsBegin),
             close = model.tokenizer->id_of(kThoughtsEnd);
  if (!open || !close) return std::nullopt;
  const std::string tail = tail_of(*model.tokenizer, prompt);
  const std::size_t last = tail.rfind(kThoughtsEnd);
  const bool is_closed =
      last != tail.npos &&
      tail.find_first_not_of(kThoughtsBlanks, last + kThoughtsEnd.size()) == tail.npos;
  if (is_closed) return std::nullopt;
  return kernels::ThoughtTags{*open, *close, ends_thinking(tail)};
}

std::shared_ptr<const mdl::TokenTable> token_table_of(const kernels::Model& model) {
  const kernels::Tokenizer& tokenizer = *model.tokenizer;
  std::vector<std::string> texts;
  for (TokenId id = 0; id < std::min(tokenizer.vocab_size(), model.config.vocab); ++id) {
    const bool is_mark = std::ranges::find(kToolMarks, tokenizer.token(id)) != kToolMarks.end();
    const bool is_text = is_mark || !tokenizer.is_special(id);
    texts.emplace_back(is_mark ? tokenizer.token(id) : is_text ? tokenizer.bytes(id) : "");
  }
  return mdl::TokenTable::make(std::move(texts), ends_of(model));
}

}  // namespace conduit::actors
