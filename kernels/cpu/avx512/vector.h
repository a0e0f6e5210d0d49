// The words of AVX-512 that vectorised/*.inc are written in: sixteen floats at a time.
// Only for kernels: every function here is compiled for AVX-512 by its attribute.
#pragma once

// GCC 12's own AVX-512 intrinsics start from a register that is left undefined on purpose, and its
// warnings report them wherever they are used (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#define CONDUIT_TARGET \
  __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define CONDUIT_INLINE CONDUIT_TARGET __attribute__((always_inline)) inline

namespace conduit::kernels::cpu::avx512 {

using Floats = __m512;
using Ints = __m512i;  // sixteen 32-bit integers
inline constexpr int kLanes = 16;
// Of 32 registers, 24 hold a tile's sums.
inline constexpr int kSumRegisters = 24;

CONDUIT_INLINE Floats zero() { return _mm512_setzero_ps(); }
CONDUIT_INLINE Floats broadcast(float value) { return _mm512_set1_ps(value); }
CONDUIT_INLINE Floats load(const float* at) { return _mm512_loadu_ps(at); }
CONDUIT_INLINE void store(float* at, Floats x) { _mm512_storeu_ps(at, x); }

CONDUIT_INLINE __mmask16 first_lanes(std::int64_t count) {
  return static_cast<__mmask16>((1u << count) - 1);
}
// The first `count` lanes, count < kLanes; the others are zero and their memory is not touched.
CONDUIT_INLINE Floats load_first(const float* at, std::int64_t count) {
  return _mm512_maskz_loadu_ps(first_lanes(count), at);
}
CONDUIT_INLINE void store_first(float* at, Floats x, std::int64_t count) {
  _mm512_mask_storeu_ps(at, first_lanes(count), x);
}

// x in the first `count` lanes, 0 in the others.
CONDUIT_INLINE Floats keep_first(Floats x, std::int64_t count) {
  return _mm512_maskz_mov_ps(first_lanes(count), x);
}

CONDUIT_INLINE Floats load_half(const void* at) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(at)));
}
CONDUIT_INLINE void store_half(void* at, Floats x) {
  _mm256_storeu_si256(static_cast<__m256i*>(at),
                      _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

CONDUIT_INLINE Floats add(Floats a, Floats b) { return _mm512_add_ps(a, b); }
CONDUIT_INLINE Floats sub(Floats a, Floats b) { return _mm512_sub_ps(a, b); }
CONDUIT_INLINE Floats mul(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
CONDUIT_INLINE Floats div(Floats a, Floats b) { return _mm512_div_ps(a, b); }
CONDUIT_INLINE Floats min(Floats a, Floats b) { return _mm512_min_ps(a, b); }
CONDUIT_INLINE Floats max(Floats a, Floats b) { return _mm512_max_ps(a, b); }
CONDUIT_INLINE Floats negate(Floats a) { return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f)); }
CONDUIT_INLINE Floats fma(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
CONDUIT_INLINE Floats round(Floats a) {
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
// 0 where a < b, else `value`: also where a is NaN.
CONDUIT_INLINE Floats unless_below(Floats a, Floats b, Floats value) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, b, _CMP_NLT_UQ), value);
}
// `below` where a < b, else `value`: also where a is NaN.
CONDUIT_INLINE Floats select_below(Floats a, Floats b, Floats below, Floats value) {
  return _mm512_mask_mov_ps(value, _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), below);
}
// x * 2^n for whole n in [-126, 127].
CONDUIT_INLINE Floats times_power_of_two(Floats x, Floats n) { return _mm512_scalef_ps(x, n); }

// 0, 1, 2, …
CONDUIT_INLINE Floats lane_numbers() {
  return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

CONDUIT_INLINE float sum_of(Floats x) { return _mm512_reduce_add_ps(x); }
CONDUIT_INLINE float largest_of(Floats x) { return _mm512_reduce_max_ps(x); }

CONDUIT_INLINE Ints load_ints(const std::byte* at) { return _mm512_loadu_si512(at); }
CONDUIT_INLINE Ints shift_left(Ints x, unsigned bits) { return _mm512_slli_epi32(x, bits); }
CONDUIT_INLINE Ints shift_right(Ints x, unsigned bits) { return _mm512_srli_epi32(x, bits); }
CONDUIT_INLINE Ints masked(Ints x, int mask) {
  return _mm512_and_si512(x, _mm512_set1_epi32(mask));
}
// Up by `bits`, or down where it is negative.
CONDUIT_INLINE Ints shift_by(Ints x, int bits) {
  return bits >= 0 ? shift_left(x, static_cast<unsigned>(bits))
                   : shift_right(x, static_cast<unsigned>(-bits));
}
CONDUIT_INLINE Ints either(Ints a, Ints b) { return _mm512_or_si512(a, b); }
// Every byte of `indices` (below 16) becomes that entry of `table`.
CONDUIT_INLINE Ints look_up(const std::uint8_t* table, Ints indices) {
  const __m128i entries = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
  return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(entries), indices);
}
CONDUIT_INLINE Ints load_signed_bytes(const std::byte* at) {
  return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
}
CONDUIT_INLINE Floats to_floats(Ints x) { return _mm512_cvtepi32_ps(x); }
CONDUIT_INLINE Floats as_floats(Ints x) { return _mm512_castsi512_ps(x); }
CONDUIT_INLINE Ints as_ints(Floats x) { return _mm512_castps_si512(x); }
CONDUIT_INLINE Floats load_bf16(const std::byte* at) {
  const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  return as_floats(shift_left(_mm512_cvtepu16_epi32(halves), 16));
}

#include "kernels/cpu/vectorised/exp.inc"

}  // namespace conduit::kernels::cpu::avx512
