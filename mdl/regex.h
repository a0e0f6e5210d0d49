// Regexes: regular expressions over the bytes of UTF-8 text, as states of lazily built
// deterministic automata. The idea: Brzozowski's derivatives ("Derivatives of regular expressions",
// JACM 1964) on hash-consed expressions. An expression is its own state: step() gives the
// expression of what may still follow. So intersection, complement and counted repetition cost
// nothing until text reaches them, nothing is unrolled, equal states are one state, and the table
// of a state is filled as its bytes are asked for. One arena holds what one schema needs. Not
// thread-safe. Not here: JSON's escapes and quotes (json_grammar.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mdl/base/result.h"

namespace conduit::mdl {

class Regexes {
 public:
  using Id = std::uint32_t;
  static constexpr Id kNothing = 0;  // no text matches
  static constexpr Id kEmpty = 1;    // the empty text alone
  static constexpr Id kText = 2;     // any well-formed UTF-8 text

  struct Limits {
    std::size_t expressions = 200'000;  // in the arena, states included
    std::size_t work = 4'000'000;       // elementary steps in all
    std::size_t pattern_bytes = 64 << 10;
    std::size_t depth = 200;       // of nested groups
    std::size_t repeat = 100'000;  // of a counted repetition
  };

  Regexes();
  explicit Regexes(const Limits& limits);
  Regexes(Regexes&&) noexcept;
  Regexes& operator=(Regexes&&) noexcept;
  ~Regexes();

  // A pattern of ECMA-262 with the flag u, as JSON Schema means it: a text matches when the pattern
  // is found anywhere in it. Classes (\d \w \s \p{…} and their negations), anchors, groups, lazy
  // quantifiers (the same language), look-ahead and look-behind where an intersection can say it.
  // Error: invalid_argument for bad syntax and for what is not regular or not done
  // (backreferences), with place and mend; exhausted.
  Result<Id> pattern(std::string_view ecma);
  // The same syntax, but the whole text must match (vLLM's guided_regex, choice of tools).
  Result<Id> whole(std::string_view ecma);

  Id literal(std::string_view text);
  Id concat(std::span<const Id> parts);
  Id any_of(std::span<const Id> parts);
  Id all_of(std::span<const Id> parts);
  Id complement(Id id);  // well-formed texts that `id` does not match
  Id repeat(Id id, std::size_t min, std::optional<std::size_t> max);
  Id code_points(std::size_t min,
                 std::optional<std::size_t> max);  // any text so long, in code points

  // What may follow `byte`; kNothing: it is not allowed here. Never a state from which nothing can
  // be reached, up to the limits (see is_exhausted).
  Id step(Id id, std::uint8_t byte) {
    if (id < rows_.size()) {
      const Row row = rows_[id];
      const Id next = targets_[row.first + classes_[row.classes][byte]];
      if (next != kUnknown) return next;
    }
    return find_step(id, byte);
  }
  Id walk(Id id, std::string_view text);
  bool accepts(Id id);  // the empty text: a match may end here
  bool matches(Id id, std::string_view text) { return accepts(walk(id, text)); }
  bool is_empty(Id id);  // no text matches at all
  // Of least code points among what matches, and of those the fewest bytes; of an intersection too
  // large to search, a short text. Nothing when is_empty. Its steps lead to states whose shortest
  // text is the rest of it.
  std::optional<std::string> shortest(Id id);
  std::size_t shortest_bytes(Id id);  // of shortest(), without writing it
  // The code points of the shortest and of the longest match (nothing: no bound), not counting a
  // character that has begun. Of an intersection too large to explore, bounds of them.
  std::pair<std::size_t, std::optional<std::size_t>> lengths(Id id);

  // A limit was reached: answers since then are kNothing. The reason, naming the limit.
  bool is_exhausted() const;
  Error exhausted() const;
  std::size_t size() const;  // expressions in the arena

 private:
  struct Parts;
  // Bytes that behave alike in a state are one class; a row has a target for each.
  struct Row {
    std::uint32_t first = 0;
    std::uint32_t classes = 0;
  };
  static constexpr Id kUnknown = UINT32_MAX;

  Result<Id> compile(std::string_view ecma, bool is_whole);
  Id find_step(Id id, std::uint8_t byte);

  std::unique_ptr<Parts> parts_;
  std::vector<Row> rows_;  // by expression; the first target is kUnknown, for those without a row
  std::vector<Id> targets_;
  std::vector<std::array<std::uint8_t, 256>> classes_;
};

}  // namespace conduit::mdl
