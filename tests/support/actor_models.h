// Opened tiny models and requests for the tests of actors.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "actors/messages.h"
#include "kernels/model/model.h"
#include "tests/support/tiny_model.h"

namespace conduit::testing {

// In memory; the file it came from is gone.
std::shared_ptr<const kernels::Model> open_tiny_model(const TinyModelOptions& options = {});

// The id of the token that stands for one byte in every tiny tokenizer.
constexpr std::int32_t byte_token(char byte) { return 3 + static_cast<unsigned char>(byte); }
std::vector<std::int32_t> byte_tokens(std::string_view text);

// A text prompt for model "tiny", greedy.
actors::GenerateRequest text_request(std::uint64_t id, std::string prompt = "Hi");

}  // namespace conduit::testing
