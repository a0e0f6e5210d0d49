// Logprob entries → JSON.
#include "cluster/gateway/logprobs.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "mdl/base/utf8.h"

namespace conduit::cluster {

namespace {

// OpenAI's number for a probability of zero, which JSON cannot write.
constexpr double kImpossible = -9999.0;

double finite(float logprob) { return std::isfinite(logprob) ? logprob : kImpossible; }

// The tokens of an answer or of a prompt, each with the best ones of its place.
struct Entries {
  const std::vector<wire::Logprob>& values;
  const std::vector<std::string>& bytes;

  double logprob(std::size_t entry) const { return finite(values[entry].logprob()); }
  const std::string& bytes_of(std::size_t entry) const {
    static const std::string none;
    return entry < bytes.size() ? bytes[entry] : none;
  }
  // A token of a model without a tokenizer has only its id: vLLM's way to write that.
  std::string spelling(std::size_t entry) const {
    if (entry >= bytes.size()) return "token_id:" + std::to_string(values[entry].token());
    return utf8::replace_invalid(bytes[entry]);
  }
};

Entries answer_of(const actors::TokenChunk& chunk) { return {chunk.logprobs, chunk.logprob_bytes}; }
Entries prompt_of(const actors::TokenChunk& chunk) {
  return {chunk.prompt_logprobs, chunk.prompt_logprob_bytes};
}

// Entries of each token of the answer.
std::size_t answer_stride(const actors::TokenChunk& chunk) {
  return chunk.tokens.empty() ? 0 : chunk.logprobs.size() / chunk.tokens.size();
}

// … and of each token of the prompt but the first, which has one.
std::size_t prompt_stride(const actors::TokenChunk& chunk) {
  if (chunk.prompt_ranks.empty() || chunk.prompt_logprobs.empty()) return 0;
  return (chunk.prompt_logprobs.size() - 1) / chunk.prompt_ranks.size();
}

json::Value chat_entry(const Entries& entries, std::size_t entry) {
  json::Array bytes;
  for (unsigned char byte : entries.bytes_of(entry)) bytes.emplace_back(byte);
  return json::Object{{"token", entries.spelling(entry)},
                      {"logprob", entries.logprob(entry)},
                      {"bytes", std::move(bytes)}};
}

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

// The four lists of a completion, token after token.
class CompletionLists {
 public:
  explicit CompletionLists(std::size_t& offset) : offset_(offset) {}

  // The token of `first` and what follows it up to `end`: the best ones of its place.
  void add(const Entries& entries, std::size_t first, std::size_t end) {
    const std::string token = begin(entries, first);
    logprobs_.emplace_back(entries.logprob(first));
    json::Value best = json::Object{};
    // Different tokens may be spelled alike; the likeliest of them stays.
    for (std::size_t i = first + 1; i < end; ++i)
      if (std::string key = entries.spelling(i); best.find(key) == nullptr)
        best.set(std::move(key), entries.logprob(i));
    if (best.find(token) == nullptr) best.set(token, logprobs_.back());
    top_.push_back(std::move(best));
  }
  // A token before which nothing was.
  void add_first(const Entries& entries, std::size_t first) {
    begin(entries, first);
    logprobs_.emplace_back(nullptr);
    top_.emplace_back(nullptr);
  }
  json::Value take() {
    return json::Object{{"text_offset", std::move(offsets_)},
                        {"token_logprobs", std::move(logprobs_)},
                        {"tokens", std::move(tokens_)},
                        {"top_logprobs", std::move(top_)}};
  }

 private:
  std::string begin(const Entries& entries, std::size_t entry) {
    std::string token = entries.spelling(entry);
    offsets_.emplace_back(offset_);
    offset_ += characters(token);
    tokens_.emplace_back(token);
    return token;
  }

  std::size_t& offset_;
  json::Array offsets_, logprobs_, tokens_, top_;
};

}  // namespace

json::Value chat_logprobs(const actors::TokenChunk& chunk) {
  const Entries entries = answer_of(chunk);
  const std::size_t stride = answer_stride(chunk);
  json::Array content;
  for (std::size_t t = 0; stride > 0 && t < chunk.tokens.size(); ++t) {
    json::Value token = chat_entry(entries, t * stride);
    json::Array best;
    for (std::size_t i = 1; i < stride; ++i) best.push_back(chat_entry(entries, t * stride + i));
    token.set("top_logprobs", std::move(best));
    content.push_back(std::move(token));
  }
  return json::Object{{"content", std::move(content)}, {"refusal", nullptr}};
}

json::Value completion_logprobs(const actors::TokenChunk& chunk, std::size_t& offset,
                                bool with_prompt) {
  CompletionLists lists(offset);
  if (with_prompt && !chunk.prompt_logprobs.empty()) {
    const std::size_t stride = prompt_stride(chunk);
    lists.add_first(prompt_of(chunk), 0);
    for (std::size_t t = 0; stride > 0 && t < chunk.prompt_ranks.size(); ++t)
      lists.add(prompt_of(chunk), 1 + t * stride, 1 + (t + 1) * stride);
  }
  const std::size_t stride = answer_stride(chunk);
  for (std::size_t t = 0; stride > 0 && t < chunk.tokens.size(); ++t)
    lists.add(answer_of(chunk), t * stride, (t + 1) * stride);
  return lists.take();
}

json::Value prompt_logprobs(const actors::TokenChunk& chunk) {
  if (chunk.prompt_logprobs.empty()) return nullptr;
  const Entries entries = prompt_of(chunk);
  const std::size_t stride = prompt_stride(chunk);
  json::Array tokens = {nullptr};
  for (std::size_t t = 0; stride > 0 && t < chunk.prompt_ranks.size(); ++t) {
    json::Value token = json::Object{};
    for (std::size_t i = 0; i < stride; ++i) {
      const std::size_t entry = 1 + t * stride + i;
      // The prompt's own token comes first; among the best it is the same again.
      token.set(std::to_string(entries.values[entry].token()),
                json::Object{{"logprob", entries.logprob(entry)},
                             {"rank", i == 0 ? static_cast<std::size_t>(chunk.prompt_ranks[t]) : i},
                             {"decoded_token", entries.spelling(entry)}});
    }
    tokens.push_back(std::move(token));
  }
  return tokens;
}

}  // namespace conduit::cluster
