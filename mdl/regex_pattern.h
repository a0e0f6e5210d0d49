// RegexPatterns: what a pattern's tree means, as an expression of whole texts. The idea: parts
// without assertions are expressions as they stand; around an assertion the tree is read from
// behind, each part given the expression of what may follow it. So (?=x) is an intersection with
// what follows, $ with the empty text, and what looks back (^, \b, (?<=x)) chooses among rests that
// are kept apart by the character before them.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mdl/base/result.h"
#include "mdl/regex_expressions.h"
#include "mdl/regex_syntax.h"

namespace conduit::mdl {

class RegexPatterns {
 public:
  using Id = Regexes::Id;
  explicit RegexPatterns(Expressions& expressions);
  RegexPatterns(const RegexPatterns&) = delete;
  RegexPatterns& operator=(const RegexPatterns&) = delete;

  // Error: see Regexes::pattern.
  Result<Id> compile(std::string_view ecma, bool is_whole);

 private:
  // What may follow, by what stands before: at the text's beginning, or behind a character of
  // Pattern::behind[i - 1]. One entry when nothing looks back.
  using Rests = std::vector<Id>;

  struct Pattern {
    std::string text;
    std::unique_ptr<RegexNode> root;
    bool looks_back = false;
    std::vector<CodePoints> behind;  // apart from each other, together every character
    std::unordered_map<const RegexNode*, Id> plain;
  };
  struct Loop {
    Pattern* pattern;
    const RegexNode* node;
    Id characters;  // an expression that can begin with any character that the body tells apart
  };

  Status note_looks_back(Pattern& pattern, const RegexNode& node);
  Result<Id> search(Pattern& pattern, const RegexNode& branch, const Rests& rests, bool is_whole);
  Result<Id> look_far_behind(Pattern& pattern, const RegexNode& sequence, std::size_t place,
                             const Rests& rests, bool is_whole);
  Id plain(Pattern& pattern, const RegexNode& node);
  Rests append(Pattern& pattern, Id id, const Rests& rests);
  Result<Rests> translate(Pattern& pattern, const RegexNode& node, Rests rests);
  Result<Rests> translate_sequence(Pattern& pattern, const RegexNode& node, std::size_t from,
                                   Rests rests);
  Result<Rests> translate_repeat(Pattern& pattern, const RegexNode& node, Rests rests);
  Result<Rests> translate_look(Pattern& pattern, const RegexNode& node, Rests rests);
  Id characters(const Pattern& pattern, const RegexNode& node);
  Rests loops(std::uint32_t index, std::uint32_t min, std::uint32_t max, const Rests& rests);
  Id expand(std::span<const std::uint32_t> words);

  Expressions& expressions_;
  std::size_t enough_ = 0;        // the work at which the present pattern is refused
  std::deque<Pattern> patterns_;  // of loops, which are translated as they are walked
  std::vector<Loop> loops_;
};

}  // namespace conduit::mdl
