// The data behind unicode.h, in code point order; make_unicode_tables.py writes the .cc and says
// whose Unicode it is.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/model/unicode.h"

namespace conduit::kernels::unicode_tables {

// First and last code point of a run of one class; a code point in no run is CharClass::other.
struct ClassRange {
  char32_t first, last;
  CharClass char_class;
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

extern const std::span<const ClassRange> kClasses;
extern const std::span<const CombiningRange> kCombining;
extern const std::span<const Decomposition> kDecompositions;

}  // namespace conduit::kernels::unicode_tables
