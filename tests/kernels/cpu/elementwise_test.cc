// The operations that take rows one by one, on every instruction set, against plain arithmetic.
#include <cmath>
#include <numeric>

#include "kernels/dequantise.h"
#include "tests/kernels/cpu/cpu_devices.h"

namespace conduit::kernels {
namespace {

constexpr std::int64_t kWidths[] = {1, 7, 16, 33, 64, 576, 1537};

class CpuElementwiseTest : public CpuKernelsTest {};

void expect_near_relative(float actual, double expected, double tolerance) {
  ASSERT_NEAR(actual, expected, tolerance * std::max(1e-3, std::fabs(expected)));
}

std::vector<double> exact_norm(std::span<const float> x, std::span<const float> weight, float eps) {
  double squares = 0;
  for (float value : x) squares += double{value} * double{value};
  const double factor = 1 / std::sqrt(squares / static_cast<double>(x.size()) + double{eps});
  std::vector<double> out;
  for (std::size_t i = 0; i < x.size(); ++i)
    out.push_back(double{x[i]} * factor * double{weight[i]});
  return out;
}

std::vector<double> exact_layer_norm(std::span<const float> x, std::span<const float> weight,
                                     std::span<const float> bias, float eps) {
  const auto count = static_cast<double>(x.size());
  const double mean = std::accumulate(x.begin(), x.end(), 0.0) / count;
  double squares = 0;
  for (float value : x) squares += (double{value} - mean) * (double{value} - mean);
  const double factor = 1 / std::sqrt(squares / count + double{eps});
  std::vector<double> out;
  for (std::size_t i = 0; i < x.size(); ++i)
    out.push_back((double{x[i]} - mean) * factor * double{weight[i]} + double{bias[i]});
  return out;
}

TEST_P(CpuElementwiseTest, RmsNormOfRows) {
  for (std::int64_t cols : kWidths) {
    for (std::int64_t tokens : {1, 40}) {
      Rows x = Rows::random(tokens, cols, 1);
      const std::vector<float> weight = random_values(cols, 2);
      Rows out = Rows::filled(tokens, cols, NAN);
      device_->rms_norm(out.tensor(), x.tensor(), weight.data(), 1e-5f);
      for (std::int64_t token = 0; token < tokens; ++token) {
        const std::vector<double> expected = exact_norm(x.row(token), weight, 1e-5f);
        for (std::size_t i = 0; i < expected.size(); ++i)
          expect_near_relative(out.row(token)[i], expected[i], 1e-6);
      }
      device_->rms_norm(x.tensor(), x.tensor(), weight.data(), 1e-5f);
      EXPECT_EQ(x.values(), out.values()) << "in place";
    }
  }
}

TEST_P(CpuElementwiseTest, LayerNormOfRows) {
  for (std::int64_t cols : kWidths) {
    for (float centre : {0.0f, 100.0f}) {
      Rows x = Rows::random(40, cols, 1);
      for (std::int64_t token = 0; token < 40; ++token)
        for (std::int64_t i = 0; i < cols; ++i) x.tensor().row(token)[i] += centre;
      const std::vector<float> weight = random_values(cols, 2);
      const std::vector<float> bias = random_values(cols, 3);
      Rows out = Rows::filled(40, cols, NAN);
      device_->layer_norm(out.tensor(), x.tensor(), weight.data(), bias.data(), 1e-5f);
      for (std::int64_t token = 0; token < 40; ++token) {
        const std::vector<double> expected = exact_layer_norm(x.row(token), weight, bias, 1e-5f);
        // The mean is rounded to float32.
        const double tolerance = 2e-6 + 1e-6 * double{centre};
        for (std::size_t i = 0; i < expected.size(); ++i)
          ASSERT_NEAR(out.row(token)[i], expected[i],
                      tolerance * std::max(1.0, std::fabs(expected[i])));
      }
      device_->layer_norm(x.tensor(), x.tensor(), weight.data(), bias.data(), 1e-5f);
      EXPECT_EQ(x.values(), out.values()) << "in place";
    }
  }
}

TEST_P(CpuElementwiseTest, HeadRmsNormTreatsEachHeadAlone) {
  constexpr int kHeadDim = 48;
  Rows x = Rows::random(30, 5 * kHeadDim, 3);
  const std::vector<float> weight = random_values(kHeadDim, 4);
  const Rows before = x;
  device_->head_rms_norm(x.tensor(), kHeadDim, weight.data(), 1e-6f);
  for (std::int64_t token = 0; token < 30; ++token) {
    for (std::size_t head = 0; head < 5; ++head) {
      const auto expected =
          exact_norm(before.row(token).subspan(head * kHeadDim, kHeadDim), weight, 1e-6f);
      for (std::size_t i = 0; i < kHeadDim; ++i)
        expect_near_relative(x.row(token)[head * kHeadDim + i], expected[i], 1e-6);
    }
  }
}

TEST_P(CpuElementwiseTest, RopeRotatesPairsByTheirPosition) {
  for (bool is_interleaved : {false, true}) {
    for (int rotary_dim : {64, 48, 16, 10}) {
      constexpr int kHeadDim = 64;
      constexpr std::size_t kHeads = 3;
      Rope rope;
      rope.interleaved = is_interleaved;
      const auto pairs = static_cast<std::size_t>(rotary_dim / 2);
      for (std::size_t i = 0; i < pairs; ++i)
        rope.inv_freq.push_back(
            std::pow(10000.0f, -2.0f * static_cast<float>(i) / static_cast<float>(rotary_dim)));
      std::vector<std::int32_t> positions;
      for (int i = 0; i < 40; ++i) positions.push_back(i * i * 7 % 4001);
      Rows x = Rows::random(40, kHeads * kHeadDim, 7);
      const Rows before = x;
      device_->rope(x.tensor(), kHeadDim, rope, positions);
      for (std::int64_t token = 0; token < 40; ++token) {
        std::vector<float> expected(before.row(token).begin(), before.row(token).end());
        for (std::size_t head = 0; head < kHeads; ++head) {
          for (std::size_t i = 0; i < pairs; ++i) {
            const std::size_t first = head * kHeadDim + (is_interleaved ? 2 * i : i);
            const std::size_t second = first + (is_interleaved ? 1 : pairs);
            const double angle =
                static_cast<float>(positions[static_cast<std::size_t>(token)]) * rope.inv_freq[i];
            const double a = before.row(token)[first], b = before.row(token)[second];
            expected[first] = static_cast<float>(a * std::cos(angle) - b * std::sin(angle));
            expected[second] = static_cast<float>(b * std::cos(angle) + a * std::sin(angle));
          }
        }
        for (std::size_t i = 0; i < expected.size(); ++i)
          ASSERT_NEAR(x.row(token)[i], expected[i], 2e-6) << "token " << token << " at " << i;
      }
    }
  }
}

TEST_P(CpuElementwiseTest, RopeForgetsTheAnglesOfOtherPositionsAndFrequencies) {
  const Rows start = Rows::random(1, 4, 8);
  const auto rotated = [&](float frequency, std::int32_t position) {
    Rows x = start;
    device_->rope(x.tensor(), 4, Rope{{frequency, frequency}, false}, {&position, 1});
    return x.values();
  };
  const auto first = rotated(0.5f, 1);
  EXPECT_NE(rotated(0.5f, 2), first);
  EXPECT_NE(rotated(0.25f, 1), first);
  EXPECT_EQ(rotated(0.5f, 1), first);
}

// As the layers of a model with a rope for windows and one for the whole context.
TEST_P(CpuElementwiseTest, RopesMayTakeTurns) {
  const Rows start = Rows::random(1, 4, 8);
  const auto rotated = [&](const Rope& rope) {
    Rows x = start;
    const std::int32_t position = 3;
    device_->rope(x.tensor(), 4, rope, {&position, 1});
    return x.values();
  };
  const Rope local{{0.5f, 0.25f}}, global{{0.1f, 0.05f}}, scaled{{0.1f, 0.05f}, false, 2};
  const auto by_local = rotated(local), by_global = rotated(global), by_scaled = rotated(scaled);
  EXPECT_NE(by_local, by_global);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(by_scaled[i], 2 * by_global[i], 1e-6);
  for (int turn = 0; turn < 3; ++turn) {
    EXPECT_EQ(rotated(local), by_local);
    EXPECT_EQ(rotated(local), by_local);
    EXPECT_EQ(rotated(global), by_global);
    EXPECT_EQ(rotated(scaled), by_scaled);
  }
}

TEST_P(CpuElementwiseTest, AddBiasAddsToEveryRow) {
  for (std::int64_t cols : kWidths) {
    Rows x = Rows::random(20, cols, 9);
    const Rows before = x;
    const std::vector<float> bias = random_values(cols, 10);
    device_->add_bias(x.tensor(), bias.data());
    for (std::int64_t token = 0; token < 20; ++token)
      for (std::size_t i = 0; i < bias.size(); ++i)
        ASSERT_EQ(x.row(token)[i], before.row(token)[i] + bias[i]);
  }
}

TEST_P(CpuElementwiseTest, AddAndScaleTakeEveryElement) {
  for (std::int64_t cols : kWidths) {
    Rows x = Rows::random(20, cols, 12);
    Rows y = Rows::random(20, cols, 13);
    const Rows before = x;
    device_->add(x.tensor(), y.tensor());
    for (std::size_t i = 0; i < before.values().size(); ++i)
      ASSERT_EQ(x.values()[i], before.values()[i] + y.values()[i]);
    device_->scale(y.tensor(), 0.3f);
    const Rows again = Rows::random(20, cols, 13);
    for (std::size_t i = 0; i < again.values().size(); ++i)
      ASSERT_EQ(y.values()[i], again.values()[i] * 0.3f);
  }
}

TEST_P(CpuElementwiseTest, GatherRowsTakesThemInTheOrderAsked) {
  Rows x = Rows::random(10, 33, 11);
  Rows out = Rows::filled(3, 33, NAN);
  const std::vector<std::int64_t> rows = {9, 0, 9};
  device_->gather_rows(out.tensor(), x.tensor(), rows);
  for (std::int64_t i = 0; i < 3; ++i)
    EXPECT_TRUE(std::ranges::equal(out.row(i), x.row(rows[static_cast<std::size_t>(i)])));
}

TEST_P(CpuElementwiseTest, ScatterAddRowsIsGatherBackwardsWithFactors) {
  for (std::int64_t cols : kWidths) {
    Rows x = Rows::random(3, cols, 14);
    Rows out = Rows::random(10, cols, 15);
    const Rows before = out;
    const std::vector<std::int64_t> rows = {7, 0, 4};
    const std::vector<float> factors = {0.25f, -3, 0};
    device_->scatter_add_rows(out.tensor(), x.tensor(), rows, factors);
    std::vector<double> expected(before.values().begin(), before.values().end());
    for (std::size_t row = 0; row < rows.size(); ++row)
      for (std::int64_t i = 0; i < cols; ++i)
        expected[static_cast<std::size_t>(rows[row] * cols + i)] +=
            double{factors[row]} *
            double{x.row(static_cast<std::int64_t>(row))[static_cast<std::size_t>(i)]};
    for (std::size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(out.values()[i], expected[i], 1e-6);
  }
}

CONDUIT_FOR_EACH_INSTRUCTION_SET(CpuElementwiseTest);

}  // namespace
}  // namespace conduit::kernels
