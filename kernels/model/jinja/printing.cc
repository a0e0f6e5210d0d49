// str() and repr(): what a template prints.
#include "kernels/model/jinja/printing.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "kernels/model/jinja/functions.h"
#include "kernels/model/jinja/python_text.h"
#include "kernels/model/jinja/syntax.h"
#include "mdl/base/utf8.h"

namespace conduit::kernels::jinja {

namespace {

void append_hex_escape(std::string& out, char32_t c) {
  const char* format = c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x";
  std::array<char, 12> text;
  out.append(text.data(), static_cast<std::size_t>(std::snprintf(text.data(), text.size(), format,
                                                                 static_cast<unsigned>(c))));
}

void append_quoted(std::string& out, std::string_view text) {
  const bool has_only_single =
      text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char quote = has_only_single ? '"' : '\'';
  out += quote;
  for (char32_t c : decode(text)) {
    switch (c) {
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (c == static_cast<char32_t>(quote)) {
          out += '\\';
          out += quote;
        } else if (is_printable(c)) {
          utf8::append(out, c);
        } else {
          append_hex_escape(out, c);
        }
    }
  }
  out += quote;
}

struct Brackets {
  std::string_view open, close;
};

Brackets brackets_of(ListKind kind) {
  switch (kind) {
    case ListKind::tuple:
    case ListKind::group: return {"(", ")"};
    case ListKind::dict_keys: return {"dict_keys([", "])"};
    case ListKind::dict_values: return {"dict_values([", "])"};
    case ListKind::dict_items: return {"dict_items([", "])"};
    default: return {"[", "]"};
  }
}

class Printer {
 public:
  explicit Printer(Runtime& runtime) : runtime_(runtime) {}

  Status repr(const Value& value) {
    CONDUIT_TRY_STATUS(runtime_.spend(1));
    if (const std::string* text = value.string()) return repr_text(*text, value.is_markup());
    if (const List* list = value.list()) return repr_list(*list);
    if (const Dict* dict = value.dict()) return repr_dict(*dict);
    if (auto* space = value.get<std::shared_ptr<Namespace>>()) return repr_namespace(**space);
    if (value.is_undefined()) {
      out += "Undefined";
      return ok();
    }
    return str_plain(value);
  }

  // Of what prints the same by str() and repr().
  Status str_plain(const Value& value) {
    if (value.is_none()) {
      out += "None";
    } else if (auto* boolean = value.get<bool>()) {
      out += *boolean ? "True" : "False";
    } else if (auto* integer = value.get<Integer>()) {
      out += integer_text(*integer);
    } else if (auto* real = value.get<double>()) {
      out += float_text(*real);
    } else if (auto* span = value.get<Span>()) {
      out += "range(" + std::to_string(span->start) + ", " + std::to_string(span->stop);
      out += span->step == 1 ? ")" : ", " + std::to_string(span->step) + ")";
    } else {
      out += object_text(value);
    }
    return ok();
  }

  std::string out;

 private:
  static std::string object_text(const Value& value) {
    if (auto* macro = value.get<Macro>())
      return "<Macro " + in_quotes(macro->definition->name) + ">";
    if (auto* loop = value.get<std::shared_ptr<Loop>>())
      return "<LoopContext " + std::to_string((*loop)->index0 + 1) + "/" +
             std::to_string((*loop)->length) + ">";
    if (auto* method = value.get<std::shared_ptr<const Method>>())
      return "<built-in method " + (*method)->name + " of " +
             std::string(type_name((*method)->self)) + " object>";
    if (auto* function = value.get<const Function*>())
      return "<function " + std::string((*function)->name) + ">";
    return "<" + object_name(value) + ">";
  }

  Status repr_text(const std::string& text, bool is_markup) {
    CONDUIT_TRY_STATUS(runtime_.spend_bytes(text.size()));
    if (is_markup) out += "Markup(";
    append_quoted(out, text);
    if (is_markup) out += ')';
    return ok();
  }

  Status repr_list(const List& list) {
    if (list.kind == ListKind::generator) {
      out += "<generator object>";
      return ok();
    }
    const Brackets brackets = brackets_of(list.kind);
    out += brackets.open;
    std::string_view separator;
    for (const Value& item : list.items) {
      out += separator;
      CONDUIT_TRY_STATUS(repr(item));
      separator = ", ";
    }
    if (brackets.open == "(" && list.items.size() == 1) out += ',';
    out += brackets.close;
    return ok();
  }

  Status repr_dict(const Dict& dict) {
    out += '{';
    std::string_view separator;
    for (const Dict::Entry& entry : dict.entries()) {
      out += separator;
      CONDUIT_TRY_STATUS(repr(entry.key));
      out += ": ";
      CONDUIT_TRY_STATUS(repr(entry.value));
      separator = ", ";
    }
    out += '}';
    return ok();
  }

  // The only value that can hold itself.
  Status repr_namespace(const Namespace& space) {
    CONDUIT_TRY_STATUS(runtime_.enter());
    const Leave leave(runtime_);
    out += "<Namespace {";
    std::string_view separator;
    for (const auto& [name, value] : space.attributes) {
      out += separator;
      append_quoted(out, name);
      out += ": ";
      CONDUIT_TRY_STATUS(repr(value));
      separator = ", ";
    }
    out += "}>";
    return ok();
  }

  Runtime& runtime_;
};

}  // namespace

std::string integer_text(Integer value) {
  std::string digits;
  const bool is_negative = value < 0;
  do {
    const int digit = static_cast<int>(value % 10);
    digits.insert(digits.begin(), static_cast<char>('0' + (digit < 0 ? -digit : digit)));
    value /= 10;
  } while (value != 0);
  return is_negative ? "-" + digits : digits;
}

std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 32> text;
  auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific)
          .ptr;
  const std::string_view scientific(text.data(), static_cast<std::size_t>(end - text.data()));
  int exponent = 0;
  std::string_view power = scientific.substr(scientific.find('e') + 1);
  if (power.front() == '+') power.remove_prefix(1);  // from_chars takes no plus
  std::from_chars(power.data(), power.data() + power.size(), exponent);
  // Python's choice of notation: plain from 1e-4 up to 1e16.
  if (exponent < -4 || exponent >= 16) return std::string(scientific);
  end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed).ptr;
  std::string plain(text.data(), static_cast<std::size_t>(end - text.data()));
  if (plain.find('.') == std::string::npos) plain += ".0";
  return plain;
}

std::string in_quotes(std::string_view text) {
  std::string out;
  append_quoted(out, text);
  return out;
}

Result<std::string> str(Runtime& runtime, const Value& value) {
  if (const std::string* text = value.string()) {
    CONDUIT_TRY_STATUS(runtime.allow_text(text->size()));
    return *text;
  }
  if (value.is_undefined()) return std::string();
  return repr(runtime, value);
}

Result<std::string> repr(Runtime& runtime, const Value& value) {
  Printer printer(runtime);
  CONDUIT_TRY_STATUS(printer.repr(value));
  CONDUIT_TRY_STATUS(runtime.allow_text(printer.out.size()));
  return std::move(printer.out);
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&#34;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

}  // namespace conduit::kernels::jinja
