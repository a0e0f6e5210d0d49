// Trie: which tokens does a text begin with? The idea: nodes are numbers, and one open-addressing
// table holds all edges, (node, byte) → node, so that building is linear whatever the tokens are.
// A walk costs a look-up per byte and ends where no token goes on.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace conduit::kernels {

class Trie {
 public:
  // `expected_bytes`: of all spellings together.
  explicit Trie(std::size_t expected_bytes = 0);
  // Of two equal spellings the last counts; an empty one is left out.
  void add(std::string_view spelling, std::int32_t value);

  // found(length, value) for each spelling that `text` begins with, the shortest first.
  template <class Found>
  void walk(std::string_view text, Found found) const {
    std::uint32_t node = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      node = child_of(node, static_cast<unsigned char>(text[i]));
      if (node == kNowhere) return;
      if (values_[node] != kNoValue) found(i + 1, values_[node]);
    }
  }

 private:
  static constexpr std::uint32_t kNowhere = 0;  // the root is nobody's child
  static constexpr std::int32_t kNoValue = -1;
  struct Edge {
    std::uint64_t from = 0;  // node and byte; 0: no edge
    std::uint32_t to = kNowhere;
  };

  static std::uint64_t edge_of(std::uint32_t node, unsigned char byte) {
    return (static_cast<std::uint64_t>(node) << 8 | byte) + 1;
  }
  std::size_t slot_of(std::uint64_t from) const {
    constexpr std::uint64_t kGoldenRatio = 0x9E3779B97F4A7C15;
    const std::size_t mask = edges_.size() - 1;
    std::size_t slot = static_cast<std::size_t>(from * kGoldenRatio >> 32) & mask;
    while (edges_[slot].from != 0 && edges_[slot].from != from) slot = (slot + 1) & mask;
    return slot;
  }
  std::uint32_t child_of(std::uint32_t node, unsigned char byte) const {
    return edges_[slot_of(edge_of(node, byte))].to;
  }

  std::vector<Edge> edges_;                        // a power of two, at most half full
  std::vector<std::int32_t> values_ = {kNoValue};  // by node
};

}  // namespace conduit::kernels
