// safetensors: named tensors of one file, or of a sharded set with its index; nothing copied.
// Format: github.com/huggingface/safetensors, README: u64 header length, JSON header, then the
// bytes. Every offset, size, dtype and overlap is checked before use. Tensors of integers and the
// like are given too (their dtype is no weight's, kernels/tensor.h): a checkpoint may carry a
// buffer such as `position_ids`, and it is for the model's mapping of names to know that it may be
// dropped.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/model/mapped_file.h"
#include "kernels/tensor.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

class SafetensorsFile {
 public:
  static Result<SafetensorsFile> open(const std::filesystem::path& path);
  // The same over bytes that outlive the result (fuzzing, tests).
  static Result<SafetensorsFile> parse(std::span<const std::byte> bytes);
  // A folder's model.safetensors, or its shards by model.safetensors.index.json, which must name
  // every tensor of every shard, in its place.
  static Result<SafetensorsFile> open_folder(const std::filesystem::path& folder);

  const std::map<std::string, TensorView, std::less<>>& tensors() const { return tensors_; }
  // What the tensors point into; empty when parsed from borrowed bytes.
  const std::vector<std::shared_ptr<const MappedFile>>& files() const { return files_; }

 private:
  std::vector<std::shared_ptr<const MappedFile>> files_;
  std::map<std::string, TensorView, std::less<>> tensors_;
};

}  // namespace conduit::kernels
