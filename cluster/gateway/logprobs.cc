// Logprob entries → JSON.
#include "cluster/gateway/logprobs.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "mdl/base/utf8.h"

namespace conduit::cluster {

namespace {

// OpenAI's number for a probability of zero, which JSON cannot write.
constexpr double kImpossible = -9999.0;

double finite(float logprob) { return std::isfinite(logprob) ? logprob : kImpossible; }

std::size_t entries_per_token(const actors::TokenChunk& chunk) {
  return chunk.tokens.empty() ? 0 : chunk.logprobs.size() / chunk.tokens.size();
}

const std::string& bytes_of(const actors::TokenChunk& chunk, std::size_t entry) {
  static const std::string none;
  return entry < chunk.logprob_bytes.size() ? chunk.logprob_bytes[entry] : none;
}

// A token of a model without a tokenizer has only its id: vLLM's way to write that.
std::string spelling(const actors::TokenChunk& chunk, std::size_t entry) {
  if (chunk.logprob_bytes.empty() || entry >= chunk.logprob_bytes.size())
    return "token_id:" + std::to_string(chunk.logprobs[entry].token());
  return utf8::replace_invalid(chunk.logprob_bytes[entry]);
}

json::Value chat_entry(const actors::TokenChunk& chunk, std::size_t entry) {
  json::Array bytes;
  for (unsigned char byte : bytes_of(chunk, entry)) bytes.emplace_back(byte);
  return json::Object{{"token", spelling(chunk, entry)},
                      {"logprob", finite(chunk.logprobs[entry].logprob())},
                      {"bytes", std::move(bytes)}};
}

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

json::Value chat_logprobs(const actors::TokenChunk& chunk) {
  const std::size_t stride = entries_per_token(chunk);
  json::Array content;
  for (std::size_t t = 0; stride > 0 && t < chunk.tokens.size(); ++t) {
    json::Value token = chat_entry(chunk, t * stride);
    json::Array best;
    for (std::size_t i = 1; i < stride; ++i) best.push_back(chat_entry(chunk, t * stride + i));
    token.set("top_logprobs", std::move(best));
    content.push_back(std::move(token));
  }
  return json::Object{{"content", std::move(content)}, {"refusal", nullptr}};
}

json::Value completion_logprobs(const actors::TokenChunk& chunk, std::size_t& offset) {
  const std::size_t stride = entries_per_token(chunk);
  json::Array offsets, logprobs, tokens, top;
  for (std::size_t t = 0; stride > 0 && t < chunk.tokens.size(); ++t) {
    std::string token = spelling(chunk, t * stride);
    offsets.emplace_back(offset);
    offset += characters(token);
    logprobs.emplace_back(finite(chunk.logprobs[t * stride].logprob()));
    json::Value best = json::Object{};
    // Different tokens may be spelled alike; the likeliest of them stays.
    for (std::size_t i = t * stride + 1; i < (t + 1) * stride; ++i)
      if (std::string key = spelling(chunk, i); best.find(key) == nullptr)
        best.set(std::move(key), finite(chunk.logprobs[i].logprob()));
    if (best.find(token) == nullptr) best.set(token, logprobs.back());
    top.push_back(std::move(best));
    tokens.emplace_back(std::move(token));
  }
  return json::Object{{"text_offset", std::move(offsets)},
                      {"token_logprobs", std::move(logprobs)},
                      {"tokens", std::move(tokens)},
                      {"top_logprobs", std::move(top)}};
}

}  // namespace conduit::cluster
