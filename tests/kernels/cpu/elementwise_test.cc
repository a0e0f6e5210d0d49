// The operations that take rows one by one, on every instruction set, against plain arithmetic.
#include <cmath>

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

TEST_P(CpuElementwiseTest, SiluMulOverTheWholeRangeOfExp) {
  std::vector<float> gates = {0,  -0.0f, 1,  -1,   20,   -20,   87,    -87,
                              88, -88,   90, -104, 1000, -1000, 3e38f, -3e38f};
  const std::vector<float> random = random_values(1601, 5, 8);
  gates.insert(gates.end(), random.begin(), random.end());
  const auto cols = static_cast<std::int64_t>(gates.size());
  Rows gate(1, cols, gates);
  Rows up = Rows::random(1, cols, 6);
  const std::vector<float> ups = up.values();
  Rows out = Rows::filled(1, cols, NAN);
  device_->silu_mul(out.tensor(), gate.tensor(), up.tensor());
  for (std::size_t i = 0; i < gates.size(); ++i) {
    const double exact = double{gates[i]} / (1 + std::exp(-double{gates[i]})) * double{ups[i]};
    if (std::fabs(exact) > 3e38) continue;  // float32 overflows, as it should
    ASSERT_NEAR(out.values()[i], exact, 1e-6 * std::fabs(exact) + 1e-35) << "gate " << gates[i];
  }
  device_->silu_mul(gate.tensor(), gate.tensor(), up.tensor());
  EXPECT_EQ(gate.values(), out.values()) << "in place";
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

TEST_P(CpuElementwiseTest, GatherRowsTakesThemInTheOrderAsked) {
  Rows x = Rows::random(10, 33, 11);
  Rows out = Rows::filled(3, 33, NAN);
  const std::vector<std::int64_t> rows = {9, 0, 9};
  device_->gather_rows(out.tensor(), x.tensor(), rows);
  for (std::int64_t i = 0; i < 3; ++i)
    EXPECT_TRUE(std::ranges::equal(out.row(i), x.row(rows[static_cast<std::size_t>(i)])));
}

CONDUIT_FOR_EACH_INSTRUCTION_SET(CpuElementwiseTest);

}  // namespace
}  // namespace conduit::kernels
