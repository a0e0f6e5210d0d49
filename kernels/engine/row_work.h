// How much work a row of a prompt is, beside one at the beginning of a text.
// The idea: its products with the weights are the same wherever it stands; its attention grows with
// the context before it, until it costs more than all else. So who shares out rows by their number
// alone is wrong by several times where a long context follows a short one.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/model/config.h"

namespace conduit::kernels {

struct RowWork {
  double per_token = 0;           // of context, in the layers that see all of it
  double per_windowed_token = 0;  // in those that see `window` tokens
  std::int64_t window = 0;

  double at(std::int64_t context) const {
    return 1 + per_token * static_cast<double>(context) +
           per_windowed_token * static_cast<double>(std::min(context, window));
  }
};

RowWork row_work_of(const ModelConfig& config);

}  // namespace conduit::kernels
