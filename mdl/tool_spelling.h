// The fixed texts of the formats of tool calls, for who writes them (tagged_grammar.cc) and who
// reads them (tool_calls.cc).
#pragma once

#include <string_view>

#include "mdl/tool_calls.h"

namespace conduit::mdl {

struct ToolSpelling {
  std::string_view trigger;  // in text; its first byte stands in it once. Empty: none
  std::string_view open;     // before the name; begins with what the trigger has not said
  std::string_view middle;   // between name and arguments
  std::string_view close;    // behind the arguments
  std::string_view again;    // behind that, before the next call's name
  std::string_view end;      // behind the last call
};

inline constexpr ToolSpelling kHermesSpelling = {"<tool_call>",
                                                 "\n{\"name\": \"",
                                                 ", \"arguments\": ",
                                                 "}\n</tool_call>",
                                                 "\n<tool_call>\n{\"name\": \"",
                                                 ""};
inline constexpr ToolSpelling kLlama3Spelling = {"", "{\"name\": \"", ", \"parameters\": ", "}", "",
                                                 ""};
inline constexpr ToolSpelling kMistralSpelling = {
    "[TOOL_CALLS]", "[{\"name\": \"", ", \"arguments\": ", "}", ", {\"name\": \"", "]"};

inline const ToolSpelling& spelling_of(ToolFormat format) {
  switch (format) {
    case ToolFormat::hermes: return kHermesSpelling;
    case ToolFormat::llama3: return kLlama3Spelling;
    case ToolFormat::mistral: break;
  }
  return kMistralSpelling;
}

}  // namespace conduit::mdl
