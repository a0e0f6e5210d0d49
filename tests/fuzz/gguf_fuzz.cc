// GgufFile::parse and config_from_gguf over any bytes; whatever is accepted must also be readable.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/dequantise.h"
#include "kernels/model/config.h"
#include "kernels/model/gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace conduit::kernels;
  const auto file = GgufFile::parse({reinterpret_cast<const std::byte*>(data), size});
  if (!file) return 0;
  for (const auto& [name, view] : file->tensors()) {
    std::vector<float> values(static_cast<std::size_t>(view.elements()));
    dequantise(view.dtype, view.data, view.elements(), values.data());
  }
  if (const auto config = config_from_gguf(*file)) rope_inverse_frequencies(*config);
  return 0;
}
