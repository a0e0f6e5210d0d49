// GBNF's expressions → a network, from each rule's end. A counted repetition is its operand built
// as often as it says.
#include "mdl/gbnf.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "mdl/base/utf8.h"
#include "mdl/gbnf_parser.h"
#include "mdl/network.h"

namespace conduit::mdl {

namespace {

using gbnf::Expression;
using Position = Network::Position;
using Rule = Network::Rule;

class Builder {
 public:
  explicit Builder(const NetworkLimits& limits) : limits_(limits) {}

  Result<Network> build(const std::vector<gbnf::RuleText>& rules) {
    for (const gbnf::RuleText& rule : rules) {
      network_.add_rule(rule.name);
      waiting_.push_back(&*rule.expression);
    }
    for (Rule rule = 0; rule < waiting_.size(); ++rule) {
      rule_ = rule;
      const Position end = network_.begin(rule);
      network_.set_start(rule, build(*waiting_[rule], end));
      if (is_too_large())
        return Error{Code::exhausted, "rule '" + network_.name(rule) +
                                          "' makes the grammar larger than " +
                                          std::to_string(limits_.positions) + " positions or " +
                                          std::to_string(limits_.rules) +
                                          " rules, the limits; use smaller repetitions"};
    }
    return std::move(network_);
  }

 private:
  bool is_too_large() const {
    return network_.size() > limits_.positions || network_.rules() > limits_.rules;
  }

  Position build(const Expression& expression, Position next) {
    if (is_too_large()) return next;
    switch (expression.kind) {
      case Expression::Kind::text: return network_.text(expression.text, next);
      case Expression::Kind::character: return network_.character(expression.ranges, next);
      case Expression::Kind::rule: return network_.call(expression.rule, next);
      case Expression::Kind::sequence:
        for (auto part = expression.parts.rbegin(); part != expression.parts.rend(); ++part)
          next = build(*part, next);
        return next;
      case Expression::Kind::choice: {
        std::vector<Position> positions;
        for (const Expression& part : expression.parts) positions.push_back(build(part, next));
        return network_.either(positions);
      }
      case Expression::Kind::repetition: return build_repetition(expression, next);
    }
    return next;
  }

  Position build_repetition(const Expression& expression, Position next) {
    const Expression* operand = &expression.parts[0];
    // An operand of some size that stands there often is a rule of its own, called as often.
    Expression call{Expression::Kind::rule};
    const bool is_small =
        operand->kind == Expression::Kind::rule ||
        (operand->kind == Expression::Kind::text && operand->text.size() < 4) ||
        (operand->kind == Expression::Kind::character && operand->ranges.size() < 8);
    if (expression.max.value_or(expression.min) > 2 && !is_small) {
      call.rule = network_.add_rule(network_.name(rule_));
      waiting_.push_back(operand);
      operand = &call;
    }
    Position begin = next;
    if (!expression.max) {
      begin = network_.fork();
      network_.set_fork(begin, build(*operand, begin), next);
    }
    for (std::size_t i = expression.min; i < expression.max.value_or(0); ++i)
      begin = network_.either(std::array{build(*operand, begin), next});
    for (std::size_t i = 0; i < expression.min; ++i) begin = build(*operand, begin);
    return begin;
  }

  const NetworkLimits& limits_;
  Network network_;
  std::vector<const Expression*> waiting_;  // by rule
  Rule rule_ = 0;
};

}  // namespace

Result<std::shared_ptr<Grammar>> gbnf_grammar(std::string_view text, const GbnfLimits& limits) {
  if (text.size() > limits.bytes)
    return Error{Code::exhausted, "GBNF: the text has " + std::to_string(text.size()) +
                                      " bytes, the limit is " + std::to_string(limits.bytes)};
  if (!utf8::is_valid(text))
    return Error{Code::invalid_argument, "GBNF: the text is not well-formed UTF-8"};
  CONDUIT_TRY(const auto rules, gbnf::parse(text, limits));
  const auto root = std::find_if(rules.begin(), rules.end(),
                                 [](const gbnf::RuleText& rule) { return rule.name == "root"; });
  if (root == rules.end())
    return Error{Code::invalid_argument, "GBNF: no rule 'root', which says what the whole text is"};
  const NetworkLimits network_limits;
  CONDUIT_TRY(Network network, Builder(network_limits).build(rules));
  return network_grammar(std::move(network), static_cast<Rule>(root - rules.begin()),
                         network_limits);
}

}  // namespace conduit::mdl
