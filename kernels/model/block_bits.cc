// One function a layout, in the order of kernels/quant_block.h, where each is described.
#include "kernels/model/block_bits.h"

#include <cstring>

namespace conduit::kernels {
namespace {

std::byte byte_of(int value) { return static_cast<std::byte>(value); }

void store(std::uint16_t bits, std::byte* out) { std::memcpy(out, &bits, sizeof bits); }

int value_at(const QuantBlock& block, int i) { return block.q[static_cast<std::size_t>(i)]; }

// Sets bits of a byte that is zero there.
void add_bits(std::byte& out, int bits) { out |= byte_of(bits); }

void write_small(DType dtype, const QuantBlock& block, std::byte* out) {
  const QuantForm form = form_of(dtype);
  store(block.d, out);
  out += 2;
  if (form.has_minimum) {
    store(block.m, out);
    out += 2;
  }
  if (form.bits == 5) {
    std::uint32_t fifth = 0;
    for (int i = 0; i < 32; ++i)
      fifth |= static_cast<std::uint32_t>(value_at(block, i) >> 4 & 1) << i;
    std::memcpy(out, &fifth, sizeof fifth);
    out += sizeof fifth;
  }
  for (int i = 0; i < 16; ++i)
    out[i] = byte_of((value_at(block, i) & 15) | (value_at(block, i + 16) & 15) << 4);
}

void write_q8_0(const QuantBlock& block, std::byte* out) {
  store(block.d, out);
  for (int i = 0; i < 32; ++i) out[2 + i] = byte_of(value_at(block, i) ^ 0x80);
}

void write_scales_and_minima(const QuantBlock& block, std::byte* out) {
  for (int i = 0; i < 4; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const int scale = block.scales[at + 4], minimum = block.minima[at + 4];
    out[i] = byte_of(block.scales[at] | scale >> 4 << 6);
    out[i + 4] = byte_of(block.minima[at] | minimum >> 4 << 6);
    out[i + 8] = byte_of((scale & 15) | (minimum & 15) << 4);
  }
}

void write_q4_q5_k(DType dtype, const QuantBlock& block, std::byte* out) {
  const bool has_fifth = dtype == DType::q5_k;
  store(block.d, out);
  store(block.m, out + 2);
  write_scales_and_minima(block, out + 4);
  std::byte* fifth = out + 16;
  std::byte* packed = has_fifth ? fifth + 32 : fifth;
  for (int i = 0; i < 256; ++i) {
    const int q = value_at(block, i);
    add_bits(packed[i / 64 * 32 + i % 32], (q & 15) << (i / 32 % 2 * 4));
    if (has_fifth) add_bits(fifth[i % 32], (q >> 4) << (i / 32));
  }
}

void write_q6_k(const QuantBlock& block, std::byte* out) {
  for (int i = 0; i < 256; ++i) {
    const int q = value_at(block, i);
    add_bits(out[i / 128 * 64 + i % 64], (q & 15) << (i / 64 % 2 * 4));
    add_bits(out[128 + i / 128 * 32 + i % 32], (q >> 4) << (i / 32 % 4 * 2));
  }
  std::memcpy(out + 192, block.scales.data(), 16);
  store(block.d, out + 208);
}

}  // namespace

void write_block(DType dtype, const QuantBlock& block, std::byte* out) {
  std::memset(out, 0, static_cast<std::size_t>(traits(dtype).block_bytes));
  switch (dtype) {
    case DType::q8_0: return write_q8_0(block, out);
    case DType::q4_k:
    case DType::q5_k: return write_q4_q5_k(dtype, block, out);
    case DType::q6_k: return write_q6_k(block, out);
    default: return write_small(dtype, block, out);
  }
}

}  // namespace conduit::kernels
