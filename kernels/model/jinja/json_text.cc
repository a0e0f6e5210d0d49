// json.dumps as transformers' tojson calls it: Python's separators, its floats, its escapes.
#include <algorithm>
#include <cmath>

#include "kernels/model/jinja/printing.h"
#include "kernels/model/jinja/python_text.h"
#include "mdl/base/json.h"

namespace conduit::kernels::jinja {

namespace {

void append_unit(std::string& out, unsigned unit) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kHex[unit >> shift & 0xF];
}

// Everything beyond printable ASCII as UTF-16 units.
std::string quote_ascii(std::string_view text) {
  std::string out;
  for (char32_t c : decode(json::quote(text))) {
    if (c < 0x7F) {
      out += static_cast<char>(c);
    } else if (c < 0x10000) {
      append_unit(out, static_cast<unsigned>(c));
    } else {
      const auto rest = static_cast<unsigned>(c - 0x10000);
      append_unit(out, 0xD800 + (rest >> 10));
      append_unit(out, 0xDC00 + (rest & 0x3FF));
    }
  }
  return out;
}

std::string json_float(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  return float_text(value);
}

class JsonPrinter {
 public:
  JsonPrinter(Runtime& runtime, const JsonStyle& style) : runtime_(runtime), style_(style) {}

  Status print(const Value& value) {
    CONDUIT_TRY_STATUS(runtime_.spend(1));
    if (const std::string* text = value.string()) return print_text(*text);
    if (const Dict* dict = value.dict()) return print_dict(*dict);
    if (const List* list = value.list(); list != nullptr && is_array(list->kind))
      return print_list(*list);
    if (value.is_none()) {
      out += "null";
    } else if (auto* boolean = value.get<bool>()) {
      out += *boolean ? "true" : "false";
    } else if (auto* integer = value.get<Integer>()) {
      out += integer_text(*integer);
    } else if (auto* real = value.get<double>()) {
      out += json_float(*real);
    } else {
      return failure("Object of type " + std::string(type_name(value)) +
                     " is not JSON serializable");
    }
    return ok();
  }

  std::string out;

 private:
  static bool is_array(ListKind kind) {
    return kind == ListKind::list || kind == ListKind::tuple || kind == ListKind::group;
  }

  Status print_text(const std::string& text) {
    CONDUIT_TRY_STATUS(runtime_.spend_bytes(text.size()));
    out += style_.is_ascii ? quote_ascii(text) : json::quote(text);
    return ok();
  }

  Status print_list(const List& list) {
    out += '[';
    ++level_;
    bool is_first = true;
    for (const Value& item : list.items) {
      CONDUIT_TRY_STATUS(separate(is_first));
      CONDUIT_TRY_STATUS(print(item));
      is_first = false;
    }
    --level_;
    if (!is_first) CONDUIT_TRY_STATUS(break_line());
    out += ']';
    return ok();
  }

  Status print_dict(const Dict& dict) {
    CONDUIT_TRY(const auto entries, in_order(dict));
    out += '{';
    ++level_;
    bool is_first = true;
    for (const auto& [key, value] : entries) {
      CONDUIT_TRY_STATUS(separate(is_first));
      CONDUIT_TRY_STATUS(print_text(key));
      out += style_.key_separator;
      CONDUIT_TRY_STATUS(print(*value));
      is_first = false;
    }
    --level_;
    if (!is_first) CONDUIT_TRY_STATUS(break_line());
    out += '}';
    return ok();
  }

  using Entries = std::vector<std::pair<std::string, const Value*>>;
  Result<Entries> in_order(const Dict& dict) {
    CONDUIT_TRY_STATUS(runtime_.spend(dict.entries().size()));
    Entries entries;
    for (const Dict::Entry& entry : dict.entries()) {
      CONDUIT_TRY(auto key, key_text(entry.key));
      entries.emplace_back(std::move(key), &entry.value);
    }
    if (style_.is_sorted)
      std::stable_sort(entries.begin(), entries.end(),
                       [](const auto& a, const auto& b) { return a.first < b.first; });
    return entries;
  }

  static Result<std::string> key_text(const Value& key) {
    if (const std::string* text = key.string()) return *text;
    if (key.is_none()) return std::string("null");
    if (auto* boolean = key.get<bool>()) return std::string(*boolean ? "true" : "false");
    if (auto* integer = key.get<Integer>()) return integer_text(*integer);
    if (auto* real = key.get<double>()) return json_float(*real);
    return failure("keys must be str, int, float, bool or None, not " +
                   std::string(type_name(key)));
  }

  Status separate(bool is_first) {
    if (!is_first) out += style_.item_separator;
    return break_line();
  }

  Status break_line() {
    if (!style_.indent) return ok();
    out += '\n';
    CONDUIT_TRY_STATUS(runtime_.allow_text(style_.indent->size() * level_));
    for (std::size_t i = 0; i < level_; ++i) out += *style_.indent;
    return ok();
  }

  Runtime& runtime_;
  const JsonStyle& style_;
  std::size_t level_ = 0;
};

}  // namespace

Result<std::string> json_text(Runtime& runtime, const Value& value, const JsonStyle& style) {
  JsonPrinter printer(runtime, style);
  CONDUIT_TRY_STATUS(printer.print(value));
  CONDUIT_TRY_STATUS(runtime.allow_text(printer.out.size()));
  return std::move(printer.out);
}

}  // namespace conduit::kernels::jinja
