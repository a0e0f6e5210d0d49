// Two states: in text, up to the next {{ {% or {#; and in a tag, up to its end.
#include "kernels/model/jinja/lexer.h"

#include <algorithm>
#include <array>
#include <optional>

#include "kernels/model/jinja/python_text.h"

namespace conduit::kernels::jinja {

namespace {

constexpr std::array<std::string_view, 26> kSymbols = {
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
    "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};

bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
// Whatever is not ASCII counts as a letter; Python is stricter about which may stand in a name.
bool is_name_start(char c) { return is_letter(c) || (c & 0x80) != 0; }
bool is_name_part(char c) { return is_name_start(c) || is_ascii_digit(c); }

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  Result<std::vector<Token>> run() {
    while (at_ < source_.size()) CONDUIT_TRY_STATUS(text());
    push(TokenKind::end, {});
    return std::move(tokens_);
  }

 private:
  // What stands between a tag's first two characters and the rest.
  struct Opening {
    std::size_t at;  // of the tag
    char kind;       // { % #
    char sign;       // - + or 0
  };

  std::string_view rest() const { return source_.substr(at_); }

  void push(TokenKind kind, std::string_view token) { tokens_.push_back({kind, line_, token}); }

  void advance(std::size_t bytes) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(at_ + bytes),
                                         '\n'));
    at_ += bytes;
  }

  void skip_space() {
    const std::string_view all = rest();
    advance(all.size() - strip(all, Side::left).size());
  }

  std::optional<Opening> next_opening() const {
    for (std::size_t i = at_; i + 1 < source_.size(); ++i) {
      if (source_[i] != '{') continue;
      const char kind = source_[i + 1];
      if (kind != '{' && kind != '%' && kind != '#') continue;
      const char sign = i + 2 < source_.size() ? source_[i + 2] : '\0';
      return Opening{i, kind, sign == '-' || sign == '+' ? sign : '\0'};
    }
    return std::nullopt;
  }

  // Data before a tag, less what the tag strips from its end.
  std::string_view stripped(std::string_view data, char kind, char sign) const {
    if (sign == '-') return strip(data, Side::right);
    if (sign == '+' || kind == '{') return data;
    const std::size_t line_start = data.rfind('\n') + 1;  // 0 when there is none
    if (line_start == 0 && !is_line_start_) return data;
    return strip(data.substr(line_start), Side::both).empty() ? data.substr(0, line_start) : data;
  }

  void push_data(std::string_view data) {
    if (!data.empty()) push(TokenKind::data, data);
  }

  Status text() {
    const auto opening = next_opening();
    const std::size_t end = opening ? opening->at : source_.size();
    const std::string_view data = source_.substr(at_, end - at_);
    push_data(opening ? stripped(data, opening->kind, opening->sign) : data);
    advance(data.size());
    if (!opening) return ok();
    advance(opening->sign == '\0' ? 2 : 3);
    switch (opening->kind) {
      case '#': return comment();
      case '{': return tag(TokenKind::output_begin, TokenKind::output_end, "}}");
      default: break;
    }
    if (const auto length = raw_opening()) {
      advance(*length);
      return raw();
    }
    return tag(TokenKind::block_begin, TokenKind::block_end, "%}");
  }

  // Moves behind the end of a tag or comment; `sign`: the one before it.
  void finish(char sign, bool is_trimmed) {
    if (sign == '-') {
      skip_space();
    } else if (is_trimmed && sign == '\0' && rest().substr(0, 1) == "\n") {
      advance(1);
    }
    is_line_start_ = source_[at_ - 1] == '\n';
  }

  Status comment() {
    const std::size_t end = source_.find("#}", at_);
    if (end == std::string_view::npos) return syntax_error(line_, "Missing end of comment tag");
    const char before = end > at_ ? source_[end - 1] : '\0';
    advance(end + 2 - at_);
    finish(before == '-' || before == '+' ? before : '\0', true);
    return ok();
  }

  // The length of ` raw %}` behind {%, if that stands here.
  std::optional<std::size_t> raw_opening() const {
    std::string_view inside = strip(rest(), Side::left);
    if (inside.substr(0, 3) != "raw") return std::nullopt;
    inside = strip(inside.substr(3), Side::left);
    const bool has_sign = inside.substr(0, 1) == "-";
    if (inside.substr(has_sign ? 1 : 0, 2) != "%}") return std::nullopt;
    inside.remove_prefix(has_sign ? 3 : 2);
    if (has_sign) inside = strip(inside, Side::left);
    return rest().size() - inside.size();
  }

  Status raw() {
    is_line_start_ = source_[at_ - 1] == '\n';
    for (std::size_t at = source_.find("{%", at_); at != std::string_view::npos;
         at = source_.find("{%", at + 2)) {
      std::string_view inside = source_.substr(at + 2);
      const char sign = inside.empty() ? '\0' : inside.front();
      const bool has_sign = sign == '-' || sign == '+';
      inside = strip(inside.substr(has_sign ? 1 : 0), Side::left);
      if (inside.substr(0, 6) != "endraw") continue;
      inside = strip(inside.substr(6), Side::left);
      const char end_sign = inside.empty() ? '\0' : inside.front();
      const bool has_end_sign = end_sign == '-' || end_sign == '+';
      if (inside.substr(has_end_sign ? 1 : 0, 2) != "%}") continue;
      inside.remove_prefix(has_end_sign ? 3 : 2);
      push_data(stripped(source_.substr(at_, at - at_), '%', has_sign ? sign : '\0'));
      advance(source_.size() - inside.size() - at_);
      finish(has_end_sign ? end_sign : '\0', true);
      return ok();
    }
    return syntax_error(line_, "Missing end of raw directive");
  }

  Status tag(TokenKind begin, TokenKind end, std::string_view close) {
    push(begin, {});
    while (true) {
      skip_space();
      if (at_ >= source_.size()) return ok();  // the parser says what it misses
      if (open_brackets_.empty()) {
        const std::string_view here = rest();
        const char sign =
            here[0] == '-' || (here[0] == '+' && end == TokenKind::block_end) ? here[0] : '\0';
        if (here.substr(sign == '\0' ? 0 : 1, 2) == close) {
          push(end, {});
          advance(sign == '\0' ? 2 : 3);
          finish(sign, end == TokenKind::block_end);
          return ok();
        }
      }
      CONDUIT_TRY_STATUS(token());
    }
  }

  Status token() {
    const char first = source_[at_];
    if (is_ascii_digit(first)) {
      number();
      return ok();
    }
    if (is_name_start(first)) {
      std::size_t length = 1;
      while (at_ + length < source_.size() && is_name_part(source_[at_ + length])) ++length;
      take(TokenKind::name, length);
      return ok();
    }
    if (first == '\'' || first == '"') return string(first);
    return symbol();
  }

  void take(TokenKind kind, std::size_t length) {
    push(kind, source_.substr(at_, length));
    advance(length);
  }

  Status string(char quote) {
    for (std::size_t i = at_ + 1; i < source_.size(); ++i) {
      if (source_[i] == '\\') {
        ++i;
      } else if (source_[i] == quote) {
        take(TokenKind::string, i + 1 - at_);
        return ok();
      }
    }
    return unexpected_character();
  }

  // Digits with single underscores between them, from `from` on; returns where they end.
  std::size_t digits(std::size_t from, bool is_hexadecimal = false) const {
    std::size_t i = from;
    const auto is_valid = [&](std::size_t at) {
      if (at >= source_.size()) return false;
      const char c = source_[at];
      return is_ascii_digit(c) ||
             (is_hexadecimal && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')));
    };
    while (is_valid(i) || (i > from && i < source_.size() && source_[i] == '_' && is_valid(i + 1)))
      ++i;
    return i;
  }

  void number() {
    const std::string_view here = rest();
    const char base = here.size() > 1 ? here[1] : '\0';
    if (here[0] == '0' && std::string_view("xXbBoO").find(base) != std::string_view::npos) {
      const std::size_t end = digits(at_ + 2, base == 'x' || base == 'X');
      if (end > at_ + 2) return take(TokenKind::integer, end - at_);
    }
    std::size_t end = digits(at_);
    bool is_real = false;
    const bool is_after_dot = at_ > 0 && source_[at_ - 1] == '.';
    if (!is_after_dot && source_.substr(end, 1) == "." && digits(end + 1) > end + 1) {
      end = digits(end + 1);
      is_real = true;
    }
    if (!is_after_dot && end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
      const std::size_t sign =
          end + 1 < source_.size() && (source_[end + 1] == '+' || source_[end + 1] == '-') ? 1 : 0;
      const std::size_t power = digits(end + 1 + sign);
      if (power > end + 1 + sign) {
        end = power;
        is_real = true;
      }
    }
    take(is_real ? TokenKind::real : TokenKind::integer, end - at_);
  }

  Status symbol() {
    const std::string_view here = rest();
    const auto* found = std::find_if(
        kSymbols.begin(), kSymbols.end(),
        [&](std::string_view candidate) { return here.substr(0, candidate.size()) == candidate; });
    if (found == kSymbols.end()) return unexpected_character();
    CONDUIT_TRY_STATUS(balance(found->front()));
    take(TokenKind::symbol, found->size());
    return ok();
  }

  // Inside brackets, }} and %} are no end of the tag.
  Status balance(char symbol) {
    switch (symbol) {
      case '{': open_brackets_ += '}'; break;
      case '(': open_brackets_ += ')'; break;
      case '[': open_brackets_ += ']'; break;
      case '}':
      case ')':
      case ']': {
        const std::string unexpected = std::string("unexpected '") + symbol + "'";
        if (open_brackets_.empty()) return syntax_error(line_, unexpected);
        const char expected = open_brackets_.back();
        open_brackets_.pop_back();
        if (expected != symbol)
          return syntax_error(line_, unexpected + ", expected '" + expected + "'");
      }
    }
    return ok();
  }

  Error unexpected_character() const {
    return syntax_error(
        line_, std::string("unexpected char '") + source_[at_] + "' at " + std::to_string(at_));
  }

  std::string_view source_;
  std::size_t at_ = 0;
  int line_ = 1;
  bool is_line_start_ = true;  // whether the last tag ended with a newline, or none came yet
  std::string open_brackets_;  // the closing ones that are due
  std::vector<Token> tokens_;
};

}  // namespace

Error syntax_error(int line, const std::string& message) {
  return {Code::invalid_argument, "line " + std::to_string(line) + ": " + message};
}

std::string normalize_newlines(std::string_view source) {
  std::string normalized;
  normalized.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      normalized += source[i];
    } else if (source.substr(i + 1, 1) != "\n") {
      normalized += '\n';
    }
  }
  if (!normalized.empty() && normalized.back() == '\n') normalized.pop_back();
  return normalized;
}

Result<std::vector<Token>> tokenize(std::string_view source) { return Lexer(source).run(); }

}  // namespace conduit::kernels::jinja
