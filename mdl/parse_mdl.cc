// MDL text → Type, by recursive descent. What is written is read first, syntax alone; then
// find_fault() judges the types, and its path is looked up among the places where fields stand.
#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "mdl/type.h"

namespace conduit::mdl {

namespace {

using Kind = Type::Kind;

struct Word {
  std::string_view text;
  Kind kind;
};
constexpr Word kWords[] = {
    {"int", Kind::integer},  {"float", Kind::number}, {"str", Kind::string},
    {"bool", Kind::boolean}, {"None", Kind::null},    {"null", Kind::null},
    {"Any", Kind::any},      {"any", Kind::any},      {"List", Kind::list},
    {"Dict", Kind::dict},    {"Tuple", Kind::tuple},  {"Optional", Kind::optional},
    {"Union", Kind::either},
};

bool is_name_byte(char c) {
  const bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
  return is_letter || (c >= '0' && c <= '9') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Type> record() {
    Type record{.kind = Kind::record};
    for (;;) {
      skip_blanks(true);
      if (at_ == text_.size()) break;
      CONDUIT_TRY_STATUS(field(record));
      skip_blanks(false);
      if (at_ < text_.size() && text_[at_] != '\n') return wrong("the end of the line");
    }
    if (const auto fault = find_fault(record)) {
      const auto place = places_.find(fault->path);
      if (place != places_.end()) at_ = place->second;
      return error(fault->message());
    }
    return record;
  }

 private:
  Error error(const std::string& message) const {
    const std::string_view before = text_.substr(0, at_);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const std::size_t column = at_ - (before.rfind('\n') + 1) + 1;  // npos + 1 is 0
    return {Code::invalid_argument,
            "line " + std::to_string(line) + ", column " + std::to_string(column) + ": " + message};
  }

  Error wrong(const std::string& expected) const {
    std::string found = "the end";
    if (at_ < text_.size()) {
      std::size_t end = at_ + 1;
      while (end < text_.size() && is_name_byte(text_[at_]) && is_name_byte(text_[end])) ++end;
      found = text_[at_] == '\n'
                  ? "the end of the line"
                  : std::string(text_.substr(at_, std::min<std::size_t>(end - at_, 40)));
    }
    return error("expected " + expected + ", not " + found);
  }

  // Comments too; newlines where a line may be broken.
  void skip_blanks(bool with_newlines) {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == ' ' || c == '\t' || c == '\r' || (c == '\n' && with_newlines)) {
        ++at_;
      } else if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (text_.substr(at_, 2) == "/*") {
        const std::size_t end = text_.find("*/", at_ + 2);
        at_ = end == std::string_view::npos ? text_.size() : end + 2;
      } else {
        break;
      }
    }
  }

  bool takes(std::string_view token) {
    skip_blanks(true);
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }
  // Without going over to the next line, which may be another field.
  bool takes_behind(char token) {
    const std::size_t before = at_;
    skip_blanks(depth_ > 0);
    if (at_ < text_.size() && text_[at_] == token) return ++at_, true;
    at_ = before;
    return false;
  }
  Status expect(std::string_view token) {
    if (takes(token)) return ok();
    return wrong("'" + std::string(token) + "'");
  }

  std::string_view name() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_name_byte(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  Result<std::string> quoted() {
    const std::size_t begin = at_++;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    at_ = std::min(at_ + 1, text_.size());
    const auto value = json::parse(text_.substr(begin, at_ - begin));
    if (value && value->is_string()) return value->as_string();
    at_ = begin;
    return error("a string in double quotes, with JSON's escapes, does not end or is malformed");
  }

  Status field(Type& record) {
    const std::size_t begin = at_;
    std::string field;
    if (text_[at_] == '"') {
      CONDUIT_TRY(field, quoted());
    } else {
      field = name();
    }
    const bool is_name =
        !field.empty() && (text_[begin] == '"' || !(text_[begin] >= '0' && text_[begin] <= '9'));
    if (!is_name) return at_ = begin, wrong("a field's name");
    const std::string outer = path_;
    path_ += (path_.empty() ? "" : ".") + field;
    CONDUIT_TRY_STATUS(expect(":"));
    skip_blanks(depth_ > 0);
    const bool is_first = places_.emplace(path_, at_).second;
    // A path comes twice in a union of records; a second field of a record is a fault of its own.
    if (!is_first) places_[path_] = begin;
    CONDUIT_TRY(Type type, this->type());
    path_ = outer;
    record.fields.push_back(std::move(field));
    record.of.push_back(std::move(type));
    return ok();
  }

  Result<Type> type() {
    if (++depth_ > TypeLimits::kDepth)
      return error("unsupported_type at " + path_ + ": it is nested deeper than the limit of " +
                   std::to_string(TypeLimits::kDepth));
    const std::size_t begin = at_;
    const std::string_view word = name();
    if (word.empty())
      return wrong("a type: int, float, str, bool, List, Dict, Tuple, Optional, Union");
    Type type{.kind = Kind::other, .name = std::string(word)};
    for (const Word& known : kWords)
      if (known.text == word) type = {.kind = known.kind};
    --depth_;
    if (type.kind == Kind::dict && takes_behind('{')) {
      CONDUIT_TRY_STATUS(fields(type));
    } else if (takes_behind('[')) {
      const bool is_leaf = type.kind < Kind::null;
      if (!is_leaf && type.kind < Kind::optional) return at_ = begin, unexpected_brackets(word);
      ++depth_;
      CONDUIT_TRY_STATUS(is_leaf ? limits(type) : parts(type));
      --depth_;
      const bool has_size = type.kind == Kind::list || type.kind == Kind::repeated;
      if (has_size && takes_behind('[')) {
        ++depth_;
        CONDUIT_TRY_STATUS(sizes(type));
        --depth_;
      }
    }
    return type;
  }

  Error unexpected_brackets(std::string_view word) const {
    return error("unsupported_type at " + path_ + ": " + std::string(word) +
                 "[…] is none of List, Dict, Tuple, Optional, Union");
  }

  // Behind '{'.
  Status fields(Type& record) {
    record.kind = Kind::record;
    ++depth_;
    while (!takes("}")) {
      if (at_ == text_.size()) return wrong("'}'");
      CONDUIT_TRY_STATUS(field(record));
      if (takes(",")) continue;
      CONDUIT_TRY_STATUS(expect("}"));
      break;
    }
    --depth_;
    return ok();
  }

  // Behind '[': types, of which none are as good as no brackets.
  Status parts(Type& type) {
    while (!takes("]")) {
      if (type.kind == Kind::tuple && type.of.size() == 1 && takes("...")) {
        type.kind = Kind::repeated;
        return expect("]");
      }
      CONDUIT_TRY(Type part, this->type());
      type.of.push_back(std::move(part));
      if (takes(",")) continue;
      CONDUIT_TRY_STATUS(expect("]"));
      break;
    }
    return has_right_number(type);
  }

  Status has_right_number(const Type& type) const {
    const std::size_t right = type.kind == Kind::dict                                  ? 2
                              : type.kind == Kind::list || type.kind == Kind::optional ? 1
                                                                                       : 0;
    if (right == 0 || type.of.empty() || type.of.size() == right) return ok();
    return error(std::string(word_of(type.kind)) + " takes " + std::to_string(right) +
                 (right == 1 ? " type" : " types") + " in brackets, not " +
                 std::to_string(type.of.size()));
  }

  // --- limits; behind '['

  Status limits(Type& type) {
    skip_blanks(true);
    if (type.kind == Kind::string && at_ < text_.size() && text_[at_] == '"') return choices(type);
    if (type.kind == Kind::string) return sizes(type);
    if (type.kind == Kind::boolean) return wrong("no brackets behind bool");
    CONDUIT_TRY(type.minimum, number(type.kind));
    CONDUIT_TRY_STATUS(expect(".."));
    CONDUIT_TRY(type.maximum, number(type.kind));
    return expect("]");
  }

  Status choices(Type& type) {
    do {
      skip_blanks(true);
      if (at_ == text_.size() || text_[at_] != '"') return wrong("a string in double quotes");
      CONDUIT_TRY(std::string choice, quoted());
      type.choices.push_back(std::move(choice));
    } while (takes(","));
    return expect("]");
  }

  Status sizes(Type& type) {
    CONDUIT_TRY(type.min_size, size());
    CONDUIT_TRY_STATUS(expect(".."));
    CONDUIT_TRY(type.max_size, size());
    return expect("]");
  }

  Result<std::optional<std::size_t>> size() {
    const std::size_t begin = at_;
    CONDUIT_TRY(const auto read, number(Kind::integer));
    if (!read) return std::optional<std::size_t>();
    if (read->kind() == json::Kind::integer && read->as_int() >= 0)
      return std::optional(static_cast<std::size_t>(read->as_int()));
    return at_ = begin, wrong("a length, 0 or more");
  }

  // Nothing where none stands: that side is open.
  Result<std::optional<json::Value>> number(Kind kind) {
    skip_blanks(true);
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_.substr(at_, 2) != ".." &&
           (is_name_byte(text_[at_]) || std::string_view("+-.").find(text_[at_]) < 3))
      ++at_;
    if (at_ == begin) return std::optional<json::Value>();
    auto value = json::parse(text_.substr(begin, at_ - begin));
    if (value && value->is_number() && (kind == Kind::number || value->is_integer()))
      return std::optional(*std::move(value));
    return at_ = begin, wrong(kind == Kind::number ? "a number" : "an integer of 64 bits");
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;  // brackets around this, where a newline is a blank
  std::string path_;       // of the field that is read
  std::map<std::string, std::size_t> places_;
};

}  // namespace

Result<Type> parse_mdl(std::string_view text) {
  if (text.size() > TypeLimits::kTextBytes)
    return Error{Code::exhausted, "MDL text of " + std::to_string(text.size()) +
                                      " bytes is over the limit of " +
                                      std::to_string(TypeLimits::kTextBytes)};
  return Parser(text).record();
}

}  // namespace conduit::mdl
