// Trees → expressions.
#include "mdl/regex_pattern.h"

#include <algorithm>
#include <map>

#include "mdl/base/check.h"
#include "mdl/base/utf8.h"

namespace conduit::mdl {

namespace {

using Id = Regexes::Id;
using Kind = RegexNode::Kind;

// Kinds of characters that one pattern may tell apart when it looks back: \b takes two.
constexpr std::size_t kMaxBehind = 16;
// One pattern may take this part of all the work: assertions in counts in counts multiply.
constexpr std::size_t kShareOfWork = 8;
// Rounds of a repetition with assertions that are written out; more become a loop.
constexpr std::uint32_t kMaxWrittenOut = 8;

const CodePoints kWord = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};

Error refusal(std::string_view text, const RegexNode& node, const std::string& what) {
  constexpr std::size_t kShown = 60;
  std::string shown(text.substr(0, utf8::uncut_length(text.substr(0, kShown))));
  if (shown.size() < text.size()) shown += "…";
  return Error{Code::invalid_argument,
               "pattern \"" + shown + "\", at byte " + std::to_string(node.offset) + ": " + what};
}

bool is_within(const CodePoints& part, const CodePoints& whole) {
  return intersect(part, whole) == part;
}

// A look-behind that asks for no more than the character before: a set, ^, or a choice of such.
bool looks_one_behind(const RegexNode& node) {
  if (node.kind == Kind::set || node.kind == Kind::start) return true;
  const bool is_group =
      node.kind == Kind::choice || (node.kind == Kind::sequence && node.children.size() == 1);
  return is_group && std::ranges::all_of(
                         node.children, [](const auto& child) { return looks_one_behind(*child); });
}

void collect_sets(const RegexNode& node, std::vector<const CodePoints*>& out) {
  if (node.kind == Kind::set) out.push_back(&node.set);
  for (const auto& child : node.children) collect_sets(*child, out);
}

// Of a node that looks_one_behind: whether the text's beginning (nullptr) or a character does.
bool allows_behind(const RegexNode& node, const CodePoints* character) {
  if (node.kind == Kind::set) return character != nullptr && is_within(*character, node.set);
  if (node.kind == Kind::start) return character == nullptr;
  return std::ranges::any_of(node.children,
                             [&](const auto& child) { return allows_behind(*child, character); });
}

}  // namespace

RegexPatterns::RegexPatterns(Expressions& expressions) : expressions_(expressions) {
  expressions_.expand_loop = [this](std::span<const std::uint32_t> words) { return expand(words); };
}

Result<Id> RegexPatterns::compile(std::string_view ecma, bool is_whole) {
  enough_ = expressions_.work() + expressions_.limits().work / kShareOfWork;
  patterns_.emplace_back();
  Pattern& pattern = patterns_.back();
  pattern.text = ecma;
  CONDUIT_TRY(pattern.root, parse_regex(ecma, RegexDialect::lenient, expressions_.limits()));
  pattern.behind.push_back(negate({}));
  CONDUIT_TRY_STATUS(note_looks_back(pattern, *pattern.root));
  const std::size_t contexts = pattern.looks_back ? 1 + pattern.behind.size() : 1;
  const Rests rests(contexts, is_whole ? Expressions::kEmpty : Expressions::kText);

  const std::size_t loops_before = loops_.size();
  std::vector<Id> branches;
  const RegexNode& root = *pattern.root;
  if (root.kind == Kind::choice && root.looks_around) {
    for (const auto& branch : root.children) {
      CONDUIT_TRY(const Id id, search(pattern, *branch, rests, is_whole));
      branches.push_back(id);
    }
  } else {
    CONDUIT_TRY(const Id id, search(pattern, root, rests, is_whole));
    branches.push_back(id);
  }
  const Id all = expressions_.any_of(std::move(branches));
  if (loops_.size() == loops_before) patterns_.pop_back();
  return all;
}

// The kinds of characters that the pattern tells apart when it looks back.
Status RegexPatterns::note_looks_back(Pattern& pattern, const RegexNode& node) {
  if (node.kind == Kind::back_reference)
    return refusal(pattern.text, node,
                   "a back reference is no regular expression; write out what may repeat");
  std::vector<const CodePoints*> sets;
  if (node.kind == Kind::start) pattern.looks_back = true;
  if (node.kind == Kind::word_boundary) sets.push_back(&kWord);
  if (node.kind == Kind::look && node.is_behind && looks_one_behind(*node.children[0]))
    collect_sets(*node.children[0], sets);
  for (const CodePoints* set : sets) {
    pattern.looks_back = true;
    std::vector<CodePoints> finer;
    for (const CodePoints& old : pattern.behind)
      for (CodePoints part : {intersect(old, *set), subtract(old, *set)})
        if (!part.empty()) finer.push_back(std::move(part));
    pattern.behind = std::move(finer);
    if (pattern.behind.size() > kMaxBehind)
      return refusal(pattern.text, node,
                     "it looks back for more than the limit of " + std::to_string(kMaxBehind) +
                         " kinds of characters");
  }
  for (const auto& child : node.children) CONDUIT_TRY_STATUS(note_looks_back(pattern, *child));
  return ok();
}

// The texts in which `branch` is found.
Result<Id> RegexPatterns::search(Pattern& pattern, const RegexNode& branch, const Rests& rests,
                                 bool is_whole) {
  if (branch.kind == Kind::sequence)
    for (std::size_t i = 0; i < branch.children.size(); ++i) {
      const RegexNode& part = *branch.children[i];
      if (part.kind == Kind::look && part.is_behind && !looks_one_behind(*part.children[0]))
        return look_far_behind(pattern, branch, i, rests, is_whole);
    }
  CONDUIT_TRY(const Rests found, translate(pattern, branch, rests));
  if (is_whole) return found[0];
  return append(pattern, Expressions::kText, found)[0];
}

// before (?<=x) after: what stands before must also end in x.
Result<Id> RegexPatterns::look_far_behind(Pattern& pattern, const RegexNode& sequence,
                                          std::size_t place, const Rests& rests, bool is_whole) {
  const RegexNode& look = *sequence.children[place];
  const RegexNode& behind = *look.children[0];
  bool is_anchored = is_whole;
  Id before = Expressions::kEmpty;
  for (std::size_t i = place; i-- > 0;) {
    const RegexNode& part = *sequence.children[i];
    if (i == 0 && part.kind == Kind::start)
      is_anchored = true;
    else if (part.looks_around)
      return refusal(pattern.text, look, "a look-behind behind another assertion is not supported");
    else
      before = expressions_.concat(plain(pattern, part), before);
  }
  if (behind.looks_around)
    return refusal(pattern.text, look, "an assertion inside a look-behind is not supported");
  if (!is_anchored) before = expressions_.concat(Expressions::kText, before);
  const Id ending = expressions_.concat(Expressions::kText, plain(pattern, behind));
  before = look.is_negated ? expressions_.without(before, ending)
                           : expressions_.all_of({before, ending});
  CONDUIT_TRY(const Rests after, translate_sequence(pattern, sequence, place + 1, rests));
  return append(pattern, before, after)[0];
}

// Of a node without assertions.
Id RegexPatterns::plain(Pattern& pattern, const RegexNode& node) {
  if (node.kind == Kind::set) return expressions_.set(node.set);
  if (const auto known = pattern.plain.find(&node); known != pattern.plain.end())
    return known->second;
  Id id = Expressions::kEmpty;
  switch (node.kind) {
    case Kind::sequence:
      for (std::size_t i = node.children.size(); i-- > 0;)
        id = expressions_.concat(plain(pattern, *node.children[i]), id);
      break;
    case Kind::choice: {
      std::vector<Id> members;
      for (const auto& child : node.children) members.push_back(plain(pattern, *child));
      id = expressions_.any_of(std::move(members));
      break;
    }
    case Kind::repeat:
      id = expressions_.repeat(plain(pattern, *node.children[0]), node.min, node.max);
      break;
    default: CONDUIT_CHECK(false, "an assertion is no expression by itself");
  }
  pattern.plain.emplace(&node, id);
  return id;
}

// `id` and then the rest that fits its last character.
RegexPatterns::Rests RegexPatterns::append(Pattern& pattern, Id id, const Rests& rests) {
  if (std::ranges::all_of(rests, [&](Id rest) { return rest == rests[0]; }))
    return Rests(rests.size(), expressions_.concat(id, rests[0]));
  std::map<Id, CodePoints> kinds;  // of last characters, by the rest
  for (std::size_t i = 1; i < rests.size(); ++i)
    kinds[rests[i]] = unite(kinds[rests[i]], pattern.behind[i - 1]);
  std::vector<Id> members;
  for (const auto& [rest, last] : kinds)
    if (rest != Expressions::kNothing)
      members.push_back(expressions_.concat(expressions_.ending_in(id, last), rest));
  const Id behind_something = expressions_.any_of(std::move(members));
  Rests out(rests.size(), behind_something);
  if (expressions_.facts(id).is_nullable)
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = expressions_.any_of({behind_something, rests[i]});
  return out;
}

Result<RegexPatterns::Rests> RegexPatterns::translate(Pattern& pattern, const RegexNode& node,
                                                      Rests rests) {
  if (!expressions_.spend(1)) return *expressions_.exhausted();
  if (expressions_.work() > enough_) {
    Error error = refusal(pattern.text, node,
                          "takes more than the limit of " +
                              std::to_string(expressions_.limits().work / kShareOfWork) +
                              " steps; make it simpler");
    error.code = Code::exhausted;
    return error;
  }
  if (!node.looks_around) return append(pattern, plain(pattern, node), rests);
  switch (node.kind) {
    case Kind::sequence: return translate_sequence(pattern, node, 0, std::move(rests));
    case Kind::choice: {
      std::vector<std::vector<Id>> members(rests.size());
      for (const auto& child : node.children) {
        CONDUIT_TRY(const Rests branch, translate(pattern, *child, rests));
        for (std::size_t i = 0; i < rests.size(); ++i) members[i].push_back(branch[i]);
      }
      for (std::size_t i = 0; i < rests.size(); ++i)
        rests[i] = expressions_.any_of(std::move(members[i]));
      return rests;
    }
    case Kind::repeat: return translate_repeat(pattern, node, std::move(rests));
    case Kind::start:
      std::fill(rests.begin() + 1, rests.end(), Expressions::kNothing);
      return rests;
    case Kind::end:
      for (Id& rest : rests)
        rest = expressions_.facts(rest).is_nullable ? Expressions::kEmpty : Expressions::kNothing;
      return rests;
    case Kind::word_boundary: {
      const Id word = expressions_.concat(expressions_.set(kWord), Expressions::kText);
      for (std::size_t i = 0; i < rests.size(); ++i) {
        const bool is_behind_word = i > 0 && is_within(pattern.behind[i - 1], kWord);
        rests[i] = is_behind_word == node.is_negated ? expressions_.all_of({rests[i], word})
                                                     : expressions_.without(rests[i], word);
      }
      return rests;
    }
    case Kind::look: return translate_look(pattern, node, std::move(rests));
    default: break;
  }
  CONDUIT_CHECK(false, "a set and a back reference come no further than here");
  return rests;
}

Result<RegexPatterns::Rests> RegexPatterns::translate_sequence(Pattern& pattern,
                                                               const RegexNode& node,
                                                               std::size_t from, Rests rests) {
  for (std::size_t i = node.children.size(); i > from;) {
    // Neighbours without assertions are one expression.
    Id together = Expressions::kEmpty;
    for (; i > from && !node.children[i - 1]->looks_around; --i)
      together = expressions_.concat(plain(pattern, *node.children[i - 1]), together);
    if (together != Expressions::kEmpty) rests = append(pattern, together, rests);
    if (i == from) break;
    CONDUIT_TRY(rests, translate(pattern, *node.children[--i], std::move(rests)));
  }
  return rests;
}

Result<RegexPatterns::Rests> RegexPatterns::translate_look(Pattern& pattern, const RegexNode& node,
                                                           Rests rests) {
  const RegexNode& inside = *node.children[0];
  if (node.is_behind) {
    if (!looks_one_behind(inside))
      return refusal(pattern.text, node,
                     "a look-behind for more than one character is supported only outside of "
                     "groups and behind what holds no assertion");
    for (std::size_t i = 0; i < rests.size(); ++i) {
      const bool is_there = allows_behind(inside, i == 0 ? nullptr : &pattern.behind[i - 1]);
      if (is_there == node.is_negated) rests[i] = Expressions::kNothing;
    }
    return rests;
  }
  CONDUIT_TRY(const Rests ahead,
              translate(pattern, inside, Rests(rests.size(), Expressions::kText)));
  for (std::size_t i = 0; i < rests.size(); ++i)
    rests[i] = node.is_negated ? expressions_.without(rests[i], ahead[i])
                               : expressions_.all_of({rests[i], ahead[i]});
  return rests;
}

// Of a body with assertions.
Result<RegexPatterns::Rests> RegexPatterns::translate_repeat(Pattern& pattern,
                                                             const RegexNode& node, Rests rests) {
  const RegexNode& body = *node.children[0];
  if (node.max <= kMaxWrittenOut) {
    Rests all = rests;
    for (std::uint32_t round = node.max; round > 0; --round) {
      CONDUIT_TRY(all, translate(pattern, body, std::move(all)));
      if (round > node.min)
        for (std::size_t i = 0; i < all.size(); ++i)
          all[i] = expressions_.any_of({all[i], rests[i]});
    }
    return all;
  }
  if (body.may_be_empty)
    return refusal(pattern.text, node,
                   "a repeated group with an assertion must match a character in every round");
  loops_.push_back({&pattern, &body, characters(pattern, body)});
  const auto index = static_cast<std::uint32_t>(loops_.size() - 1);
  // Once now, so that what is not supported is refused now.
  CONDUIT_TRY_STATUS([&]() -> Status {
    CONDUIT_TRY(const Rests once, translate(pattern, body, rests));
    return ok();
  }());
  return loops(index, node.min, node.max, rests);
}

Id RegexPatterns::characters(const Pattern& pattern, const RegexNode& node) {
  std::vector<const CodePoints*> sets = {&kWord};
  collect_sets(node, sets);
  for (const CodePoints& set : pattern.behind) sets.push_back(&set);
  Id out = Expressions::kEmpty;
  for (const CodePoints* set : sets)
    out = expressions_.concat(expressions_.repeat(expressions_.set(*set), 0, 1), out);
  return out;
}

RegexPatterns::Rests RegexPatterns::loops(std::uint32_t index, std::uint32_t min, std::uint32_t max,
                                          const Rests& rests) {
  const auto count = static_cast<std::uint32_t>(rests.size());
  std::vector<std::uint32_t> words = {count + 1};
  words.insert(words.end(), rests.begin(), rests.end());
  words.insert(words.end(), {loops_[index].characters, index, min, max, 0});
  Rests out;
  for (std::uint32_t i = 0; i < count; ++i) {
    words.back() = i;
    out.push_back(expressions_.loop(words, min == 0 && expressions_.facts(rests[i]).is_nullable));
  }
  return out;
}

// One round, and the loop behind it.
Id RegexPatterns::expand(std::span<const std::uint32_t> words) {
  enough_ = SIZE_MAX;  // no longer compiled but walked: all the work that is left may be spent
  const Rests rests(words.begin() + 1, words.begin() + words[0]);
  const auto numbers = words.subspan(1 + words[0]);
  const std::uint32_t index = numbers[0];
  const std::uint32_t min = numbers[1];
  const std::uint32_t max = numbers[2];
  const std::uint32_t context = numbers[3];
  const Loop loop = loops_[index];
  const std::uint32_t less = max == RegexNode::kUnbounded ? max : max - 1;
  const Rests next = less == 0 ? rests : loops(index, min == 0 ? 0 : min - 1, less, rests);
  const auto round = translate(*loop.pattern, *loop.node, next);
  if (!round) {
    expressions_.exhaust(round.error().message);
    return Expressions::kNothing;
  }
  return min == 0 ? expressions_.any_of({(*round)[context], rests[context]}) : (*round)[context];
}

}  // namespace conduit::mdl
