// A tokenizer.model of any bytes: what is no model must be an error, and whatever is one must
// encode and decode without a fault.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/model/tokenizer.h"
#include "mdl/base/check.h"
#include "mdl/base/utf8.h"

namespace {

using namespace conduit;  // the target's own file
using kernels::TokenId;

std::string stream(const kernels::Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  kernels::Detokenizer detokenizer(tokenizer, /*skip_special=*/false);
  std::string text;
  for (const TokenId id : ids) text += detokenizer.push(id);
  return text + detokenizer.flush();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto read = kernels::Tokenizer::from_sentencepiece(input);
  if (!read) return 0;
  // Its own bytes as a text have its pieces in them.
  for (const std::string_view text :
       {std::string_view("  it's <think>a\u2581b \uFB01 e\u0301\xFF\u4E2D\r\n"), input}) {
    const auto ids = read->encode(text);
    const std::string decoded = read->decode(ids);
    CONDUIT_CHECK(utf8::is_valid(decoded), "a text is not UTF-8");
    CONDUIT_CHECK(stream(*read, ids) == decoded, "pieces are not the whole");
  }
  return 0;
}
