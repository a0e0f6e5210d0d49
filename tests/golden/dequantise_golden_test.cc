// Block formats against <shared>/golden/dequant: blocks of every kind with their floats. F16, BF16
// and Q8_0 must meet bit for bit; where a block adds two terms, a fused multiply-add may round
// differently, hence two ulp of the larger term.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>

#include "kernels/dequantise.h"
#include "tests/golden/reference.h"
#include "tests/support/shared_dir.h"

namespace conduit::testing {
namespace {

using kernels::DType;

std::filesystem::path folder() { return shared_dir() / "golden/dequant"; }

std::vector<std::string> type_names() {
  if (!std::filesystem::exists(folder() / "dequant.json")) return {};
  std::vector<std::string> names;
  const json::Value described = read_json(folder() / "dequant.json");
  for (const json::Member& type : member(described, "types").as_object()) names.push_back(type.key);
  return names;
}

std::optional<DType> dtype_of(std::string_view name) {
  for (int i = 0; i < kernels::kWeightDTypes; ++i)
    if (kernels::traits(static_cast<DType>(i)).name == name) return static_cast<DType>(i);
  return std::nullopt;
}

class DequantiseGoldenTest : public ::testing::TestWithParam<std::string> {};

TEST_P(DequantiseGoldenTest, BlocksMeanWhatTheReferenceSays) {
  const auto dtype = dtype_of(GetParam());
  ASSERT_TRUE(dtype) << "block type " << GetParam() << " is not known";
  const ReferenceArrays reference(folder() / "dequant.safetensors");
  const auto blocks = reference.bytes(GetParam() + ".bytes");
  const auto expected = reference.floats(GetParam() + ".floats");
  std::vector<float> values(expected.size());
  kernels::dequantise(*dtype, reinterpret_cast<const std::byte*>(blocks.data()),
                      static_cast<std::int64_t>(values.size()), values.data());
  const bool is_exact = *dtype == DType::f16 || *dtype == DType::bf16 || *dtype == DType::q8_0;
  const auto block_elements = static_cast<std::size_t>(kernels::traits(*dtype).block_elements);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(expected[i]) && std::isnan(values[i])) continue;
    if (std::memcmp(&values[i], &expected[i], sizeof values[i]) == 0) continue;
    ASSERT_FALSE(is_exact) << "value " << i << ": " << values[i] << ", not " << expected[i];
    // A term is about as large as the block's values spread.
    float largest = 0;
    const std::size_t first = i / block_elements * block_elements;
    for (std::size_t j = first; j < first + block_elements; ++j)
      largest = std::max(largest, std::fabs(expected[j]));
    ASSERT_NEAR(values[i], expected[i], 2 * std::numeric_limits<float>::epsilon() * largest) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Shared, DequantiseGoldenTest, ::testing::ValuesIn(type_names()),
                         [](const auto& info) { return info.param; });
// Without the folder there is no instance, and no failure: DataIsThere says so.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DequantiseGoldenTest);

TEST(DequantiseGoldenDataTest, DataIsThere) {
  if (type_names().empty()) GTEST_SKIP() << "no " << folder() / "dequant.json";
}

}  // namespace
}  // namespace conduit::testing
