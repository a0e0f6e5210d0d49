// The public face: steps remembered in rows, and the questions passed on to the arena, the search
// and the compiler of patterns.
#include "mdl/regex.h"

#include <algorithm>

#include "mdl/base/check.h"
#include "mdl/regex_expressions.h"
#include "mdl/regex_pattern.h"
#include "mdl/regex_search.h"

namespace conduit::mdl {

struct Regexes::Parts {
  explicit Parts(const Limits& limits) : expressions(limits) {}
  Expressions expressions;
  RegexSearch search{expressions};
  RegexPatterns patterns{expressions};
  std::vector<std::uint32_t> classes;  // by the number of boundaries; 0: not made yet
};

Regexes::Regexes() : Regexes(Limits{}) {}
Regexes::Regexes(const Limits& limits)
    : parts_(std::make_unique<Parts>(limits)),
      // kNothing's row leads to itself.
      rows_{{1, 0}},
      targets_{kUnknown, kNothing},
      classes_(1) {}
Regexes::Regexes(Regexes&&) noexcept = default;
Regexes& Regexes::operator=(Regexes&&) noexcept = default;
Regexes::~Regexes() = default;

Result<Regexes::Id> Regexes::compile(std::string_view ecma, bool is_whole) {
  if (is_exhausted()) return exhausted();
  CONDUIT_TRY(const Id id, parts_->patterns.compile(ecma, is_whole));
  if (is_exhausted()) return exhausted();
  return id;
}

Result<Regexes::Id> Regexes::pattern(std::string_view ecma) { return compile(ecma, false); }
Result<Regexes::Id> Regexes::whole(std::string_view ecma) { return compile(ecma, true); }

Regexes::Id Regexes::literal(std::string_view text) { return parts_->expressions.literal(text); }

Regexes::Id Regexes::concat(std::span<const Id> parts) {
  Id out = kEmpty;
  for (std::size_t i = parts.size(); i-- > 0;) out = parts_->expressions.concat(parts[i], out);
  return out;
}

Regexes::Id Regexes::any_of(std::span<const Id> parts) {
  return parts_->expressions.any_of({parts.begin(), parts.end()});
}

Regexes::Id Regexes::all_of(std::span<const Id> parts) {
  return parts_->expressions.all_of({parts.begin(), parts.end()});
}

Regexes::Id Regexes::complement(Id id) { return parts_->expressions.without(kText, id); }

Regexes::Id Regexes::repeat(Id id, std::size_t min, std::optional<std::size_t> max) {
  const std::size_t largest = Expressions::kUnbounded - 1;
  if (min > largest || (max && *max > largest)) {
    parts_->expressions.exhaust("repeat more often than the limit of " + std::to_string(largest));
    return kNothing;
  }
  if (max && *max < min) return kNothing;
  return parts_->expressions.repeat(
      id, static_cast<std::uint32_t>(min),
      max ? static_cast<std::uint32_t>(*max) : Expressions::kUnbounded);
}

Regexes::Id Regexes::code_points(std::size_t min, std::optional<std::size_t> max) {
  return repeat(Expressions::kAnyCharacter, min, max);
}

Regexes::Id Regexes::find_step(Id id, std::uint8_t byte) {
  Expressions& expressions = parts_->expressions;
  CONDUIT_CHECK(id < expressions.size(), "an expression of another arena");
  if (expressions.exhausted()) return kNothing;
  if (rows_.size() < expressions.size()) rows_.resize(expressions.size());
  Row& row = rows_[id];
  if (row.first == 0) {
    const std::uint32_t boundaries = expressions.facts(id).boundaries;
    auto& classes = parts_->classes;
    if (classes.size() <= boundaries) classes.resize(boundaries + 1);
    if (classes[boundaries] == 0) {
      classes[boundaries] = static_cast<std::uint32_t>(classes_.size());
      auto& map = classes_.emplace_back();
      const Expressions::Boundaries& bits = expressions.boundaries(boundaries);
      for (std::uint32_t at = 1; at < map.size(); ++at)
        map[at] = static_cast<std::uint8_t>(map[at - 1] + (bits[at / 64] >> (at % 64) & 1));
    }
    const std::size_t count = classes_[classes[boundaries]].back() + 1u;
    if (!expressions.spend(1 + count / 8)) return kNothing;
    row = {static_cast<std::uint32_t>(targets_.size()), classes[boundaries]};
    targets_.resize(targets_.size() + count, kUnknown);
  }
  const std::size_t place = row.first + classes_[row.classes][byte];
  Id next = expressions.derive(id, byte);
  if (!parts_->search.is_alive(next)) next = kNothing;
  if (expressions.exhausted()) return kNothing;
  return targets_[place] = next;
}

Regexes::Id Regexes::walk(Id id, std::string_view text) {
  for (const char c : text) {
    if (id == kNothing) break;
    id = step(id, static_cast<std::uint8_t>(c));
  }
  return id;
}

bool Regexes::accepts(Id id) { return parts_->expressions.facts(id).is_nullable; }

bool Regexes::is_empty(Id id) { return !parts_->search.is_alive(id); }

std::optional<std::string> Regexes::shortest(Id id) { return parts_->search.shortest(id); }

std::size_t Regexes::shortest_bytes(Id id) {
  const auto cost = parts_->search.cost(id);
  return cost ? cost->bytes : 0;
}

std::pair<std::size_t, std::optional<std::size_t>> Regexes::lengths(Id id) {
  const std::size_t least = parts_->search.min_points(id);
  const std::uint64_t most = parts_->search.max_points(id);
  if (most == Expressions::kEndless) return {least, std::nullopt};
  return {least, most};
}

bool Regexes::is_exhausted() const { return parts_->expressions.exhausted().has_value(); }
Error Regexes::exhausted() const { return *parts_->expressions.exhausted(); }
std::size_t Regexes::size() const { return parts_->expressions.size(); }

}  // namespace conduit::mdl
