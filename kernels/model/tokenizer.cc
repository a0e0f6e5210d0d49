// The stages in their order, and decoding.
#include "kernels/model/tokenizer.h"

#include <algorithm>
#include <utility>

#include "kernels/model/byte_letters.h"
#include "kernels/model/tokenizer_parts.h"
#include "mdl/base/utf8.h"

namespace conduit::kernels {

namespace {

int token_count(const TokenizerParts& parts) {
  int count = parts.model.vocabulary().size();
  for (const AddedToken& token : parts.added.all()) count = std::max(count, token.id + 1);
  return count;
}

TokenBytes bytes_of_tokens(const TokenizerParts& parts) {
  const int count = token_count(parts);
  TokenBytes bytes;
  bytes.begins.reserve(static_cast<std::size_t>(count) + 1);
  for (TokenId id = 0; id < count; ++id) {
    bytes.begins.push_back(static_cast<std::uint32_t>(bytes.all.size()));
    bytes.all += bytes_of_letters(parts.spelling(id));
  }
  bytes.begins.push_back(static_cast<std::uint32_t>(bytes.all.size()));
  return bytes;
}

}  // namespace

std::string_view TokenizerParts::spelling(TokenId id) const {
  const AddedToken* token = added.find(id);
  return token ? std::string_view(token->content) : model.vocabulary().spelling(id);
}

Tokenizer::Tokenizer(TokenizerParts parts) {
  parts.bytes = bytes_of_tokens(parts);
  parts_ = std::make_shared<const TokenizerParts>(std::move(parts));
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  const TokenizerParts& parts = *parts_;
  std::string repaired;
  if (!utf8::is_valid(text)) text = repaired = utf8::replace_invalid(text);

  std::vector<TokenId> ids;
  BpeModel::Workspace workspace;
  const auto encode_plain = [&](std::string_view plain) {
    const Words words = parts.pre_tokenizer.split(plain);
    for (const TextRange& range : words.ranges)
      parts.model.encode_word(range.of(words.text), workspace, ids);
  };
  const bool finds_special = options.parse_special;
  for (const auto& outer : parts.added.split(text, AddedTokens::Pass::given_text, finds_special)) {
    if (outer.token) {
      ids.push_back(*outer.token);
      continue;
    }
    const std::string plain = parts.normalize(outer.range.of(text));
    for (const auto& inner :
         parts.added.split(plain, AddedTokens::Pass::normalized_text, finds_special)) {
      if (inner.token) {
        ids.push_back(*inner.token);
      } else {
        encode_plain(inner.range.of(plain));
      }
    }
  }
  return options.add_special ? parts.post_processor.apply(std::move(ids)) : ids;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  std::string text;
  for (const TokenId id : ids)
    if (!skip_special || !is_special(id)) text += bytes(id);
  return utf8::replace_invalid(text);
}

int Tokenizer::vocab_size() const { return static_cast<int>(parts_->bytes.begins.size()) - 1; }

std::optional<TokenId> Tokenizer::id_of(std::string_view token) const {
  const AddedToken* added = parts_->added.find(token);
  return added ? added->id : parts_->model.vocabulary().find(token);
}

std::string_view Tokenizer::token(TokenId id) const { return parts_->spelling(id); }

std::string_view Tokenizer::bytes(TokenId id) const {
  if (id < 0 || id >= vocab_size()) return {};
  const TokenBytes& bytes = parts_->bytes;
  const auto index = static_cast<std::size_t>(id);
  const std::uint32_t begin = bytes.begins[index];
  return std::string_view(bytes.all).substr(begin, bytes.begins[index + 1] - begin);
}

bool Tokenizer::is_special(TokenId id) const {
  const AddedToken* token = parts_->added.find(id);
  return token != nullptr && token->is_special;
}

Detokenizer::Detokenizer(const Tokenizer& tokenizer, bool skip_special)
    : tokenizer_(tokenizer), skip_special_(skip_special) {}

std::string Detokenizer::push(TokenId id) {
  if (skip_special_ && tokenizer_.is_special(id)) return {};
  pending_ += tokenizer_.bytes(id);
  const std::size_t length = utf8::uncut_length(pending_);
  std::string text = utf8::replace_invalid(std::string_view(pending_).substr(0, length));
  pending_.erase(0, length);
  return text;
}

std::string Detokenizer::flush() { return utf8::replace_invalid(std::exchange(pending_, {})); }

}  // namespace conduit::kernels
