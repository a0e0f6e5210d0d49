// The bootstring algorithm with Punycode's parameters; the names are RFC 3492's.
#include "mdl/punycode.h"

#include <algorithm>
#include <cstdint>

namespace conduit::mdl {

namespace {

constexpr std::uint32_t kBase = 36;
constexpr std::uint32_t kMinThreshold = 1;
constexpr std::uint32_t kMaxThreshold = 26;
constexpr std::uint32_t kSkew = 38;
constexpr std::uint32_t kDamp = 700;
constexpr std::uint32_t kInitialBias = 72;
constexpr std::uint32_t kInitialN = 0x80;
constexpr std::uint32_t kMaxPoint = 0x10FFFF;

std::uint32_t adapt(std::uint32_t delta, std::uint32_t points, bool is_first) {
  delta = is_first ? delta / kDamp : delta / 2;
  delta += delta / points;
  std::uint32_t k = 0;
  for (; delta > (kBase - kMinThreshold) * kMaxThreshold / 2; k += kBase)
    delta /= kBase - kMinThreshold;
  return k + (kBase - kMinThreshold + 1) * delta / (delta + kSkew);
}

std::uint32_t threshold(std::uint32_t k, std::uint32_t bias) {
  return k <= bias ? kMinThreshold : std::clamp(k - bias, kMinThreshold, kMaxThreshold);
}

// kBase: no digit.
std::uint32_t digit_of(char c) {
  if (c >= 'a' && c <= 'z') return static_cast<std::uint32_t>(c - 'a');
  if (c >= 'A' && c <= 'Z') return static_cast<std::uint32_t>(c - 'A');
  if (c >= '0' && c <= '9') return static_cast<std::uint32_t>(c - '0') + 26;
  return kBase;
}

char letter_of(std::uint32_t digit) {
  return static_cast<char>(digit < 26 ? 'a' + digit : '0' + digit - 26);
}

}  // namespace

std::optional<std::u32string> decode_punycode(std::string_view label) {
  // i stays below (points + 1) * kMaxPoint: no label needs more, and nothing overflows 64 bits.
  std::u32string out;
  const std::size_t delimiter = label.rfind('-');
  for (const char c : label.substr(0, delimiter == label.npos ? 0 : delimiter)) {
    if (static_cast<unsigned char>(c) >= 0x80) return std::nullopt;
    out += static_cast<char32_t>(c);
  }
  if (delimiter != label.npos) label.remove_prefix(delimiter + 1);
  std::uint64_t n = kInitialN;
  std::uint64_t i = 0;
  std::uint32_t bias = kInitialBias;
  while (!label.empty()) {
    const std::uint64_t old = i;
    std::uint64_t weight = 1;
    for (std::uint32_t k = kBase;; k += kBase) {
      if (label.empty()) return std::nullopt;
      const std::uint32_t digit = digit_of(label.front());
      label.remove_prefix(1);
      if (digit == kBase) return std::nullopt;
      i += digit * weight;
      if (i > (out.size() + 1) * std::uint64_t{kMaxPoint}) return std::nullopt;
      const std::uint32_t t = threshold(k, bias);
      if (digit < t) break;
      weight *= kBase - t;
      if (weight > UINT32_MAX) return std::nullopt;
    }
    const std::uint64_t points = out.size() + 1;
    bias = adapt(static_cast<std::uint32_t>(i - old), static_cast<std::uint32_t>(points), old == 0);
    n += i / points;
    i %= points;
    if (n > kMaxPoint || (n >= 0xD800 && n <= 0xDFFF)) return std::nullopt;
    out.insert(out.begin() + static_cast<std::ptrdiff_t>(i), static_cast<char32_t>(n));
    ++i;
  }
  return out;
}

std::string encode_punycode(std::u32string_view label) {
  std::string out;
  for (const char32_t c : label)
    if (c < kInitialN) out += static_cast<char>(c);
  std::uint32_t handled = static_cast<std::uint32_t>(out.size());
  const std::uint32_t basic = handled;
  if (basic > 0) out += '-';
  std::uint32_t n = kInitialN;
  std::uint32_t delta = 0;
  std::uint32_t bias = kInitialBias;
  while (handled < label.size()) {
    std::uint32_t next = UINT32_MAX;
    for (const char32_t c : label)
      if (c >= n) next = std::min(next, static_cast<std::uint32_t>(c));
    delta += (next - n) * (handled + 1);
    n = next;
    for (const char32_t c : label) {
      if (c < n) ++delta;
      if (c != n) continue;
      std::uint32_t q = delta;
      for (std::uint32_t k = kBase;; k += kBase) {
        const std::uint32_t t = threshold(k, bias);
        if (q < t) break;
        out += letter_of(t + (q - t) % (kBase - t));
        q = (q - t) / (kBase - t);
      }
      out += letter_of(q);
      bias = adapt(delta, handled + 1, handled == basic);
      delta = 0;
      ++handled;
    }
    ++delta;
    ++n;
  }
  return out;
}

}  // namespace conduit::mdl
