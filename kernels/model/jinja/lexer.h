// Template source → tokens, with jinja2's whitespace control: trim_blocks (the newline after a
// block tag goes), lstrip_blocks (so does the blank before one that starts its line), and the
// signs of {%- and -%}. Tokens are views into the source.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mdl/base/result.h"

namespace conduit::kernels::jinja {

enum class TokenKind : std::uint8_t {
  data,  // text outside of tags
  output_begin,
  output_end,
  block_begin,
  block_end,
  name,
  string,  // with its quotes
  integer,
  real,
  symbol,
  end,
};

struct Token {
  TokenKind kind;
  int line;
  std::string_view text;

  bool is_symbol(std::string_view symbol) const {
    return kind == TokenKind::symbol && text == symbol;
  }
  bool is_name(std::string_view name) const { return kind == TokenKind::name && text == name; }
};

// What tokenize expects: every line break a \n, and one at the very end dropped, as jinja2 does.
std::string normalize_newlines(std::string_view source);

// Ends with a token of kind `end`. Error: invalid_argument with the line.
Result<std::vector<Token>> tokenize(std::string_view source);

Error syntax_error(int line, const std::string& message);

}  // namespace conduit::kernels::jinja
