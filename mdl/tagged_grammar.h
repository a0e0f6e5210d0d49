// Tool calls within text, as a Grammar: free text, any well-formed UTF-8, in which a format's
// trigger begins a call; from the trigger's last byte on only a call can follow, and its arguments
// fit their tool. The idea: everything but the arguments is fixed text with a choice of names, so a
// state is (part, place in it), and within arguments (tool, state of its own grammar), which is
// made when the tool's name is written first: many tools cost little. What this allows tool_calls.h
// reads. Not here: schemas (json_grammar.h makes the arguments' grammar), other formats' special
// tokens, which have no text.
//
// A call has its keys in order, and one spelling but for the arguments:
//   hermes   <tool_call>\n{"name": "f", "arguments": {…}}\n</tool_call>
//   llama3   {"name": "f", "parameters": {…}}, the whole answer, one call
//   mistral  [{"name": "f", "arguments": {…}}, …], the whole answer, or behind [TOOL_CALLS]
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mdl/base/result.h"
#include "mdl/grammar.h"
#include "mdl/tool_calls.h"

namespace conduit::mdl {

struct TaggedTool {
  std::string name;
  // The grammar of the arguments' text, made when needed: the texts of JSON objects. An error is
  // what health() says from then on.
  std::function<Result<std::shared_ptr<Grammar>>()> arguments;
};

struct TaggedOptions {
  ToolFormat format = ToolFormat::hermes;
  bool is_required = false;  // a call must come at once; if not, text or calls
  bool is_parallel = true;   // several calls; Llama 3 has one
};

// Error: invalid_argument for no tools, a name that is empty, not UTF-8 or given twice.
Result<std::shared_ptr<Grammar>> tagged_grammar(const TaggedOptions& options,
                                                std::vector<TaggedTool> tools);

}  // namespace conduit::mdl
