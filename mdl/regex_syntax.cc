// A reader by recursive descent; the limit of nested groups bounds its stack.
#include "mdl/regex_syntax.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "mdl/base/utf8.h"
#include "mdl/regex_characters.h"

namespace conduit::mdl {

namespace {

using Node = std::unique_ptr<RegexNode>;
using Kind = RegexNode::Kind;

const CodePoints kLineEnds = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

class Reader : private RegexCharacters {
 public:
  Reader(std::string_view pattern, RegexDialect dialect, const Regexes::Limits& limits)
      : RegexCharacters(pattern, dialect), limits_(limits) {}

  Result<Node> run() {
    CONDUIT_TRY(Node root, choice());
    if (!at_end()) return wrong("a ) without its (");
    if (references_ > groups_)
      return wrong("there is no group " + std::to_string(references_) + " to refer to");
    for (const std::string& name : referred_)
      if (!names_.contains(name)) return wrong("there is no group called \"" + name + "\"");
    return root;
  }

 private:
  Node node(Kind kind) const {
    auto made = std::make_unique<RegexNode>();
    made->kind = kind;
    made->offset = at_;
    made->looks_around = kind >= Kind::start;
    return made;
  }
  Node set_node(CodePoints set) const {
    Node made = node(Kind::set);
    made->set = ignores_case_ ? both_cases(set) : std::move(set);
    made->may_be_empty = false;
    return made;
  }

  Result<Node> choice() {
    Node all = node(Kind::choice);
    all->may_be_empty = false;
    do {
      CONDUIT_TRY(Node next, sequence());
      all->looks_around |= next->looks_around;
      all->may_be_empty |= next->may_be_empty;
      all->children.push_back(std::move(next));
    } while (take("|"));
    if (all->children.size() > 1) return all;
    return std::move(all->children[0]);
  }

  Result<Node> sequence() {
    Node all = node(Kind::sequence);
    while (!at_end() && peek() != '|' && peek() != ')') {
      CONDUIT_TRY(Node next, term());
      if (next == nullptr) continue;  // (?i)
      all->looks_around |= next->looks_around;
      all->may_be_empty &= next->may_be_empty;
      all->children.push_back(std::move(next));
    }
    return all;
  }

  Result<Node> term() {
    CONDUIT_TRY(Node what, atom());
    if (what == nullptr) return what;
    const std::size_t begin = at_;
    std::uint32_t min = 0;
    std::uint32_t max = 0;
    CONDUIT_TRY(const bool is_repeated, quantifier(min, max));
    if (!is_repeated) return what;
    if (what->kind >= Kind::start && what->kind != Kind::back_reference) {
      at_ = begin;
      return wrong("an assertion cannot be repeated; put it in a group, or leave the count out");
    }
    take("?");  // lazy: the same texts
    if (peek() == '+') return wrong("possessive quantifiers are no ECMA-262; leave the + out");
    std::uint32_t more_min = 0;
    std::uint32_t more_max = 0;
    CONDUIT_TRY(const bool is_double, quantifier(more_min, more_max));
    if (is_double) return wrong("a count behind a count; put what is repeated in a group");
    Node out = node(Kind::repeat);
    out->min = min;
    out->max = max;
    out->looks_around = what->looks_around;
    out->may_be_empty = min == 0 || what->may_be_empty;
    out->children.push_back(std::move(what));
    return out;
  }

  // Whether a count stands here, and is read.
  Result<bool> quantifier(std::uint32_t& min, std::uint32_t& max) {
    min = peek() == '+' ? 1 : 0;
    max = peek() == '?' ? 1 : RegexNode::kUnbounded;
    if (take("*") || take("+") || take("?")) return true;
    if (peek() != '{') return false;
    const std::size_t begin = at_++;
    if (peek() == ',' && is_digit(static_cast<unsigned char>(peek(1))))
      return wrong("{,n} means nothing in ECMA-262; write {0,n}");
    CONDUIT_TRY(const auto low, number());
    bool is_count = low.has_value();
    min = max = low.value_or(0);
    if (is_count && take(",")) {
      CONDUIT_TRY(const auto high, number());
      max = high.value_or(RegexNode::kUnbounded);
    }
    is_count = is_count && take("}");
    if (!is_count) {
      at_ = begin;  // a brace as it stands
      return false;
    }
    if (min > max) return wrong("a count whose least is above its most");
    return true;
  }

  Result<std::optional<std::uint32_t>> number() {
    const std::size_t begin = at_;
    std::uint64_t value = 0;
    for (; is_digit(static_cast<unsigned char>(peek())); ++at_)
      value = std::min<std::uint64_t>(value * 10 + (peek() - '0'), UINT32_MAX);
    if (at_ == begin) return std::optional<std::uint32_t>();
    if (value > limits_.repeat && !is_strict_) {
      Error error = wrong("the count " + std::string(pattern_.substr(begin, at_ - begin)) +
                          " is above the limit of " + std::to_string(limits_.repeat));
      error.code = Code::exhausted;
      return error;
    }
    return std::optional(
        static_cast<std::uint32_t>(std::min<std::uint64_t>(value, UINT32_MAX - 1)));
  }

  Result<Node> atom() {
    const char c = peek();
    switch (c) {
      case '^': ++at_; return node(Kind::start);
      case '$': ++at_; return node(Kind::end);
      case '.': ++at_; return set_node(negate(dot_is_all_ ? CodePoints{} : kLineEnds));
      case '(': return group();
      case '[': {
        ++at_;
        CONDUIT_TRY(CodePoints set, character_class());
        return set_node(std::move(set));
      }
      case '\\': return escaped_atom();
      case '*':
      case '+':
      case '?': return wrong("a count with nothing before it; escape it to mean the character");
      case '{':
      case '}':
      case ']':
        if (is_strict_) return wrong("a bare " + std::string(1, c) + "; escape it");
        break;
      default: break;
    }
    if (c == '{') {
      std::uint32_t min = 0;
      std::uint32_t max = 0;
      CONDUIT_TRY(const bool is_count, quantifier(min, max));
      if (is_count) return wrong("a count with nothing before it; escape it to mean the character");
    }
    const std::uint32_t point = take_character();
    return set_node({{point, point}});
  }

  Result<Node> group() {
    const std::size_t begin = at_++;
    Node around;
    const bool ignored_case = ignores_case_;
    const bool dot_was_all = dot_is_all_;
    const auto look = [&](bool is_behind, bool is_negated) {
      around = node(Kind::look);
      around->is_behind = is_behind;
      around->is_negated = is_negated;
    };
    if (take("?="))
      look(false, false);
    else if (take("?!"))
      look(false, true);
    else if (take("?<="))
      look(true, false);
    else if (take("?<!"))
      look(true, true);
    else if (take("?<") || (!is_strict_ && take("?P<"))) {
      CONDUIT_TRY(std::string name, group_name());
      if (!names_.insert(name).second) return wrong("two groups are called \"" + name + "\"");
      ++groups_;
    } else if (peek() == '?' && peek(1) != ':') {
      CONDUIT_TRY(const bool is_global, flags());
      if (is_global) return Node();
    } else if (!take("?:")) {
      ++groups_;
    }
    if (++depth_ > limits_.depth) {
      Error error = wrong("groups nest deeper than the limit of " + std::to_string(limits_.depth));
      error.code = Code::exhausted;
      return error;
    }
    CONDUIT_TRY(Node inside, choice());
    --depth_;
    if (!take(")")) {
      at_ = begin;
      return wrong("a ( without its )");
    }
    ignores_case_ = ignored_case;
    dot_is_all_ = dot_was_all;
    if (around == nullptr) return inside;
    around->children.push_back(std::move(inside));
    return around;
  }

  // (?i), which lasts to the pattern's end: true; (?i:…), up to the colon: false.
  Result<bool> flags() {
    const std::size_t begin = at_++;
    bool is_on = true;
    for (;; ++at_) {
      const char c = peek();
      if (c == '-' && is_on)
        is_on = false;
      else if (c == 'i')
        ignores_case_ = is_on;
      else if (c == 's')
        dot_is_all_ = is_on;
      else
        break;
    }
    if (at_ > begin + 1 && take(":")) return false;
    if (at_ > begin + 1 && peek() == ')' && !is_strict_ && begin == 1) {
      ++at_;
      return true;
    }
    at_ = begin;
    return wrong(
        "this kind of group is not supported; of the groups with ? there are (?: (?= (?! (?<= (?<! "
        "(?<name> (?i: (?s: and, at the beginning, (?i)");
  }

  Result<std::string> group_name() {
    const std::size_t end = pattern_.find('>', at_);
    const std::string name(pattern_.substr(at_, end == pattern_.npos ? end : end - at_));
    const auto is_name = [](char c) {
      return is_letter(static_cast<unsigned char>(c)) || is_digit(static_cast<unsigned char>(c)) ||
             c == '_' || c == '$' || static_cast<unsigned char>(c) >= 0x80;
    };
    if (end == pattern_.npos || name.empty() || is_digit(static_cast<unsigned char>(name[0])) ||
        !std::ranges::all_of(name, is_name))
      return wrong("a group's name is letters, digits and _, in < and >");
    at_ = end + 1;
    return name;
  }

  Result<Node> escaped_atom() {
    const char c = peek(1);
    if (c == 'b' || c == 'B') {
      at_ += 2;
      Node made = node(Kind::word_boundary);
      made->is_negated = c == 'B';
      return made;
    }
    if (c >= '1' && c <= '9') {
      ++at_;
      std::size_t value = 0;
      for (; is_digit(static_cast<unsigned char>(peek())); ++at_)
        value = std::min<std::size_t>(value * 10 + (peek() - '0'), SIZE_MAX / 100);
      references_ = std::max(references_, value);
      return node(Kind::back_reference);
    }
    if (c == 'k') {
      at_ += 2;
      if (!take("<")) return wrong("\\k needs a group's name: \\k<name>");
      CONDUIT_TRY(std::string name, group_name());
      referred_.insert(std::move(name));
      return node(Kind::back_reference);
    }
    CONDUIT_TRY(CodePoints set, escape(false));
    return set_node(std::move(set));
  }

  const Regexes::Limits& limits_;
  std::size_t depth_ = 0;
  bool dot_is_all_ = false;
  std::size_t groups_ = 0;
  std::size_t references_ = 0;  // the largest number that is referred to
  std::set<std::string> names_;
  std::set<std::string> referred_;
};

}  // namespace

Result<Node> parse_regex(std::string_view pattern, RegexDialect dialect,
                         const Regexes::Limits& limits) {
  if (pattern.size() > limits.pattern_bytes)
    return Error{Code::exhausted, "a pattern of " + std::to_string(pattern.size()) +
                                      " bytes is above the limit of " +
                                      std::to_string(limits.pattern_bytes)};
  if (!utf8::is_valid(pattern))
    return Error{Code::invalid_argument, "a pattern is not well-formed UTF-8"};
  return Reader(pattern, dialect, limits).run();
}

}  // namespace conduit::mdl
