// One token ahead, mostly.
#include "kernels/model/jinja/token_stream.h"

#include <algorithm>

namespace conduit::kernels::jinja {

namespace {

std::string_view describe_kind(TokenKind kind) {
  switch (kind) {
    case TokenKind::data: return "template data / text";
    case TokenKind::output_begin: return "begin of print statement";
    case TokenKind::output_end: return "end of print statement";
    case TokenKind::block_begin: return "begin of statement block";
    case TokenKind::block_end: return "end of statement block";
    case TokenKind::name: return "name";
    case TokenKind::string: return "string";
    case TokenKind::integer: return "integer";
    case TokenKind::real: return "float";
    case TokenKind::symbol: return "symbol";
    case TokenKind::end: return "end of template";
  }
  return "token";
}

}  // namespace

std::string describe(const Token& token) {
  const bool is_itself = token.kind == TokenKind::name || token.kind == TokenKind::symbol;
  return std::string(is_itself ? token.text : describe_kind(token.kind));
}

TokenStream::TokenStream(std::vector<Token> tokens, std::size_t depth_limit)
    : tokens_(std::move(tokens)), depth_limit_(depth_limit) {
  for (const char* name : {"loop", "caller", "varargs", "kwargs"}) symbol_of(name);
}

Token TokenStream::next() {
  const Token token = current();
  if (token.kind != TokenKind::end) ++at_;
  return token;
}

bool TokenStream::skip_name(std::string_view name) {
  if (!current().is_name(name)) return false;
  next();
  return true;
}

bool TokenStream::skip_symbol(std::string_view symbol) {
  if (!current().is_symbol(symbol)) return false;
  next();
  return true;
}

Status TokenStream::expect_symbol(std::string_view symbol) {
  if (skip_symbol(symbol)) return ok();
  return fail("expected token '" + std::string(symbol) + "', got '" + describe(current()) + "'");
}

Status TokenStream::expect_name(std::string_view name) {
  if (skip_name(name)) return ok();
  return fail("expected token '" + std::string(name) + "', got '" + describe(current()) + "'");
}

Result<Token> TokenStream::expect(TokenKind kind) {
  if (current().kind == kind) return next();
  return fail("expected token '" + std::string(describe_kind(kind)) + "', got '" +
              describe(current()) + "'");
}

Error TokenStream::fail(const std::string& message) const {
  return syntax_error(current().line, message);
}

Symbol TokenStream::symbol_of(std::string_view name) {
  const auto [entry, is_new] =
      symbols_.try_emplace(std::string(name), static_cast<Symbol>(names_.size()));
  if (is_new) names_.emplace_back(name);
  return entry->second;
}

void TokenStream::note_read(Symbol symbol) {
  if (scopes_around == 0) seen_.insert(symbol);
  for (MacroDefinition* macro : macros) {
    macro->uses_caller |= symbol == kCallerSymbol;
    macro->uses_varargs |= symbol == kVarargsSymbol;
    macro->uses_kwargs |= symbol == kKwargsSymbol;
  }
}

void TokenStream::note_assignment(Symbol symbol) {
  if (scopes_around > 0) return;
  const bool is_first = seen_.insert(symbol).second;
  if (is_first && branches_around == 0) hidden_.push_back(symbol);
}

Status TokenStream::check_height(std::size_t height) const {
  if (height <= depth_limit_) return ok();
  return Error{Code::exhausted, "line " + std::to_string(current().line) +
                                    ": the template nests deeper than the limit of " +
                                    std::to_string(depth_limit_)};
}

Status TokenStream::enter() {
  CONDUIT_TRY_STATUS(check_height(depth_ + 1));
  ++depth_;
  return ok();
}

}  // namespace conduit::kernels::jinja
