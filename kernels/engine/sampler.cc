// Filters and draws. Weights are unnormalised probabilities, exp((logit - largest) / temperature),
// in float64: the largest is 1, so nothing overflows.
#include "kernels/engine/sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <queue>
#include <tuple>
#include <utility>

// A function that passes over the vocabulary, also compiled for wider vectors and chosen when the
// program starts. Sanitizers are not ready by then.
#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define CONDUIT_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define CONDUIT_CLONES
#endif

namespace conduit::kernels {
namespace {

using Candidates = std::vector<TokenProbability>;

bool is_more_probable(const TokenProbability& a, const TokenProbability& b) {
  return std::tie(b.probability, a.id) < std::tie(a.probability, b.id);
}

// Elements that are looked at together. Plain loops over as many, without a branch, become vector
// instructions.
constexpr std::size_t kBlock = 64;
// A token is left out before its weight is known only if it lies clearly below the limit: by more,
// in the exponent, than float32 logits are rounded.
constexpr double kGuard = 1e-3;

// kBlock logits from `first` on; what is beyond the last is -infinity.
using Block = std::array<float, kBlock>;
Block block_at(std::span<const float> logits, std::size_t first) {
  Block block;
  const std::size_t count = std::min(kBlock, logits.size() - first);
  std::copy_n(logits.begin() + static_cast<std::ptrdiff_t>(first), count, block.begin());
  std::fill(block.begin() + static_cast<std::ptrdiff_t>(count), block.end(),
            -std::numeric_limits<float>::infinity());
  return block;
}

// NaN counts as lower than everything.
CONDUIT_CLONES float largest_of(const float* logits, std::size_t blocks, bool& has_nan) {
  constexpr std::size_t kLanes = 16;
  std::array<float, kLanes> largest;
  std::array<std::uint32_t, kLanes> nan{};
  largest.fill(-std::numeric_limits<float>::infinity());
  for (std::size_t i = 0; i < blocks * kBlock; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const float logit = logits[i + lane];
      largest[lane] = logit > largest[lane] ? logit : largest[lane];
      nan[lane] |= logit != logit ? 1u : 0u;
    }
  }
  for (std::uint32_t lane : nan) has_nan |= lane != 0;
  return *std::max_element(largest.begin(), largest.end());
}

// The lowest id of the largest logit; nothing when there is no such.
std::optional<TokenId> best_token(std::span<const float> logits) {
  const std::size_t blocks = logits.size() / kBlock;
  bool has_nan = false;
  float best = largest_of(logits.data(), blocks, has_nan);
  if (blocks * kBlock < logits.size())
    best = std::max(best, largest_of(block_at(logits, blocks * kBlock).data(), 1, has_nan));
  if (has_nan || !std::isfinite(best)) return std::nullopt;
  return static_cast<TokenId>(std::find(logits.begin(), logits.end(), best) - logits.begin());
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

// e^x for x <= 0 within 4 units in the last place, in operations that vectorise: x = n ln 2 + r,
// e^r by its Taylor polynomial to r^13, 2^n by its bits. Below -708, near the end of the normal
// range, 0.
inline double exp_of(double x) {
  constexpr double kLeast = -708;
  constexpr double kRound = 0x1.8p52;  // adding it leaves the nearest whole number in the low bits
  const double clamped = x > kLeast ? x : kLeast;
  const double shifted = clamped * 1.4426950408889634 + kRound;  // 1 / ln 2
  const double n = shifted - kRound;
  // ln 2 in two parts: the first has few bits, so that n times it is exact.
  const double r = (clamped - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
  double sum = 1.0 / 6227020800;
  sum = sum * r + 1.0 / 479001600;
  sum = sum * r + 1.0 / 39916800;
  sum = sum * r + 1.0 / 3628800;
  sum = sum * r + 1.0 / 362880;
  sum = sum * r + 1.0 / 40320;
  sum = sum * r + 1.0 / 5040;
  sum = sum * r + 1.0 / 720;
  sum = sum * r + 1.0 / 120;
  sum = sum * r + 1.0 / 24;
  sum = sum * r + 1.0 / 6;
  sum = sum * r + 0.5;
  sum = sum * r + 1;
  sum = sum * r + 1;
  const auto bits =
      std::bit_cast<std::uint64_t>(sum) + (std::bit_cast<std::uint64_t>(shifted) << 52);
  return x > kLeast ? std::bit_cast<double>(bits) : 0;
}

// How far logits are from the largest, in units of the temperature, as e^-distance.
struct TokenWeights {
  double largest = 0;
  double temperature = 1;

  double of(float logit) const { return exp_of((double{logit} - largest) / temperature); }
};
TokenWeights weights_of(std::span<const float> logits, TokenId best, const Sampling& sampling) {
  return {double{logits[static_cast<std::size_t>(best)]}, double{sampling.temperature}};
}

// Of kBlock logits, and their sum.
CONDUIT_CLONES double weigh_block(const float* logits, const TokenWeights& weights, double* out) {
  const double largest = weights.largest;
  const double temperature = weights.temperature;
  std::array<double, 8> sums{};
  for (std::size_t i = 0; i < kBlock; ++i)
    out[i] = exp_of((double{logits[i]} - largest) / temperature);
  for (std::size_t i = 0; i < kBlock; i += sums.size())
    for (std::size_t lane = 0; lane < sums.size(); ++lane) sums[lane] += out[i + lane];
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

// The weights of all logits, summed up block by block: [blocks].
std::vector<double> block_masses(std::span<const float> logits, const TokenWeights& weights) {
  std::vector<double> masses;
  masses.reserve(logits.size() / kBlock + 1);
  std::array<double, kBlock> out;
  for (std::size_t first = 0; first < logits.size(); first += kBlock) {
    const bool is_whole = first + kBlock <= logits.size();
    masses.push_back(weigh_block(is_whole ? logits.data() + first : block_at(logits, first).data(),
                                 weights, out.data()));
  }
  return masses;
}

double sum_of(const std::vector<double>& masses) {
  return std::accumulate(masses.begin(), masses.end(), 0.0);
}

double total(const Candidates& candidates) {
  double sum = 0;
  for (const TokenProbability& candidate : candidates) sum += candidate.probability;
  return sum;
}

// Every token of at least this logit, with its weight, by rising id.
Candidates candidates_from(std::span<const float> logits, float least,
                           const TokenWeights& weights) {
  Candidates candidates;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] < least || std::isinf(logits[i])) continue;
    candidates.push_back({static_cast<TokenId>(i), weights.of(logits[i])});
  }
  return candidates;
}

// A logit clearly below all whose weight is at least `weight`.
float logit_below(double weight, const TokenWeights& weights) {
  const double exponent = std::log(weight) - kGuard;
  return static_cast<float>(weights.largest + exponent * weights.temperature -
                            kGuard * std::abs(weights.largest));
}

// What a weight below cannot be in the nucleus: of n tokens, all below (1 - top_p) / n together
// have less than 1 - top_p, so the rest reaches top_p.
double nucleus_limit(double all, double top_p, std::size_t n) {
  return (1 - top_p) * all / static_cast<double>(n);
}

// Keeps the fewest items, by `is_before`, whose mass reaches `wanted`, in that order. A part is
// sorted that grows fourfold until it suffices: of a language model's vocabulary mostly a few
// hundred tokens do.
template <class Item, class Order, class Probability>
void keep_mass(std::vector<Item>& items, double wanted, Order is_before, Probability probability) {
  constexpr std::size_t kFirstPart = 256;
  double mass = 0;
  std::size_t sorted = 0;
  while (sorted < items.size()) {
    const std::size_t part = std::min(items.size(), std::max(kFirstPart, sorted * 4));
    const auto begin = items.begin() + static_cast<std::ptrdiff_t>(sorted);
    const auto end = items.begin() + static_cast<std::ptrdiff_t>(part);
    if (end != items.end()) std::nth_element(begin, end, items.end(), is_before);
    std::sort(begin, end, is_before);
    for (; sorted < part; ++sorted) {
      mass += probability(items[sorted]);
      if (mass < wanted) continue;
      items.resize(sorted + 1);
      return;
    }
  }
}

// The fewest, most probable candidates whose mass reaches top_p of `all`.
void keep_nucleus(Candidates& candidates, double top_p, double all) {
  keep_mass(candidates, top_p * all, is_more_probable,
            [](const TokenProbability& candidate) { return candidate.probability; });
}

// The fewest candidates whose mass reaches typical_p, those first whose surprise, -log p, is
// nearest to its expectation; ties with the last of them stay. Meister, Pimentel, Wiher, Cotterell,
// "Locally typical sampling", TACL 2023.
void keep_typical(Candidates& candidates, double typical_p) {
  struct Item {
    double distance;
    TokenProbability candidate;
  };
  const double all = total(candidates);
  std::vector<Item> items;
  double expected = 0;
  for (const TokenProbability& candidate : candidates) {
    if (candidate.probability == 0) continue;
    const double surprise = -std::log(candidate.probability / all);
    expected += candidate.probability / all * surprise;
    items.push_back({surprise, candidate});
  }
  for (Item& item : items) item.distance = std::abs(item.distance - expected);
  const auto is_nearer = [](const Item& a, const Item& b) {
    return std::tie(a.distance, a.candidate.id) < std::tie(b.distance, b.candidate.id);
  };
  std::vector<Item> kept = items;
  keep_mass(kept, typical_p * all, is_nearer,
            [](const Item& item) { return item.candidate.probability; });
  const double farthest = kept.empty() ? 0 : kept.back().distance;
  std::erase_if(items, [&](const Item& item) { return item.distance > farthest; });
  std::sort(items.begin(), items.end(), is_nearer);
  candidates.clear();
  for (const Item& item : items) candidates.push_back(item.candidate);
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

bool has_top_k(std::span<const float> logits, const Sampling& sampling) {
  return sampling.top_k > 0 && static_cast<std::size_t>(sampling.top_k) < logits.size();
}

bool has_filters(std::span<const float> logits, const Sampling& sampling) {
  return has_top_k(logits, sampling) || sampling.top_p < 1 || sampling.typical_p < 1 ||
         sampling.min_p > 0;
}

// What is left after all filters, not yet normalised. Tokens that one of them will take away for
// certain are left out beforehand.
Candidates filter(std::span<const float> logits, const TokenWeights& weights,
                  const Sampling& sampling) {
  float least = -std::numeric_limits<float>::infinity();
  double all = 0;
  if (has_top_k(logits, sampling)) {
    least = kth_largest(logits, static_cast<std::size_t>(sampling.top_k));
  } else if (sampling.top_p < 1) {
    all = sum_of(block_masses(logits, weights));
    least = logit_below(nucleus_limit(all, double{sampling.top_p}, logits.size()), weights);
  } else if (sampling.typical_p == 1 && sampling.min_p > 0) {
    least = logit_below(double{sampling.min_p}, weights);
  }
  Candidates candidates = candidates_from(logits, least, weights);
  if (sampling.top_p < 1)
    keep_nucleus(candidates, double{sampling.top_p}, all > 0 ? all : total(candidates));
  if (sampling.typical_p < 1) keep_typical(candidates, double{sampling.typical_p});
  if (sampling.min_p > 0) keep_probable(candidates, double{sampling.min_p});
  return candidates;
}

std::optional<TokenId> draw(const Candidates& candidates, double uniform) {
  double left = uniform * total(candidates);
  std::optional<TokenId> last;  // where rounding lets the draw run past the end
  for (const TokenProbability& candidate : candidates) {
    if (candidate.probability == 0) continue;
    last = candidate.id;
    left -= candidate.probability;
    if (left < 0) break;
  }
  return last;
}

// The same of the whole vocabulary: the block first, then the token in it.
std::optional<TokenId> draw_from_all(std::span<const float> logits, const TokenWeights& weights,
                                     double uniform) {
  const std::vector<double> masses = block_masses(logits, weights);
  double left = uniform * sum_of(masses);
  std::size_t block = 0;
  std::size_t last = 0;  // the last block that has any mass: rounding may run past the end
  for (; block < masses.size() && left >= masses[block]; ++block) {
    left -= masses[block];
    if (masses[block] > 0) last = block;
  }
  const bool is_past = block == masses.size();
  if (is_past) block = last;
  std::optional<TokenId> chosen;
  for (std::size_t i = block * kBlock; i < std::min((block + 1) * kBlock, logits.size()); ++i) {
    const double weight = weights.of(logits[i]);
    if (weight == 0) continue;
    chosen = static_cast<TokenId>(i);
    left -= weight;
    if (left < 0 && !is_past) break;
  }
  return chosen;
}

}  // namespace

std::vector<TokenProbability> distribution(std::span<const float> logits,
                                           const Sampling& sampling) {
  const std::optional<TokenId> best = best_token(logits);
  if (!best) return {};
  if (sampling.temperature == 0) return {{*best, 1.0}};
  Candidates candidates = filter(logits, weights_of(logits, *best, sampling), sampling);
  const double sum = total(candidates);
  for (TokenProbability& candidate : candidates) candidate.probability /= sum;
  return candidates;
}

std::optional<TokenId> sample(std::span<const float> logits, const Sampling& sampling,
                              std::uint64_t index) {
  const std::optional<TokenId> best = best_token(logits);
  if (!best || sampling.temperature == 0) return best;
  const TokenWeights weights = weights_of(logits, *best, sampling);
  const double uniform = uniform_draw(sampling.seed, index);
  if (!has_filters(logits, sampling)) return draw_from_all(logits, weights, uniform);
  return draw(filter(logits, weights, sampling), uniform);
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
  const double largest = *std::max_element(logits.begin(), logits.end());
  const double log_sum = largest + std::log(sum_of(block_masses(logits, {largest, 1})));
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
