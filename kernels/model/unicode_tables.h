// The data behind unicode.h, in code point order; make_unicode_tables.py writes the .cc and says
// whose Unicode it is.
#pragma once

#include <cstdint>
#include <span>

namespace conduit::kernels::unicode_tables {

// First and last code point of a run with the same traits (the bits of unicode.h's Trait).
struct TraitRange {
  char32_t first, last;
  std::uint16_t traits;
};

// The same for the canonical combining class; 0 in no run.
struct CombiningRange {
  char32_t first, last;
  std::uint8_t combining_class;
};

// One step of a canonical decomposition. Hangul syllables are computed instead.
struct Decomposition {
  char32_t composed, first, second;  // second 0: a single other character
  bool recomposes;                   // NFC puts the two together again
};

// The whole compatibility decomposition, where it is another than the canonical one.
struct Compatibility {
  char32_t composed;
  std::uint16_t begin;  // in kCompatibilityLetters
  std::uint8_t length;
};

// Every step-th code point of a run has its small letter `distance` further.
struct LowerRange {
  char32_t first, last;
  std::uint8_t step;
  std::int32_t distance;
};

extern const std::span<const TraitRange> kTraits;
extern const std::span<const CombiningRange> kCombining;
extern const std::span<const Decomposition> kDecompositions;
extern const std::span<const Compatibility> kCompatibility;
extern const std::span<const char32_t> kCompatibilityLetters;
extern const std::span<const LowerRange> kLower;

}  // namespace conduit::kernels::unicode_tables
