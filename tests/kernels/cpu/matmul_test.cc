// Matrix products of every dtype, precision and instruction set, over shapes with ragged ends.
#include <cmath>

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
  if (traits(dtype).block_elements == 1)
    for (const Shape& ragged :
         {Shape{1, 5, 1}, Shape{2, 20, 7}, Shape{9, 37, 33}, Shape{4, 16, 101}})
      shapes.push_back(ragged);
  return shapes;
}

// What float32 arithmetic on the dequantised weights should give, summed in double.
std::vector<double> exact_product(const TensorView& weight, Tensor x) {
  std::vector<float> w(static_cast<std::size_t>(weight.elements()));
  dequantise(weight.dtype, weight.data, weight.elements(), w.data());
  const std::int64_t rows = weight.shape[0];
  std::vector<double> out;
  for (std::int64_t token = 0; token < x.rows; ++token) {
    for (std::int64_t row = 0; row < rows; ++row) {
      double sum = 0;
      for (std::int64_t col = 0; col < x.cols; ++col)
        sum += double{w[static_cast<std::size_t>(row * x.cols + col)]} * double{x.row(token)[col]};
      out.push_back(sum);
    }
  }
  return out;
}

template <class A, class B>
void expect_near(const A& actual, const B& expected, double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i)
    ASSERT_NEAR(actual[i], expected[i], tolerance) << "at " << i;
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
    for (const auto& [tokens, rows, cols] : shapes_of(dtype)) {
      SCOPED_TRACE(name_of(dtype) + " " + std::to_string(tokens) + "x" + std::to_string(rows) +
                   "x" + std::to_string(cols));
      const FileTensor weight(dtype, {rows, cols}, 1);
      Rows x = Rows::random(tokens, cols, 2);
      expect_near(product(*device_, weight.view(), Precision::f32, x.tensor()),
                  exact_product(weight.view(), x.tensor()),
                  2e-6 * static_cast<double>(cols) / std::sqrt(static_cast<double>(cols)) + 1e-6);
    }
  }
}

TEST_P(CpuMatmulTest, FastPrecisionAgreesWithTheScalarReference) {
  for (DType dtype : kAllDTypes) {
    for (const auto& [tokens, rows, cols] : shapes_of(dtype)) {
      SCOPED_TRACE(name_of(dtype) + " " + std::to_string(tokens) + "x" + std::to_string(rows) +
                   "x" + std::to_string(cols));
      const FileTensor weight(dtype, {rows, cols}, 3);
      Rows x = Rows::random(tokens, cols, 4);
      // A bf16 product may round its tokens to bf16 (2^-9 each); the others only sum in other
      // order.
      const double unit = dtype == DType::bf16 ? 4e-3 : 4e-6;
      expect_near(product(*device_, weight.view(), Precision::fast, x.tensor()),
                  product(*reference_, weight.view(), Precision::fast, x.tensor()),
                  unit * std::sqrt(static_cast<double>(cols)));
    }
  }
}

TEST_P(CpuMatmulTest, FastPrecisionIsWithinEightBitRounding) {
  for (DType dtype : kAllDTypes) {
    const FileTensor weight(dtype, {64, 1024}, 5);
    Rows x = Rows::random(3, 1024, 6);
    const std::vector<double> exact = exact_product(weight.view(), x.tensor());
    const std::vector<float> fast = product(*device_, weight.view(), Precision::fast, x.tensor());
    double error = 0, size = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) {
      error += (fast[i] - exact[i]) * (fast[i] - exact[i]);
      size += exact[i] * exact[i];
    }
    EXPECT_LT(std::sqrt(error / size), 0.01) << name_of(dtype);
  }
}

TEST_P(CpuMatmulTest, ARowDoesNotDependOnTheRowsBesideIt) {
  for (DType dtype : kAllDTypes) {
    for (Precision precision : {Precision::fast, Precision::f32}) {
      const FileTensor weight(dtype, {70, 416}, 7);
      Rows x = Rows::random(40, 416, 8);
      const std::vector<float> alone =
          product(*device_, weight.view(), precision, x.tensor().first_rows(1));
      for (std::int64_t tokens : {2, 3, 4, 5, 6, 8, 9, 12, 25, 40}) {
        const std::vector<float> together =
            product(*device_, weight.view(), precision, x.tensor().first_rows(tokens));
        for (std::size_t i = 0; i < alone.size(); ++i)
          ASSERT_EQ(alone[i], together[i]) << name_of(dtype) << " beside " << tokens << " at " << i;
      }
    }
  }
}

TEST_P(CpuMatmulTest, ProductsOfOneCallShareTheirInputWhateverTheirTypes) {
  Rows x = Rows::random(5, 96, 9);
  std::vector<Matrix> weights;
  std::vector<Rows> outs;
  std::vector<std::vector<float>> separate;
  for (DType dtype : kAllDTypes) {
    for (Precision precision : {Precision::fast, Precision::f32}) {
      const std::int64_t rows = 20 + 7 * static_cast<std::int64_t>(weights.size());
      const FileTensor weight(dtype, {rows, 96}, 10);
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
    const FileTensor weight(dtype, {37, 64}, 11);
    auto matrix = device_->load_matrix(weight.view(), Precision::fast);
    ASSERT_TRUE(matrix);
    Rows x = Rows::random(3, 64, 12);
    const std::vector<float> plain = product(*device_, weight.view(), Precision::fast, x.tensor());
    Rows out = Rows::random(3, 37, 13);
    const std::vector<float> before = out.values();
    device_->matmul_add(out.tensor(), x.tensor(), *matrix);
    for (std::size_t i = 0; i < plain.size(); ++i)
      ASSERT_FLOAT_EQ(out.values()[i], plain[i] + before[i]) << name_of(dtype) << " at " << i;
  }
}

TEST_P(CpuMatmulTest, ZeroTokensGiveZeroAndHugeOnesStayFinite) {
  for (DType dtype : kAllDTypes) {
    const FileTensor weight(dtype, {16, 64}, 14);
    Rows zero = Rows::filled(1, 64, 0);
    for (float value : product(*device_, weight.view(), Precision::fast, zero.tensor()))
      EXPECT_EQ(value, 0) << name_of(dtype);
    Rows huge = Rows::filled(1, 64, 1e30f);
    for (float value : product(*device_, weight.view(), Precision::fast, huge.tensor()))
      EXPECT_TRUE(std::isfinite(value)) << name_of(dtype);
  }
}

TEST_P(CpuMatmulTest, EmbeddingRowsComeFromTheSameMatrix) {
  for (DType dtype : kAllDTypes) {
    const FileTensor weight(dtype, {50, 96}, 15);
    auto matrix = device_->load_matrix(weight.view(), Precision::fast);
    ASSERT_TRUE(matrix);
    std::vector<float> dequantised(50 * 96);
    dequantise(dtype, weight.view().data, 50 * 96, dequantised.data());
    Rows out = Rows::filled(4, 96, NAN);
    const std::vector<std::int32_t> ids = {49, 0, 17, 49};
    device_->embed(out.tensor(), *matrix, ids);
    for (std::size_t token = 0; token < ids.size(); ++token)
      for (std::size_t col = 0; col < 96; ++col)
        ASSERT_EQ(out.values()[token * 96 + col],
                  dequantised[static_cast<std::size_t>(ids[token]) * 96 + col])
            << name_of(dtype);
  }
}

CONDUIT_FOR_EACH_INSTRUCTION_SET(CpuMatmulTest);

}  // namespace
}  // namespace conduit::kernels
