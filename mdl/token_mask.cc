// TokenGrammar: the mask of a grammar's state.
#include <algorithm>
#include <bit>
#include <unordered_map>

#include "mdl/json_string.h"
#include "mdl/matcher.h"
#include "mdl/token_table.h"

namespace conduit::mdl {
namespace {

// Masks of one grammar and vocabulary; when they take more, all are forgotten.
constexpr std::size_t kMaskBytes = std::size_t{32} << 20;

void set(std::vector<std::uint64_t>& bits, TokenId id) {
  bits[static_cast<std::size_t>(id) / 64] |= std::uint64_t{1}
                                             << (static_cast<std::size_t>(id) % 64);
}

void clear(std::vector<std::uint64_t>& bits, TokenId id) {
  bits[static_cast<std::size_t>(id) / 64] &=
      ~(std::uint64_t{1} << (static_cast<std::size_t>(id) % 64));
}

// Calls `found` for the texts of the subtree of `node` (its own included), where `state` is the
// grammar's behind it.
template <class Found>
void walk(Grammar& grammar, const Trie& trie, std::uint32_t node, Grammar::State state,
          Found found) {
  const auto& nodes = trie.nodes();
  const auto& ids = trie.ids();
  const auto take = [&](std::uint32_t begin, std::uint32_t end) {
    for (std::uint32_t i = begin; i < end; ++i) found(ids[i]);
  };
  // The state behind each node on the way down, and where its subtree ends.
  struct Above {
    Grammar::State state;
    std::uint32_t end;
  };
  std::vector<Above> path{{state, nodes[node].end}};
  if (node != 0) {
    take(nodes[node].first, nodes[node + 1].first);
    if (nodes[node].is_plain && grammar.is_free_text(state)) {
      return take(nodes[node + 1].first, nodes[nodes[node].end].first);
    }
  }
  const std::uint32_t end = nodes[node].end;
  std::uint32_t at = node + 1;
  while (at < end) {
    while (path.back().end <= at) path.pop_back();
    const Grammar::State next = grammar.step(path.back().state, nodes[at].byte);
    if (next == Grammar::kDead) {
      at = nodes[at].end;
      continue;
    }
    take(nodes[at].first, nodes[at + 1].first);
    if (nodes[at].end > at + 1 && nodes[at].is_plain && grammar.is_free_text(next)) {
      take(nodes[at + 1].first, nodes[nodes[at].end].first);
      at = nodes[at].end;
      continue;
    }
    path.push_back({next, nodes[at].end});
    ++at;
  }
}

}  // namespace

bool Mask::allows(TokenId id) const {
  if (is_sparse) return std::binary_search(ids.begin(), ids.end(), id);
  return (bits[static_cast<std::size_t>(id) / 64] >> (static_cast<std::size_t>(id) % 64) & 1) != 0;
}

std::size_t Mask::count() const {
  if (is_sparse) return ids.size();
  std::size_t count = 0;
  for (const std::uint64_t word : bits) count += static_cast<std::size_t>(std::popcount(word));
  return count;
}

// What a regular language leaves of a vocabulary's tokens within a string.
struct LanguageMask {
  std::vector<std::uint64_t> staying;
  std::vector<std::vector<TokenId>> closing;  // by TokenTable::Parts::suffix_texts
};

struct TokenGrammar::Cache {
  std::unordered_map<Regexes::Id, LanguageMask> languages;
  std::unordered_map<Grammar::State, Mask> masks;
  std::size_t bytes = 0;

  static Mask walked(Grammar& grammar, const TokenTable& table, Grammar::State state);
  Mask free(Grammar& grammar, const TokenTable& table, Grammar::State state, const FreeText& text);
  const LanguageMask& language(const TokenTable& table, Regexes& regexes, Regexes::Id language);
};

Mask TokenGrammar::Cache::walked(Grammar& grammar, const TokenTable& table, Grammar::State state) {
  Mask mask;
  mask.is_sparse = true;
  walk(grammar, *table.parts().trie, 0, state, [&](TokenId id) { mask.ids.push_back(id); });
  if (grammar.accepts(state))
    mask.ids.insert(mask.ids.end(), table.ends().begin(), table.ends().end());
  const std::size_t words = (static_cast<std::size_t>(table.size()) + 63) / 64;
  if (mask.ids.size() > 2 * words) {
    mask.is_sparse = false;
    mask.bits.resize(words);
    for (const TokenId id : mask.ids) set(mask.bits, id);
    mask.ids = {};
  } else {
    std::sort(mask.ids.begin(), mask.ids.end());
  }
  return mask;
}

const LanguageMask& TokenGrammar::Cache::language(const TokenTable& table, Regexes& regexes,
                                                  Regexes::Id language) {
  const auto [place, is_new] = languages.try_emplace(language);
  LanguageMask& mask = place->second;
  if (!is_new) return mask;
  const TokenTable::Parts& parts = table.parts();
  mask.staying.resize((parts.texts.size() + 63) / 64);
  mask.closing.resize(parts.suffix_texts.size());
  bytes += mask.staying.size() * 8;
  const auto& nodes = parts.trie->nodes();
  const auto& ids = parts.trie->ids();
  struct Above {
    std::uint32_t end;
    Regexes::Id language;
    std::uint8_t escape;  // bytes of an unfinished one
    char letters[6];
  };
  std::vector<Above> path{{nodes[0].end, language, 0, {}}};
  const auto decoded = [](std::string_view escape) -> int {
    for (const auto& [spelling, c] : canonical_escapes()) {
      if (spelling == escape) return static_cast<std::uint8_t>(c);
    }
    return -1;
  };
  for (std::uint32_t at = 1; at < nodes[0].end;) {
    while (path.back().end <= at) path.pop_back();
    Above next = path.back();
    const std::uint8_t byte = nodes[at].byte;
    bool is_alive = true;
    if (next.escape > 0 || byte == '\\') {
      next.letters[next.escape++] = static_cast<char>(byte);
      const std::string_view escape(next.letters, next.escape);
      is_alive = is_canonical_escape(escape);
      if (const int c = decoded(escape); c >= 0) {
        next.language = regexes.step(next.language, static_cast<std::uint8_t>(c));
        next.escape = 0;
        is_alive = next.language != Regexes::kNothing;
      } else if (is_alive) {
        is_alive = std::any_of(
            canonical_escapes().begin(), canonical_escapes().end(), [&](const auto& each) {
              return std::string_view(each.first).substr(0, escape.size()) == escape &&
                     regexes.step(next.language, static_cast<std::uint8_t>(each.second)) !=
                         Regexes::kNothing;
            });
      }
    } else if (byte == '"') {
      // The suffixes that stand behind it in the trie are those of the tokens of its subtree.
      if (regexes.accepts(next.language)) {
        for (std::uint32_t i = nodes[at].first; i < nodes[nodes[at].end].first; ++i) {
          const std::int32_t group = parts.suffix_of[static_cast<std::size_t>(ids[i])];
          if (group >= 0) mask.closing[static_cast<std::size_t>(group)].push_back(ids[i]);
        }
      }
      is_alive = false;
    } else {
      next.language = byte < 0x20 ? Regexes::kNothing : regexes.step(next.language, byte);
      is_alive = next.language != Regexes::kNothing;
    }
    if (!is_alive) {
      at = nodes[at].end;
      continue;
    }
    for (std::uint32_t i = nodes[at].first; i < nodes[at + 1].first; ++i) set(mask.staying, ids[i]);
    next.end = nodes[at].end;
    path.push_back(next);
    ++at;
  }
  return mask;
}

Mask TokenGrammar::Cache::free(Grammar& grammar, const TokenTable& table, Grammar::State state,
                               const FreeText& text) {
  const TokenTable::Parts& parts = table.parts();
  const auto& staying = parts.staying[static_cast<std::size_t>(text.escapes)];
  Mask mask;
  if (text.regexes != nullptr) {
    const LanguageMask& left = language(table, *text.regexes, text.language);
    mask.bits = left.staying;
    const auto close = [&](TokenId group) {
      for (const TokenId id : left.closing[static_cast<std::size_t>(group)]) set(mask.bits, id);
    };
    if (text.closed != Grammar::kDead) {
      walk(grammar, *parts.suffixes, 0, text.closed, close);
      if (parts.bare_suffix >= 0) close(parts.bare_suffix);
    }
  } else {
    const bool is_unbounded = text.most >= parts.longest_staying;
    if (text.most == 0) {
      mask.bits.resize((parts.texts.size() + 63) / 64);
    } else {
      mask.bits = staying[is_unbounded ? kLengthSets : std::min(text.most, kLengthSets) - 1];
    }
    if (!is_unbounded && text.most > kLengthSets) {
      for (const auto& token : parts.long_staying) {
        if (token.characters <= text.most && token.escapes <= text.escapes)
          set(mask.bits, token.id);
      }
    }
    if (text.closed != Grammar::kDead) {
      walk(grammar, *parts.suffixes, 0, text.closed, [&](TokenId group) {
        for (const auto& token : parts.closing[static_cast<std::size_t>(group)]) {
          if (token.characters > text.most) break;
          if (token.characters >= text.least && token.escapes <= text.escapes)
            set(mask.bits, token.id);
        }
      });
      if (parts.bare_suffix >= 0) {  // the quote alone behind the characters
        for (const auto& token : parts.closing[static_cast<std::size_t>(parts.bare_suffix)]) {
          if (token.characters > text.most) break;
          if (token.characters >= text.least && token.escapes <= text.escapes)
            set(mask.bits, token.id);
        }
      }
    }
  }
  if (text.is_walked)
    walk(grammar, *parts.closers, 0, state, [&](TokenId id) { set(mask.bits, id); });
  const Trie& trie = *parts.trie;
  // Where only some texts are left, an exception's own beginnings are told one by one.
  const bool is_narrow = text.regexes != nullptr || text.most != SIZE_MAX;
  for (const std::string& exception : text.exceptions) {
    std::uint32_t node = 0;
    Grammar::State at = state;
    for (const char c : exception) {
      node = trie.find(node, std::string_view(&c, 1));
      if (node == 0) break;
      if (!is_narrow) continue;
      at = grammar.step(at, static_cast<std::uint8_t>(c));
      for (std::uint32_t i = trie.nodes()[node].first; i < trie.nodes()[node + 1].first; ++i) {
        if (at == Grammar::kDead)
          clear(mask.bits, trie.ids()[i]);
        else
          set(mask.bits, trie.ids()[i]);
      }
    }
    const std::uint32_t quote = node == 0 && !exception.empty() ? 0 : trie.find(node, "\"");
    if (quote == 0) continue;
    const std::uint32_t begin = trie.nodes()[quote].first,
                        end = trie.nodes()[trie.nodes()[quote].end].first;
    for (std::uint32_t i = begin; i < end; ++i) clear(mask.bits, trie.ids()[i]);
    const Grammar::State behind = grammar.walk(state, exception + '"');
    if (behind != Grammar::kDead) {
      walk(grammar, trie, quote, behind, [&](TokenId id) { set(mask.bits, id); });
    }
  }
  return mask;
}

TokenGrammar::TokenGrammar(std::shared_ptr<Grammar> grammar,
                           std::shared_ptr<const TokenTable> table)
    : grammar_(std::move(grammar)), table_(std::move(table)), cache_(std::make_unique<Cache>()) {}
TokenGrammar::~TokenGrammar() = default;

const Mask& TokenGrammar::mask(Grammar::State state) {
  state = grammar_->for_mask(state);
  if (const auto known = cache_->masks.find(state); known != cache_->masks.end())
    return known->second;
  if (cache_->bytes > kMaskBytes) {
    cache_->masks.clear();
    cache_->languages.clear();
    cache_->bytes = 0;
  }
  const auto text = grammar_->free_text(state);
  Mask mask = text ? cache_->free(*grammar_, *table_, state, *text)
                   : Cache::walked(*grammar_, *table_, state);
  cache_->bytes += mask.bits.size() * 8 + mask.ids.size() * 4 + 64;
  return cache_->masks.emplace(state, std::move(mask)).first->second;
}

}  // namespace conduit::mdl
