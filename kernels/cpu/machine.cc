// cpuid by the compiler's builtins, which also ask whether the system saves the registers; cgroups
// by their files, from the process's own group up to the root, since any of them may limit.
#include "kernels/cpu/machine.h"

#include <cpuid.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace conduit::kernels::cpu {
namespace {

namespace fs = std::filesystem;

// Whether "cpu,cpuacct" holds "cpu".
bool names_controller(std::string_view names, std::string_view controller) {
  while (true) {
    const std::size_t comma = names.find(',');
    if (names.substr(0, comma) == controller) return true;
    if (comma == std::string_view::npos) return false;
    names.remove_prefix(comma + 1);
  }
}

// A controller's folders in the order to ask: cgroup v2, then v1.
std::vector<fs::path> cgroup_folders(const fs::path& root, std::string_view controller) {
  std::vector<fs::path> folders;
  std::ifstream groups(root / "proc/self/cgroup");
  // Lines are "0::/path" (v2) or "4:memory,other:/path" (v1).
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string_view names = std::string_view(line).substr(first + 1, second - first - 1);
    const bool is_v2 = names.empty();
    if (!is_v2 && !names_controller(names, controller)) continue;
    const fs::path mount = root / "sys/fs/cgroup" / (is_v2 ? fs::path() : fs::path(controller));
    fs::path group = fs::path(line.substr(second + 1)).relative_path();
    for (; !group.empty(); group = group.parent_path()) folders.push_back(mount / group);
    folders.push_back(mount);
  }
  return folders;
}

// The first number of a file; nothing when it is absent or says "max".
std::optional<double> first_number(const fs::path& file) {
  std::ifstream stream(file);
  double value = 0;
  if (stream >> value) return value;
  return std::nullopt;
}

// Cores of a v2 file "quota period"; nothing when unlimited.
std::optional<double> cpu_max(const fs::path& folder) {
  std::ifstream stream(folder / "cpu.max");
  double quota = 0, period = 0;
  if (stream >> quota >> period && quota > 0 && period > 0) return quota / period;
  return std::nullopt;
}

std::optional<double> cfs_quota(const fs::path& folder) {
  const auto quota = first_number(folder / "cpu.cfs_quota_us");
  const auto period = first_number(folder / "cpu.cfs_period_us");
  if (quota && period && *quota > 0 && *period > 0) return *quota / *period;  // -1: unlimited
  return std::nullopt;
}

int affinity_cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));  // more CPUs than a cpu_set_t can name
}

// Intel's manual, volume 2, CPUID leaf 7: TILE, INT8 and BF16.
bool has_amx() {
  constexpr unsigned kNeeded = 1u << 24 | 1u << 25 | 1u << 22;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (edx & kNeeded) == kNeeded;
}

// Linux gives a process the 8 KB of tiles per thread only when it asks (x86/xstate.rst); for all
// threads, those to come too.
bool may_use_tiles() {
  constexpr int kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr int kTileData = 18;               // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

std::string_view to_string(InstructionSet set) {
  switch (set) {
    case InstructionSet::scalar: return "scalar";
    case InstructionSet::avx2: return "avx2";
    case InstructionSet::avx512: return "avx512";
    case InstructionSet::amx: return "amx";
  }
  return "?";
}

InstructionSet best_instruction_set() {
  __builtin_cpu_init();
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                        __builtin_cpu_supports("f16c");
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512dq") &&
                          __builtin_cpu_supports("avx512vl") &&
                          __builtin_cpu_supports("avx512vnni");
  if (!has_avx2) return InstructionSet::scalar;
  if (!has_avx512) return InstructionSet::avx2;
  return has_avx512_bf16() && has_amx() && may_use_tiles() ? InstructionSet::amx
                                                           : InstructionSet::avx512;
}

bool has_avx512_bf16() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bf16");
}

int usable_cores(const fs::path& root) {
  double cores = affinity_cores();
  for (const fs::path& folder : cgroup_folders(root, "cpu")) {
    for (const auto& limit : {cpu_max(folder), cfs_quota(folder)})
      if (limit) cores = std::min(cores, *limit);
  }
  // A quota of 1.5 cores keeps two threads busy three quarters of the time.
  return std::max(1, static_cast<int>(std::ceil(cores)));
}

std::size_t usable_memory(const fs::path& root) {
  double bytes =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  for (const fs::path& folder : cgroup_folders(root, "memory")) {
    for (const char* file : {"memory.max", "memory.limit_in_bytes"})
      if (const auto limit = first_number(folder / file); limit && *limit > 0)
        bytes = std::min(bytes, *limit);
  }
  return static_cast<std::size_t>(bytes);
}

}  // namespace conduit::kernels::cpu
