// The scalar table's part of matrix products.
#pragma once

#include "kernels/cpu/kernels.h"

namespace conduit::kernels::cpu::scalar {

inline constexpr int kTallestTile = 4;

// Sets table.matmul and table.pack.
void fill_matmul(Kernels& table);

}  // namespace conduit::kernels::cpu::scalar
