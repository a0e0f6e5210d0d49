// Numbers that a schema allows, and their decimal texts.
// The idea: whether a beginning can still become an allowed number is asked of the intervals that
// its continuations fill. Texts are bounded: 18 digits in front of the point and 18 behind it,
// magnitudes that a double holds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mdl/long_decimal.h"

namespace conduit::mdl {

struct NumberSet {
  struct Bound {
    LongDecimal value;
    bool is_strict = false;
  };
  std::optional<Bound> low, high;
  bool has_integers = true, has_fractions = true;
  std::vector<LongDecimal> multiples, not_multiples;
  std::optional<std::vector<LongDecimal>> values;  // these alone
  std::vector<LongDecimal> excluded;

  void raise_low(Bound bound);
  void lower_high(Bound bound);
  void keep(const std::vector<LongDecimal>& only);

  bool contains(const LongDecimal& number) const;
  // Whether the text is the beginning of a number of the set; the empty text is.
  bool is_possible(std::string_view text) const;
  bool is_complete(std::string_view text) const;  // a number of the set
  // The same for this set, and one of few: digits that do not matter become 1.
  std::string canonical(std::string_view text) const;
  std::optional<std::string> shortest() const { return complete({}); }
  // What makes the beginning a number of the set; nothing when it is not possible.
  std::optional<std::string> complete(std::string_view beginning) const;
  std::string key() const;  // equal sets have equal ones

 private:
  bool is_unbounded() const;
  NumberSet mirrored() const;
  bool has_between(const LongDecimal& from,
                   const LongDecimal& below) const;  // from <= x < below, both >= 0
  bool has_power(const LongDecimal& mantissa, std::string_view exponent) const;
};

}  // namespace conduit::mdl
