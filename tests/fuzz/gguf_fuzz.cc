// GgufFile::parse and config_from_gguf over any bytes; whatever is accepted must also be readable,
// and, where small, a weight that the CPU device multiplies with, and gives back as it reads.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/dequantise.h"
#include "kernels/device.h"
#include "kernels/model/config.h"
#include "kernels/model/gguf.h"
#include "mdl/base/check.h"

namespace conduit::kernels {
namespace {

constexpr std::int64_t kSmall = 1 << 14;  // elements

bool is_same(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

// values: [rows, cols], what the file's own reader makes of `view`.
void check_weight(const TensorView& view, const std::vector<float>& values) {
  static const std::unique_ptr<Device> device = *make_cpu_device({1, ""});
  const std::int64_t rows = view.shape[0], cols = view.shape[1];
  std::vector<float> x(static_cast<std::size_t>(cols), 1), out(static_cast<std::size_t>(rows));
  for (Precision precision : {Precision::fast, Precision::f32}) {
    const auto matrix = device->load_matrix(view, precision);
    CONDUIT_CHECK(matrix, "a weight was refused");
    const Product product{{out.data(), 1, rows}, &*matrix};
    device->matmul({&product, 1}, {x.data(), 1, cols});
    const auto last = static_cast<std::int32_t>(rows - 1);
    device->embed({x.data(), 1, cols}, *matrix, {&last, 1});
    for (std::size_t i = 0; i < x.size(); ++i)
      CONDUIT_CHECK(is_same(x[i], values[values.size() - x.size() + i]), "another value came back");
  }
}

}  // namespace
}  // namespace conduit::kernels

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace conduit::kernels;
  const auto file = GgufFile::parse({reinterpret_cast<const std::byte*>(data), size});
  if (!file) return 0;
  for (const auto& [name, view] : file->tensors()) {
    std::vector<float> values(static_cast<std::size_t>(view.elements()));
    dequantise(view.dtype, view.data, view.elements(), values.data());
    if (view.shape.size() == 2 && view.elements() <= kSmall) check_weight(view, values);
  }
  if (const auto config = config_from_gguf(*file))
    rope_inverse_frequencies(config->rope, config->rotary_dim);
  return 0;
}
