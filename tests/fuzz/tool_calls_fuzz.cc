// Any bytes as a model's answer with tool calls: the first two say format and piece. However it is
// cut, content and calls are the same, each call has a name, and text without calls comes out as it
// went in.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mdl/base/check.h"
#include "mdl/tool_calls.h"

namespace {

using conduit::mdl::ToolCallParser;
using conduit::mdl::ToolDelta;
using conduit::mdl::ToolFormat;

struct Answer {
  std::string content;
  std::vector<std::string> calls;  // name, newline, arguments

  void add(const ToolDelta& delta) {
    content += delta.content;
    for (const auto& call : delta.calls) {
      const auto index = static_cast<std::size_t>(call.index);
      CONDUIT_CHECK((index == calls.size()) != call.name.empty(), "the first delta has the name");
      if (!call.name.empty()) calls.push_back(call.name + "\n");
      CONDUIT_CHECK(index == calls.size() - 1, "calls come in order");
      calls.back() += call.arguments;
    }
  }
};

Answer read(ToolFormat format, std::string_view text, std::size_t piece) {
  ToolCallParser parser(format);
  Answer answer;
  for (std::size_t i = 0; i < text.size(); i += piece)
    answer.add(parser.feed(text.substr(i, piece)));
  answer.add(parser.finish());
  return answer;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto format = static_cast<ToolFormat>(data[0] % 3);
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Answer whole = read(format, text, text.size() + 1);
  const Answer pieces = read(format, text, 1 + data[1] % 16);
  CONDUIT_CHECK(whole.content == pieces.content && whole.calls == pieces.calls,
                "the pieces' size matters");
  if (whole.calls.empty()) CONDUIT_CHECK(whole.content == text, "text was lost");
  return 0;
}
