// Gathering and blending.
#include "kernels/engine/masked_logits.h"

#include <algorithm>
#include <limits>

#include "kernels/engine/sampler.h"

// As in sampler.cc: also compiled for wider vectors, where a bit of the mask becomes a bit of a
// mask register, and chosen when the program starts.
#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define CONDUIT_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define CONDUIT_CLONES
#endif

namespace conduit::kernels {
namespace {

constexpr std::size_t kWord = 64;  // bits
constexpr float kForbidden = -std::numeric_limits<float>::infinity();

// out[i] = bit i of words ? row[i] : -infinity, for whole words.
CONDUIT_CLONES void blend(const float* row, const std::uint64_t* words, std::size_t count,
                          float* out) {
  constexpr std::size_t kLanes = 32;
  for (std::size_t half = 0; half < 2 * count; ++half) {
    const auto bits = static_cast<std::uint32_t>(words[half / 2] >> (half % 2 * kLanes));
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const bool is_allowed = (bits & (std::uint32_t{1} << lane)) != 0;
      out[half * kLanes + lane] = is_allowed ? row[half * kLanes + lane] : kForbidden;
    }
  }
}

}  // namespace

mdl::Mask with(mdl::Mask mask, TokenId token) {
  const auto id = static_cast<std::size_t>(token);
  if (mask.is_sparse) {
    const auto place = std::ranges::lower_bound(mask.ids, token);
    if (place == mask.ids.end() || *place != token) mask.ids.insert(place, token);
  } else {
    if (mask.bits.size() <= id / kWord) mask.bits.resize(id / kWord + 1);
    mask.bits[id / kWord] |= std::uint64_t{1} << (id % kWord);
  }
  return mask;
}

MaskedLogits::MaskedLogits(std::span<const float> row, const mdl::Mask& mask) {
  if (mask.is_sparse) {
    for (TokenId id : mask.ids) {
      if (static_cast<std::size_t>(id) >= row.size()) break;
      logits_.push_back(row[static_cast<std::size_t>(id)]);
      ids_.push_back(id);
    }
    return;
  }
  logits_.resize(row.size(), kForbidden);
  const std::size_t words = std::min(row.size() / kWord, mask.bits.size());
  blend(row.data(), mask.bits.data(), words, logits_.data());
  for (std::size_t id = words * kWord; id < std::min(row.size(), mask.bits.size() * kWord); ++id)
    if ((mask.bits[id / kWord] >> (id % kWord) & 1) != 0) logits_[id] = row[id];
}

std::optional<TokenId> MaskedLogits::sample(const Sampling& sampling, std::uint64_t index) const {
  if (logits_.empty()) return std::nullopt;
  const auto drawn = kernels::sample(logits_, sampling, index);
  if (!drawn || ids_.empty()) return drawn;
  return ids_[static_cast<std::size_t>(*drawn)];
}

}  // namespace conduit::kernels
