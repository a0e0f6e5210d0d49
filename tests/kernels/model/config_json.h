// config.json in the making, for the tests of its readers.
#pragma once

#include <gtest/gtest.h>

#include <string_view>

#include "kernels/model/config.h"
#include "mdl/base/json.h"

namespace conduit::testing {

inline json::Value parsed(std::string_view text) {
  auto value = json::parse(text);
  EXPECT_TRUE(value) << text;
  return value.value_or(json::Value());
}

inline json::Value with(json::Value config, const char* key, std::string_view value) {
  config.set(key, parsed(value));
  return config;
}

inline json::Value without(json::Value config, std::string_view key) {
  std::erase_if(config.as_object(), [&](const json::Member& member) { return member.key == key; });
  return config;
}

// A config.json of Llama 3's kind, in the layout of transformers 4.
inline json::Value llama_json() {
  return parsed(R"({"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_act":"silu",
    "hidden_size":64,"num_hidden_layers":3,"num_attention_heads":4,"num_key_value_heads":2,
    "intermediate_size":96,"vocab_size":300,"max_position_embeddings":512,"rms_norm_eps":1e-05,
    "rope_theta":500000.0,"bos_token_id":1,"eos_token_id":[2,3],"tie_word_embeddings":true})");
}

// The same of another family.
inline json::Value family_json(const char* model_type, const char* hf_class) {
  json::Value config = llama_json();
  config.set("architectures", json::Array{hf_class});
  config.set("model_type", model_type);
  config.set("head_dim", 32);
  return config;
}

inline json::Value qwen3_json() { return family_json("qwen3", "Qwen3ForCausalLM"); }

inline kernels::ModelConfig accepted(const json::Value& config,
                                     const json::Value& generation = {}) {
  const auto result = kernels::config_from_hf(config, generation);
  EXPECT_TRUE(result) << result.error().message;
  return result.value_or(kernels::ModelConfig{});
}

inline Error refused(const json::Value& config, const json::Value& generation = {}) {
  const auto result = kernels::config_from_hf(config, generation);
  EXPECT_FALSE(result) << json::dump(config);
  return result ? Error{} : result.error();
}

}  // namespace conduit::testing
