// Filters and draws. Weights are unnormalised probabilities, exp((logit - largest) / temperature),
// in float64: the largest is 1, so nothing overflows.
#include "kernels/engine/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <queue>
#include <tuple>
#include <utility>

namespace conduit::kernels {
namespace {

using Candidates = std::vector<TokenProbability>;

bool is_more_probable(const TokenProbability& a, const TokenProbability& b) {
  return std::tie(b.probability, a.id) < std::tie(a.probability, b.id);
}

// The lowest id of the largest logit; nothing when there is no such.
std::optional<TokenId> best_token(std::span<const float> logits) {
  float best = -std::numeric_limits<float>::infinity();
  TokenId id = 0;
  bool has_nan = false;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    has_nan |= logits[i] != logits[i];
    if (logits[i] > best) {
      best = logits[i];
      id = static_cast<TokenId>(i);
    }
  }
  if (has_nan || !std::isfinite(best)) return std::nullopt;
  return id;
}

// The k-th largest value, in one pass over a heap of the k best so far.
float kth_largest(std::span<const float> logits, std::size_t k) {
  const std::span<const float> first = logits.first(k);
  std::priority_queue<float, std::vector<float>, std::greater<>> best(first.begin(), first.end());
  for (float logit : logits.subspan(k)) {
    if (logit <= best.top()) continue;
    best.pop();
    best.push(logit);
  }
  return best.top();
}

double total(const Candidates& candidates) {
  double sum = 0;
  for (const TokenProbability& candidate : candidates) sum += candidate.probability;
  return sum;
}

// Temperature and top-k: every token that stays, with its weight, by rising id.
Candidates weigh(std::span<const float> logits, float largest, const Sampling& sampling) {
  float least = -std::numeric_limits<float>::infinity();
  if (sampling.top_k > 0 && static_cast<std::size_t>(sampling.top_k) < logits.size()) {
    least = kth_largest(logits, static_cast<std::size_t>(sampling.top_k));
  }
  Candidates candidates;
  if (sampling.top_k == 0) candidates.reserve(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] < least || std::isinf(logits[i])) continue;
    const double scaled = (double{logits[i]} - double{largest}) / double{sampling.temperature};
    candidates.push_back({static_cast<TokenId>(i), std::exp(scaled)});
  }
  return candidates;
}

// The fewest, most probable candidates whose mass reaches top_p. All n below (1 - top_p) / n
// together have less than 1 - top_p, so the rest reaches it and they can go unsorted; of the rest a
// part is sorted that grows fourfold until it suffices. A language model's nucleus is mostly a few
// hundred of its vocabulary.
void keep_nucleus(Candidates& candidates, double top_p) {
  constexpr std::size_t kFirstPart = 256;
  const double all = total(candidates);
  const double wanted = top_p * all;
  std::erase_if(candidates,
                [limit = (1 - top_p) * all / static_cast<double>(candidates.size())](
                    const TokenProbability& candidate) { return candidate.probability < limit; });
  double mass = 0;
  std::size_t sorted = 0;
  while (sorted < candidates.size()) {
    const std::size_t part = std::min(candidates.size(), std::max(kFirstPart, sorted * 4));
    const auto begin = candidates.begin() + static_cast<std::ptrdiff_t>(sorted);
    const auto end = candidates.begin() + static_cast<std::ptrdiff_t>(part);
    if (end != candidates.end()) {
      std::nth_element(begin, end, candidates.end(), is_more_probable);
    }
    std::sort(begin, end, is_more_probable);
    for (; sorted < part; ++sorted) {
      mass += candidates[sorted].probability;
      if (mass >= wanted) {
        candidates.resize(sorted + 1);
        return;
      }
    }
  }
}

// The fewest candidates whose mass reaches typical_p, those first whose surprise, -log p, is
// nearest to its expectation; ties with the last of them stay. Meister, Pimentel, Wiher, Cotterell,
// "Locally typical sampling", TACL 2023.
void keep_typical(Candidates& candidates, double typical_p) {
  const double all = total(candidates);
  const auto surprise = [all](const TokenProbability& c) { return -std::log(c.probability / all); };
  std::erase_if(candidates, [](const TokenProbability& c) { return c.probability == 0; });
  double expected = 0;
  for (const TokenProbability& c : candidates) expected += c.probability / all * surprise(c);
  const auto distance = [&](const TokenProbability& c) { return std::abs(surprise(c) - expected); };
  std::sort(candidates.begin(), candidates.end(),
            [&](const TokenProbability& a, const TokenProbability& b) {
              return std::pair(distance(a), a.id) < std::pair(distance(b), b.id);
            });
  double mass = 0;
  std::size_t kept = 0;
  while (kept < candidates.size() && mass < typical_p * all) mass += candidates[kept++].probability;
  while (kept > 0 && kept < candidates.size() &&
         distance(candidates[kept]) == distance(candidates[kept - 1]))
    ++kept;
  candidates.resize(kept);
}

void keep_probable(Candidates& candidates, double min_p) {
  double largest = 0;
  for (const TokenProbability& candidate : candidates) {
    largest = std::max(largest, candidate.probability);
  }
  std::erase_if(candidates, [limit = min_p * largest](const TokenProbability& candidate) {
    return candidate.probability < limit;
  });
}

// What is left after all filters, not yet normalised.
Candidates filter(std::span<const float> logits, const Sampling& sampling) {
  const std::optional<TokenId> best = best_token(logits);
  if (!best) return {};
  if (sampling.temperature == 0) return {{*best, 1.0}};
  Candidates candidates = weigh(logits, logits[static_cast<std::size_t>(*best)], sampling);
  if (sampling.top_p < 1) keep_nucleus(candidates, double{sampling.top_p});
  if (sampling.typical_p < 1) keep_typical(candidates, double{sampling.typical_p});
  if (sampling.min_p > 0) keep_probable(candidates, double{sampling.min_p});
  return candidates;
}

}  // namespace

std::vector<TokenProbability> distribution(std::span<const float> logits,
                                           const Sampling& sampling) {
  Candidates candidates = filter(logits, sampling);
  const double sum = total(candidates);
  for (TokenProbability& candidate : candidates) candidate.probability /= sum;
  return candidates;
}

std::optional<TokenId> sample(std::span<const float> logits, const Sampling& sampling,
                              std::uint64_t index) {
  if (sampling.temperature == 0) return best_token(logits);
  const Candidates candidates = filter(logits, sampling);
  if (candidates.empty()) return std::nullopt;
  double left = uniform_draw(sampling.seed, index) * total(candidates);
  std::optional<TokenId> last;  // where rounding lets the draw run past the end
  for (const TokenProbability& candidate : candidates) {
    if (candidate.probability == 0) continue;
    last = candidate.id;
    left -= candidate.probability;
    if (left < 0) break;
  }
  return last;
}

double uniform_draw(std::uint64_t seed, std::uint64_t index) {
  constexpr std::uint32_t kMultipliers[2] = {0xD2511F53, 0xCD9E8D57};
  constexpr std::uint32_t kWeyl[2] = {0x9E3779B9, 0xBB67AE85};  // golden ratio, sqrt(3) - 1
  constexpr int kRounds = 10;
  constexpr double kUnit = 0x1p-53;  // a double in [0, 1) has 53 bits
  std::array<std::uint32_t, 4> x = {static_cast<std::uint32_t>(index),
                                    static_cast<std::uint32_t>(index >> 32), 0, 0};
  std::array<std::uint32_t, 2> key = {static_cast<std::uint32_t>(seed),
                                      static_cast<std::uint32_t>(seed >> 32)};
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t a = std::uint64_t{kMultipliers[0]} * x[0];
    const std::uint64_t b = std::uint64_t{kMultipliers[1]} * x[2];
    x = {static_cast<std::uint32_t>(b >> 32) ^ x[1] ^ key[0], static_cast<std::uint32_t>(b),
         static_cast<std::uint32_t>(a >> 32) ^ x[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key = {key[0] + kWeyl[0], key[1] + kWeyl[1]};
  }
  return static_cast<double>((std::uint64_t{x[0]} << 32 | x[1]) >> 11) * kUnit;
}

std::vector<TokenLogprob> logprobs(std::span<const float> logits, TokenId chosen, int best) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float logit : logits) sum += std::exp(double{logit} - double{largest});
  const double log_sum = double{largest} + std::log(sum);
  const auto logprob = [&](std::size_t id) {
    return TokenLogprob{static_cast<TokenId>(id), static_cast<float>(double{logits[id]} - log_sum)};
  };

  const std::size_t count = std::min(static_cast<std::size_t>(best), logits.size());
  std::vector<std::size_t> ids;
  if (count > 0) {
    const float least = kth_largest(logits, count);
    for (std::size_t id = 0; id < logits.size(); ++id) {
      if (logits[id] >= least) ids.push_back(id);
    }
    std::stable_sort(ids.begin(), ids.end(),
                     [&](std::size_t a, std::size_t b) { return logits[a] > logits[b]; });
    ids.resize(count);
  }
  std::vector<TokenLogprob> out = {logprob(static_cast<std::size_t>(chosen))};
  for (std::size_t id : ids) out.push_back(logprob(id));
  return out;
}

int rank(std::span<const float> logits, TokenId id) {
  const float logit = logits[static_cast<std::size_t>(id)];
  return static_cast<int>(
      std::count_if(logits.begin(), logits.end(), [logit](float other) { return other >= logit; }));
}

}  // namespace conduit::kernels
