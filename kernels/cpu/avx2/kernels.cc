// The AVX2 table.
#include "kernels/cpu/avx2/parts.h"

namespace conduit::kernels::cpu {
namespace {

Kernels make_table() {
  using namespace avx2;
  Kernels table;
  table.name = "avx2";
  table.tallest_tile = kTallestTile;
  for (std::size_t i = 0; i < table.matmul.size(); ++i) {
    const auto dtype = static_cast<DType>(i);
    table.matmul[i] = {q8_kernel(dtype), f32_kernel(dtype)};
  }
  table.pack = {pack_f32, nullptr, pack_q8};
  table.attention = {f32_attention(), f16_attention(), AttentionKernel{}};
  table.merge_states = merge_states;
  table.finish_state = finish_state;
  table.rms_norm = rms_norm;
  table.layer_norm = layer_norm;
  table.activation = activations();
  table.add = add_scaled;
  table.scale = scale_by;
  table.softcap = softcap;
  table.rotate = rotate;
  table.to_kv = {to_f32, to_f16, nullptr};
  return table;
}

}  // namespace

const Kernels& avx2_kernels() {
  static const Kernels table = make_table();
  return table;
}

}  // namespace conduit::kernels::cpu
