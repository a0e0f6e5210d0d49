// Matrix products of every dtype, precision and instruction set, over shapes with ragged ends.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <random>

#include "kernels/cpu/panels.h"
#include "kernels/dequantise.h"
#include "tests/kernels/cpu/cpu_devices.h"

namespace conduit::kernels {
namespace {

struct Shape {
  std::int64_t tokens, rows, cols;
};

// Whole panels and ragged ones, odd numbers of blocks, every tile height, more input than the cache
// share.
std::vector<Shape> shapes_of(DType dtype) {
  std::vector<Shape> shapes = {{1, 16, 32},  {1, 1, 64},    {1, 49, 96},   {2, 33, 160},
                               {3, 64, 576}, {5, 100, 224}, {7, 17, 32},   {11, 31, 64},
                               {12, 48, 96}, {13, 96, 128}, {40, 80, 192}, {70, 40, 4096}};
  if (!is_quantised(dtype))
    for (const Shape& ragged :
         {Shape{1, 5, 1}, Shape{2, 20, 7}, Shape{9, 37, 33}, Shape{4, 16, 101}})
      shapes.push_back(ragged);
  for (Shape& shape : shapes) shape.cols = whole_blocks(dtype, shape.cols);
  return shapes;
}

std::string text_of(DType dtype, const Shape& shape) {
  return name_of(dtype) + " " + std::to_string(shape.tokens) + "x" + std::to_string(shape.rows) +
         "x" + std::to_string(shape.cols);
}

// What a product should give, and how far a kernel's answer may lie from it.
struct Expected {
  double value = 0;
  double terms = 0;     // sum of |w x|
  double rounding = 0;  // of the answer, were each token off by half of its 8-bit step
};

// How far each of a token's values may move: half a step of its block of 32.
std::vector<double> eight_bit_roundings(std::span<const float> token) {
  std::vector<double> roundings;
  for (std::size_t first = 0; first < token.size(); first += 32) {
    float largest = 0;
    const std::span block = token.subspan(first, std::min<std::size_t>(32, token.size() - first));
    for (float value : block) largest = std::max(largest, std::fabs(value));
    roundings.insert(roundings.end(), block.size(), double{largest} / 127 / 2);
  }
  return roundings;
}

// Products of the dequantised weights, summed in double: [tokens, rows].
std::vector<Expected> exact_product(const TensorView& weight, Tensor x) {
  std::vector<float> w(static_cast<std::size_t>(weight.elements()));
  dequantise(weight.dtype, weight.data, weight.elements(), w.data());
  std::vector<Expected> out;
  for (std::int64_t token = 0; token < x.rows; ++token) {
    const float* tokens = x.row(token);
    const std::vector<double> roundings =
        eight_bit_roundings({tokens, static_cast<std::size_t>(x.cols)});
    for (std::int64_t row = 0; row < weight.shape[0]; ++row) {
      Expected expected;
      for (std::int64_t col = 0; col < x.cols; ++col) {
        const double one = double{w[static_cast<std::size_t>(row * x.cols + col)]};
        expected.value += one * double{tokens[col]};
        expected.terms += std::fabs(one * double{tokens[col]});
        expected.rounding += std::fabs(one) * roundings[static_cast<std::size_t>(col)];
      }
      out.push_back(expected);
    }
  }
  return out;
}

// Sums of float32: each addition rounds by 2^-24 of what is there, which the terms bound; chunks of
// 256 columns are summed apart.
double float_error(const Expected& expected, std::int64_t cols) {
  const auto additions = static_cast<double>(std::min<std::int64_t>(cols, 256) + cols / 256 + 2);
  return additions * 0x1p-24 * expected.terms;
}

template <class Tolerance>
void expect_near(const std::vector<float>& actual, const std::vector<Expected>& expected,
                 Tolerance tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i)
    ASSERT_NEAR(double{actual[i]}, expected[i].value, tolerance(expected[i])) << "at " << i;
}

std::vector<float> product(Device& device, const TensorView& weight, Precision precision,
                           Tensor x) {
  auto matrix = device.load_matrix(weight, precision);
  EXPECT_TRUE(matrix) << matrix.error().message;
  Rows out = Rows::filled(x.rows, weight.shape[0], NAN);
  const Product task{out.tensor(), &*matrix};
  device.matmul({&task, 1}, x);
  return out.values();
}

class CpuMatmulTest : public CpuKernelsTest {};

TEST_P(CpuMatmulTest, F32PrecisionIsExactToFloatRounding) {
  for (DType dtype : kAllDTypes) {
    for (const Shape& shape : shapes_of(dtype)) {
      SCOPED_TRACE(text_of(dtype, shape));
      const FileTensor weight(dtype, {shape.rows, shape.cols}, 1);
      Rows x = Rows::random(shape.tokens, shape.cols, 2);
      expect_near(product(*device_, weight.view(), Precision::f32, x.tensor()),
                  exact_product(weight.view(), x.tensor()),
                  [&](const Expected& e) { return float_error(e, shape.cols); });
    }
  }
}

TEST_P(CpuMatmulTest, FastPrecisionIsExactToTheRoundingOfTokens) {
  for (DType dtype : kAllDTypes) {
    for (const Shape& shape : shapes_of(dtype)) {
      SCOPED_TRACE(text_of(dtype, shape));
      const FileTensor weight(dtype, {shape.rows, shape.cols}, 3);
      Rows x = Rows::random(shape.tokens, shape.cols, 4);
      expect_near(product(*device_, weight.view(), Precision::fast, x.tensor()),
                  exact_product(weight.view(), x.tensor()), [&](const Expected& e) {
                    // A bf16 has 8 bits: off by 2^-8 at most. Where a minimum is taken off, the
                    // two parts are larger than the weight: hence twice.
                    const double tokens = is_quantised(dtype) ? e.rounding : 0x1p-8 * e.terms;
                    return tokens * 1.001 + 2 * float_error(e, shape.cols);
                  });
    }
  }
}

TEST_P(CpuMatmulTest, FastPrecisionAgreesWithTheScalarReference) {
  for (DType dtype : kAllDTypes) {
    for (const Shape& shape : shapes_of(dtype)) {
      SCOPED_TRACE(text_of(dtype, shape));
      const FileTensor weight(dtype, {shape.rows, shape.cols}, 3);
      Rows x = Rows::random(shape.tokens, shape.cols, 4);
      const std::vector<float> reference =
          product(*reference_, weight.view(), Precision::fast, x.tensor());
      std::vector<Expected> expected = exact_product(weight.view(), x.tensor());
      for (std::size_t i = 0; i < expected.size(); ++i) expected[i].value = double{reference[i]};
      // Only the order of sums differs, but where a product rounds its tokens to bf16.
      const bool may_round = cpu::panel_dtype(dtype) == DType::bf16;
      expect_near(product(*device_, weight.view(), Precision::fast, x.tensor()), expected,
                  [&](const Expected& e) {
                    return (may_round ? 0x1p-8 * e.terms : 0) + 2 * float_error(e, shape.cols);
                  });
    }
  }
}

TEST_P(CpuMatmulTest, FastPrecisionIsWithinEightBitRounding) {
  for (DType dtype : kAllDTypes) {
    const FileTensor weight(dtype, {64, 1024}, 5);
    Rows x = Rows::random(3, 1024, 6);
    const std::vector<Expected> exact = exact_product(weight.view(), x.tensor());
    const std::vector<float> fast = product(*device_, weight.view(), Precision::fast, x.tensor());
    double error = 0, size = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) {
      error += (double{fast[i]} - exact[i].value) * (double{fast[i]} - exact[i].value);
      size += exact[i].value * exact[i].value;
    }
    EXPECT_LT(std::sqrt(error / size), 0.01) << name_of(dtype);
  }
}

TEST_P(CpuMatmulTest, ARowDoesNotDependOnTheRowsBesideIt) {
  for (DType dtype : kAllDTypes) {
    for (Precision precision : {Precision::fast, Precision::f32}) {
      const std::int64_t cols = whole_blocks(dtype, 416);
      const FileTensor weight(dtype, {70, cols}, 7);
      Rows x = Rows::random(40, cols, 8);
      std::vector<float> alone;
      for (std::int64_t token = 0; token < 40; ++token) {
        const Tensor row{x.tensor().row(token), 1, cols};
        std::ranges::copy(product(*device_, weight.view(), precision, row),
                          std::back_inserter(alone));
      }
      for (std::int64_t tokens : {2, 3, 4, 5, 6, 8, 9, 12, 15, 16, 25, 39, 40}) {
        const std::vector<float> together =
            product(*device_, weight.view(), precision, x.tensor().first_rows(tokens));
        for (std::size_t i = 0; i < together.size(); ++i)
          ASSERT_EQ(alone[i], together[i]) << name_of(dtype) << " beside " << tokens << " at " << i;
      }
    }
  }
}

TEST_P(CpuMatmulTest, ProductsOfOneCallShareTheirInputWhateverTheirTypes) {
  Rows x = Rows::random(5, 256, 9);
  std::vector<Matrix> weights;
  std::vector<Rows> outs;
  std::vector<std::vector<float>> separate;
  for (DType dtype : kAllDTypes) {
    for (Precision precision : {Precision::fast, Precision::f32}) {
      const std::int64_t rows = 20 + 7 * static_cast<std::int64_t>(weights.size());
      const FileTensor weight(dtype, {rows, 256}, 10);
      weights.push_back(*device_->load_matrix(weight.view(), precision));
      outs.push_back(Rows::filled(5, rows, NAN));
      separate.push_back(product(*device_, weight.view(), precision, x.tensor()));
    }
  }
  std::vector<Product> products;
  for (std::size_t i = 0; i < weights.size(); ++i)
    products.push_back({outs[i].tensor(), &weights[i]});
  device_->matmul(products, x.tensor());
  for (std::size_t i = 0; i < weights.size(); ++i) EXPECT_EQ(outs[i].values(), separate[i]);
}

TEST_P(CpuMatmulTest, MatmulAddAddsToWhatWasThere) {
  for (DType dtype : kAllDTypes) {
    const std::int64_t cols = whole_blocks(dtype, 64);
    const FileTensor weight(dtype, {37, cols}, 11);
    auto matrix = device_->load_matrix(weight.view(), Precision::fast);
    ASSERT_TRUE(matrix);
    Rows x = Rows::random(21, cols, 12);
    const std::vector<float> plain = product(*device_, weight.view(), Precision::fast, x.tensor());
    Rows out = Rows::random(21, 37, 13);
    const std::vector<float> before = out.values();
    device_->matmul_add(out.tensor(), x.tensor(), *matrix);
    for (std::size_t i = 0; i < plain.size(); ++i)
      ASSERT_FLOAT_EQ(out.values()[i], plain[i] + before[i]) << name_of(dtype) << " at " << i;
  }
}

TEST_P(CpuMatmulTest, ZeroTokensGiveZeroAndHugeOnesStayFinite) {
  for (DType dtype : kAllDTypes) {
    const std::int64_t cols = whole_blocks(dtype, 64);
    const FileTensor weight(dtype, {16, cols}, 14);
    Rows zero = Rows::filled(1, cols, 0);
    for (float value : product(*device_, weight.view(), Precision::fast, zero.tensor()))
      EXPECT_EQ(value, 0) << name_of(dtype);
    Rows huge = Rows::filled(1, cols, 1e30f);
    for (float value : product(*device_, weight.view(), Precision::fast, huge.tensor()))
      EXPECT_TRUE(std::isfinite(value)) << name_of(dtype);
  }
}

// A damaged or hostile file's: whatever bits, infinite and NaN scales among them.
TEST_P(CpuMatmulTest, AnyBytesAreAWeight) {
  std::mt19937_64 random(16);
  for (DType dtype : kAllDTypes) {
    const std::vector<std::int64_t> shape = {19, 512};
    std::string bytes(static_cast<std::size_t>(kernels::bytes_of(dtype, 19 * 512)), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    const TensorView file{reinterpret_cast<const std::byte*>(bytes.data()), dtype, shape};
    Rows x = Rows::random(23, 512, 17);
    for (Precision precision : {Precision::fast, Precision::f32})
      EXPECT_EQ(product(*device_, file, precision, x.tensor()).size(), 23u * 19u);
  }
}

TEST_P(CpuMatmulTest, EmbeddingRowsComeFromTheSameMatrix) {
  for (DType dtype : kAllDTypes) {
    const std::int64_t cols = whole_blocks(dtype, 96);
    const FileTensor weight(dtype, {50, cols}, 15);
    auto matrix = device_->load_matrix(weight.view(), Precision::fast);
    ASSERT_TRUE(matrix);
    std::vector<float> dequantised(static_cast<std::size_t>(50 * cols));
    dequantise(dtype, weight.view().data, 50 * cols, dequantised.data());
    Rows out = Rows::filled(4, cols, NAN);
    const std::vector<std::int32_t> ids = {49, 0, 17, 49};
    device_->embed(out.tensor(), *matrix, ids);
    for (std::size_t token = 0; token < ids.size(); ++token)
      ASSERT_TRUE(std::ranges::equal(out.row(static_cast<std::int64_t>(token)),
                                     std::span(dequantised)
                                         .subspan(static_cast<std::size_t>(ids[token] * cols),
                                                  static_cast<std::size_t>(cols))))
          << name_of(dtype);
  }
}

CONDUIT_FOR_EACH_INSTRUCTION_SET(CpuMatmulTest);

// Integer sums are exact, and both put scales on in the same order.
TEST(MatmulTest, AmxGivesTheBitsOfAvx512ForQuantisedWeights) {
  auto amx = make_cpu_device({2, "amx"});
  if (!amx) GTEST_SKIP() << amx.error().message;
  const std::unique_ptr<Device> avx512 = make_device("avx512");
  for (DType dtype : kAllDTypes) {
    if (!is_quantised(dtype)) continue;
    const std::int64_t cols = whole_blocks(dtype, 416);
    const FileTensor weight(dtype, {70, cols}, 18);
    Rows x = Rows::random(50, cols, 19);
    EXPECT_EQ(product(**amx, weight.view(), Precision::fast, x.tensor()),
              product(*avx512, weight.view(), Precision::fast, x.tensor()))
        << name_of(dtype);
  }
}

}  // namespace
}  // namespace conduit::kernels
