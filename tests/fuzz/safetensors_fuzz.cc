// SafetensorsFile::parse over any bytes; whatever is accepted must also be readable.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/dequantise.h"
#include "kernels/model/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace conduit::kernels;
  const auto file = SafetensorsFile::parse({reinterpret_cast<const std::byte*>(data), size});
  if (!file) return 0;
  for (const auto& [name, view] : file->tensors()) {
    if (!is_weight(view.dtype)) continue;
    std::vector<float> values(static_cast<std::size_t>(view.elements()));
    dequantise(view.dtype, view.data, view.elements(), values.data());
  }
  return 0;
}
