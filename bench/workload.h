// What one run of the engine bench computes, and what comes out of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "kernels/device.h"
#include "kernels/model/tokenizer.h"

namespace conduit::bench {

struct Workload {
  std::filesystem::path model;
  // The same model as a Hugging Face folder, for peers that read no GGUF; may be empty.
  std::filesystem::path hf_model = {};
  int prompt = 512;    // tokens of each prompt
  int generate = 128;  // tokens of each answer, greedy; at least 2, as the first ends the prefill
  int batch = 1;       // sequences at a time
  int threads = 0;
  kernels::Precision precision = kernels::Precision::fast;
};

using Prompts = std::vector<std::vector<kernels::TokenId>>;  // [batch][prompt]

struct Timing {
  double prefill_seconds = 0;  // until every sequence has its first token
  double decode_seconds = 0;   // from there to the last token of all
};

}  // namespace conduit::bench
