// Batch: what one forward pass computes, for the scheduler to fill and the transformer to read.
// The idea: the rows of all sequences lie one behind another, prompts' chunks and single decoded
// tokens alike; `sequences` says whose rows are where. Plain data: no tensor, no device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/device.h"
#include "kernels/engine/sequence.h"

namespace conduit::kernels {

struct Batch {
  std::vector<TokenId> tokens;          // [rows]
  std::vector<std::int32_t> positions;  // [rows], of each token in its sequence
  std::vector<std::int32_t> type_ids;   // [rows], BERT's segments; empty: all 0
  std::vector<SequenceId> ids;          // [sequences]
  std::vector<SequenceRows> sequences;  // [sequences]
  // Rows whose logits are wanted, ascending: as a rule the last row of each sequence that needs
  // them and whose prompt is complete.
  std::vector<std::int64_t> logit_rows;

  bool is_empty() const { return tokens.empty(); }
  std::int64_t rows() const { return static_cast<std::int64_t>(tokens.size()); }

  // The next `count` tokens of a sequence that holds `pages`; the last one's logits are wanted when
  // no token is left after them.
  void append(const Sequence& sequence, std::int64_t count, std::span<const std::int32_t> pages) {
    ids.push_back(sequence.spec.id);
    sequences.push_back({rows(), count, sequence.computed, pages});
    for (std::int64_t i = sequence.computed; i < sequence.computed + count; ++i) {
      tokens.push_back(sequence.token(i));
      positions.push_back(static_cast<std::int32_t>(i));
      const auto at = static_cast<std::size_t>(i);
      type_ids.push_back(at < sequence.spec.type_ids.size() ? sequence.spec.type_ids[at] : 0);
    }
    if (sequence.spec.needs_logits() && sequence.computed + count == sequence.length())
      logit_rows.push_back(rows() - 1);
  }
};

}  // namespace conduit::kernels
