// Comparison and the protocols; arithmetic is in arithmetic.cc.
#include "kernels/model/jinja/operators.h"

#include <algorithm>
#include <cmath>

#include "kernels/model/jinja/printing.h"
#include "kernels/model/jinja/python_text.h"
#include "kernels/model/jinja/search.h"
#include "mdl/base/utf8.h"

namespace conduit::kernels::jinja {

namespace {

bool is_tuple(ListKind kind) { return kind == ListKind::tuple || kind == ListKind::group; }

bool are_comparable(const List& left, const List& right) {
  if (is_tuple(left.kind)) return is_tuple(right.kind);
  return left.kind == ListKind::list && right.kind == ListKind::list;
}

Result<bool> lists_equal(Runtime& runtime, const List& left, const List& right) {
  if (!are_comparable(left, right) || left.items.size() != right.items.size()) return false;
  for (std::size_t i = 0; i < left.items.size(); ++i) {
    CONDUIT_TRY(const bool is_equal, equals(runtime, left.items[i], right.items[i]));
    if (!is_equal) return false;
  }
  return true;
}

Result<bool> dicts_equal(Runtime& runtime, const Dict& left, const Dict& right) {
  if (left.entries().size() != right.entries().size()) return false;
  for (const Dict::Entry& entry : left.entries()) {
    CONDUIT_TRY(const auto other, find_entry(runtime, right, entry.key));
    if (!other) return false;
    CONDUIT_TRY(const bool is_equal, equals(runtime, entry.value, right.entries()[*other].value));
    if (!is_equal) return false;
  }
  return true;
}

// Of values that are neither numbers, text nor containers.
bool are_identical(const Value& left, const Value& right) {
  if (left.data().index() != right.data().index()) return false;
  return std::visit(
      [&](const auto& held) {
        using T = std::decay_t<decltype(held)>;
        const T& other = *right.get<T>();
        if constexpr (std::is_same_v<T, Macro>) {
          return held.definition == other.definition && held.scope == other.scope;
        } else if constexpr (std::is_same_v<T, Span>) {
          return held.start == other.start && held.stop == other.stop && held.step == other.step;
        } else if constexpr (std::is_same_v<T, None> || std::is_same_v<T, Undefined>) {
          return true;
        } else if constexpr (std::is_same_v<T, Text>) {
          return *held.bytes == *other.bytes;
        } else {
          return held == other;
        }
      },
      left.data());
}

bool numbers_equal(const Value& left, const Value& right) {
  const auto a = left.integer(), b = right.integer();
  if (a && b) return *a == *b;
  return *left.number() == *right.number();
}

std::string_view comparison_symbol(Comparison op) {
  switch (op) {
    case Comparison::less: return "<";
    case Comparison::less_equal: return "<=";
    case Comparison::greater: return ">";
    default: return ">=";
  }
}

template <class T>
bool holds(Comparison op, const T& left, const T& right) {
  switch (op) {
    case Comparison::less: return left < right;
    case Comparison::less_equal: return left <= right;
    case Comparison::greater: return left > right;
    default: return left >= right;
  }
}

// The first pair that differs decides; without one, the lengths do.
Result<bool> order_lists(Runtime& runtime, Comparison op, const List& left, const List& right) {
  const std::size_t common = std::min(left.items.size(), right.items.size());
  for (std::size_t i = 0; i < common; ++i) {
    CONDUIT_TRY(const bool is_equal, equals(runtime, left.items[i], right.items[i]));
    if (!is_equal) return compare(runtime, op, left.items[i], right.items[i]);
  }
  return holds(op, left.items.size(), right.items.size());
}

Result<bool> order(Runtime& runtime, Comparison op, const Value& left, const Value& right) {
  CONDUIT_TRY_STATUS(runtime.spend(1));
  if (left.is_undefined()) return undefined_error(left);
  if (right.is_undefined()) return undefined_error(right);
  if (left.is_number() && right.is_number()) {
    const auto a = left.integer(), b = right.integer();
    return a && b ? holds(op, *a, *b) : holds(op, *left.number(), *right.number());
  }
  const std::string *a = left.string(), *b = right.string();
  if (a != nullptr && b != nullptr) {
    CONDUIT_TRY_STATUS(runtime.spend_bytes(std::min(a->size(), b->size())));
    return holds(op, *a, *b);  // the order of UTF-8 is the order of code points
  }
  const List *first = left.list(), *second = right.list();
  if (first != nullptr && second != nullptr && are_comparable(*first, *second))
    return order_lists(runtime, op, *first, *second);
  return failure("'" + std::string(comparison_symbol(op)) +
                 "' not supported between instances of '" + std::string(type_name(left)) +
                 "' and '" + std::string(type_name(right)) + "'");
}

bool is_hashable(const Value& key) {
  if (key.dict() != nullptr) return false;
  const List* list = key.list();
  if (list == nullptr) return true;
  return is_tuple(list->kind) && std::all_of(list->items.begin(), list->items.end(), is_hashable);
}

Result<bool> list_contains(Runtime& runtime, const std::vector<Value>& items, const Value& item) {
  for (const Value& candidate : items) {
    CONDUIT_TRY(const bool is_equal, equals(runtime, candidate, item));
    if (is_equal) return true;
  }
  return false;
}

Result<bool> text_contains(Runtime& runtime, const std::string& text, const Value& item) {
  const std::string* part = item.string();
  if (part == nullptr)
    return failure("'in <string>' requires string as left operand, not " +
                   std::string(type_name(item)));
  CONDUIT_TRY_STATUS(runtime.spend_bytes(text.size()));
  return find_text(text, *part).has_value();
}

Result<std::vector<Value>> characters(Runtime& runtime, const std::string& text) {
  CONDUIT_TRY_STATUS(runtime.spend(text.size()));
  std::vector<Value> items;
  for (char32_t c : decode(text)) {
    std::string character;
    utf8::append(character, c);
    items.push_back(Value::text(std::move(character)));
  }
  return items;
}

}  // namespace

Error undefined_error(const Value& value) { return failure(*value.get<Undefined>()->reason); }

Result<bool> equals(Runtime& runtime, const Value& left, const Value& right) {
  CONDUIT_TRY_STATUS(runtime.spend(1));
  if (left.is_number() && right.is_number()) return numbers_equal(left, right);
  if (const std::string* text = left.string(); text != nullptr && right.string() != nullptr) {
    CONDUIT_TRY_STATUS(runtime.spend_bytes(text->size()));
    return *text == *right.string();
  }
  const List *first = left.list(), *second = right.list();
  if (first != nullptr && second != nullptr && first != second)
    return lists_equal(runtime, *first, *second);
  const Dict *one = left.dict(), *other = right.dict();
  if (one != nullptr && other != nullptr && one != other) return dicts_equal(runtime, *one, *other);
  return are_identical(left, right);
}

Result<bool> compare(Runtime& runtime, Comparison op, const Value& left, const Value& right) {
  switch (op) {
    case Comparison::equal: return equals(runtime, left, right);
    case Comparison::in: return contains(runtime, right, left);
    case Comparison::not_equal: {
      CONDUIT_TRY(const bool is_equal, equals(runtime, left, right));
      return !is_equal;
    }
    case Comparison::not_in: {
      CONDUIT_TRY(const bool is_in, contains(runtime, right, left));
      return !is_in;
    }
    default: return order(runtime, op, left, right);
  }
}

Result<std::optional<std::size_t>> find_entry(Runtime& runtime, const Dict& dict,
                                              const Value& key) {
  CONDUIT_TRY_STATUS(runtime.spend(1));
  const auto& entries = dict.entries();
  if (const std::string* text = key.string()) {
    CONDUIT_TRY_STATUS(runtime.spend_bytes(text->size()));
    return dict.find_entry(*text);
  }
  if (!is_hashable(key)) return failure("unhashable type: '" + std::string(type_name(key)) + "'");
  for (std::size_t i = 0; i < entries.size(); ++i) {
    CONDUIT_TRY(const bool is_equal, equals(runtime, entries[i].key, key));
    if (is_equal) return std::optional(i);
  }
  return std::optional<std::size_t>();
}

Result<bool> contains(Runtime& runtime, const Value& container, const Value& item) {
  if (const std::string* text = container.string()) return text_contains(runtime, *text, item);
  if (const Dict* dict = container.dict()) {
    CONDUIT_TRY(const auto entry, find_entry(runtime, *dict, item));
    return entry.has_value();
  }
  if (const List* list = container.list(); list != nullptr && list->kind != ListKind::generator)
    return list_contains(runtime, list->items, item);
  auto items = iterate(runtime, container);
  if (!items && items.error().code == Code::invalid_argument)
    return failure("argument of type '" + std::string(type_name(container)) + "' is not iterable");
  if (!items) return std::move(items).error();
  return list_contains(runtime, *items, item);
}

Result<Integer> length(const Value& value) {
  if (const std::string* text = value.string()) return Integer(count_code_points(*text));
  if (const Dict* dict = value.dict()) return Integer(dict->entries().size());
  if (auto* span = value.get<Span>()) return Integer(span->size());
  if (auto* loop = value.get<std::shared_ptr<Loop>>()) return Integer((*loop)->length);
  if (value.is_undefined()) return Integer(0);
  const List* list = value.list();
  if (list != nullptr && list->kind != ListKind::generator) return Integer(list->items.size());
  return failure("object of type '" + std::string(type_name(value)) + "' has no len()");
}

Result<std::vector<Value>> iterate(Runtime& runtime, const Value& value) {
  std::vector<Value> items;
  if (List* list = value.list()) {
    CONDUIT_TRY_STATUS(runtime.spend_items(list->items.size()));
    if (list->kind != ListKind::generator) return list->items;
    if (!list->is_consumed) items = std::move(list->items);
    list->items.clear();
    list->is_consumed = true;
    return items;
  }
  if (const std::string* text = value.string()) return characters(runtime, *text);
  if (const Dict* dict = value.dict()) {
    CONDUIT_TRY_STATUS(runtime.spend_items(dict->entries().size()));
    for (const Dict::Entry& entry : dict->entries()) items.push_back(entry.key);
    return items;
  }
  if (auto* span = value.get<Span>()) {
    CONDUIT_TRY_STATUS(runtime.spend_items(static_cast<std::size_t>(span->size())));
    for (std::int64_t i = 0; i < span->size(); ++i)
      items.push_back(Value::integer(span->start + i * span->step));
    return items;
  }
  if (value.is_undefined()) return items;
  return failure("'" + std::string(type_name(value)) + "' object is not iterable");
}

}  // namespace conduit::kernels::jinja
