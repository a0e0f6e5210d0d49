// The AMX table: AVX-512's, with products by AMX where they win.
#include "kernels/cpu/amx/parts.h"

namespace conduit::kernels::cpu {
namespace {

Kernels make_table() {
  Kernels table = avx512_bf16_kernels();
  table.name = "amx";
  for (std::size_t i = 0; i < table.matmul.size(); ++i) {
    const auto dtype = static_cast<DType>(i);
    MatmulKernel& fast = table.matmul[i][static_cast<std::size_t>(Precision::fast)];
    if (dtype == DType::bf16) fast = amx::bf16_kernel();
    if (const UnpackedKernel unpacked = amx::q8_kernel(dtype); unpacked.unpack != nullptr) {
      fast.unpacked = unpacked;
      fast.tallest = amx::kTallestTile;
    }
  }
  table.attention[static_cast<std::size_t>(KvFormat::bf16)] = amx::bf16_attention();
  return table;
}

}  // namespace

const Kernels& amx_kernels() {
  static const Kernels table = make_table();
  return table;
}

}  // namespace conduit::kernels::cpu
