// The merge loop and its table.
#include "kernels/model/bpe.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <tuple>
#include <utility>

#include "kernels/model/byte_letters.h"
#include "mdl/base/check.h"
#include "mdl/base/utf8.h"

namespace conduit::kernels {

namespace {

constexpr TokenId kNone = -1;
// A symbol that was joined to its left neighbour.
constexpr TokenId kJoined = -2;
// 2^20 bits stay in the second-level cache, and 50,000 pairs leave them nearly empty.
constexpr int kPairBits = 20;
// Tokens or merges between two looks whether loading was stopped.
constexpr std::size_t kLookEvery = 1024;

std::uint64_t pair_of(TokenId left, TokenId right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
         static_cast<std::uint32_t>(right);
}

// The heap's order: its top is the lowest rank, and of equal ranks the leftmost.
constexpr auto kComesLater = [](const auto& a, const auto& b) {
  return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
};

Status check_stop(const std::stop_token& stop, std::size_t done) {
  if (done % kLookEvery != 0 || !stop.stop_requested()) return ok();
  return Error{Code::cancelled, "loading was stopped"};
}

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

BpeModel::BpeModel(Vocabulary vocabulary, const Options& options)
    : vocabulary_(std::move(vocabulary)), options_(options) {
  std::string character;
  for (char32_t c = 0; c < kNearCharacters; ++c) {
    character.clear();
    utf8::append(character, c);
    near_tokens_[c] = vocabulary_.find(character).value_or(kNone);
  }
  for (int byte = 0; byte < 256; ++byte)
    byte_tokens_[byte] =
        vocabulary_.find(byte_token_of(static_cast<unsigned char>(byte))).value_or(kNone);
}

Result<BpeModel> BpeModel::make(Vocabulary vocabulary, const std::vector<MergeRule>& merges,
                                const Options& options, const std::stop_token& stop) {
  BpeModel model(std::move(vocabulary), options);
  model.merges_ = MergeTable(merges.size());
  const Vocabulary& known = model.vocabulary_;
  const std::string_view prefix = options.continuing_prefix;
  std::string whole;
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    CONDUIT_TRY_STATUS(check_stop(stop, rank));
    const auto& [left, right] = merges[rank];
    whole.assign(left).append(right.starts_with(prefix) ? right.substr(prefix.size()) : right);
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
  model.note_neighbours();
  return model;
}

Result<BpeModel> BpeModel::from_scores(Vocabulary vocabulary,
                                       std::span<const std::optional<float>> scores,
                                       const Options& options, const std::stop_token& stop) {
  BpeModel model(std::move(vocabulary), options);
  const Vocabulary& known = model.vocabulary_;
  // Pieces of the same score are of the same rank: then the leftmost pair merges first.
  std::vector<float> falling;
  for (const auto& score : scores)
    if (score) falling.push_back(*score);
  std::sort(falling.begin(), falling.end(), std::greater<>());
  falling.erase(std::unique(falling.begin(), falling.end()), falling.end());
  std::vector<std::tuple<TokenId, TokenId, MergeTable::Merge>> merges;
  const auto is_piece = [&](TokenId id) {
    return scores[static_cast<std::size_t>(id)].has_value();
  };
  for (TokenId id = 0; id < static_cast<TokenId>(scores.size()); ++id) {
    CONDUIT_TRY_STATUS(check_stop(stop, static_cast<std::size_t>(id)));
    const std::string_view whole = known.spelling(id);
    if (!is_piece(id) || known.find(whole) != id) continue;
    const auto rank = static_cast<std::uint32_t>(
        std::lower_bound(falling.begin(), falling.end(), *scores[static_cast<std::size_t>(id)],
                         std::greater<>()) -
        falling.begin());
    for (std::size_t at = 0; at < whole.size();) {
      at += utf8::read(whole.substr(at)).length;
      if (at == whole.size()) break;
      const auto left = known.find(whole.substr(0, at));
      if (!left || !is_piece(*left)) continue;
      const auto right = known.find(whole.substr(at));
      if (right && is_piece(*right))
        merges.emplace_back(*left, *right, MergeTable::Merge{rank, id});
    }
  }
  model.merges_ = MergeTable(merges.size());
  for (const auto& [left, right, merge] : merges) model.merges_.set(left, right, merge);
  model.note_neighbours();
  return model;
}

std::uint32_t BpeModel::pair_bit(char32_t left, char32_t right) {
  return (static_cast<std::uint32_t>(left) * 0x9E3779B1u ^
          static_cast<std::uint32_t>(right) * 0x85EBCA77u) >>
         (32 - kPairBits);
}

void BpeModel::note_neighbours() {
  if (options_.ignore_merges || !options_.continuing_prefix.empty() || !options_.end_suffix.empty())
    return;
  neighbours_.resize(std::size_t{1} << kPairBits);
  for (TokenId id = 0; id < vocabulary_.size(); ++id) {
    std::optional<char32_t> before;
    for (std::string_view rest = vocabulary_.spelling(id); !rest.empty();) {
      const utf8::Character character = utf8::read(rest);
      if (before) neighbours_[pair_bit(*before, character.code_point)] = true;
      before = character.code_point;
      rest.remove_prefix(character.length);
    }
  }
}

std::size_t BpeModel::separable_length(std::string_view text) const {
  if (neighbours_.empty() || text.empty()) return text.size();
  utf8::Character left = utf8::read(text);
  std::size_t at = 0;
  while (at + left.length < text.size()) {
    const std::size_t next = at + left.length;
    const utf8::Character right = utf8::read(text.substr(next));
    // Beside a character without a token: a run of those may have to become one token.
    if (!neighbours_[pair_bit(left.code_point, right.code_point)] &&
        token_of_character(text.substr(at, left.length)) &&
        token_of_character(text.substr(next, right.length)))
      return next;
    at = next;
    left = right;
  }
  return text.size();
}

std::optional<TokenId> BpeModel::token_of_character(std::string_view character) const {
  const char32_t code_point = utf8::read(character).code_point;
  if (code_point >= kNearCharacters) return vocabulary_.find(character);
  const TokenId id = near_tokens_[code_point];
  if (id == kNone) return std::nullopt;
  return id;
}

// How the vocabulary spells a character there.
std::string_view BpeModel::spelling_of(std::string_view character, bool is_first, bool is_last,
                                       std::string& buffer) const {
  const bool is_plain =
      (is_first || options_.continuing_prefix.empty()) && (!is_last || options_.end_suffix.empty());
  if (is_plain) return character;
  buffer.clear();
  if (!is_first) buffer += options_.continuing_prefix;
  buffer += character;
  if (is_last) buffer += options_.end_suffix;
  return buffer;
}

// False, and nothing added, when one of its bytes has no token.
bool BpeModel::add_bytes(std::string_view spelling, Workspace& workspace) const {
  const auto token = [this](char byte) { return byte_tokens_[static_cast<unsigned char>(byte)]; };
  if (!options_.byte_fallback ||
      std::any_of(spelling.begin(), spelling.end(), [&](char b) { return token(b) == kNone; }))
    return false;
  for (const char byte : spelling) workspace.add(token(byte));
  return true;
}

// In the reference an unknown character waits until one that has a token follows, and bytes pass
// it by: so do they here.
void BpeModel::start_symbols(std::string_view word, Workspace& workspace) const {
  workspace.symbols.clear();
  bool is_unknown_waiting = false;
  const auto add_waiting = [&] {
    if (std::exchange(is_unknown_waiting, false)) workspace.add(*options_.unknown);
  };
  for (std::size_t at = 0; at < word.size();) {
    const std::string_view character = word.substr(at, utf8::read(word.substr(at)).length);
    const bool is_first = at == 0;
    at += character.size();
    const std::string_view spelling =
        spelling_of(character, is_first, at == word.size(), workspace.spelling);
    const auto id = spelling.size() == character.size() ? token_of_character(character)
                                                        : vocabulary_.find(spelling);
    if (id) {
      add_waiting();
      workspace.add(*id);
    } else if (!add_bytes(spelling, workspace) && options_.unknown) {
      if (!options_.fuse_unknown) add_waiting();
      is_unknown_waiting = true;
    }
  }
  add_waiting();
  if (!workspace.symbols.empty()) workspace.symbols.back().next = kNone;
}

void BpeModel::add_candidate(Workspace& workspace, std::int32_t left) const {
  const auto& symbols = workspace.symbols;
  const std::int32_t right = left == kNone ? kNone : symbols[left].next;
  if (right == kNone) return;
  if (const auto* merge = merges_.find(symbols[left].id, symbols[right].id))
    workspace.heap.push_back({merge->rank, left, merge->merged});
}

void BpeModel::merge_all(Workspace& workspace) const {
  auto& symbols = workspace.symbols;
  auto& heap = workspace.heap;
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
