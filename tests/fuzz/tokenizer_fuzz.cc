// A tokenizer.json of any bytes, and any text through a good one. The input is both: what is no
// tokenizer must be an error, and whatever is one must encode and decode without a fault.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/model/tokenizer.h"
#include "mdl/base/check.h"
#include "mdl/base/utf8.h"
#include "tests/support/tiny_tokenizer.h"

namespace {

using namespace conduit;  // the target's own file
using kernels::TokenId;
using kernels::Tokenizer;

const Tokenizer& good_tokenizer() {
  constexpr int kVocab = 288;
  static const Tokenizer tokenizer = *Tokenizer::from_json(
      json::dump(testing::tiny_tokenizer_json(testing::make_tiny_tokenizer(kVocab))));
  return tokenizer;
}

std::string stream(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  kernels::Detokenizer detokenizer(tokenizer, /*skip_special=*/false);
  std::string text;
  for (const TokenId id : ids) text += detokenizer.push(id);
  return text + detokenizer.flush();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto read = Tokenizer::from_json(input)) {
    // Every kind of thing the stages tell apart.
    constexpr std::string_view kText =
        "<|im_end|> it's\r\n  1234 e\u0301 \u4E2D\u6587\xFF \u3000x\u2581\uFB01 \u0130 <0x0A> ##a";
    const auto ids = read->encode(kText);
    CONDUIT_CHECK(stream(*read, ids) == read->decode(ids), "pieces are not the whole");
    const auto pair = read->encode_pair(kText, "b");
    CONDUIT_CHECK(pair.ids.size() == pair.type_ids.size(), "an id has no type");
    // The ids of a foreign tokenizer are any.
    std::vector<TokenId> all;
    for (TokenId id = -1; id <= std::min(read->vocab_size(), 1000); ++id) all.push_back(id);
    CONDUIT_CHECK(utf8::is_valid(read->decode(all)), "a text is not UTF-8");
  }
  const auto ids = good_tokenizer().encode(input);
  const std::string text = good_tokenizer().decode(ids);
  CONDUIT_CHECK(text == utf8::replace_invalid(input), "a text did not come back");
  CONDUIT_CHECK(stream(good_tokenizer(), ids) == text, "pieces are not the whole");
  return 0;
}
