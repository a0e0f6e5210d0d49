// Token list, merges and tokenizer.json of the tiny models.
#include "tests/support/tiny_tokenizer.h"

#include <utility>

#include "mdl/base/check.h"
#include "tests/support/tiny_model.h"

namespace conduit::testing {
namespace {

// Frequent English pairs, in an order in which each part exists before it is used.
constexpr const char* kMerges[] = {"Ġ t", "h e",   "i n",  "Ġt he", "o n",  "a n",  "e r", "r e",
                                   "Ġ a", "Ġ s",   "o u",  "i s",   "Ġ w",  "o r",  "e n", "Ġ i",
                                   "l l", "Ġ h",   "a t",  "Ġ o",   "e s",  "in g", "e d", "Ġa n",
                                   "i t", "Ġan d", "Ġ is", "o w",   "he ll"};
constexpr int kSpecialTokens = 3;

std::string utf8_of_two_bytes(int code_point) {  // U+0080 … U+07FF
  return {static_cast<char>(0xC0 | (code_point >> 6)),
          static_cast<char>(0x80 | (code_point & 0x3F))};
}

// GPT-2's printable spelling of a byte: itself where it is a visible Latin-1 character, else the
// next free code point from U+0100 on.
std::vector<std::string> byte_spellings() {
  std::vector<std::string> spellings;
  int next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool is_ascii = byte >= '!' && byte <= '~';
    const bool is_latin = (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    if (is_ascii)
      spellings.emplace_back(1, static_cast<char>(byte));
    else
      spellings.push_back(utf8_of_two_bytes(is_latin ? byte : next++));
  }
  return spellings;
}

json::Value object(std::initializer_list<std::pair<const char*, json::Value>> members) {
  json::Object result;
  for (const auto& [key, value] : members) result.push_back({key, value});
  return result;
}

json::Value byte_level() {
  return object({{"type", "ByteLevel"},
                 {"add_prefix_space", false},
                 {"trim_offsets", true},
                 {"use_regex", true}});
}

}  // namespace

TinyTokenizer make_tiny_tokenizer(int vocab) {
  TinyTokenizer result;
  result.tokens = {kTinyEndOfText, kTinyBos, kTinyEos};
  for (std::string& spelling : byte_spellings()) result.tokens.push_back(std::move(spelling));
  CONDUIT_CHECK(vocab >= static_cast<int>(result.tokens.size()),
                "a byte-level tokenizer needs every byte");
  for (const char* merge : kMerges) {
    if (static_cast<int>(result.tokens.size()) == vocab) break;
    std::string joined = merge;
    joined.erase(joined.find(' '), 1);
    result.merges.emplace_back(merge);
    result.tokens.push_back(std::move(joined));
  }
  return result;
}

json::Value tiny_tokenizer_json(const TinyTokenizer& tokenizer) {
  json::Array added;
  json::Object vocab;
  for (std::size_t id = 0; id < tokenizer.tokens.size(); ++id) {
    vocab.push_back({tokenizer.tokens[id], id});
    if (id >= kSpecialTokens) continue;
    added.push_back(object({{"id", id},
                            {"content", tokenizer.tokens[id]},
                            {"single_word", false},
                            {"lstrip", false},
                            {"rstrip", false},
                            {"normalized", false},
                            {"special", true}}));
  }
  json::Value model =
      object({{"type", "BPE"},
              {"dropout", nullptr},
              {"unk_token", nullptr},
              {"continuing_subword_prefix", nullptr},
              {"end_of_word_suffix", nullptr},
              {"fuse_unk", false},
              {"byte_fallback", false},
              {"ignore_merges", false},
              {"vocab", std::move(vocab)},
              {"merges", json::Array(tokenizer.merges.begin(), tokenizer.merges.end())}});
  return object({{"version", "1.0"},
                 {"truncation", nullptr},
                 {"padding", nullptr},
                 {"added_tokens", std::move(added)},
                 {"normalizer", nullptr},
                 {"pre_tokenizer", byte_level()},
                 {"post_processor", nullptr},
                 {"decoder", byte_level()},
                 {"model", std::move(model)}});
}

std::string tiny_chat_template() {
  return "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + "
         "message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
         "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
}

}  // namespace conduit::testing
