// A recursive-descent parser, with llama.cpp's rules of where a line may end: within parentheses,
// behind '::=' and around '|'.
#include "mdl/gbnf_parser.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "mdl/base/utf8.h"

namespace conduit::mdl::gbnf {

namespace {

using CodeRange = Network::CodeRange;
using Rule = Network::Rule;

constexpr char32_t kLastCodePoint = 0x10FFFF;

std::vector<CodeRange> merge(std::vector<CodeRange> ranges) {
  std::sort(ranges.begin(), ranges.end());
  std::vector<CodeRange> out;
  for (const CodeRange& range : ranges) {
    if (!out.empty() && range.first <= out.back().second + 1) {
      out.back().second = std::max(out.back().second, range.second);
    } else {
      out.push_back(range);
    }
  }
  return out;
}

std::vector<CodeRange> complement(const std::vector<CodeRange>& merged) {
  std::vector<CodeRange> out;
  char32_t next = 0;
  for (const auto& [low, high] : merged) {
    if (low > next) out.emplace_back(next, low - 1);
    next = high + 1;
  }
  if (next <= kLastCodePoint) out.emplace_back(next, kLastCodePoint);
  return out;
}

bool is_letter(char byte) { return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z'); }
bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }
bool is_in_name(char byte) {
  return is_letter(byte) || is_digit(byte) || byte == '-' || byte == '_';
}

class Parser {
 public:
  Parser(std::string_view text, const GbnfLimits& limits) : text_(text), limits_(limits) {}

  Result<std::vector<RuleText>> parse() {
    skip_space(true);
    while (!is_at_end()) {
      CONDUIT_TRY_STATUS(parse_rule());
      skip_space(true);
    }
    for (const RuleText& rule : rules_)
      if (!rule.expression)
        return Error{Code::invalid_argument, where(rule.place) + "rule '" + rule.name +
                                                 "' is not defined; add a line '" + rule.name +
                                                 " ::= …'"};
    return std::move(rules_);
  }

 private:
  bool is_at_end() const { return at_ == text_.size(); }
  char here() const { return is_at_end() ? '\0' : text_[at_]; }
  bool is_next(std::string_view text) const { return text_.substr(at_, text.size()) == text; }

  std::string where(std::size_t place) const {
    std::size_t line = 1, column = 1;
    for (std::size_t i = 0; i < place; ++i) {
      if (text_[i] == '\n') {
        ++line;
        column = 1;
      } else if ((static_cast<unsigned char>(text_[i]) & 0xC0) != 0x80) {
        ++column;
      }
    }
    return "GBNF, line " + std::to_string(line) + ", column " + std::to_string(column) + ": ";
  }

  Error expected(const std::string& what) const {
    std::string found = "the end of the text";
    if (!is_at_end()) {
      const std::string_view rest = text_.substr(at_);
      found = here() == '\n' || here() == '\r'
                  ? "the end of the line"
                  : "'" + std::string(rest.substr(0, utf8::read(rest).length)) + "'";
    }
    return {Code::invalid_argument, where(at_) + "expected " + what + ", found " + found};
  }

  Error wrong(std::size_t place, const std::string& what) const {
    return {Code::invalid_argument, where(place) + what};
  }

  void skip_space(bool with_newlines) {
    for (; !is_at_end(); ++at_) {
      if (here() == '#') {
        while (!is_at_end() && here() != '\n' && here() != '\r') ++at_;
        if (is_at_end()) return;
      }
      const bool is_newline = here() == '\n' || here() == '\r';
      if (is_newline ? !with_newlines : here() != ' ' && here() != '\t') return;
    }
  }

  std::string take_name() {
    const std::size_t begin = at_;
    while (is_in_name(here())) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  Rule rule_named(const std::string& name, std::size_t place) {
    const auto [it, is_new] = numbers_.emplace(name, static_cast<Rule>(rules_.size()));
    if (is_new) rules_.push_back({name, std::nullopt, place});
    return it->second;
  }

  bool is_at_rule() {
    const std::size_t place = at_;
    const bool is_named = !take_name().empty();
    skip_space(false);
    const bool is_rule = is_named && is_next("::=");
    at_ = place;
    return is_rule;
  }

  Status parse_rule() {
    const std::size_t place = at_;
    const std::string name = take_name();
    if (name.empty()) return expected("a rule's name");
    const Rule rule = rule_named(name, place);
    if (rules_[rule].expression)
      return wrong(place, "rule '" + name + "' is defined already: " + where(rules_[rule].place) +
                              "its first definition; join them with '|'");
    skip_space(false);
    if (!is_next("::=")) return expected("'::=' behind the rule's name '" + name + "'");
    at_ += 3;
    skip_space(true);
    CONDUIT_TRY(Expression expression, parse_choice(0));
    if (!is_at_end() && here() != '\n' && here() != '\r' && !is_at_rule())
      return expected("a literal, class, name, '.', '(' or the end of rule '" + name + "'");
    rules_[rule].place = place;
    rules_[rule].expression = std::move(expression);
    return ok();
  }

  // The next alternative may stand on the next line.
  bool take_bar(bool is_nested) {
    const std::size_t before = at_;
    skip_space(true);
    if (here() != '|') {
      if (!is_nested) at_ = before;
      return false;
    }
    ++at_;
    skip_space(true);
    return true;
  }

  Result<Expression> parse_choice(std::size_t depth) {
    Expression choice{Expression::Kind::choice};
    do {
      CONDUIT_TRY(Expression sequence, parse_sequence(depth));
      choice.parts.push_back(std::move(sequence));
    } while (take_bar(depth > 0));
    if (choice.parts.size() == 1) return std::move(choice.parts[0]);
    return choice;
  }

  Result<Expression> parse_sequence(std::size_t depth) {
    Expression sequence{Expression::Kind::sequence};
    for (skip_space(depth > 0); !is_at_end(); skip_space(depth > 0)) {
      const char next = here();
      if (next == '*' || next == '+' || next == '?' || next == '{') {
        if (sequence.parts.empty())
          return expected("a literal, class, name, '.' or '(' before the repetition");
        CONDUIT_TRY_STATUS(parse_repetition(sequence.parts.back()));
      } else if (next == '"' || next == '[' || next == '.' || next == '(' || next == '<' ||
                 next == '!' || (is_in_name(next) && !is_at_rule())) {
        CONDUIT_TRY(Expression item, parse_item(depth));
        sequence.parts.push_back(std::move(item));
      } else {
        break;
      }
    }
    return sequence;
  }

  Result<Expression> parse_item(std::size_t depth) {
    const std::size_t place = at_;
    if (is_in_name(here())) {
      const std::string name = take_name();
      Expression rule{Expression::Kind::rule};
      rule.rule = rule_named(name, place);
      return rule;
    }
    switch (text_[at_++]) {
      case '"': return parse_literal(place);
      case '[': return parse_class(place);
      case '.': return Expression{Expression::Kind::character, {}, {{0, kLastCodePoint}}};
      case '(': break;
      default: return wrong(place, "tokens cannot be named here; write their text as a literal");
    }
    if (depth == limits_.depth)
      return Error{Code::exhausted, where(place) + "parentheses are nested deeper than " +
                                        std::to_string(limits_.depth) + ", the limit"};
    CONDUIT_TRY(Expression group, parse_choice(depth + 1));
    if (here() != ')') return expected("')' for the '(' at " + where(place) + "or an item");
    ++at_;
    return group;
  }

  Result<Expression> parse_literal(std::size_t place) {
    Expression literal{Expression::Kind::text};
    while (here() != '"') {
      if (is_at_end()) return expected("'\"' to close the literal at " + where(place) + "or text");
      CONDUIT_TRY(const char32_t code_point, take_character());
      utf8::append(literal.text, code_point);
    }
    ++at_;
    return literal;
  }

  Result<Expression> parse_class(std::size_t place) {
    const bool is_negated = here() == '^';
    if (is_negated) ++at_;
    std::vector<CodeRange> ranges;
    while (here() != ']') {
      if (is_at_end()) return expected("']' to close the class at " + where(place) + "or text");
      const std::size_t begin = at_;
      CONDUIT_TRY(const char32_t low, take_character());
      char32_t high = low;
      if (here() == '-' && !is_next("-]")) {
        ++at_;
        if (is_at_end()) return expected("the end of the range");
        CONDUIT_TRY(high, take_character());
      }
      if (high < low)
        return wrong(begin, "the range " + std::string(text_.substr(begin, at_ - begin)) +
                                " ends before it begins; swap its ends");
      ranges.emplace_back(low, high);
    }
    ++at_;
    ranges = merge(std::move(ranges));
    return Expression{
        Expression::Kind::character, {}, is_negated ? complement(ranges) : std::move(ranges)};
  }

  // One character of a literal or class. Not at the end.
  Result<char32_t> take_character() {
    if (here() != '\\') {
      const utf8::Character character = utf8::read(text_.substr(at_));
      at_ += character.length;
      return character.code_point;
    }
    const std::size_t place = at_++;
    const char kind = here();
    if (!is_at_end()) ++at_;
    switch (kind) {
      case 'n': return U'\n';
      case 'r': return U'\r';
      case 't': return U'\t';
      case 'x': return take_hex(place, 2);
      case 'u': return take_hex(place, 4);
      case 'U': return take_hex(place, 8);
      default: break;
    }
    const bool is_punctuation = kind > ' ' && kind < 0x7F && !is_letter(kind) && !is_digit(kind);
    if (is_punctuation) return static_cast<char32_t>(kind);
    return wrong(place,
                 "unknown escape; known are \\n \\r \\t \\xHH \\uHHHH \\UHHHHHHHH and those of "
                 "punctuation");
  }

  Result<char32_t> take_hex(std::size_t place, std::size_t digits) {
    char32_t value = 0;
    for (std::size_t i = 0; i < digits; ++i, ++at_) {
      const char digit = here();
      if (!is_digit(digit) && !(digit >= 'a' && digit <= 'f') && !(digit >= 'A' && digit <= 'F'))
        return expected(std::to_string(digits) + " hexadecimal digits in the escape");
      value = value * 16 +
              static_cast<char32_t>(is_digit(digit) ? digit - '0' : (digit | 32) - 'a' + 10);
    }
    if (value > kLastCodePoint || (value >= 0xD800 && value <= 0xDFFF))
      return wrong(place, "the escape is no character: a surrogate, or above U+10FFFF");
    return value;
  }

  Status parse_repetition(Expression& operand) {
    const std::size_t place = at_;
    if (operand.kind == Expression::Kind::repetition)
      return wrong(place, "a repetition of a repetition; put the first in parentheses");
    std::size_t min = here() == '+' ? 1 : 0;
    std::optional<std::size_t> max;
    if (here() == '?') max = 1;
    if (text_[at_++] == '{') {
      skip_space(false);
      CONDUIT_TRY(min, take_count());
      skip_space(false);
      max = min;
      if (here() == ',') {
        ++at_;
        skip_space(false);
        max.reset();
        if (here() != '}') {
          CONDUIT_TRY(max, take_count());
          skip_space(false);
        }
      }
      if (here() != '}') return expected("'}' to close the repetition");
      ++at_;
      if (max && *max < min)
        return wrong(place, "the repetition's maximum " + std::to_string(*max) +
                                " is below its minimum " + std::to_string(min));
    }
    Expression repetition{Expression::Kind::repetition};
    repetition.min = min;
    repetition.max = max;
    repetition.parts.push_back(std::move(operand));
    operand = std::move(repetition);
    return ok();
  }

  Result<std::size_t> take_count() {
    if (!is_digit(here())) return expected("a number");
    const std::size_t place = at_;
    std::size_t count = 0;
    for (; is_digit(here()); ++at_) {
      count = std::min<std::size_t>(count * 10 + static_cast<std::size_t>(here() - '0'), 1 << 30);
    }
    if (count > limits_.repeat)
      return Error{Code::exhausted, where(place) + "a repetition of " +
                                        std::string(text_.substr(place, at_ - place)) +
                                        ", the limit is " + std::to_string(limits_.repeat)};
    return count;
  }

  std::string_view text_;
  const GbnfLimits& limits_;
  std::size_t at_ = 0;
  std::vector<RuleText> rules_;
  std::unordered_map<std::string, Rule> numbers_;
};

}  // namespace

Result<std::vector<RuleText>> parse(std::string_view text, const GbnfLimits& limits) {
  return Parser(text, limits).parse();
}

}  // namespace conduit::mdl::gbnf
