// What the device refuses, and what it says of itself. Its arithmetic: the tests beside this one.
#include <algorithm>

#include "kernels/cpu/memory.h"
#include "kernels/dequantise.h"
#include "tests/kernels/cpu/cpu_devices.h"

namespace conduit::kernels {
namespace {

class CpuDevicesTest : public CpuKernelsTest {};

TEST(CpuDeviceTest, NamesItsInstructionsAndThreads) {
  EXPECT_EQ(make_device("scalar", 3)->name(), "cpu scalar 3 threads");
  EXPECT_EQ(make_device("scalar", 1)->name(), "cpu scalar 1 thread");
}

TEST(CpuDeviceTest, TakesTheBestInstructionsByDefault) {
  const std::string best(cpu::to_string(cpu::best_instruction_set()));
  EXPECT_NE(make_device("")->name().find(best), std::string::npos);
}

TEST(CpuDeviceTest, RefusesUnknownInstructionsAndThreadCounts) {
  for (const CpuOptions& options :
       {CpuOptions{1, "sse9"}, CpuOptions{-1, ""}, CpuOptions{1'000'000, ""}}) {
    const auto device = make_cpu_device(options);
    ASSERT_FALSE(device);
    EXPECT_EQ(device.error().code, Code::invalid_argument);
  }
}

TEST(CpuDeviceTest, RefusesMatricesThatAreNone) {
  const auto device = make_device("scalar");
  const std::vector<std::byte> bytes(4096);
  const auto refuses = [&](DType dtype, std::vector<std::int64_t> shape) {
    const auto matrix = device->load_matrix({bytes.data(), dtype, shape}, Precision::fast);
    return !matrix && matrix.error().code == Code::invalid_argument;
  };
  EXPECT_TRUE(refuses(DType::f32, {4}));
  EXPECT_TRUE(refuses(DType::f32, {2, 2, 2}));
  EXPECT_TRUE(refuses(DType::f32, {0, 4}));
  EXPECT_TRUE(refuses(DType::f32, {4, -1}));
  EXPECT_TRUE(refuses(DType::f32, {std::int64_t{1} << 62, 4}));
  EXPECT_TRUE(refuses(DType::q4_1, {4, 48}));
  EXPECT_TRUE(refuses(DType::q6_k, {4, 128}));
  EXPECT_TRUE(refuses(DType::i64, {4, 4}));
}

TEST(CpuDeviceTest, RefusesCachesItCannotHold) {
  const auto device = make_device("scalar");
  EXPECT_EQ(device->allocate_kv(1, 4, 16, 1, 16, DType::q8_0).error().code, Code::invalid_argument);
  EXPECT_EQ(device->allocate_kv(1, 4, 16, 1, 4096, DType::f16).error().code,
            Code::invalid_argument);
  EXPECT_EQ(device->allocate_kv(1, 0, 16, 1, 16, DType::f16).error().code, Code::invalid_argument);
  EXPECT_EQ(device->allocate_kv(1000, std::int64_t{1} << 50, 16, 8, 64, DType::f16).error().code,
            Code::exhausted);
}

TEST_P(CpuDevicesTest, KeepsKeysAndValuesInWhatItSays) {
  EXPECT_EQ(device_->kv_dtype(Precision::f32, DType::bf16), DType::f32);
  EXPECT_EQ(device_->kv_dtype(Precision::fast, DType::q4_0), DType::f16);
  const DType dtype = device_->kv_dtype(Precision::fast, DType::bf16);
  EXPECT_EQ(bytes_of(dtype, 1), 2);
  EXPECT_TRUE(device_->allocate_kv(1, 4, 16, 1, 16, dtype));
}

CONDUIT_FOR_EACH_INSTRUCTION_SET(CpuDevicesTest);

TEST(CpuDeviceTest, MemoryIsAlignedZeroAndRefusedWhenTooMuch) {
  const auto device = make_device("scalar");
  for (std::size_t bytes : {std::size_t{1}, std::size_t{1000}, std::size_t{9} << 20}) {
    const auto buffer = device->allocate(bytes);
    ASSERT_TRUE(buffer);
    EXPECT_EQ(buffer->bytes, bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer->data) % 64, 0u);
    EXPECT_TRUE(std::all_of(buffer->data, buffer->data + bytes,
                            [](std::byte byte) { return byte == std::byte{0}; }));
  }
  EXPECT_EQ(device->allocate(0)->data, nullptr);
  EXPECT_EQ(device->allocate(SIZE_MAX - 5).error().code, Code::exhausted);
  EXPECT_EQ(device->allocate(SIZE_MAX / 4).error().code, Code::exhausted);
}

TEST(ArenaTest, BuffersAreApartAndOutliveTheArena) {
  std::vector<Buffer> buffers;
  {
    cpu::Arena arena;
    for (std::size_t bytes : {std::size_t{100}, std::size_t{9} << 20, std::size_t{15} << 20,
                              std::size_t{15} << 20, std::size_t{40} << 20, std::size_t{1}}) {
      auto buffer = arena.allocate(bytes);
      ASSERT_TRUE(buffer);
      EXPECT_EQ(buffer->bytes, bytes);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer->data) % cpu::kAlignment, 0u);
      buffers.push_back(*std::move(buffer));
    }
  }
  for (std::size_t i = 0; i < buffers.size(); ++i)
    std::fill_n(buffers[i].data, buffers[i].bytes, static_cast<std::byte>(i + 1));
  for (std::size_t i = 0; i < buffers.size(); ++i)
    EXPECT_TRUE(std::all_of(buffers[i].data, buffers[i].data + buffers[i].bytes,
                            [i](std::byte byte) { return byte == static_cast<std::byte>(i + 1); }));
}

TEST(CpuDeviceTest, VectorsOfAnyTypeBecomeFloat32) {
  const auto device = make_device("scalar");
  for (DType dtype : kAllDTypes) {
    const FileTensor file(dtype, {256}, 1);
    const auto vector = device->load_vector(file.view());
    ASSERT_TRUE(vector);
    std::vector<float> expected(256);
    dequantise(dtype, file.view().data, 256, expected.data());
    const auto* values = reinterpret_cast<const float*>(vector->data);
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), values)) << name_of(dtype);
  }
  const std::vector<std::byte> bytes(64);
  for (const TensorView& none :
       {TensorView{bytes.data(), DType::q8_0, {33}}, TensorView{bytes.data(), DType::i64, {4}}})
    EXPECT_EQ(device->load_vector(none).error().code, Code::invalid_argument);
}

}  // namespace
}  // namespace conduit::kernels
