// The merge loop and its table.
#include "kernels/model/bpe.h"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "mdl/base/check.h"
#include "mdl/base/utf8.h"

namespace conduit::kernels {

namespace {

constexpr TokenId kNone = -1;
// A symbol that was joined to its left neighbour.
constexpr TokenId kJoined = -2;

std::uint64_t pair_of(TokenId left, TokenId right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
         static_cast<std::uint32_t>(right);
}

// The heap's order: its top is the lowest rank, and of equal ranks the leftmost.
constexpr auto kComesLater = [](const auto& a, const auto& b) {
  return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
};

}  // namespace

MergeTable::MergeTable(std::size_t expected) : slots_(std::bit_ceil(expected * 2 + 1)) {}

std::size_t MergeTable::slot_of(std::uint64_t pair) const {
  // Fibonacci hashing: the high bits of the product depend on all bits of both ids.
  constexpr std::uint64_t kGoldenRatio = 0x9E3779B97F4A7C15;
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = static_cast<std::size_t>((pair * kGoldenRatio) >> 32) & mask;
  while (slots_[slot].pair != kEmpty && slots_[slot].pair != pair) slot = (slot + 1) & mask;
  return slot;
}

void MergeTable::set(TokenId left, TokenId right, Merge merge) {
  const std::uint64_t pair = pair_of(left, right);
  slots_[slot_of(pair)] = {pair, merge};
}

const MergeTable::Merge* MergeTable::find(TokenId left, TokenId right) const {
  const Slot& slot = slots_[slot_of(pair_of(left, right))];
  return slot.pair == kEmpty ? nullptr : &slot.merge;
}

Result<BpeModel::MergeRule> BpeModel::MergeRule::parse(std::string_view line) {
  const std::size_t space = line.find(' ');
  if (space == line.npos || line.find(' ', space + 1) != line.npos)
    return Error{Code::corrupt, "tokenizer: merge \"" + std::string(line) +
                                    "\" must be two tokens with a space between"};
  return MergeRule{line.substr(0, space), line.substr(space + 1)};
}

Result<BpeModel> BpeModel::make(Vocabulary vocabulary, const std::vector<MergeRule>& merges,
                                const Options& options) {
  BpeModel model;
  model.vocabulary_ = std::move(vocabulary);
  model.options_ = options;
  model.merges_ = MergeTable(merges.size());
  const Vocabulary& known = model.vocabulary_;
  std::string whole;
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    whole.assign(left).append(right);
    const auto left_id = known.find(left);
    const auto right_id = known.find(right);
    const auto whole_id = known.find(whole);
    if (!left_id || !right_id || !whole_id) {
      const std::string_view missing = !left_id ? left : !right_id ? right : whole;
      return Error{Code::corrupt, "tokenizer: merge " + std::to_string(rank) + " needs \"" +
                                      std::string(missing) + "\", which is not in the vocabulary"};
    }
    model.merges_.set(*left_id, *right_id, {static_cast<std::uint32_t>(rank), *whole_id});
  }
  std::string character;
  for (char32_t c = 0; c < kNearCharacters; ++c) {
    character.clear();
    utf8::append(character, c);
    model.near_tokens_[c] = known.find(character).value_or(kNone);
  }
  return model;
}

std::optional<TokenId> BpeModel::token_of_character(std::string_view character) const {
  const char32_t code_point = utf8::read(character).code_point;
  if (code_point >= kNearCharacters) return vocabulary_.find(character);
  const TokenId id = near_tokens_[code_point];
  if (id == kNone) return std::nullopt;
  return id;
}

void BpeModel::start_symbols(std::string_view word, Workspace& workspace) const {
  auto& symbols = workspace.symbols;
  symbols.clear();
  const auto add = [&symbols](TokenId id) {
    const auto index = static_cast<std::int32_t>(symbols.size());
    symbols.push_back({id, index - 1, index + 1});
  };
  bool was_unknown = false;
  while (!word.empty()) {
    const std::size_t length = utf8::read(word).length;
    const std::optional<TokenId> id = token_of_character(word.substr(0, length));
    if (id) {
      add(*id);
    } else if (options_.unknown && !(was_unknown && options_.fuse_unknown)) {
      add(*options_.unknown);
    }
    was_unknown = !id;
    word.remove_prefix(length);
  }
  if (!symbols.empty()) symbols.back().next = kNone;
}

void BpeModel::add_candidate(Workspace& workspace, std::int32_t left) const {
  const auto& symbols = workspace.symbols;
  const std::int32_t right = left == kNone ? kNone : symbols[left].next;
  if (right == kNone) return;
  if (const auto* merge = merges_.find(symbols[left].id, symbols[right].id))
    workspace.heap.push_back({merge->rank, left, merge->merged});
}

void BpeModel::merge_all(Workspace& workspace) const {
  auto& [symbols, heap] = workspace;
  heap.clear();
  for (std::size_t i = 0; i < symbols.size(); ++i)
    add_candidate(workspace, static_cast<std::int32_t>(i));
  std::make_heap(heap.begin(), heap.end(), kComesLater);
  const auto push = [&](std::int32_t left) {
    const std::size_t before = heap.size();
    add_candidate(workspace, left);
    if (heap.size() != before) std::push_heap(heap.begin(), heap.end(), kComesLater);
  };
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), kComesLater);
    const Workspace::Candidate best = heap.back();
    heap.pop_back();
    Workspace::Symbol& left = symbols[best.left];
    if (left.id == kJoined || left.next == kNone) continue;
    Workspace::Symbol& right = symbols[left.next];
    // One of the two has merged with another since.
    const auto* merge = merges_.find(left.id, right.id);
    if (merge == nullptr || merge->merged != best.merged) continue;
    left.id = best.merged;
    left.next = right.next;
    if (right.next != kNone) symbols[right.next].previous = best.left;
    right.id = kJoined;
    push(left.previous);
    push(best.left);
  }
}

void BpeModel::encode_word(std::string_view word, Workspace& workspace,
                           std::vector<TokenId>& out) const {
  CONDUIT_CHECK(word.size() <= INT32_MAX, "a word's symbols are counted in 32 bits");
  if (options_.ignore_merges) {
    if (const auto id = vocabulary_.find(word)) {
      out.push_back(*id);
      return;
    }
  }
  start_symbols(word, workspace);
  merge_all(workspace);
  for (const auto& symbol : workspace.symbols)
    if (symbol.id != kJoined) out.push_back(symbol.id);
}

}  // namespace conduit::kernels
