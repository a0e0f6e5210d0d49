// A model → a GGUF file of another type: planned, checked, then written piece by piece.
// The idea: a plan knows the whole file but the tensors' bytes, so what cannot be written, read
// back or stored is refused before the long work; that goes through a few rows at a time on several
// threads, so memory holds neither model, and each piece has its place in the file already.
// Not here: files' names, what becomes of half a file (cluster/cli/quantize.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels/model/quantise_types.h"

namespace conduit::kernels {

struct QuantiseOptions {
  QuantiseType type;
  std::optional<DType> output;    // of the output matrix; none: Q6_K or better
  bool allow_requantise = false;  // from a type that has lost something already
  int threads = 0;                // 0: one per core
};

struct QuantisePlan {
  struct Target {
    GgufTensor tensor;
    DType dtype;
    std::uint64_t offset = 0;  // in the file
  };
  std::shared_ptr<const Model> source;
  bool is_from_gguf = false;
  std::string header;               // the file up to the first tensor
  std::vector<Target> targets;      // in the order of the file
  std::vector<float> rope_factors;  // one of them points here
  std::uint64_t file_bytes = 0;
  std::uint64_t source_bytes = 0;  // what is read
  int threads = 1;
  // "Q5_0 instead of Q4_K, as rows of …": how many tensors.
  std::map<std::string, int> notes{};
};

// `path`: as open_model's. Errors: as open_model's and check_weights'; invalid_argument names what
// GGUF cannot say, or a tensor that is quantised already.
Result<std::unique_ptr<const QuantisePlan>> plan_quantise(const std::filesystem::path& path,
                                                          const QuantiseOptions& options);

// `file`: the header and then whatever, of plan.file_bytes. Whether Conduit reads from it the model
// it was made of. Error: invalid_argument names the difference.
Status check_quantised(const QuantisePlan& plan, const std::filesystem::path& file);

// Seen from another thread.
struct QuantiseProgress {
  std::atomic<std::uint64_t> source_bytes{0};
  std::atomic<bool> stop{false};  // set: the work ends soon, with `cancelled`
};
// Writes all tensors to the open file. Errors: unavailable when the disk fails; corrupt names a
// tensor with a value that is no number, or too large for the type.
Status write_quantised(const QuantisePlan& plan, int descriptor, QuantiseProgress& progress);

}  // namespace conduit::kernels
