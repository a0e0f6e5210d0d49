// Longest match first, all or nothing.
#include "kernels/model/word_piece.h"

#include <utility>

#include "mdl/base/utf8.h"

namespace conduit::kernels {

namespace {

bool has_more_characters(std::string_view word, std::size_t limit) {
  if (word.size() <= limit) return false;
  std::size_t count = 0;
  for (; !word.empty() && count <= limit; ++count) word.remove_prefix(utf8::read(word).length);
  return count > limit;
}

}  // namespace

WordPieceModel::WordPieceModel(Vocabulary vocabulary, const Options& options)
    : vocabulary_(std::move(vocabulary)), options_(options) {
  for (TokenId id = 0; id < vocabulary_.size(); ++id) {
    const std::string_view spelling = vocabulary_.spelling(id);
    if (vocabulary_.find(spelling) != id) continue;
    beginnings_.add(spelling, id);
    if (spelling.starts_with(options_.continuing_prefix))
      continuations_.add(spelling.substr(options_.continuing_prefix.size()), id);
  }
}

void WordPieceModel::encode_word(std::string_view word, Workspace&,
                                 std::vector<TokenId>& out) const {
  const std::size_t before = out.size();
  bool is_whole = !has_more_characters(word, options_.max_characters);
  for (std::size_t at = 0; is_whole && at < word.size();) {
    std::size_t longest = 0;
    TokenId piece = 0;
    const Trie& pieces = at == 0 ? beginnings_ : continuations_;
    pieces.walk(word.substr(at), [&](std::size_t length, TokenId id) {
      longest = length;
      piece = id;
    });
    is_whole = longest != 0;
    at += longest;
    out.push_back(piece);
  }
  if (is_whole) return;
  out.resize(before);
  if (options_.unknown) out.push_back(*options_.unknown);
}

}  // namespace conduit::kernels
