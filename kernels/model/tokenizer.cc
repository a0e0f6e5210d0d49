// The stages in their order, and decoding.
#include "kernels/model/tokenizer.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "kernels/model/tokenizer_parts.h"
#include "kernels/model/word_cache.h"
#include "mdl/base/utf8.h"

namespace conduit::kernels {

namespace {

int token_count(const TokenizerParts& parts) {
  int count = vocabulary_of(parts.model).size();
  for (const AddedToken& token : parts.added.all()) count = std::max(count, token.id + 1);
  return count;
}

TokenBytes bytes_of_tokens(const TokenizerParts& parts) {
  const int count = token_count(parts);
  TokenBytes bytes;
  bytes.begins.reserve(static_cast<std::size_t>(count) + 1);
  for (TokenId id = 0; id < count; ++id) {
    bytes.begins.push_back(static_cast<std::uint32_t>(bytes.all.size()));
    if (const auto spelling = parts.decoded(id); !spelling.empty())
      bytes.all += parts.decoder.bytes(spelling);
  }
  bytes.begins.push_back(static_cast<std::uint32_t>(bytes.all.size()));
  return bytes;
}

// A longer word is taken apart where it can be, so that its parts may be known already.
constexpr std::size_t kLongWordBytes = 64;

// The words of one call, by the kind of model it has.
template <class Model>
class WordEncoder {
 public:
  WordEncoder(const Model& model, std::vector<TokenId>& ids) : model_(model), ids_(ids) {}

  void add(std::string_view word) {
    if constexpr (std::is_same_v<Model, BpeModel>) {
      while (word.size() > kLongWordBytes) {
        const std::size_t length = model_.separable_length(word);
        add_whole(word.substr(0, length));
        word.remove_prefix(length);
      }
    }
    if (!word.empty()) add_whole(word);
  }

 private:
  void add_whole(std::string_view word) {
    cache_.append(word, ids_, [this](std::string_view unknown, std::vector<TokenId>& ids) {
      model_.encode_word(unknown, workspace_, ids);
    });
  }

  const Model& model_;
  std::vector<TokenId>& ids_;
  typename Model::Workspace workspace_;
  WordCache cache_;
};

// take_token(id) and take_text(text, is_at_begin) for the sections of a text, in their order: added
// tokens, and between them what is normalized and goes to the model.
template <class TakeToken, class TakeText>
void for_each_section(const TokenizerParts& parts, std::string_view text, bool finds_special,
                      TakeToken take_token, TakeText take_text) {
  for (const auto& outer : parts.added.split(text, AddedTokens::Pass::given_text, finds_special)) {
    if (outer.token) {
      take_token(*outer.token);
      continue;
    }
    const std::string_view given = outer.range.of(text);
    const std::string plain = parts.normalize(given);
    // Where the normalizer drops the first character, what is left is no beginning.
    const bool keeps_begin = outer.range.begin == 0 &&
                             !parts.normalize(given.substr(0, utf8::read(given).length)).empty();
    for (const auto& inner :
         parts.added.split(plain, AddedTokens::Pass::normalized_text, finds_special)) {
      if (inner.token) {
        take_token(*inner.token);
      } else {
        take_text(inner.range.of(plain), keeps_begin && inner.range.begin == 0);
      }
    }
  }
}

}  // namespace

std::string_view TokenizerParts::decoded(TokenId id) const {
  const AddedToken* token = added.find(id);
  return token ? std::string_view(token->decoded) : vocabulary_of(model).spelling(id);
}

std::string_view TokenizerParts::spelling(TokenId id) const {
  const AddedToken* token = added.find(id);
  return token ? std::string_view(token->content) : vocabulary_of(model).spelling(id);
}

Tokenizer::Tokenizer(TokenizerParts parts) {
  parts.bytes = bytes_of_tokens(parts);
  parts_ = std::make_shared<const TokenizerParts>(std::move(parts));
}

std::vector<TokenId> TokenizerParts::encode(std::string_view text, bool finds_special) const {
  std::string repaired;
  if (!utf8::is_valid(text)) text = repaired = utf8::replace_invalid(text);
  std::vector<TokenId> ids;
  std::visit(
      [&](const auto& kind) {
        WordEncoder encoder(kind, ids);
        for_each_section(
            *this, text, finds_special, [&ids](TokenId id) { ids.push_back(id); },
            [&](std::string_view section, bool is_at_begin) {
              const Words words = pre_tokenizer.split(section, is_at_begin);
              for (const TextRange& range : words.ranges) encoder.add(range.of(words.text));
            });
      },
      model);
  return ids;
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  return parts_->post_processor.apply(parts_->encode(text, options.parse_special),
                                      options.add_special);
}

PairEncoding Tokenizer::encode_pair(std::string_view first, std::string_view second) const {
  return parts_->post_processor.apply(parts_->encode(first, true), parts_->encode(second, true));
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  Detokenizer detokenizer(*this, skip_special);
  std::string text;
  for (const TokenId id : ids) text += detokenizer.push(id);
  return text + detokenizer.flush();
}

int Tokenizer::vocab_size() const { return static_cast<int>(parts_->bytes.begins.size()) - 1; }

std::optional<TokenId> Tokenizer::id_of(std::string_view token) const {
  const AddedToken* added = parts_->added.find(token);
  return added ? added->id : vocabulary_of(parts_->model).find(token);
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
    : tokenizer_(tokenizer), skip_special_(skip_special), stream_(tokenizer_.parts_->decoder) {}

std::string Detokenizer::push(TokenId id) {
  const TokenizerParts& parts = *tokenizer_.parts_;
  const std::string_view decoded = parts.decoded(id);
  if (decoded.empty() || (skip_special_ && parts.added.is_special_content(decoded))) return {};
  return stream_.push(decoded);
}

std::string Detokenizer::flush() { return stream_.finish(); }

}  // namespace conduit::kernels
