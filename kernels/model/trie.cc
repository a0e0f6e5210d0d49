// Building: a node for each byte that no spelling before had there.
#include "kernels/model/trie.h"

#include <bit>
#include <utility>

namespace conduit::kernels {

Trie::Trie(std::size_t expected_bytes) : edges_(std::bit_ceil(expected_bytes + 1)) {}

void Trie::add(std::string_view spelling, std::int32_t value) {
  if (spelling.empty()) return;
  std::uint32_t node = 0;
  for (const char byte : spelling) {
    if (values_.size() * 2 > edges_.size()) {
      const std::vector<Edge> old = std::exchange(edges_, std::vector<Edge>(edges_.size() * 2));
      for (const Edge& edge : old)
        if (edge.from != 0) edges_[slot_of(edge.from)] = edge;
    }
    const std::uint64_t from = edge_of(node, static_cast<unsigned char>(byte));
    Edge& edge = edges_[slot_of(from)];
    if (edge.from == 0) {
      edge = {from, static_cast<std::uint32_t>(values_.size())};
      values_.push_back(kNoValue);
    }
    node = edge.to;
  }
  values_[node] = value;
}

}  // namespace conduit::kernels
