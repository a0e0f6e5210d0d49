// A walk over the grammar with a stack of what is open.
#include "mdl/base/json_fault.h"

#include <string>
#include <utility>

#include "mdl/base/utf8.h"

namespace conduit::json {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

class Walk {
 public:
  explicit Walk(std::string_view text) : text_(text) {}

  // Whether the whole text is one value; else `at` and `expected` tell where it is not.
  bool is_json() {
    if (!value()) return false;
    while (!open_.empty())
      if (!next_in_container()) return false;
    skip_space();
    return at_ == text_.size() || stop("nothing more: the value is complete");
  }
  std::size_t at() const { return at_; }
  std::string_view expected() const { return expected_; }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    const bool is_here = at_ < text_.size() && text_[at_] == c;
    at_ += is_here ? 1 : 0;
    return is_here;
  }
  bool stop(std::string_view expected) {
    expected_ = expected;
    return false;
  }
  void skip_space() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++at_;
  }

  // A value, or the beginning of a container.
  bool value() {
    skip_space();
    switch (peek()) {
      case '{': return open('}');
      case '[': return open(']');
      case '"': return string();
      case 't': return word("true");
      case 'f': return word("false");
      case 'n': return word("null");
      default: return peek() == '-' || is_digit(peek()) ? number() : stop("a value");
    }
  }

  bool open(char close) {
    ++at_;
    open_ += close;
    is_empty_ = true;
    return true;
  }

  bool member() {
    skip_space();
    if (peek() != '"') return stop("a name in double quotes");
    if (!string()) return false;
    skip_space();
    return take(':') ? value() : stop("':'");
  }

  // The next member or item of the innermost container, or its end.
  bool next_in_container() {
    skip_space();
    const char close = open_.back();
    const bool is_first = std::exchange(is_empty_, false);
    if (take(close)) {
      open_.pop_back();
      return true;
    }
    if (!is_first && !take(',')) return stop(close == '}' ? "',' or '}'" : "',' or ']'");
    return close == '}' ? member() : value();
  }

  bool word(std::string_view name) {
    if (text_.substr(at_, name.size()) != name) return stop("a value");
    at_ += name.size();
    return true;
  }

  bool digits() {
    if (!is_digit(peek())) return stop("a digit");
    while (is_digit(peek())) ++at_;
    return true;
  }

  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (!take('e') && !take('E')) return true;
    if (!take('+')) take('-');
    return digits();
  }

  bool string() {
    ++at_;
    for (;;) {
      if (at_ == text_.size()) return stop("the string's closing '\"'");
      if (take('"')) return true;
      if (static_cast<unsigned char>(peek()) < 0x20)
        return stop("the string's closing '\"', or its control character escaped");
      if (peek() == '\\' ? !escape() : !character()) return false;
    }
  }

  bool character() {
    const utf8::Character character = utf8::read(text_.substr(at_));
    if (character.form != utf8::Form::whole) return stop("UTF-8");
    at_ += character.length;
    return true;
  }

  bool escape() {
    const std::size_t begin = at_++;
    for (char c : std::string_view("\"\\/bfnrt"))
      if (take(c)) return true;
    if (!take('u')) return stop("an escape: one of \" \\ / b f n r t u");
    const auto unit = hex4();
    if (!unit) return stop("four hexadecimal digits");
    if (*unit < 0xD800 || *unit > 0xDFFF) return true;
    const bool has_second = *unit < 0xDC00 && take('\\') && take('u');
    const auto second = has_second ? hex4() : std::nullopt;
    if (second && *second >= 0xDC00 && *second <= 0xDFFF) return true;
    at_ = begin;
    return stop("a surrogate pair: half of one is no character");
  }

  std::optional<unsigned> hex4() {
    unsigned unit = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = peek();
      if (!is_hex(c)) return std::nullopt;
      unit = unit * 16 + static_cast<unsigned>(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return unit;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string open_;       // the closing characters still owed
  bool is_empty_ = false;  // nothing of the innermost container was read yet
  std::string_view expected_;
};

}  // namespace

std::optional<Fault> find_fault(std::string_view text) {
  Walk walk(text);
  if (walk.is_json()) return std::nullopt;
  Fault fault;
  fault.expected = walk.expected();
  for (char c : text.substr(0, walk.at())) {
    fault.column = c == '\n' ? 1 : fault.column + 1;
    fault.line += c == '\n' ? 1 : 0;
  }
  return fault;
}

}  // namespace conduit::json
