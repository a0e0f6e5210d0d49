// Statements: text, {{ output }} and the tags. Expressions are expression_parser's.
#include "kernels/model/jinja/parser.h"

#include <algorithm>
#include <initializer_list>
#include <string>

#include "kernels/model/jinja/expression_parser.h"
#include "kernels/model/jinja/lexer.h"
#include "kernels/model/jinja/token_stream.h"

namespace conduit::kernels::jinja {

namespace {

using EndTags = std::vector<std::string_view>;

class Parser {
 public:
  Parser(std::vector<Token> tokens, std::size_t depth)
      : stream_(std::move(tokens), depth), expressions_(stream_) {}

  Result<Syntax> run() {
    Syntax syntax;
    CONDUIT_TRY(syntax.body, statements());
    if (!stream_.unknown.empty()) return stream_.unknown.front();
    syntax.names = stream_.take_names();
    syntax.hidden = stream_.take_hidden();
    return syntax;
  }

 private:
  // Up to one of `end_tags`, whose name is then current; without any, to the end of the template.
  Result<Statements> statements(const EndTags& end_tags = {}) {
    CONDUIT_TRY_STATUS(stream_.enter());
    const LeaveNesting leave(stream_);
    if (!end_tags.empty()) end_tags_.push_back(end_tags);
    Statements body;
    while (stream_.current().kind != TokenKind::end) {
      const Token token = stream_.next();
      if (token.kind == TokenKind::data) {
        body.push_back({Data{std::string(token.text)}, token.line});
        continue;
      }
      if (token.kind == TokenKind::output_begin) {
        CONDUIT_TRY(auto value, expressions_.tuple(true));
        CONDUIT_TRY_STATUS(expect(TokenKind::output_end));
        body.push_back({Output{std::move(value)}, token.line});
        continue;
      }
      if (is_any_of(end_tags)) {
        end_tags_.pop_back();
        return body;
      }
      CONDUIT_TRY_STATUS(tag(body));
      CONDUIT_TRY_STATUS(expect(TokenKind::block_end));
    }
    if (!end_tags.empty()) return unknown_tag("Unexpected end of template.", {});
    return body;
  }

  // The text of a block, from the end of its opening tag to one of `end_tags`.
  Result<Statements> body(const EndTags& end_tags) {
    stream_.skip_symbol(":");
    CONDUIT_TRY_STATUS(expect(TokenKind::block_end));
    return statements(end_tags);
  }

  // The same to the only possible end tag, which it takes.
  Result<Statements> body_until(std::string_view end_tag) {
    CONDUIT_TRY(auto result, body({end_tag}));
    stream_.next();
    return result;
  }

  // The same, with a scope of its own.
  Result<Statements> scoped_body(std::string_view end_tag) {
    ++stream_.scopes_around;
    auto result = body_until(end_tag);
    --stream_.scopes_around;
    return result;
  }

  void note_assignment(const Target& target) {
    for (const Target& part : target.parts) note_assignment(part);
    if (target.is_unpacking) return;
    if (target.attribute.empty()) {
      stream_.note_assignment(target.symbol);
    } else {
      stream_.note_read(target.symbol);
    }
  }

  bool is_any_of(const EndTags& names) const {
    return std::any_of(names.begin(), names.end(),
                       [&](std::string_view name) { return stream_.current().is_name(name); });
  }

  Status expect(TokenKind kind) {
    CONDUIT_TRY([[maybe_unused]] const Token token, stream_.expect(kind));
    return ok();
  }

  Error unknown_tag(std::string message, std::string_view name) const {
    if (!end_tags_.empty()) {
      const bool is_expected =
          std::any_of(end_tags_.begin(), end_tags_.end(), [&](const EndTags& tags) {
            return std::find(tags.begin(), tags.end(), name) != tags.end();
          });
      std::string looked_for;
      for (std::string_view tag : end_tags_.back())
        looked_for += (looked_for.empty() ? "'" : " or '") + std::string(tag) + "'";
      message += is_expected ? " You probably made a nesting mistake. Jinja is expecting this tag, "
                               "but currently looking for " +
                                   looked_for + "."
                             : " Jinja was looking for the following tags: " + looked_for + ".";
    }
    if (!open_tags_.empty())
      message += " The innermost block that needs to be closed is '" +
                 std::string(open_tags_.back()) + "'.";
    return stream_.fail(message);
  }

  Status tag(Statements& into) {
    const Token name = stream_.current();
    if (name.kind != TokenKind::name) return stream_.fail("tag name expected");
    static constexpr std::pair<std::string_view, Result<Statement::Form> (Parser::*)()> kTags[] = {
        {"if", &Parser::if_tag},
        {"for", &Parser::for_tag},
        {"set", &Parser::set_tag},
        {"with", &Parser::with_tag},
        {"macro", &Parser::macro_tag},
        {"call", &Parser::call_tag},
        {"filter", &Parser::filter_tag},
        {"generation", &Parser::generation_tag},
        {"block", &Parser::block_tag},
        {"break", &Parser::loop_control_tag},
        {"continue", &Parser::loop_control_tag}};
    const auto* found = std::find_if(std::begin(kTags), std::end(kTags),
                                     [&](auto& entry) { return entry.first == name.text; });
    if (found != std::end(kTags)) {
      stream_.next();
      open_tags_.push_back(name.text);
      CONDUIT_TRY(auto form, (this->*found->second)());
      open_tags_.pop_back();
      into.push_back({std::move(form), name.line});
      return ok();
    }
    if (name.text == "print") return print_tag(into);
    for (std::string_view unsupported : {"extends", "include", "import", "from", "autoescape"})
      if (name.text == unsupported)
        return stream_.fail("the tag '" + std::string(name.text) +
                            "' is not supported: a chat template stands alone");
    return unknown_tag("Encountered unknown tag '" + std::string(name.text) + "'.", name.text);
  }

  Status print_tag(Statements& into) {
    const int line = stream_.next().line;
    while (stream_.current().kind != TokenKind::block_end) {
      CONDUIT_TRY(auto value, expressions_.expression());
      into.push_back({Output{std::move(value)}, line});
      if (!stream_.skip_symbol(",")) break;
    }
    return ok();
  }

  Result<Statement::Form> if_tag() {
    const std::size_t known_before = stream_.unknown.size();
    If result;
    while (true) {
      CONDUIT_TRY(auto condition, expressions_.tuple(false));
      ++stream_.branches_around;
      CONDUIT_TRY(auto then, body({"elif", "else", "endif"}));
      --stream_.branches_around;
      result.branches.emplace_back(std::move(condition), std::move(then));
      const std::string_view end = stream_.next().text;
      if (end == "elif") continue;
      if (end == "else") {
        ++stream_.branches_around;
        CONDUIT_TRY(result.otherwise, body_until("endif"));
        --stream_.branches_around;
      }
      stream_.unknown.resize(known_before, Error{});
      return Statement::Form(std::move(result));
    }
  }

  Result<Statement::Form> for_tag() {
    ForLoop loop;
    CONDUIT_TRY(loop.target, target("in"));
    CONDUIT_TRY_STATUS(stream_.expect_name("in"));
    CONDUIT_TRY(loop.iterable, expressions_.tuple(false, "recursive"));
    ++stream_.scopes_around;
    if (stream_.skip_name("if")) {
      CONDUIT_TRY(loop.condition, expressions_.expression());
    }
    loop.is_recursive = stream_.skip_name("recursive");
    ++loops_around_;
    CONDUIT_TRY(loop.body, body({"endfor", "else"}));
    --loops_around_;
    if (stream_.next().text == "else") {
      CONDUIT_TRY(loop.otherwise, body_until("endfor"));
    }
    --stream_.scopes_around;
    return Statement::Form(std::move(loop));
  }

  Result<Statement::Form> set_tag() {
    CONDUIT_TRY(Target to, target({}));
    if (stream_.skip_symbol("=")) {
      CONDUIT_TRY(auto value, expressions_.tuple(true));
      note_assignment(to);
      return Statement::Form(Set{std::move(to), std::move(value)});
    }
    ExpressionPtr filter;
    if (stream_.skip_symbol("|")) {
      CONDUIT_TRY(filter, expressions_.filters_of_block());
    }
    note_assignment(to);
    CONDUIT_TRY(auto text, scoped_body("endset"));
    return Statement::Form(SetBlock{std::move(to), std::move(filter), std::move(text)});
  }

  Result<Statement::Form> with_tag() {
    With with;
    while (stream_.current().kind != TokenKind::block_end) {
      CONDUIT_TRY(Target to, target({}));
      CONDUIT_TRY_STATUS(stream_.expect_symbol("="));
      CONDUIT_TRY(auto value, expressions_.expression());
      with.assignments.emplace_back(std::move(to), std::move(value));
      if (!stream_.skip_symbol(",")) break;
    }
    CONDUIT_TRY(with.body, scoped_body("endwith"));
    return Statement::Form(std::move(with));
  }

  Result<Statement::Form> macro_tag() {
    auto macro = std::make_unique<MacroDefinition>();
    CONDUIT_TRY(const Token name, stream_.expect(TokenKind::name));
    macro->name = name.text;
    macro->symbol = stream_.symbol_of(name.text);
    stream_.note_assignment(macro->symbol);
    CONDUIT_TRY_STATUS(signature(*macro));
    CONDUIT_TRY_STATUS(macro_body(*macro, "endmacro"));
    return Statement::Form(std::move(macro));
  }

  Result<Statement::Form> call_tag() {
    CallBlock block;
    block.caller = std::make_unique<MacroDefinition>();
    block.caller->name = "caller";
    block.caller->symbol = kCallerSymbol;
    if (stream_.current().is_symbol("(")) CONDUIT_TRY_STATUS(signature(*block.caller));
    CONDUIT_TRY(block.call, expressions_.expression());
    if (!std::holds_alternative<Call>(block.call->form)) return stream_.fail("expected call");
    CONDUIT_TRY_STATUS(macro_body(*block.caller, "endcall"));
    return Statement::Form(std::move(block));
  }

  Status signature(MacroDefinition& macro) {
    CONDUIT_TRY_STATUS(stream_.expect_symbol("("));
    while (!stream_.current().is_symbol(")")) {
      CONDUIT_TRY(const Token name, stream_.expect(TokenKind::name));
      Parameter parameter{stream_.symbol_of(name.text), std::string(name.text), nullptr};
      if (stream_.skip_symbol("=")) {
        ++stream_.scopes_around;
        CONDUIT_TRY(parameter.fallback, expressions_.expression());
        --stream_.scopes_around;
      } else if (!macro.parameters.empty() && macro.parameters.back().fallback != nullptr) {
        return stream_.fail("non-default argument follows default argument");
      }
      macro.parameters.push_back(std::move(parameter));
      if (!stream_.skip_symbol(",")) break;
    }
    return stream_.expect_symbol(")");
  }

  // A body of its own: no loop around it can be left from inside.
  Status macro_body(MacroDefinition& macro, std::string_view end_tag) {
    const int loops_around = std::exchange(loops_around_, 0);
    stream_.macros.push_back(&macro);
    CONDUIT_TRY(macro.body, scoped_body(end_tag));
    stream_.macros.pop_back();
    loops_around_ = loops_around;
    return ok();
  }

  Result<Statement::Form> filter_tag() {
    FilterBlock block;
    CONDUIT_TRY(block.filter, expressions_.filters_of_block());
    CONDUIT_TRY(block.body, scoped_body("endfilter"));
    return Statement::Form(std::move(block));
  }

  Result<Statement::Form> scoped(std::string_view end_tag) {
    const int loops_around = std::exchange(loops_around_, 0);
    CONDUIT_TRY(auto text, scoped_body(end_tag));
    loops_around_ = loops_around;
    return Statement::Form(Scoped{std::move(text)});
  }

  // What transformers marks for training; for a prompt it is text.
  Result<Statement::Form> generation_tag() { return scoped("endgeneration"); }

  // Nothing can extend a chat template, so a block is the text it holds.
  Result<Statement::Form> block_tag() {
    CONDUIT_TRY(const Token name, stream_.expect(TokenKind::name));
    stream_.skip_name("scoped");
    stream_.skip_name("required");
    CONDUIT_TRY(auto form, scoped("endblock"));
    stream_.skip_name(name.text);
    return form;
  }

  Result<Statement::Form> loop_control_tag() {
    const bool is_break = open_tags_.back() == "break";
    if (loops_around_ == 0)
      return stream_.fail("'" + std::string(open_tags_.back()) + "' outside loop");
    return Statement::Form(LoopControl{is_break});
  }

  // One target, or several with commas, up to `end`, '=' or the end of the tag.
  Result<Target> target(std::string_view end) {
    Target unpacked;
    unpacked.is_unpacking = true;
    bool is_several = false;
    while (!is_target_end(end)) {
      CONDUIT_TRY(Target part, single_target());
      unpacked.parts.push_back(std::move(part));
      if (!stream_.skip_symbol(",")) break;
      is_several = true;
    }
    if (unpacked.parts.empty())
      return stream_.fail("Expected an expression, got '" + describe(stream_.current()) + "'");
    if (is_several) return unpacked;
    return std::move(unpacked.parts.front());
  }

  bool is_target_end(std::string_view end) const {
    const Token& token = stream_.current();
    return token.kind == TokenKind::block_end || token.is_symbol(")") || token.is_symbol("=") ||
           (!end.empty() && token.is_name(end));
  }

  Result<Target> single_target() {
    if (stream_.skip_symbol("(")) {
      CONDUIT_TRY_STATUS(stream_.enter());
      const LeaveNesting leave(stream_);
      CONDUIT_TRY(Target inside, target({}));
      CONDUIT_TRY_STATUS(stream_.expect_symbol(")"));
      return inside;
    }
    CONDUIT_TRY(const Token name, stream_.expect(TokenKind::name));
    for (std::string_view constant : {"true", "false", "none", "True", "False", "None"})
      if (name.text == constant) return stream_.fail("can't assign to 'const'");
    Target to;
    to.symbol = stream_.symbol_of(name.text);
    if (stream_.skip_symbol(".")) {
      CONDUIT_TRY(const Token attribute, stream_.expect(TokenKind::name));
      to.attribute = attribute.text;
    }
    return to;
  }

  TokenStream stream_;
  ExpressionParser expressions_;
  std::vector<EndTags> end_tags_;            // what each open block waits for
  std::vector<std::string_view> open_tags_;  // their names, for messages
  int loops_around_ = 0;
};

}  // namespace

Result<Syntax> parse_template(std::string_view source, std::size_t depth) {
  const std::string normalized = normalize_newlines(source);
  CONDUIT_TRY(auto tokens, tokenize(normalized));
  return Parser(std::move(tokens), depth).run();
}

}  // namespace conduit::kernels::jinja
