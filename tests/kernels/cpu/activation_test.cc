// Activations and soft caps on every instruction set, against plain arithmetic over the whole range
// of float32.
#include <cmath>
#include <numbers>

#include "tests/kernels/cpu/cpu_devices.h"

namespace conduit::kernels {
namespace {

class CpuActivationTest : public CpuKernelsTest {};

// Φ(x) by erfc keeps its digits below 0.
double exact_activation(Activation f, double x) {
  switch (f) {
    case Activation::silu: return x / (1 + std::exp(-x));
    case Activation::gelu: return x * std::erfc(-x / std::numbers::sqrt2) / 2;
    case Activation::gelu_tanh:
      return x / (1 + std::exp(-2 * std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
    case Activation::tanh: return std::tanh(x);
  }
  return NAN;
}

// Around 0, where exp ends, at the ends of float32, and many in between.
std::vector<float> telling_values() {
  std::vector<float> values = {0,   -0.0f, 1e-30f, -1e-30f, 1e-4f, 0.624f, -0.625f, 1,     -1,
                               9,   -9,    13,     -13,     20,    -20,    87,      -87,   88,
                               -88, 90,    -104,   1000,    -1000, 1e15f,  -1e15f,  3e38f, -3e38f};
  for (float scale : {0.1f, 1.0f, 8.0f}) {
    const std::vector<float> random = random_values(1601, 5, scale);
    values.insert(values.end(), random.begin(), random.end());
  }
  return values;
}

constexpr Activation kAllActivations[] = {Activation::silu, Activation::gelu, Activation::gelu_tanh,
                                          Activation::tanh};

TEST_P(CpuActivationTest, ActivationsOverTheWholeRangeOfFloat32) {
  const std::vector<float> values = telling_values();
  const auto cols = static_cast<std::int64_t>(values.size());
  for (Activation f : kAllActivations) {
    Rows x(1, cols, values);
    device_->activate(x.tensor(), f);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double size = std::fabs(double{values[i]});
      ASSERT_NEAR(x.values()[i], exact_activation(f, double{values[i]}), 2e-7 * std::max(size, 1.0))
          << "activation " << static_cast<int>(f) << " of " << values[i];
    }
  }
}

// All but gelu, which promises no more than an absolute error.
TEST_P(CpuActivationTest, ActivationsKeepTheirDigitsNearZero) {
  const std::vector<float> values = random_values(1601, 6, 1);
  const auto cols = static_cast<std::int64_t>(values.size());
  for (Activation f : {Activation::silu, Activation::gelu_tanh, Activation::tanh}) {
    for (float scale : {1e-20f, 1e-3f, 0.3f, 1.0f}) {
      std::vector<float> before = values;
      for (float& value : before) value *= scale;
      Rows x(1, cols, before);
      device_->activate(x.tensor(), f);
      for (std::size_t i = 0; i < values.size(); ++i) {
        const double exact = exact_activation(f, double{before[i]});
        ASSERT_NEAR(x.values()[i], exact, 2e-6 * std::fabs(exact))
            << "activation " << static_cast<int>(f) << " of " << before[i];
      }
    }
  }
}

TEST_P(CpuActivationTest, ActivationsOfInfinityAndNaN) {
  for (Activation f : kAllActivations) {
    for (std::int64_t cols : {1, 40}) {
      Rows nan = Rows::filled(1, cols, NAN);
      device_->activate(nan.tensor(), f);
      for (float value : nan.values()) EXPECT_TRUE(std::isnan(value));
      Rows large = Rows::filled(1, cols, INFINITY);
      device_->activate(large.tensor(), f);
      for (float value : large.values()) EXPECT_EQ(value, f == Activation::tanh ? 1 : INFINITY);
    }
  }
  Rows least = Rows::filled(1, 40, -INFINITY);
  device_->activate(least.tensor(), Activation::tanh);
  for (float value : least.values()) EXPECT_EQ(value, -1);
}

TEST_P(CpuActivationTest, ActivateMulIsTheActivationTimesUp) {
  for (Activation f : kAllActivations) {
    for (std::int64_t cols : {1, 7, 16, 33, 576}) {
      Rows gate = Rows::random(19, cols, 6);
      Rows up = Rows::random(19, cols, 7);
      Rows activated = gate;
      device_->activate(activated.tensor(), f);
      Rows out = Rows::filled(19, cols, NAN);
      device_->activate_mul(out.tensor(), gate.tensor(), up.tensor(), f);
      for (std::size_t i = 0; i < out.values().size(); ++i)
        ASSERT_EQ(out.values()[i], activated.values()[i] * up.values()[i]);
      device_->activate_mul(gate.tensor(), gate.tensor(), up.tensor(), f);
      EXPECT_EQ(gate.values(), out.values()) << "in place";
    }
  }
}

TEST_P(CpuActivationTest, SoftcapBendsToItsCap) {
  std::vector<float> values = telling_values();
  const auto cols = static_cast<std::int64_t>(values.size());
  for (float cap : {0.5f, 30.0f, 50.0f}) {
    Rows x(1, cols, values);
    device_->softcap(x.tensor(), cap);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double exact = double{cap} * std::tanh(double{values[i]} / double{cap});
      ASSERT_NEAR(x.values()[i], exact, 4e-7 * std::fabs(exact)) << values[i] << " below " << cap;
    }
  }
  Rows ends(1, 3, {INFINITY, -INFINITY, NAN});
  device_->softcap(ends.tensor(), 30);
  EXPECT_EQ(ends.values()[0], 30);
  EXPECT_EQ(ends.values()[1], -30);
  EXPECT_TRUE(std::isnan(ends.values()[2]));
}

CONDUIT_FOR_EACH_INSTRUCTION_SET(CpuActivationTest);

}  // namespace
}  // namespace conduit::kernels
