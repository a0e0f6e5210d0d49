// The parts of the AVX-512 table: what each file of this folder contributes.
#pragma once

#include "kernels/cpu/kernels.h"

namespace conduit::kernels::cpu::avx512 {

inline constexpr int kTallestTile = 12;

void pack_f32(const float* x, std::int64_t stride, int rows, std::int64_t cols, std::byte* tile);
void pack_bf16(const float* x, std::int64_t stride, int rows, std::int64_t cols, std::byte* tile);
void pack_q8(const float* x, std::int64_t stride, int rows, std::int64_t cols, std::byte* tile);

MatmulKernel f32_kernel(DType dtype);  // tokens in float32
MatmulKernel bf16_kernel();            // bf16 weights, tokens rounded to bf16
MatmulKernel q8_kernel(DType dtype);   // quantised weights, tokens rounded to 8 bits

AttentionKernel f32_attention();
AttentionKernel f16_attention();
AttentionKernel bf16_attention();  // weights rounded to bf16
void merge_states(float* state, const float* next, std::int64_t value_dim);
void finish_state(float* out, const float* state, std::int64_t head_dim, std::int64_t value_dim);

void rms_norm(float* out, const float* x, const float* weight, std::int64_t cols, float eps);
void layer_norm(float* out, const float* x, const float* weight, const float* bias,
                std::int64_t cols, float eps);
std::array<ActivationKernel, kActivations> activations();
void add_scaled(float* x, const float* y, float factor, std::int64_t count);
void scale_by(float* x, float factor, std::int64_t count);
void softcap(float* x, float cap, std::int64_t count);
void rotate(float* head, const float* cosines, const float* sines, std::int64_t pairs,
            bool is_interleaved);
void to_f32(void* out, const float* x, std::int64_t count);
void to_f16(void* out, const float* x, std::int64_t count);
void to_bf16(void* out, const float* x, std::int64_t count);

}  // namespace conduit::kernels::cpu::avx512
