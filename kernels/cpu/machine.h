// What this machine lets the process use: instruction sets, cores, memory.
// The idea: a container or a batch system grants less than the hardware has, so affinity masks and
// cgroup limits (v1 and v2) count wherever they are lower. Read once, when a device is made.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace conduit::kernels::cpu {

// In rising order: each includes what stands before it.
enum class InstructionSet { scalar, avx2, avx512, amx };

std::string_view to_string(InstructionSet set);
// avx2 means with FMA and F16C; avx512 means F, BW, DQ, VL and VNNI (Ice Lake, Zen 4 and later);
// amx means TILE, INT8, BF16 and AVX-512's BF16 (Sapphire Rapids and later), if the system grants
// it: asked here.
InstructionSet best_instruction_set();
bool has_avx512_bf16();

// At least 1. `root` stands for "/" in tests.
int usable_cores(const std::filesystem::path& root = "/");
// Physical memory, or the cgroup's limit where that is lower.
std::size_t usable_memory(const std::filesystem::path& root = "/");

}  // namespace conduit::kernels::cpu
