// The parsers' view of the tokens: look at one, take one, demand one. Shared by the two parsers,
// with what both know: the names seen so far, and how deep they are.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "kernels/model/jinja/lexer.h"
#include "kernels/model/jinja/syntax.h"
#include "mdl/base/result.h"

namespace conduit::kernels::jinja {

// As jinja2 names tokens in its messages.
std::string describe(const Token& token);

class TokenStream {
 public:
  TokenStream(std::vector<Token> tokens, std::size_t depth_limit);

  const Token& current() const { return tokens_[at_]; }
  const Token& look() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  Token next();  // the current one, which it moves past
  bool skip_name(std::string_view name);
  bool skip_symbol(std::string_view symbol);
  Status expect_symbol(std::string_view symbol);
  Status expect_name(std::string_view name);
  Result<Token> expect(TokenKind kind);
  Error fail(const std::string& message) const;

  Symbol symbol_of(std::string_view name);
  // A name's use in an expression, and its assignment, as they follow one another in the text.
  void note_read(Symbol symbol);
  void note_assignment(Symbol symbol);
  std::vector<Symbol> take_hidden() { return std::move(hidden_); }
  std::vector<std::string> take_names() { return std::move(names_); }

  // Nesting of the parsers' own recursion.
  Status enter();
  void leave() { --depth_; }
  // Error: an expression of this height is over the limit.
  Status check_height(std::size_t height) const;

  // The macros around the current place; reading varargs, kwargs or caller marks them.
  std::vector<MacroDefinition*> macros;
  // How many bodies with a scope of their own, and how many `if`s, are around the current place.
  int scopes_around = 0, branches_around = 0;
  // Uses of unknown filters and tests. One behind a condition is an error only when reached: who
  // parses a condition drops those that were found in it.
  std::vector<Error> unknown;

 private:
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t depth_limit_;
  std::size_t depth_ = 0;
  std::vector<std::string> names_;
  std::unordered_map<std::string, Symbol> symbols_;
  std::unordered_set<Symbol> seen_;  // in the outermost scope
  std::vector<Symbol> hidden_;       // see Syntax::hidden
};

// Leaves at the end of the block that entered.
class LeaveNesting {
 public:
  explicit LeaveNesting(TokenStream& stream) : stream_(stream) {}
  ~LeaveNesting() { stream_.leave(); }
  LeaveNesting(const LeaveNesting&) = delete;
  LeaveNesting& operator=(const LeaveNesting&) = delete;

 private:
  TokenStream& stream_;
};

}  // namespace conduit::kernels::jinja
