// Attention over pages and writing into them, against plain arithmetic on unpaged keys and values.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/half.h"
#include "tests/kernels/cpu/cpu_devices.h"

namespace conduit::kernels {
namespace {

struct Case {
  int heads, kv_heads, head_dim, page_size;
};
constexpr Case kCases[] = {{9, 3, 64, 32},  {4, 4, 16, 16},  {8, 2, 48, 5},
                           {3, 1, 80, 33},  {6, 2, 128, 48}, {2, 1, 20, 8},
                           {14, 1, 64, 32}, {4, 1, 256, 32}, {2, 2, 96, 16}};

AttentionMask causal(const Case& shape) {
  return {.scale = 1 / std::sqrt(static_cast<float>(shape.head_dim))};
}

// One sequence's whole history, and a cache in which it lies on scattered pages.
class History {
 public:
  History(const Case& shape, std::int64_t tokens, std::uint64_t seed)
      : q(Rows::random(tokens, shape.heads * shape.head_dim, seed)),
        k(Rows::random(tokens, shape.kv_heads * shape.head_dim, seed + 1)),
        v(Rows::random(tokens, shape.kv_heads * shape.head_dim, seed + 2)) {}
  Rows q, k, v;
};

KvPages make_cache(Device& device, const Case& shape, std::int64_t pages, DType dtype) {
  auto kv = device.allocate_kv(2, pages, shape.page_size, shape.kv_heads, shape.head_dim, dtype);
  CONDUIT_CHECK(kv, "a small cache fits");
  // As a cache that has been in use: what no token wrote must not be read.
  std::fill_n(kv->storage.data, kv->storage.bytes, std::byte{0x7E});
  return *std::move(kv);
}

std::vector<std::int32_t> shuffled_pages(std::int64_t count, std::uint64_t seed) {
  std::vector<std::int32_t> pages(static_cast<std::size_t>(count));
  std::iota(pages.begin(), pages.end(), 0);
  std::shuffle(pages.begin(), pages.end(), std::mt19937_64(seed));
  return pages;
}

Tensor slice(Rows& rows, std::int64_t first, std::int64_t count) {
  return {rows.tensor().row(first), count, rows.tensor().cols};
}

std::vector<double> exact_attention(const Case& shape, History& h, const AttentionMask& mask,
                                    std::int64_t token, DType dtype) {
  const std::int64_t from =
      mask.window > 0 ? std::max<std::int64_t>(token + 1 - mask.window, 0) : 0;
  const std::int64_t until = mask.is_causal ? token + 1 : h.q.tensor().rows;
  const auto stored = [&](float value) {
    if (dtype == DType::bf16) return bf16_to_float(float_to_bf16(value));
    return dtype == DType::f16 ? half_to_float(float_to_half(value)) : value;
  };
  std::vector<double> out;
  for (int head = 0; head < shape.heads; ++head) {
    const int kv_head = head / (shape.heads / shape.kv_heads);
    const float* q = h.q.tensor().row(token) + head * shape.head_dim;
    std::vector<double> weights;
    for (std::int64_t past = from; past < until; ++past) {
      const float* k = h.k.tensor().row(past) + kv_head * shape.head_dim;
      double score = 0;
      for (int i = 0; i < shape.head_dim; ++i) score += double{q[i]} * double{stored(k[i])};
      score *= double{mask.scale};
      if (mask.softcap > 0) score = double{mask.softcap} * std::tanh(score / double{mask.softcap});
      weights.push_back(std::exp(score));
    }
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (int i = 0; i < shape.head_dim; ++i) {
      double sum = 0;
      for (std::int64_t past = from; past < until; ++past)
        sum += weights[static_cast<std::size_t>(past - from)] *
               double{stored(h.v.tensor().row(past)[kv_head * shape.head_dim + i])};
      out.push_back(sum / total);
    }
  }
  return out;
}

// Computes tokens [first, first + count) of a history, whose past is in the cache already.
std::vector<float> attend(Device& device, KvPages& kv, History& h, const AttentionMask& mask,
                          std::int64_t first, std::int64_t count,
                          std::span<const std::int32_t> pages) {
  const SequenceRows sequence{0, count, first, pages};
  device.append_kv(kv, 1, slice(h.k, first, count), slice(h.v, first, count), {&sequence, 1});
  Rows out = Rows::filled(count, h.q.tensor().cols, NAN);
  device.paged_attention(out.tensor(), slice(h.q, first, count), kv, 1, mask, {&sequence, 1});
  return out.values();
}

void expect_exact(const Case& shape, History& history, const AttentionMask& mask, DType dtype,
                  std::span<const float> out) {
  const auto width = static_cast<std::size_t>(shape.heads * shape.head_dim);
  const std::int64_t tokens = history.q.tensor().rows;
  // With bf16 pages weights are rounded too: 2^-9 of each of normal random values.
  const double tolerance = dtype == DType::bf16 ? 2e-2 : 5e-6;
  for (std::int64_t token = 0; token<tokens; token += tokens> 40 ? 23 : 1) {
    const std::vector<double> expected = exact_attention(shape, history, mask, token, dtype);
    for (std::size_t i = 0; i < width; ++i)
      ASSERT_NEAR(out[static_cast<std::size_t>(token) * width + i], expected[i], tolerance)
          << name_of(dtype) << " head_dim " << shape.head_dim << " page " << shape.page_size
          << " window " << mask.window << " token " << token << " of " << tokens << " at " << i;
  }
}

class CpuAttentionTest : public CpuKernelsTest {
 protected:
  // What this device can keep keys and values in.
  std::vector<DType> kv_dtypes() {
    std::vector<DType> dtypes;
    for (DType dtype : {DType::f32, DType::f16, DType::bf16})
      if (device_->allocate_kv(1, 1, 1, 1, 1, dtype)) dtypes.push_back(dtype);
    return dtypes;
  }
};

TEST_P(CpuAttentionTest, AgreesWithPlainArithmetic) {
  for (const Case& shape : kCases) {
    for (DType dtype : kv_dtypes()) {
      for (std::int64_t tokens : {1, 2, 31, 33, 130, 300}) {
        History history(shape, tokens, 1);
        const std::int64_t pages = (tokens + shape.page_size - 1) / shape.page_size + 3;
        KvPages kv = make_cache(*device_, shape, pages, dtype);
        const std::vector<std::int32_t> table = shuffled_pages(pages, 4);
        // A prompt of all but the last token, then the last one alone.
        std::vector<float> out;
        const AttentionMask mask = causal(shape);
        if (tokens > 1) out = attend(*device_, kv, history, mask, 0, tokens - 1, table);
        const std::vector<float> last = attend(*device_, kv, history, mask, tokens - 1, 1, table);
        out.insert(out.end(), last.begin(), last.end());
        expect_exact(shape, history, mask, dtype, out);
      }
    }
  }
}

TEST_P(CpuAttentionTest, WindowsHideWhatLiesBefore) {
  for (const Case& shape : kCases) {
    for (int window : {1, 5, 32, 100, 1000}) {
      AttentionMask mask = causal(shape);
      mask.window = window;
      constexpr std::int64_t kTokens = 210;
      History history(shape, kTokens, 31);
      const std::int64_t pages = (kTokens + shape.page_size - 1) / shape.page_size;
      KvPages kv = make_cache(*device_, shape, pages, DType::f32);
      const auto table = shuffled_pages(pages, 4);
      expect_exact(shape, history, mask, DType::f32,
                   attend(*device_, kv, history, mask, 0, kTokens, table));
    }
  }
}

// What a window left behind may have been given to somebody else.
TEST_P(CpuAttentionTest, PagesBeforeTheWindowAreNotRead) {
  const Case shape{4, 2, 64, 16};
  AttentionMask mask = causal(shape);
  mask.window = 40;
  constexpr std::int64_t kTokens = 100;
  History history(shape, kTokens, 32);
  KvPages kv = make_cache(*device_, shape, 7, DType::f32);
  std::vector<std::int32_t> table = shuffled_pages(7, 4);
  const std::vector<float> whole = attend(*device_, kv, history, mask, 0, kTokens, table);
  std::fill_n(table.begin(), (kTokens - 40) / 16, -1'000'000);
  const std::vector<float> last = attend(*device_, kv, history, mask, kTokens - 1, 1, table);
  EXPECT_TRUE(std::ranges::equal(last, std::span(whole).last(last.size())));
}

TEST_P(CpuAttentionTest, WithoutCausalityEveryRowSeesAll) {
  for (const Case& shape : kCases) {
    for (std::int64_t tokens : {1, 31, 130}) {
      AttentionMask mask = causal(shape);
      mask.is_causal = false;
      History history(shape, tokens, 33);
      const std::int64_t pages = (tokens + shape.page_size - 1) / shape.page_size;
      KvPages kv = make_cache(*device_, shape, pages, DType::f32);
      const auto table = shuffled_pages(pages, 4);
      expect_exact(shape, history, mask, DType::f32,
                   attend(*device_, kv, history, mask, 0, tokens, table));
    }
  }
}

TEST_P(CpuAttentionTest, SoftcapBendsScores) {
  for (const Case& shape : kCases) {
    for (float softcap : {0.5f, 50.0f}) {
      AttentionMask mask = causal(shape);
      mask.scale *= 3;
      mask.softcap = softcap;
      constexpr std::int64_t kTokens = 70;
      History history(shape, kTokens, 34);
      const std::int64_t pages = kTokens / shape.page_size + 1;
      KvPages kv = make_cache(*device_, shape, pages, DType::f32);
      const auto table = shuffled_pages(pages, 4);
      expect_exact(shape, history, mask, DType::f32,
                   attend(*device_, kv, history, mask, 0, kTokens, table));
    }
  }
}

// A prompt's rows, computed in chunks of so many tokens.
std::vector<float> attend_in_chunks(Device& device, const Case& shape, History& history,
                                    const AttentionMask& mask, DType dtype, std::int64_t chunk) {
  const std::int64_t tokens = history.q.tensor().rows;
  const std::int64_t pages = tokens / shape.page_size + 1;
  const std::vector<std::int32_t> table = shuffled_pages(pages, 6);
  KvPages kv = make_cache(device, shape, pages, dtype);
  std::vector<float> pieces;
  for (std::int64_t first = 0; first < tokens; first += chunk) {
    const auto out =
        attend(device, kv, history, mask, first, std::min(chunk, tokens - first), table);
    pieces.insert(pieces.end(), out.begin(), out.end());
  }
  return pieces;
}

TEST_P(CpuAttentionTest, ResultDoesNotDependOnHowThePromptWasCut) {
  for (DType dtype : kv_dtypes()) {
    for (std::size_t i = 0; i < 2 * std::size(kCases); ++i) {
      const Case& shape = kCases[i / 2];
      AttentionMask mask = causal(shape);
      if (i % 2 == 1) mask.window = 27, mask.softcap = 2;
      constexpr std::int64_t kTokens = 75;
      History history(shape, kTokens, 5);
      const auto whole = attend_in_chunks(*device_, shape, history, mask, dtype, kTokens);
      for (std::int64_t chunk : {1, 7, 32})
        ASSERT_EQ(whole, attend_in_chunks(*device_, shape, history, mask, dtype, chunk))
            << "chunks of " << chunk << ", head_dim " << shape.head_dim;
    }
  }
}

// Long contexts are cut into spans, and those of few rows over the threads.
TEST_P(CpuAttentionTest, LongContextsDependNeitherOnTheCutNorOnThreads) {
  const Case shape{3, 1, 32, 32};
  constexpr std::int64_t kTokens = 600;
  for (DType dtype : kv_dtypes()) {
    for (int window : {0, 300}) {
      AttentionMask mask = causal(shape);
      mask.window = window;
      History history(shape, kTokens, 35);
      const auto whole = attend_in_chunks(*device_, shape, history, mask, dtype, kTokens);
      expect_exact(shape, history, mask, dtype, whole);
      const auto other = make_device(GetParam(), 5);
      ASSERT_EQ(whole, attend_in_chunks(*other, shape, history, mask, dtype, 3));
    }
  }
}

TEST_P(CpuAttentionTest, SequencesOfABatchDoNotTouchEachOther) {
  const Case shape{9, 3, 64, 32};
  constexpr std::int64_t kPages = 12;
  const std::vector<std::int32_t> all = shuffled_pages(kPages, 7);
  History a(shape, 70, 8);
  History b(shape, 40, 20);
  const std::span<const std::int32_t> a_pages(all.data(), 3);
  const std::span<const std::int32_t> b_pages(all.data() + 3, 2);
  const AttentionMask mask = causal(shape);
  KvPages alone = make_cache(*device_, shape, kPages, DType::f32);
  (void)attend(*device_, alone, a, mask, 0, 69, a_pages);
  const std::vector<float> a_alone = attend(*device_, alone, a, mask, 69, 1, a_pages);
  const std::vector<float> b_alone = attend(*device_, alone, b, mask, 0, 40, b_pages);

  // One step: b's whole prompt, and a's last token behind it.
  KvPages kv = make_cache(*device_, shape, kPages, DType::f32);
  (void)attend(*device_, kv, a, mask, 0, 69, a_pages);
  const auto joined = [](Rows& first, Rows& second) {
    std::vector<float> values = first.values();
    const auto last = second.row(69);
    values.insert(values.end(), last.begin(), last.end());
    return Rows(41, first.tensor().cols, std::move(values));
  };
  Rows q = joined(b.q, a.q), k = joined(b.k, a.k), v = joined(b.v, a.v);
  Rows out = Rows::filled(41, q.tensor().cols, NAN);
  const SequenceRows batch[] = {{0, 40, 0, b_pages}, {40, 1, 69, a_pages}};
  device_->append_kv(kv, 1, k.tensor(), v.tensor(), batch);
  device_->paged_attention(out.tensor(), q.tensor(), kv, 1, mask, batch);
  std::vector<float> expected = b_alone;
  expected.insert(expected.end(), a_alone.begin(), a_alone.end());
  EXPECT_EQ(out.values(), expected);
}

TEST_P(CpuAttentionTest, LayersAreApart) {
  const Case shape{2, 1, 16, 16};
  History history(shape, 10, 9);
  const std::vector<std::int32_t> table = {1};
  KvPages kv = make_cache(*device_, shape, 2, DType::f32);
  const AttentionMask mask = causal(shape);
  const std::vector<float> before = attend(*device_, kv, history, mask, 0, 10, table);
  History other(shape, 10, 10);
  const SequenceRows sequence{0, 10, 0, table};
  device_->append_kv(kv, 0, other.k.tensor(), other.v.tensor(), {&sequence, 1});
  Rows out = Rows::filled(10, 32, NAN);
  device_->paged_attention(out.tensor(), history.q.tensor(), kv, 1, mask, {&sequence, 1});
  EXPECT_EQ(out.values(), before);
}

TEST_P(CpuAttentionTest, ScoresFarApartNeitherOverflowNorVanish) {
  const Case shape{1, 1, 16, 16};
  for (DType dtype : kv_dtypes()) {
    History history{shape, 3, 11};
    history.q = Rows::filled(3, 16, 100);
    std::vector<float> keys(48, -100);
    std::fill_n(keys.begin() + 16, 16, 100);  // the middle token wins by 80 000
    history.k = Rows(3, 16, std::move(keys));
    KvPages kv = make_cache(*device_, shape, 1, dtype);
    const std::vector<std::int32_t> table = {0};
    const std::vector<float> out = attend(*device_, kv, history, causal(shape), 0, 3, table);
    for (std::size_t i = 0; i < 16; ++i) {
      const float winner = history.v.row(1)[i];
      EXPECT_NEAR(out[32 + i], winner, std::fabs(winner) * (dtype == DType::bf16 ? 4e-3 : 1e-3));
    }
  }
}

TEST_P(CpuAttentionTest, ValuesBeyondHalfAreKeptAsItsLargest) {
  const Case shape{1, 1, 16, 16};
  History history{shape, 1, 12};
  history.v = Rows::filled(1, 16, -1e6f);
  KvPages kv = make_cache(*device_, shape, 1, DType::f16);
  const std::vector<std::int32_t> table = {0};
  for (float value : attend(*device_, kv, history, causal(shape), 0, 1, table))
    EXPECT_EQ(value, -65504);
}

// What nobody sees is multiplied by 0, so it must not be NaN.
TEST_P(CpuAttentionTest, PagesHoldFiniteNumbersOnly) {
  const Case shape{1, 1, 32, 32};
  for (DType dtype : kv_dtypes()) {
    if (dtype == DType::f32) continue;
    const std::vector<std::int32_t> table = {0};
    History broken{shape, 2, 13};
    broken.k = Rows::filled(2, 32, INFINITY);
    broken.v = Rows::filled(2, 32, NAN);
    KvPages kv = make_cache(*device_, shape, 1, dtype);
    (void)attend(*device_, kv, broken, causal(shape), 0, 2, table);
    History history{shape, 1, 14};
    expect_exact(shape, history, causal(shape), dtype,
                 attend(*device_, kv, history, causal(shape), 0, 1, table));
  }
}

CONDUIT_FOR_EACH_INSTRUCTION_SET(CpuAttentionTest);

}  // namespace
}  // namespace conduit::kernels
