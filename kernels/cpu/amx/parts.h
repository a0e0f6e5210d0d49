// The parts of the AMX table beyond those it shares with AVX-512.
#pragma once

#include "kernels/cpu/kernels.h"

namespace conduit::kernels::cpu::amx {

inline constexpr int kTallestTile = 16;

// Of a dtype with quantised panels, tokens rounded to 8 bits.
UnpackedKernel q8_kernel(DType dtype);
MatmulKernel bf16_kernel();  // bf16 weights, tokens rounded to bf16

AttentionKernel bf16_attention();

}  // namespace conduit::kernels::cpu::amx
