// The AVX-512 table.
#include "kernels/cpu/avx512/parts.h"

namespace conduit::kernels::cpu {
namespace {

Kernels make_table(bool has_bf16) {
  using namespace avx512;
  Kernels table;
  table.name = "avx512";
  table.tallest_tile = kTallestTile;
  for (std::size_t i = 0; i < table.matmul.size(); ++i) {
    const auto dtype = static_cast<DType>(i);
    table.matmul[i] = {q8_kernel(dtype), f32_kernel(dtype)};
  }
  if (has_bf16) table.matmul[static_cast<std::size_t>(DType::bf16)][0] = bf16_kernel();
  table.pack = {pack_f32, pack_bf16, pack_q8};
  table.attention = {f32_attention(), f16_attention(),
                     has_bf16 ? bf16_attention() : AttentionKernel{}};
  table.merge_states = merge_states;
  table.finish_state = finish_state;
  table.rms_norm = rms_norm;
  table.layer_norm = layer_norm;
  table.activation = activations();
  table.add = add_scaled;
  table.scale = scale_by;
  table.softcap = softcap;
  table.rotate = rotate;
  table.to_kv = {to_f32, to_f16, has_bf16 ? to_bf16 : nullptr};
  return table;
}

}  // namespace

const Kernels& avx512_kernels() {
  static const Kernels table = make_table(false);
  return table;
}

const Kernels& avx512_bf16_kernels() {
  static const Kernels table = make_table(true);
  return table;
}

}  // namespace conduit::kernels::cpu
