// What the tests of CPU kernels share: a device per instruction set of this CPU, random values,
// and weights made from them.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "kernels/cpu/machine.h"
#include "kernels/device.h"
#include "mdl/base/check.h"
#include "tests/support/quantise.h"

namespace conduit::kernels {

// Every dtype that a weight may have.
inline std::vector<DType> all_weight_dtypes() {
  std::vector<DType> all;
  for (int i = 0; i < kWeightDTypes; ++i) all.push_back(static_cast<DType>(i));
  return all;
}
inline const std::vector<DType> kAllDTypes = all_weight_dtypes();

// The next number of columns that is a whole number of blocks.
inline std::int64_t whole_blocks(DType dtype, std::int64_t cols) {
  const std::int64_t block = traits(dtype).block_elements;
  return (cols + block - 1) / block * block;
}

inline std::unique_ptr<Device> make_device(const std::string& instructions, int threads = 2) {
  auto device = make_cpu_device({threads, instructions});
  CONDUIT_CHECK(device, "the test asked for instructions this CPU lacks");
  return *std::move(device);
}

// A test per instruction set: skips, by name, what this CPU lacks.
class CpuKernelsTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    auto device = make_cpu_device({2, GetParam()});
    if (!device) GTEST_SKIP() << device.error().message;
    device_ = *std::move(device);
  }

  std::unique_ptr<Device> device_;
  std::unique_ptr<Device> reference_ = make_device("scalar");
};

#define CONDUIT_FOR_EACH_INSTRUCTION_SET(Test)                                             \
  INSTANTIATE_TEST_SUITE_P(On, Test, ::testing::Values("scalar", "avx2", "avx512", "amx"), \
                           [](const auto& instance) { return instance.param; })

inline std::vector<float> random_values(std::int64_t count, std::uint64_t seed, float scale = 1) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = normal(engine);
  return values;
}

// Activations that own their memory.
class Rows {
 public:
  Rows(std::int64_t rows, std::int64_t cols, std::vector<float> values)
      : values_(std::move(values)), rows_(rows), cols_(cols) {}
  static Rows random(std::int64_t rows, std::int64_t cols, std::uint64_t seed) {
    return {rows, cols, random_values(rows * cols, seed)};
  }
  static Rows filled(std::int64_t rows, std::int64_t cols, float value) {
    return {rows, cols, std::vector<float>(static_cast<std::size_t>(rows * cols), value)};
  }

  Tensor tensor() { return {values_.data(), rows_, cols_}; }
  std::span<const float> row(std::int64_t index) const {
    return std::span(values_).subspan(static_cast<std::size_t>(index * cols_),
                                      static_cast<std::size_t>(cols_));
  }
  const std::vector<float>& values() const { return values_; }

 private:
  std::vector<float> values_;
  std::int64_t rows_;
  std::int64_t cols_;
};

// A weight file of one tensor, in memory; the bytes start at an odd address, as in a file.
class FileTensor {
 public:
  FileTensor(DType dtype, std::vector<std::int64_t> shape, std::uint64_t seed)
      : dtype_(dtype), shape_(std::move(shape)) {
    const std::int64_t elements = view().elements();
    bytes_.append(testing::can_quantise(dtype)
                      ? testing::quantise(dtype, random_values(elements, seed, 0.5f))
                      : testing::random_weights(dtype, elements, seed));
  }
  TensorView view() const {
    return {reinterpret_cast<const std::byte*>(bytes_.data()) + 1, dtype_, shape_};
  }

 private:
  DType dtype_;
  std::vector<std::int64_t> shape_;
  std::string bytes_ = " ";
};

inline std::string name_of(DType dtype) { return std::string(traits(dtype).name); }

}  // namespace conduit::kernels
