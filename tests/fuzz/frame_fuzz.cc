// Any bytes are a frame or an error; what is a frame can be packed again, and then says the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "cluster/spine/frame.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace conduit;
  auto opened = cluster::open({data, size});
  if (!opened) return 0;
  const auto packed = cluster::pack(*opened);
  if (!packed) return 0;  // default values that are written out again may pass the limit
  auto again = cluster::open({packed->data(), packed->size()});
  if (!again || again->body.type != opened->body.type || again->stream != opened->stream)
    std::abort();
  return 0;
}
