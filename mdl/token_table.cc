// The trie, and each token sorted by what it does to a string.
#include "mdl/token_table.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "mdl/json_string.h"

namespace conduit::mdl {
namespace {

// The first eight bytes as a number that compares as they do.
std::uint64_t prefix_key(std::string_view text) {
  std::uint64_t key = 0;
  for (std::size_t i = 0; i < 8; ++i)
    key = key << 8 | (i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0);
  return key;
}

}  // namespace

Trie::Trie(const std::vector<std::string_view>& texts) {
  struct Entry {
    std::uint64_t key;
    std::int32_t id;
  };
  std::vector<Entry> entries;
  entries.reserve(texts.size());
  for (std::size_t id = 0; id < texts.size(); ++id) {
    if (!texts[id].empty())
      entries.push_back({prefix_key(texts[id]), static_cast<std::int32_t>(id)});
  }
  std::sort(entries.begin(), entries.end(), [&](const Entry& a, const Entry& b) {
    if (a.key != b.key) return a.key < b.key;
    const int order = texts[a.id].compare(texts[b.id]);
    return order != 0 ? order < 0 : a.id < b.id;
  });
  ids_.reserve(entries.size());
  for (const Entry& entry : entries) ids_.push_back(entry.id);
  nodes_.reserve(3 * entries.size() + 2);
  nodes_.push_back({0, 0, 0, 0});
  build(texts, 0, static_cast<std::uint32_t>(ids_.size()), 0);
  nodes_[0].end = static_cast<std::uint32_t>(nodes_.size());
  nodes_.push_back({0, static_cast<std::uint32_t>(ids_.size()), 0, 0});
  for (std::uint32_t node = 1; node < nodes_[0].end; node = nodes_[node].end)
    roots_[nodes_[node].byte] = node;
  mark_plain();
}

// The children of a node whose texts are [begin, end) of ids_, `depth` bytes long up to it. Long
// texts are deep, so the recursion is as deep as the longest token.
void Trie::build(const std::vector<std::string_view>& texts, std::uint32_t begin, std::uint32_t end,
                 std::size_t depth) {
  while (begin < end && texts[ids_[begin]].size() == depth) ++begin;
  while (begin < end) {
    const auto byte = static_cast<std::uint8_t>(texts[ids_[begin]][depth]);
    std::uint32_t last = begin + 1;
    while (last < end && static_cast<std::uint8_t>(texts[ids_[last]][depth]) == byte) ++last;
    const std::size_t node = nodes_.size();
    nodes_.push_back({0, begin, byte, 0});
    build(texts, begin, last, depth + 1);
    nodes_[node].end = static_cast<std::uint32_t>(nodes_.size());
    begin = last;
  }
}

// A subtree is plain when, from a character's beginning on, it only continues a JSON string: no
// quote, backslash or control, and well-formed as far as it goes. What came before its characters
// does not matter, so each is read from its first byte.
void Trie::mark_plain() {
  const std::size_t count = nodes_.size() - 1;
  std::vector<StringLexer::State> states(count, StringLexer::boundary);
  std::vector<std::uint32_t> path{0};
  for (std::uint32_t i = 1; i < count; ++i) {
    while (nodes_[path.back()].end <= i) path.pop_back();
    const std::uint8_t byte = nodes_[i].byte;
    const StringLexer::State before = states[path.back()];
    const bool is_middle = before != StringLexer::boundary && before != StringLexer::bad;
    if (byte >= 0x80) {
      states[i] = before == StringLexer::bad ? before : StringLexer::step(before, byte);
    } else {
      states[i] = is_middle ? StringLexer::bad : StringLexer::boundary;
    }
    path.push_back(i);
  }
  for (std::size_t i = count; i-- > 0;) {
    Node& node = nodes_[i];
    node.is_plain = states[i] != StringLexer::bad;
    for (std::uint32_t child = static_cast<std::uint32_t>(i) + 1; child < node.end;
         child = nodes_[child].end) {
      const std::uint8_t byte = nodes_[child].byte;
      if (!nodes_[child].is_plain || byte < 0x20 || byte == 0x7F || byte == '"' || byte == '\\')
        node.is_plain = 0;
    }
  }
}

std::uint32_t Trie::child(std::uint32_t node, std::uint8_t byte) const {
  if (node == 0) return roots_[byte];
  for (std::uint32_t at = node + 1; at < nodes_[node].end; at = nodes_[at].end) {
    if (nodes_[at].byte == byte) return at;
  }
  return 0;
}

std::uint32_t Trie::find(std::uint32_t from, std::string_view text) const {
  for (const char c : text) {
    from = child(from, static_cast<std::uint8_t>(c));
    if (from == 0) return 0;
  }
  return from;
}

std::pair<std::int32_t, std::size_t> Trie::longest(std::string_view text) const {
  std::pair<std::int32_t, std::size_t> best{-1, 0};
  std::uint32_t node = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    node = child(node, static_cast<std::uint8_t>(text[i]));
    if (node == 0) break;
    if (nodes_[node].first != nodes_[node + 1].first) best = {ids_[nodes_[node].first], i + 1};
  }
  return best;
}

TokenTable::Parts::Parts(std::vector<std::string> all_texts, std::vector<TokenId> all_ends)
    : texts(std::move(all_texts)), ends(std::move(all_ends)) {
  const std::size_t words = (texts.size() + 63) / 64;
  for (auto& kind : staying) kind.fill(Bits(words));
  std::vector<std::string_view> views(texts.begin(), texts.end()), closing_views(texts.size());
  std::unordered_map<std::string_view, std::size_t> places;
  suffix_of.resize(texts.size(), -1);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].empty()) continue;
    const StringEffect effect = string_effect(texts[i]);
    if (!effect.is_possible) continue;
    const Counted token{static_cast<TokenId>(i), static_cast<std::uint32_t>(effect.characters),
                        effect.escapes};
    if (effect.is_closing) {
      closing_views[i] = texts[i];
      const std::string_view suffix = std::string_view(texts[i]).substr(effect.suffix);
      const auto [place, is_new] = places.try_emplace(suffix, closing.size());
      if (is_new) {
        suffix_texts.emplace_back(suffix);
        closing.emplace_back();
      }
      closing[place->second].push_back(token);
      suffix_of[i] = static_cast<std::int32_t>(place->second);
      if (suffix.empty()) bare_suffix = suffix_of[i];
      continue;
    }
    longest_staying = std::max(longest_staying, token.characters);
    if (token.characters > kLengthSets) long_staying.push_back(token);
    const std::size_t last = kLengthSets;
    const std::size_t from =
        std::min<std::size_t>(std::max<std::uint32_t>(token.characters, 1), last + 1) - 1;
    for (auto kind = static_cast<std::size_t>(effect.escapes); kind < staying.size(); ++kind) {
      for (std::size_t length = from; length <= last; ++length)
        staying[kind][length][i / 64] |= std::uint64_t{1} << (i % 64);
    }
  }
  for (auto& group : closing) {
    std::stable_sort(group.begin(), group.end(), [](const Counted& a, const Counted& b) {
      return a.characters < b.characters;
    });
  }
  trie = std::make_unique<Trie>(views);
  closers = std::make_unique<Trie>(closing_views);
  suffixes = std::make_unique<Trie>(
      std::vector<std::string_view>(suffix_texts.begin(), suffix_texts.end()));
}

std::shared_ptr<const TokenTable> TokenTable::make(std::vector<std::string> texts,
                                                   std::vector<TokenId> ends) {
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  for (const TokenId id : ends) texts[static_cast<std::size_t>(id)].clear();
  return std::shared_ptr<const TokenTable>(
      new TokenTable(std::make_unique<Parts>(std::move(texts), std::move(ends))));
}

TokenTable::TokenTable(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TokenTable::~TokenTable() = default;
int TokenTable::size() const { return static_cast<int>(parts_->texts.size()); }
std::string_view TokenTable::text(TokenId id) const {
  return parts_->texts[static_cast<std::size_t>(id)];
}
std::span<const TokenId> TokenTable::ends() const { return parts_->ends; }

}  // namespace conduit::mdl
