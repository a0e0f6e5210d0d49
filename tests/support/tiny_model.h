// Tiny models with random weights in real files: what a test opens instead of a download.
// The idea: a weight is drawn from (seed, the tensor's Hugging Face name, its index) alone, so the
// HF folder and the GGUF file of the same options are the same model in two notations, also when
// sharded. Both carry a byte-level BPE tokenizer and a ChatML template unless told otherwise.
// Not here: reference values (tests/golden).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "kernels/tensor.h"

namespace conduit::testing {

struct TinyModelOptions {
  std::string architecture = "llama";  // or "qwen3"
  int layers = 2;
  int hidden = 64;
  int heads = 4;
  int kv_heads = 2;
  int head_dim = 16;
  int intermediate = 96;
  int vocab = 288;  // the tokenizer's size; larger: ids without text follow
  int max_position = 512;
  bool tied_embeddings = false;
  bool attention_bias = false;
  std::string rope_scaling;  // "", "linear" or "llama3"
  // Of the matrices; norms and biases are F32 in GGUF. Block formats (GGUF only) need every row a
  // multiple of 32.
  kernels::DType dtype = kernels::DType::f32;
  int shards = 1;         // HF only: more than one adds model.safetensors.index.json
  bool tokenizer = true;  // needs vocab >= 259: 256 bytes and three special tokens
  bool chat_template = true;
  std::uint64_t seed = 1;
};

// The tokens every tokenizer written here has: ids 0, 1, 2.
inline constexpr const char* kTinyEndOfText = "<|endoftext|>";
inline constexpr const char* kTinyBos = "<|im_start|>";  // also the opening of a ChatML message
inline constexpr const char* kTinyEos = "<|im_end|>";

// Writes config.json, generation_config.json, weights, and tokenizer files into `folder` (made if
// need be); returns the folder, ready for open_model.
std::filesystem::path write_tiny_hf_model(const std::filesystem::path& folder,
                                          const TinyModelOptions& options = {});
// Writes folder/tiny.gguf and returns its path.
std::filesystem::path write_tiny_gguf(const std::filesystem::path& folder,
                                      const TinyModelOptions& options = {});

}  // namespace conduit::testing
