// Limits of cgroups, read from folders that look like a machine's.
#include "kernels/cpu/machine.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tests/support/shared_dir.h"

namespace conduit::kernels::cpu {
namespace {

class MachineTest : public ::testing::Test {
 protected:
  void write(const std::filesystem::path& path, const std::string& text) {
    std::filesystem::create_directories((root_.path() / path).parent_path());
    std::ofstream(root_.path() / path) << text;
  }
  std::size_t memory() const { return usable_memory(root_.path()); }
  int cores() const { return usable_cores(root_.path()); }

  testing::TemporaryDir root_;
  const std::size_t physical_ = usable_memory(root_.path());
  const int allowed_ = usable_cores(root_.path());
};

TEST_F(MachineTest, WithoutCgroupsTheHardwareCounts) {
  EXPECT_GT(physical_, std::size_t{64} << 20);
  EXPECT_GE(allowed_, 1);
}

TEST_F(MachineTest, Version2LimitsOfTheGroupAndOfThoseAboveIt) {
  write("proc/self/cgroup", "0::/box/inner\n");
  write("sys/fs/cgroup/box/inner/memory.max", "max\n");
  write("sys/fs/cgroup/box/inner/cpu.max", "max 100000\n");
  EXPECT_EQ(memory(), physical_);
  EXPECT_EQ(cores(), allowed_);
  write("sys/fs/cgroup/box/memory.max", "1048576\n");
  write("sys/fs/cgroup/box/cpu.max", "50000 100000\n");
  EXPECT_EQ(memory(), 1048576u);
  EXPECT_EQ(cores(), 1);
  write("sys/fs/cgroup/box/inner/memory.max", "4096\n");
  EXPECT_EQ(memory(), 4096u);
}

TEST_F(MachineTest, Version1LimitsOfEachController) {
  write("proc/self/cgroup", "4:memory:/job\n1:cpu,cpuacct:/job\n0::/\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "-1\n");
  write("sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(memory(), physical_);
  EXPECT_EQ(cores(), allowed_);
  write("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "8388608\n");
  write("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "20000\n");
  EXPECT_EQ(memory(), 8388608u);
  EXPECT_EQ(cores(), 1);
}

TEST_F(MachineTest, AContainerSeesItsOwnGroupAtTheMount) {
  write("proc/self/cgroup", "0::/\n");
  write("sys/fs/cgroup/memory.max", "2097152\n");
  EXPECT_EQ(memory(), 2097152u);
}

TEST_F(MachineTest, FilesThatMakeNoSenseAreNoLimits) {
  write("proc/self/cgroup", "nonsense\n0::\n:::\n");
  write("sys/fs/cgroup/memory.max", "-5\n");
  write("sys/fs/cgroup/cpu.max", "0 0\n");
  EXPECT_EQ(memory(), physical_);
  EXPECT_EQ(cores(), allowed_);
}

}  // namespace
}  // namespace conduit::kernels::cpu
