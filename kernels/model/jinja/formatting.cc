// Reads format strings; format_spec lays each value out.
#include "kernels/model/jinja/formatting.h"

#include <algorithm>
#include <cmath>

#include "kernels/model/jinja/access.h"
#include "kernels/model/jinja/format_spec.h"
#include "kernels/model/jinja/printing.h"
#include "kernels/model/jinja/search.h"

namespace conduit::kernels::jinja {

namespace {

// What is put into a Markup string is escaped.
Result<std::string> shown(Runtime& runtime, const Value& value, const FormatSpec& spec,
                          bool is_markup) {
  CONDUIT_TRY(auto text, format_value(runtime, value, spec));
  return is_markup && !value.is_markup() ? escape_html(text) : text;
}

class PercentFormatter {
 public:
  PercentFormatter(Runtime& runtime, const Value& format, const Value& values)
      : runtime_(runtime), format_(format), rest_(*format.string()) {
    if (const List* tuple = values.list(ListKind::tuple)) {
      arguments_ = tuple->items;
    } else {
      arguments_ = {values};
    }
    names_ = values.dict();
  }

  Result<Value> run() {
    while (!rest_.empty()) {
      const std::size_t percent = std::min(rest_.find('%'), rest_.size());
      out_ += rest_.substr(0, percent);
      rest_.remove_prefix(percent);
      if (rest_.empty()) break;
      rest_.remove_prefix(1);
      CONDUIT_TRY_STATUS(conversion());
      CONDUIT_TRY_STATUS(runtime_.spend(1));
      CONDUIT_TRY_STATUS(runtime_.allow_text(out_.size()));
    }
    if (next_ < arguments_.size() && names_ == nullptr)
      return failure("not all arguments converted during string formatting");
    return runtime_.make_text(std::move(out_), format_.is_markup());
  }

 private:
  Result<Value> next_argument() {
    if (next_ >= arguments_.size()) return failure("not enough arguments for format string");
    return arguments_[next_++];
  }

  // The name in %(name)s, if one stands here.
  Result<std::optional<Value>> named_argument() {
    if (rest_.empty() || rest_.front() != '(') return std::optional<Value>();
    const std::size_t end = rest_.find(')');
    if (end == std::string_view::npos) return failure("incomplete format key");
    const std::string name(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    if (names_ == nullptr) return failure("format requires a mapping");
    const Value* found = names_->find(name);
    if (found == nullptr) return failure(in_quotes(name));  // as Python's KeyError
    return std::optional(*found);
  }

  // A number, or * for the next argument.
  Result<std::optional<std::size_t>> size() {
    if (rest_.empty() || rest_.front() != '*') return take_number(rest_);
    rest_.remove_prefix(1);
    CONDUIT_TRY(const Value argument, next_argument());
    const auto number = argument.integer();
    if (!number) return failure("* wants int");
    return std::optional(static_cast<std::size_t>(std::clamp<Integer>(*number, 0, 1u << 31)));
  }

  Result<FormatSpec> specification() {
    FormatSpec spec;
    bool is_left = false, is_zero = false;
    for (;
         !rest_.empty() && std::string_view("#0- +").find(rest_.front()) != std::string_view::npos;
         rest_.remove_prefix(1)) {
      switch (rest_.front()) {
        case '#': spec.is_alternate = true; break;
        case '0': is_zero = true; break;
        case '-': is_left = true; break;
        case ' ': spec.sign = spec.sign == '+' ? '+' : ' '; break;
        case '+': spec.sign = '+'; break;
      }
    }
    CONDUIT_TRY(const auto width, size());
    spec.width = width.value_or(0);
    if (!rest_.empty() && rest_.front() == '.') {
      rest_.remove_prefix(1);
      CONDUIT_TRY(const auto precision, size());
      spec.precision = precision.value_or(0);
    }
    while (!rest_.empty() && std::string_view("hlL").find(rest_.front()) != std::string_view::npos)
      rest_.remove_prefix(1);
    if (rest_.empty()) return failure("incomplete format");
    spec.type = rest_.front();
    rest_.remove_prefix(1);
    spec.align = is_left ? '<' : is_zero && spec.type != 's' ? '=' : '>';
    if (spec.align == '=') spec.fill = '0';
    return spec;
  }

  Status conversion() {
    CONDUIT_TRY(auto argument, named_argument());
    CONDUIT_TRY(FormatSpec spec, specification());
    if (spec.type == '%') {
      out_ += '%';
      return ok();
    }
    if (!argument) {
      CONDUIT_TRY(argument, next_argument());
    }
    CONDUIT_TRY(const Value value, converted(*argument, spec));
    CONDUIT_TRY(const auto text, shown(runtime_, value, spec, format_.is_markup()));
    out_ += text;
    return ok();
  }

  // The argument as the type its conversion takes.
  Result<Value> converted(const Value& argument, FormatSpec& spec) {
    switch (spec.type) {
      case 's': {
        if (argument.string() != nullptr) return argument;
        CONDUIT_TRY(auto text, str(runtime_, argument));
        return Value::text(std::move(text));
      }
      case 'r':
      case 'a': {
        spec.type = 's';
        CONDUIT_TRY(auto text, repr(runtime_, argument));
        return Value::text(std::move(text));
      }
      case 'd':
      case 'i':
      case 'u': {
        spec.type = 'd';
        if (auto integer = argument.integer()) return Value::integer(*integer);
        const auto real = argument.number();
        if (!real || !(std::fabs(*real) < 1e38))
          return failure("%d format: a real number is required, not " +
                         std::string(type_name(argument)));
        return Value::integer(static_cast<Integer>(*real));
      }
      case 'o':
      case 'x':
      case 'X':
        if (auto integer = argument.integer()) return Value::integer(*integer);
        return failure(std::string("%") + spec.type + " format: an integer is required, not " +
                       std::string(type_name(argument)));
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        if (auto real = argument.number()) return Value::real(*real);
        return failure("must be real number, not " + std::string(type_name(argument)));
      case 'c':
        if (const std::string* text = argument.string(); text != nullptr) {
          spec.type = 's';
          return argument;
        }
        return argument;
      default: return failure(std::string("unsupported format character '") + spec.type + "'");
    }
  }

  Runtime& runtime_;
  const Value& format_;
  std::string_view rest_;
  std::vector<Value> arguments_;
  const Dict* names_ = nullptr;
  std::size_t next_ = 0;
  std::string out_;
};

class BraceFormatter {
 public:
  BraceFormatter(Runtime& runtime, const Arguments& arguments, bool is_markup)
      : runtime_(runtime), arguments_(arguments), is_markup_(is_markup) {}

  // `depth`: a specification may hold fields, these may not again.
  Result<std::string> format(std::string_view text, int depth) {
    std::string out;
    while (!text.empty()) {
      const std::size_t brace = std::min(text.find_first_of("{}"), text.size());
      out += text.substr(0, brace);
      text.remove_prefix(brace);
      if (text.empty()) break;
      if (text.size() > 1 && text[0] == text[1]) {
        out += text[0];
        text.remove_prefix(2);
        continue;
      }
      if (text.front() == '}') return failure("Single '}' encountered in format string");
      CONDUIT_TRY(const auto field, replacement(text, depth));
      out += field;
      CONDUIT_TRY_STATUS(runtime_.spend(1));
      CONDUIT_TRY_STATUS(runtime_.allow_text(out.size()));
    }
    return out;
  }

 private:
  // {name!conversion:specification} at the front of `text`, which moves behind it.
  Result<std::string> replacement(std::string_view& text, int depth) {
    if (depth == 0) return failure("Max string recursion exceeded");
    std::size_t end = 1;
    for (int open = 1; end < text.size(); ++end) {
      open += text[end] == '{' ? 1 : text[end] == '}' ? -1 : 0;
      if (open == 0) break;
    }
    if (end == text.size()) return failure("expected '}' before end of string");
    std::string_view field = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    const std::size_t colon = std::min(field.find(':'), field.size());
    std::string_view spec_text = colon < field.size() ? field.substr(colon + 1) : "";
    field = field.substr(0, colon);
    char conversion = 0;
    if (const std::size_t bang = field.find('!'); bang != std::string_view::npos) {
      if (bang + 2 != field.size()) return failure("expected ':' after conversion specifier");
      conversion = field[bang + 1];
      field = field.substr(0, bang);
    }
    CONDUIT_TRY(Value value, lookup(field));
    CONDUIT_TRY_STATUS(convert(value, conversion));
    CONDUIT_TRY(const std::string spec_string, format(spec_text, depth - 1));
    if (spec_string.empty()) {  // then it is str() of any value
      CONDUIT_TRY(auto text, str(runtime_, value));
      value = Value::text(std::move(text), value.is_markup());
    }
    CONDUIT_TRY(const FormatSpec spec, parse_format_spec(spec_string));
    return shown(runtime_, value, spec, is_markup_);
  }

  Status convert(Value& value, char conversion) {
    if (conversion == 0) return ok();
    if (conversion != 'r' && conversion != 's' && conversion != 'a')
      return failure(std::string("Unknown conversion specifier ") + conversion);
    CONDUIT_TRY(auto text, conversion == 's' ? str(runtime_, value) : repr(runtime_, value));
    value = Value::text(std::move(text));
    return ok();
  }

  Result<Value> lookup(std::string_view field) {
    const std::size_t end = std::min(field.find_first_of(".["), field.size());
    CONDUIT_TRY(Value value, argument(field.substr(0, end)));
    for (field.remove_prefix(end); !field.empty();) {
      const bool is_item = field.front() == '[';
      field.remove_prefix(1);
      const std::size_t stop = std::min(field.find_first_of(is_item ? "]" : ".["), field.size());
      const std::string name(field.substr(0, stop));
      field.remove_prefix(std::min(stop + (is_item ? 1 : 0), field.size()));
      CONDUIT_TRY(value, is_item ? get_item(runtime_, value, index(name))
                                 : get_attribute(runtime_, value, name));
    }
    return value;
  }

  static Value index(const std::string& name) {
    std::string_view digits = name;
    const auto number = take_number(digits);
    if (number && *number && digits.empty()) return Value::integer(Integer(**number));
    return Value::text(name);
  }

  Result<Value> argument(std::string_view name) {
    if (name.empty()) return positional(next_++);
    std::string_view digits = name;
    CONDUIT_TRY(const auto number, take_number(digits));
    if (number && digits.empty()) return positional(*number);
    for (const auto& [key, value] : arguments_.named)
      if (key == name) return value;
    return failure(in_quotes(name));  // as Python's KeyError
  }

  Result<Value> positional(std::size_t position) {
    if (position < arguments_.positional.size()) return arguments_.positional[position];
    return failure("Replacement index " + std::to_string(position) +
                   " out of range for positional args tuple");
  }

  Runtime& runtime_;
  const Arguments& arguments_;
  bool is_markup_;
  std::size_t next_ = 0;
};

}  // namespace

Result<Value> format_percent(Runtime& runtime, const Value& format, const Value& values) {
  return PercentFormatter(runtime, format, values).run();
}

Result<Value> format_braces(Runtime& runtime, const Value& format, const Arguments& arguments) {
  BraceFormatter formatter(runtime, arguments, format.is_markup());
  CONDUIT_TRY(auto text, formatter.format(*format.string(), 2));
  return runtime.make_text(std::move(text), format.is_markup());
}

}  // namespace conduit::kernels::jinja
