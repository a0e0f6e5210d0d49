// Expressions: the arena behind regex.h. Every regular expression is a number; equal ones are the
// same number. The idea: constructors bring an expression into a normal form (flattened, sorted,
// common prefixes drawn out, neighbouring counts joined), so that the derivatives of an expression
// are few, and note what can be said from the parts at once (whether the empty text matches, bounds
// of the lengths, which bytes behave alike). A character set is kept as code points and taken apart
// byte by byte by its derivatives; all languages are of well-formed UTF-8, and inside a character
// of its rest. Not here: whether an intersection is empty, and what is remembered of a state
// (regex.cc).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mdl/code_points.h"
#include "mdl/regex.h"

namespace conduit::mdl {

class Expressions {
 public:
  using Id = Regexes::Id;
  static constexpr Id kNothing = Regexes::kNothing;
  static constexpr Id kEmpty = Regexes::kEmpty;
  static constexpr Id kText = Regexes::kText;
  static constexpr Id kAnyCharacter = 3;
  static constexpr std::uint32_t kUnbounded = UINT32_MAX;
  static constexpr std::uint64_t kEndless = UINT64_MAX;

  enum class Kind : std::uint32_t {
    nothing,
    empty,
    set,      // rest (continuation bytes to come; 0: a whole character), then low, high…
    concat,   // head, which is no concat; tail
    any_of,   // members, rising
    all_of,   // members, rising; none is `without`
    without,  // what, but not what
    repeat,   // what, min, max
    loop,     // the expressions it can begin with: how many, these; numbers that only
              // expand_loop understands
  };

  // Bit b: byte b begins another interval of bytes that behave alike.
  using Boundaries = std::array<std::uint64_t, 4>;

  struct Facts {
    Kind kind = Kind::nothing;
    bool is_nullable = false;
    // Neither all_of nor without nor loop inside: it is not empty, and the lengths are exact.
    bool is_plain = true;
    // A text matches, as can be told without a search: it is plain, or no more is asked of
    // something plain than a count of characters that it can have.
    bool is_inhabited = true;
    // And there are matches of every length from min_points to max_points.
    bool has_every_length = true;
    std::uint16_t depth = 0;  // of recursion over it
    std::uint32_t first = 0;  // of its words
    std::uint32_t count = 0;
    std::uint32_t boundaries = 0;
    // Bounds of a match's code points (a character that is begun counts no more) and the bytes of
    // the shortest. kEndless: none.
    std::uint64_t min_points = 0;
    std::uint64_t min_bytes = 0;
    std::uint64_t max_points = 0;
  };

  // A repetition whose body looks around itself, so that it is no expression of its own: it is
  // written out one round at a time. The derivative of a loop is that of its expansion.
  using ExpandLoop = std::function<Id(std::span<const std::uint32_t> words)>;

  explicit Expressions(const Regexes::Limits& limits);

  Id set(const CodePoints& points, std::uint32_t rest = 0);
  Id literal(std::string_view text);
  Id concat(Id head, Id tail);
  Id any_of(std::vector<Id> members);
  Id all_of(std::vector<Id> members);
  Id without(Id what, Id but_not);
  Id repeat(Id what, std::uint32_t min, std::uint32_t max);
  Id loop(std::span<const std::uint32_t> words, bool is_nullable);

  // The texts of `id` whose last character is in `last`.
  Id ending_in(Id id, const CodePoints& last);

  // What may follow `byte` in `id`'s texts; may be an intersection that is empty.
  Id derive(Id id, std::uint8_t byte);

  const Facts& facts(Id id) const { return facts_[id]; }
  std::span<const std::uint32_t> words(Id id) const {
    return {words_.data() + facts_[id].first, facts_[id].count};
  }
  CodePoints points(Id id) const;  // of a set
  const Boundaries& boundaries(std::uint32_t index) const { return boundaries_[index]; }
  std::size_t size() const { return facts_.size(); }
  const Regexes::Limits& limits() const { return limits_; }

  std::size_t work() const { return work_; }
  // Counts elementary steps; false when a limit was reached.
  bool spend(std::size_t steps);
  void exhaust(std::string reason);
  const std::optional<Error>& exhausted() const { return exhausted_; }

  ExpandLoop expand_loop;

 private:
  struct Bounds;
  Id make(Kind kind, std::span<const std::uint32_t> words);
  Facts describe(Kind kind, std::span<const std::uint32_t> words);
  void describe_members(Facts& facts, std::span<const std::uint32_t> members) const;
  Boundaries boundaries_of(Kind kind, std::span<const std::uint32_t> words) const;
  std::uint32_t intern(const Boundaries& boundaries);
  void grow_table();
  void join_sets(std::vector<Id>& members, bool is_union);
  void join_repeats(std::vector<Id>& members);
  void draw_out_heads(std::vector<Id>& members);
  void join_counts(std::vector<Id>& members);
  bool limit_first(std::vector<Id>& members);
  Id tell_rest_apart(const std::vector<Id>& members);
  std::pair<Id, Id> split(Id id) const;
  std::optional<Id> first_character(Id id) const;
  bool is_simple(Id id) const;
  std::pair<Id, Id> split_rest(Id id) const;
  Id beginning_with(Id id, const CodePoints& first);
  Id derive_parts(Id id, std::uint8_t byte);
  Id derive_set(std::span<const std::uint32_t> words, std::uint8_t byte);
  Id derive_concat(Id id, std::uint8_t byte);

  Regexes::Limits limits_;
  std::vector<Facts> facts_;
  std::vector<std::uint32_t> words_;
  std::vector<Id> table_;  // open addressing over facts_; kNothing: free
  std::vector<Boundaries> boundaries_;
  std::vector<std::uint32_t> boundary_table_;
  // derive() visits a shared part once: the value holds where the mark is that of the present call.
  std::vector<std::uint32_t> marks_;
  std::vector<Id> derived_;
  std::uint32_t mark_ = 0;
  std::size_t derive_depth_ = 0;
  std::size_t drawing_ = 0;  // calls of draw_out_heads within each other
  std::size_t work_ = 0;
  std::optional<Error> exhausted_;
};

}  // namespace conduit::mdl
