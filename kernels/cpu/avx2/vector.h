// The words of AVX2 that vectorised/*.inc are written in: eight floats at a time.
// Only for kernels: every function here is compiled for AVX2, FMA and F16C by its attribute.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#define CONDUIT_TARGET __attribute__((target("avx2,fma,f16c")))
#define CONDUIT_INLINE CONDUIT_TARGET __attribute__((always_inline)) inline

namespace conduit::kernels::cpu::avx2 {

using Floats = __m256;
using Ints = __m256i;  // eight 32-bit integers
inline constexpr int kLanes = 8;
// Of 16 registers, 12 hold a tile's sums.
inline constexpr int kSumRegisters = 12;

CONDUIT_INLINE Floats zero() { return _mm256_setzero_ps(); }
CONDUIT_INLINE Floats broadcast(float value) { return _mm256_set1_ps(value); }
CONDUIT_INLINE Floats load(const float* at) { return _mm256_loadu_ps(at); }
CONDUIT_INLINE void store(float* at, Floats x) { _mm256_storeu_ps(at, x); }

CONDUIT_INLINE Ints first_lanes(std::int64_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
// The first `count` lanes, count < kLanes; the others are zero and their memory is not touched.
CONDUIT_INLINE Floats load_first(const float* at, std::int64_t count) {
  return _mm256_maskload_ps(at, first_lanes(count));
}
CONDUIT_INLINE void store_first(float* at, Floats x, std::int64_t count) {
  _mm256_maskstore_ps(at, first_lanes(count), x);
}

// x in the first `count` lanes, 0 in the others.
CONDUIT_INLINE Floats keep_first(Floats x, std::int64_t count) {
  return _mm256_and_ps(x, _mm256_castsi256_ps(first_lanes(count)));
}

CONDUIT_INLINE Floats load_half(const void* at) {
  return _mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i*>(at)));
}
CONDUIT_INLINE void store_half(void* at, Floats x) {
  _mm_storeu_si128(static_cast<__m128i*>(at),
                   _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

CONDUIT_INLINE Floats add(Floats a, Floats b) { return _mm256_add_ps(a, b); }
CONDUIT_INLINE Floats sub(Floats a, Floats b) { return _mm256_sub_ps(a, b); }
CONDUIT_INLINE Floats mul(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
CONDUIT_INLINE Floats div(Floats a, Floats b) { return _mm256_div_ps(a, b); }
CONDUIT_INLINE Floats min(Floats a, Floats b) { return _mm256_min_ps(a, b); }
CONDUIT_INLINE Floats max(Floats a, Floats b) { return _mm256_max_ps(a, b); }
CONDUIT_INLINE Floats negate(Floats a) { return _mm256_xor_ps(a, _mm256_set1_ps(-0.0f)); }
CONDUIT_INLINE Floats fma(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
CONDUIT_INLINE Floats round(Floats a) {
  return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
// 0 where a < b, else `value`: also where a is NaN.
CONDUIT_INLINE Floats unless_below(Floats a, Floats b, Floats value) {
  return _mm256_and_ps(_mm256_cmp_ps(a, b, _CMP_NLT_UQ), value);
}
// `below` where a < b, else `value`: also where a is NaN.
CONDUIT_INLINE Floats select_below(Floats a, Floats b, Floats below, Floats value) {
  return _mm256_blendv_ps(value, below, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
// x * 2^n for whole n in [-126, 127].
CONDUIT_INLINE Floats times_power_of_two(Floats x, Floats n) {
  const Ints exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
  return _mm256_mul_ps(x, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)));
}

// 0, 1, 2, …
CONDUIT_INLINE Floats lane_numbers() { return _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7); }

CONDUIT_INLINE float sum_of(Floats x) {
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}
CONDUIT_INLINE float largest_of(Floats x) {
  __m128 half = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  half = _mm_max_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
}

CONDUIT_INLINE Ints load_ints(const std::byte* at) {
  return _mm256_loadu_si256(reinterpret_cast<const Ints*>(at));
}
CONDUIT_INLINE Ints shift_left(Ints x, int bits) { return _mm256_slli_epi32(x, bits); }
CONDUIT_INLINE Ints shift_right(Ints x, int bits) { return _mm256_srli_epi32(x, bits); }
CONDUIT_INLINE Ints masked(Ints x, int mask) {
  return _mm256_and_si256(x, _mm256_set1_epi32(mask));
}
// Up by `bits`, or down where it is negative.
CONDUIT_INLINE Ints shift_by(Ints x, int bits) {
  return bits >= 0 ? shift_left(x, bits) : shift_right(x, -bits);
}
CONDUIT_INLINE Ints either(Ints a, Ints b) { return _mm256_or_si256(a, b); }
// Every byte of `indices` (below 16) becomes that entry of `table`.
CONDUIT_INLINE Ints look_up(const std::uint8_t* table, Ints indices) {
  const __m128i entries = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(entries), indices);
}
CONDUIT_INLINE Ints load_signed_bytes(const std::byte* at) {
  return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at)));
}
CONDUIT_INLINE Floats to_floats(Ints x) { return _mm256_cvtepi32_ps(x); }
CONDUIT_INLINE Floats as_floats(Ints x) { return _mm256_castsi256_ps(x); }
CONDUIT_INLINE Ints as_ints(Floats x) { return _mm256_castps_si256(x); }
CONDUIT_INLINE Floats load_bf16(const std::byte* at) {
  const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  return as_floats(shift_left(_mm256_cvtepu16_epi32(halves), 16));
}

#include "kernels/cpu/vectorised/exp.inc"

}  // namespace conduit::kernels::cpu::avx2
