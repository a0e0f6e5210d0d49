// The quantised block formats of GGUF, taken apart: which bits of a file's block are the integers,
// the scales and the minima.
// The idea: all formats come down to one formula, value = scale * (level(q) - zero) + minimum, with
// a scale that is the block's own d, or d times a small integer per 16 or 32 columns. So a format
// is a row of facts (QuantForm) and one function that collects its scattered bits (read_block); the
// decoder of files and the panels of a device share both, and nothing is lost between them.
// Formats: github.com/ggml-org/ggml, ggml-common.h (layouts) and ggml-quants.c (their meaning).
// Blocks need no alignment, as a file gives none. Little-endian machines only, as the files are.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/half.h"
#include "kernels/tensor.h"

namespace conduit::kernels {

static_assert(std::endian::native == std::endian::little, "weight files are read in place");

struct QuantForm {
  int bits = 0;           // of a stored integer
  int zero = 0;           // taken from it, or from its entry in a table of levels
  int scale_columns = 0;  // columns that share a scale; 0: one per block, d itself
  bool has_minimum = false;
};

constexpr QuantForm form_of(DType dtype) {
  switch (dtype) {
    case DType::q8_0: return {8, 128, 0, false};
    case DType::q4_0: return {4, 8, 0, false};
    case DType::q4_1: return {4, 0, 0, true};
    case DType::q5_0: return {5, 16, 0, false};
    case DType::q5_1: return {5, 0, 0, true};
    case DType::q2_k: return {2, 0, 16, true};
    case DType::q3_k: return {3, 4, 16, false};
    case DType::q4_k: return {4, 0, 32, true};
    case DType::q5_k: return {5, 0, 32, true};
    case DType::q6_k: return {6, 32, 16, false};
    case DType::iq4_nl: return {4, 128, 0, false};
    case DType::iq4_xs: return {4, 128, 32, false};
    case DType::mxfp4: return {4, 16, 0, false};
    case DType::tq1_0:
    case DType::tq2_0: return {2, 1, 0, false};
    default: return {};
  }
}

// Formats whose four bits choose a level. Levels are kept with `zero` added, so that they are
// unsigned like any stored integer.
using Levels = std::array<std::uint8_t, 16>;
constexpr Levels kIq4Levels = {1,   24,  45,  63,  79,  93,  106, 118,
                               129, 141, 153, 166, 181, 197, 217, 241};
// Twice the values of E2M1 (0, 0.5, 1, 1.5, 2, 3, 4, 6, and their negatives).
constexpr Levels kE2m1Levels = {16, 17, 18, 19, 20, 22, 24, 28, 16, 15, 14, 13, 12, 10, 8, 4};

constexpr const Levels* levels_of(DType dtype) {
  if (dtype == DType::iq4_nl || dtype == DType::iq4_xs) return &kIq4Levels;
  return dtype == DType::mxfp4 ? &kE2m1Levels : nullptr;
}

inline constexpr int kLargestBlock = 256;

// One block of a file. Small integers are as the file means them (6-bit scales with their offset
// taken off); d and m are the bits of halves, but for MXFP4, whose power of two fits a bf16.
struct QuantBlock {
  std::uint16_t d = 0, m = 0;
  std::array<std::int8_t, 16> scales{}, minima{};  // per form.scale_columns
  std::array<std::uint8_t, kLargestBlock> q{};     // stored integers
};

// Scale and minimum of one group of columns, from the parts a file or a panel keeps. Every product
// here is exact in float32: a half's 11 bits times at most 8.
struct QuantTerms {
  float scale = 0, minimum = 0;
};
inline QuantTerms quant_terms(DType dtype, std::uint16_t d, std::uint16_t m, int scale,
                              int minimum) {
  const QuantForm form = form_of(dtype);
  const float unit = dtype == DType::mxfp4 ? bf16_to_float(d) : half_to_float(d);
  if (form.scale_columns == 0) return {unit, form.has_minimum ? half_to_float(m) : 0.0f};
  return {unit * static_cast<float>(scale),
          form.has_minimum ? -(half_to_float(m) * static_cast<float>(minimum)) : 0.0f};
}

// What a stored integer stands for before scale and minimum.
inline int level(DType dtype, int q) {
  const Levels* levels = levels_of(dtype);
  return (levels == nullptr ? q : (*levels)[static_cast<std::size_t>(q)]) - form_of(dtype).zero;
}

inline float quant_value(DType dtype, const QuantTerms& terms, int q) {
  const float value = terms.scale * static_cast<float>(level(dtype, q));
  // Without a minimum nothing is added: a negative zero stays one.
  return form_of(dtype).has_minimum ? value + terms.minimum : value;
}

// --- the bits of each format

namespace blocks {

template <class T>
T load(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

inline int byte_at(const std::byte* bytes, int i) { return std::to_integer<int>(bytes[i]); }

template <class T>
T narrow(int value) {
  return static_cast<T>(value);
}

// 16 bytes: byte i holds integers i (low half) and i + 16 (high half).
inline void nibbles(const std::byte* packed, std::uint8_t* q) {
  for (int i = 0; i < 16; ++i) {
    q[i] = narrow<std::uint8_t>(byte_at(packed, i) & 15);
    q[i + 16] = narrow<std::uint8_t>(byte_at(packed, i) >> 4);
  }
}

// 32 bits: bit i is the fifth of integer i. Eight at a time: bit i of a byte, repeated in all
// bytes, is kept in byte i alone, and carried to its top by an addition.
inline void fifth_bits(const std::byte* packed, std::uint8_t* q) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kDiagonal = 0x8040201008040201;
  for (int i = 0; i < 4; ++i) {
    const auto kept = static_cast<std::uint64_t>(byte_at(packed, i)) * kOnes & kDiagonal;
    const std::uint64_t fifth = (kept + 0x7F * kOnes) >> 7 & kOnes;
    std::uint64_t eight;
    std::memcpy(&eight, q + 8 * i, sizeof eight);
    eight |= fifth << 4;
    std::memcpy(q + 8 * i, &eight, sizeof eight);
  }
}

// Integer i gets bit `bit` of byte i, as its bit `place`.
inline void add_bit(const std::byte* packed, int bit, int place, std::uint8_t* q) {
  for (int i = 0; i < 32; ++i)
    q[i] |= narrow<std::uint8_t>((byte_at(packed, i) >> bit & 1) << place);
}

// f16 d, f16 m if the form has one, 32 bits if it has five, nibbles.
inline void read_small(DType dtype, const std::byte* block, QuantBlock& out) {
  const QuantForm form = form_of(dtype);
  out.d = load<std::uint16_t>(block);
  const std::byte* rest = block + 2;
  if (form.has_minimum) {
    out.m = load<std::uint16_t>(rest);
    rest += 2;
  }
  nibbles(form.bits == 5 ? rest + 4 : rest, out.q.data());
  if (form.bits == 5) fifth_bits(rest, out.q.data());
}

// f16 d, 32 x s8.
inline void read_q8_0(const std::byte* block, QuantBlock& out) {
  out.d = load<std::uint16_t>(block);
  for (int i = 0; i < 32; ++i)
    out.q[static_cast<std::size_t>(i)] = narrow<std::uint8_t>(byte_at(block, 2 + i) ^ 0x80);
}

// u8 e, nibbles; 2^(e - 128), half of E8M0's power since the levels are doubled. The two lowest are
// subnormal.
inline void read_mxfp4(const std::byte* block, QuantBlock& out) {
  const int exponent = byte_at(block, 0);
  out.d = narrow<std::uint16_t>(exponent < 2 ? 0x20 << exponent : (exponent - 1) << 7);
  nibbles(block + 1, out.q.data());
}

// Two bits each: 32 bytes hold 128 integers, byte l those of columns l, l + 32, l + 64, l + 96.
inline void bit_pairs(const std::byte* packed, std::uint8_t* q) {
  for (int group = 0; group < 8; ++group)
    for (int i = 0; i < 32; ++i)
      q[group * 32 + i] =
          narrow<std::uint8_t>(byte_at(packed, group / 4 * 32 + i) >> (group % 4 * 2) & 3);
}

// 16 bytes of scale (low half) and minimum (high half), 64 bytes of pairs, f16 d, f16 m.
inline void read_q2_k(const std::byte* block, QuantBlock& out) {
  for (int i = 0; i < 16; ++i) {
    out.scales[static_cast<std::size_t>(i)] = narrow<std::int8_t>(byte_at(block, i) & 15);
    out.minima[static_cast<std::size_t>(i)] = narrow<std::int8_t>(byte_at(block, i) >> 4);
  }
  bit_pairs(block + 16, out.q.data());
  out.d = load<std::uint16_t>(block + 80);
  out.m = load<std::uint16_t>(block + 82);
}

// 32 bytes of third bits (bit j of byte l: column 32 j + l), 64 bytes of pairs, 12 of scales (four
// bits each in 8 bytes, then two bits each in 4), f16 d.
inline void read_q3_k(const std::byte* block, QuantBlock& out) {
  bit_pairs(block + 32, out.q.data());
  for (int group = 0; group < 8; ++group) add_bit(block, group, 2, out.q.data() + group * 32);
  const std::byte* scales = block + 96;
  for (int i = 0; i < 16; ++i) {
    const int low = byte_at(scales, i % 8) >> (i / 8 * 4) & 15;
    const int high = byte_at(scales, 8 + i % 4) >> (i / 4 * 2) & 3;
    out.scales[static_cast<std::size_t>(i)] = narrow<std::int8_t>((low | high << 4) - 32);
  }
  out.d = load<std::uint16_t>(block + 108);
}

// 12 bytes: eight 6-bit scales and eight 6-bit minima.
inline void scales_and_minima(const std::byte* packed, QuantBlock& out) {
  for (int i = 0; i < 4; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const int scale = byte_at(packed, i), minimum = byte_at(packed, i + 4);
    const int rest = byte_at(packed, i + 8);
    out.scales[at] = narrow<std::int8_t>(scale & 63);
    out.minima[at] = narrow<std::int8_t>(minimum & 63);
    out.scales[at + 4] = narrow<std::int8_t>((rest & 15) | scale >> 6 << 4);
    out.minima[at + 4] = narrow<std::int8_t>(rest >> 4 | minimum >> 6 << 4);
  }
}

// f16 d, f16 m, 12 bytes of scales, q5_k: 32 bytes of fifth bits (bit j of byte l: column 32 j +
// l), 128 bytes: byte l of the i-th 32 holds columns 64 i + l (low half) and 64 i + 32 + l (high
// half).
inline void read_q4_q5_k(DType dtype, const std::byte* block, QuantBlock& out) {
  const bool has_fifth = dtype == DType::q5_k;
  out.d = load<std::uint16_t>(block);
  out.m = load<std::uint16_t>(block + 2);
  scales_and_minima(block + 4, out);
  const std::byte* fifth = block + 16;
  const std::byte* packed = has_fifth ? fifth + 32 : fifth;
  for (int group = 0; group < 8; ++group) {
    std::uint8_t* q = out.q.data() + group * 32;
    for (int i = 0; i < 32; ++i)
      q[i] = narrow<std::uint8_t>(byte_at(packed, group / 2 * 32 + i) >> (group % 2 * 4) & 15);
    if (has_fifth) add_bit(fifth, group, 4, q);
  }
}

// 128 bytes of low halves, 64 of upper pairs, 16 x s8 scales, f16 d. Of each 128 columns, byte l of
// 64 holds columns l (low) and l + 64 (high); pairs as in bit_pairs.
inline void read_q6_k(const std::byte* block, QuantBlock& out) {
  bit_pairs(block + 128, out.q.data());
  for (int group = 0; group < 4; ++group) {
    std::uint8_t* q = out.q.data() + group * 64;
    const std::byte* low = block + group / 2 * 64;
    for (int i = 0; i < 64; ++i)
      q[i] = narrow<std::uint8_t>(q[i] << 4 | (byte_at(low, i) >> (group % 2 * 4) & 15));
  }
  std::memcpy(out.scales.data(), block + 192, 16);
  out.d = load<std::uint16_t>(block + 208);
}

// f16 d, two bits of eight scales in 16 bits, four bits of each in 4 bytes, eight times nibbles.
inline void read_iq4_xs(const std::byte* block, QuantBlock& out) {
  out.d = load<std::uint16_t>(block);
  const int upper = load<std::uint16_t>(block + 2);
  for (int i = 0; i < 8; ++i) {
    const int low = byte_at(block, 4 + i / 2) >> (i % 2 * 4) & 15;
    out.scales[static_cast<std::size_t>(i)] =
        narrow<std::int8_t>((low | (upper >> (2 * i) & 3) << 4) - 32);
    nibbles(block + 8 + 16 * i, out.q.data() + 32 * i);
  }
}

// Digits of base 3, as fractions of 256: the n-th is the whole part of 3 * (byte * 3^n mod 256) /
// 256. Byte `b` of `bytes` holds columns b, b + bytes, …
inline void base_three(const std::byte* packed, int bytes, int digits, std::uint8_t* q) {
  for (int digit = 0, power = 1; digit < digits; ++digit, power *= 3)
    for (int i = 0; i < bytes; ++i)
      q[digit * bytes + i] = narrow<std::uint8_t>((byte_at(packed, i) * power & 255) * 3 >> 8);
}

// 32 and 16 bytes of five digits, 4 bytes of four, f16 d.
inline void read_tq1_0(const std::byte* block, QuantBlock& out) {
  base_three(block, 32, 5, out.q.data());
  base_three(block + 32, 16, 5, out.q.data() + 160);
  base_three(block + 48, 4, 4, out.q.data() + 240);
  out.d = load<std::uint16_t>(block + 52);
}

// 64 bytes of pairs, f16 d.
inline void read_tq2_0(const std::byte* block, QuantBlock& out) {
  bit_pairs(block, out.q.data());
  out.d = load<std::uint16_t>(block + 64);
}

}  // namespace blocks

// `dtype` is quantised.
inline void read_block(DType dtype, const std::byte* block, QuantBlock& out) {
  switch (dtype) {
    case DType::q8_0: return blocks::read_q8_0(block, out);
    case DType::q2_k: return blocks::read_q2_k(block, out);
    case DType::q3_k: return blocks::read_q3_k(block, out);
    case DType::q4_k:
    case DType::q5_k: return blocks::read_q4_q5_k(dtype, block, out);
    case DType::q6_k: return blocks::read_q6_k(block, out);
    case DType::iq4_xs: return blocks::read_iq4_xs(block, out);
    case DType::mxfp4: return blocks::read_mxfp4(block, out);
    case DType::tq1_0: return blocks::read_tq1_0(block, out);
    case DType::tq2_0: return blocks::read_tq2_0(block, out);
    default: return blocks::read_small(dtype, block, out);
  }
}

}  // namespace conduit::kernels
