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
  std::vector<AdapterId> adapters;      // [sequences]; empty: none has one
  // Rows whose logits are wanted, ascending: as a rule the last row of each sequence that needs
  // them and whose prompt is complete.
  std::vector<std::int64_t> logit_rows;

  bool is_empty() const { return tokens.empty(); }
  std::int64_t rows() const { return static_cast<std::int64_t>(tokens.size()); }

  // The next `count` tokens of a sequence that holds `pages`; the last one's logits are wanted when
  // no token is left after them. Then those that are proposed to follow, each with its logits.
  void append(const Sequence& sequence, std::int64_t count, std::span<const std::int32_t> pages) {
    ids.push_back(sequence.spec.id);
    adapters.push_back(sequence.spec.adapter);
    const bool is_complete = sequence.computed + count == sequence.length();
    const std::int64_t proposed = is_complete ? std::ssize(sequence.proposed) : 0;
    sequences.push_back({rows(), count + proposed, sequence.computed, pages});
    for (std::int64_t i = sequence.computed; i < sequence.computed + count + proposed; ++i) {
      tokens.push_back(i < sequence.length() ? sequence.token(i)
                                             : sequence.proposed[i - sequence.length()]);
      positions.push_back(static_cast<std::int32_t>(i));
      const auto at = static_cast<std::size_t>(i);
      type_ids.push_back(at < sequence.spec.type_ids.size() ? sequence.spec.type_ids[at] : 0);
    }
    if (!sequence.spec.needs_logits() || !is_complete) return;
    for (std::int64_t row = rows() - 1 - proposed; row < rows(); ++row) logit_rows.push_back(row);
  }
};

}  // namespace conduit::kernels
