// Pooling: the hidden states of a text → its embedding, or its score.
// The idea: row by row, in order, so a text may come in parts and its embedding does not depend on
// how it was cut. Plain functions of their arguments: who is pooled when is the engine's affair.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/model/config.h"
#include "kernels/tensor.h"

namespace conduit::kernels {

// Adds the next rows [rows, hidden] of a text to what those before made of it; `pooled` is empty
// at first, then [hidden].
void pool(std::vector<float>& pooled, Tensor rows, Pooling pooling);

// The embedding of a text of so many tokens, all of them pooled.
std::vector<float> embedding(std::vector<float> pooled, std::int64_t tokens,
                             const ModelConfig& config);

float sigmoid(float logit);
// How much more likely "yes" is than "no": softmax over those two logits alone.
float yes_probability(std::span<const float> logits, std::int32_t no, std::int32_t yes);

}  // namespace conduit::kernels
