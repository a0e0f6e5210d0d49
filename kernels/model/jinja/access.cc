// Attributes before items for `.`, items before attributes for `[]`.
#include "kernels/model/jinja/access.h"

#include <algorithm>
#include <optional>

#include "kernels/model/jinja/functions.h"
#include "kernels/model/jinja/operators.h"
#include "kernels/model/jinja/printing.h"
#include "kernels/model/jinja/python_text.h"
#include "kernels/model/jinja/syntax.h"

namespace conduit::kernels::jinja {

namespace {

// What ImmutableSandboxedEnvironment refuses.
bool is_mutation(const Value& object, std::string_view name) {
  static constexpr std::string_view kOfLists[] = {"append", "clear", "pop",    "reverse",
                                                  "insert", "sort",  "extend", "remove"};
  static constexpr std::string_view kOfDicts[] = {"clear", "pop", "popitem", "setdefault",
                                                  "update"};
  const auto is_in = [&](auto& names) {
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
  };
  if (object.list(ListKind::list) != nullptr) return is_in(kOfLists);
  return object.dict() != nullptr && is_in(kOfDicts);
}

bool is_internal(std::string_view name) {
  return name.size() > 4 && name.substr(0, 2) == "__" && name.substr(name.size() - 2) == "__";
}

Value missing_attribute(const Value& object, std::string_view name) {
  return Value::undefined(in_quotes(object_name(object)) + " has no attribute " + in_quotes(name));
}

std::optional<Value> loop_attribute(const Loop& loop, std::string_view name) {
  const auto number = [](std::size_t value) { return Value::integer(Integer(value)); };
  if (name == "index") return number(loop.index0 + 1);
  if (name == "index0") return number(loop.index0);
  if (name == "revindex") return number(loop.length - loop.index0);
  if (name == "revindex0") return number(loop.length - loop.index0 - 1);
  if (name == "first") return Value::boolean(loop.index0 == 0);
  if (name == "last") return Value::boolean(loop.index0 + 1 == loop.length);
  if (name == "length") return number(loop.length);
  if (name == "depth") return Value::integer(loop.depth0 + 1);
  if (name == "depth0") return Value::integer(loop.depth0);
  if (name == "previtem")
    return loop.index0 == 0 || loop.is_finished ? Value::undefined("there is no previous item")
                                                : loop.items[loop.index0 - 1];
  if (name == "nextitem")
    return loop.index0 + 1 >= loop.length || loop.is_finished
               ? Value::undefined("there is no next item")
               : loop.items[loop.index0 + 1];
  return std::nullopt;
}

// A macro's description of itself.
Result<std::optional<Value>> macro_attribute(Runtime& runtime, const MacroDefinition& macro,
                                             std::string_view name) {
  if (name == "name") return std::optional(Value::text(macro.name));
  if (name == "caller") return std::optional(Value::boolean(macro.uses_caller));
  if (name == "catch_kwargs") return std::optional(Value::boolean(macro.uses_kwargs));
  if (name == "catch_varargs") return std::optional(Value::boolean(macro.uses_varargs));
  if (name != "arguments") return std::optional<Value>();
  std::vector<Value> names;
  for (const Parameter& parameter : macro.parameters) names.push_back(Value::text(parameter.name));
  CONDUIT_TRY(Value tuple, runtime.make_list(ListKind::tuple, std::move(names)));
  return std::optional(std::move(tuple));
}

std::optional<Value> group_attribute(const List& group, std::string_view name) {
  if (group.kind != ListKind::group) return std::nullopt;
  if (name == "grouper") return group.items[0];
  if (name == "list") return group.items[1];
  return std::nullopt;
}

// What Python's getattr would find: data attributes and methods.
Result<std::optional<Value>> own_attribute(Runtime& runtime, const Value& object,
                                           const std::string& name) {
  if (is_internal(name) || is_mutation(object, name))
    return std::optional(Value::undefined("access to attribute " + in_quotes(name) + " of " +
                                          in_quotes(type_name(object)) + " object is unsafe."));
  if (auto* space = object.get<std::shared_ptr<Namespace>>()) {
    CONDUIT_TRY_STATUS(runtime.spend((*space)->attributes.size() / 16));
    const Value* found = (*space)->find(name);
    return found == nullptr ? std::nullopt : std::optional(*found);
  }
  if (auto* macro = object.get<Macro>()) return macro_attribute(runtime, *macro->definition, name);
  std::optional<Value> found;
  if (auto* loop = object.get<std::shared_ptr<Loop>>()) found = loop_attribute(**loop, name);
  if (const List* list = object.list()) found = group_attribute(*list, name);
  if (auto* cycler = object.get<std::shared_ptr<Cycler>>(); cycler != nullptr && name == "current")
    found = (*cycler)->items[(*cycler)->position];
  if (!found && has_method(object, name))
    found = Value::of(std::make_shared<const Method>(Method{object, name}));
  return found;
}

std::optional<std::size_t> position(Integer index, std::size_t size) {
  if (index < 0) index += Integer(size);
  if (index < 0 || index >= Integer(size)) return std::nullopt;
  return static_cast<std::size_t>(index);
}

std::optional<std::string> character_at(const std::string& text, Integer index) {
  if (is_ascii(text)) {
    const auto at = position(index, text.size());
    return at ? std::optional(std::string(1, text[*at])) : std::nullopt;
  }
  const std::u32string characters = decode(text);
  const auto at = position(index, characters.size());
  return at ? std::optional(encode({&characters[*at], 1})) : std::nullopt;
}

// What object[index] gives in Python; nothing where it raises.
Result<std::optional<Value>> own_item(Runtime& runtime, const Value& object, const Value& index) {
  if (const Dict* dict = object.dict()) {
    auto entry = find_entry(runtime, *dict, index);
    if (!entry && entry.error().code == Code::exhausted) return entry.error();
    if (!entry || !*entry) return std::optional<Value>();  // also a key that cannot be one
    return std::optional(dict->entries()[**entry].value);
  }
  const auto integer = index.integer();
  if (!integer) return std::optional<Value>();
  if (const std::string* text = object.string()) {
    CONDUIT_TRY_STATUS(runtime.spend_bytes(text->size()));
    auto character = character_at(*text, *integer);
    if (!character) return std::optional<Value>();
    return std::optional(Value::text(*std::move(character), object.is_markup()));
  }
  if (auto* span = object.get<Span>()) {
    const auto at = position(*integer, static_cast<std::size_t>(span->size()));
    if (!at) return std::optional<Value>();
    return std::optional(Value::integer(span->start + static_cast<std::int64_t>(*at) * span->step));
  }
  const List* list = object.list();
  const bool is_indexed =
      list != nullptr && (list->kind == ListKind::list || list->kind == ListKind::tuple ||
                          list->kind == ListKind::group);
  const auto at = is_indexed ? position(*integer, list->items.size()) : std::nullopt;
  return at ? std::optional(list->items[*at]) : std::nullopt;
}

// The first index, the number of them, and the distance, as Python's slice.indices.
struct Slice {
  Integer start, count, step;
};

Result<Integer> slice_bound(const Value& bound, Integer fallback, Integer size, bool is_forward) {
  if (bound.is_none()) return fallback;
  const auto given = bound.integer();
  if (!given) return failure("slice indices must be integers or None or have an __index__ method");
  const Integer lowest = is_forward ? 0 : -1, highest = is_forward ? size : size - 1;
  const Integer index = *given < 0 ? std::max(*given, -size - 1) + size : *given;
  return std::clamp(index, lowest, highest);
}

Result<Slice> resolve(const Value& start, const Value& stop, const Value& step, Integer size) {
  const auto given = step.is_none() ? std::optional<Integer>(1) : step.integer();
  if (!given) return failure("slice indices must be integers or None or have an __index__ method");
  if (*given == 0) return failure("slice step cannot be zero");
  // Longer steps than the sequence all give its first item.
  const Integer stride = std::clamp(*given, -size - 1, size + 1);
  const bool is_forward = stride > 0;
  CONDUIT_TRY(const Integer first, slice_bound(start, is_forward ? 0 : size - 1, size, is_forward));
  CONDUIT_TRY(const Integer last, slice_bound(stop, is_forward ? size : -1, size, is_forward));
  const Integer distance = is_forward ? last - first : first - last;
  const Integer magnitude = is_forward ? stride : -stride;
  return Slice{first, distance <= 0 ? 0 : (distance + magnitude - 1) / magnitude, stride};
}

template <class Sequence>
Sequence sliced(const Sequence& items, const Slice& slice) {
  Sequence taken;
  taken.reserve(static_cast<std::size_t>(slice.count));
  for (Integer i = 0; i < slice.count; ++i)
    taken.push_back(items[static_cast<std::size_t>(slice.start + i * slice.step)]);
  return taken;
}

}  // namespace

Result<Value> get_attribute(Runtime& runtime, const Value& object, const std::string& name) {
  if (object.is_undefined()) return undefined_error(object);
  CONDUIT_TRY(auto found, own_attribute(runtime, object, name));
  if (found) return *std::move(found);
  if (object.dict() != nullptr) {
    CONDUIT_TRY_STATUS(runtime.spend_bytes(name.size()));
    if (const Value* item = object.dict()->find(name)) return *item;
  }
  CONDUIT_TRY_STATUS(runtime.spend(1));  // for the message
  return missing_attribute(object, name);
}

Result<Value> get_item(Runtime& runtime, const Value& object, const Value& index) {
  if (object.is_undefined()) return undefined_error(object);
  CONDUIT_TRY(auto item, own_item(runtime, object, index));
  if (item) return *std::move(item);
  if (const std::string* name = index.string()) {
    CONDUIT_TRY(auto found, own_attribute(runtime, object, *name));
    if (found) return *std::move(found);
    return missing_attribute(object, *name);
  }
  CONDUIT_TRY(const std::string shown, repr(runtime, index));
  return Value::undefined(object_name(object) + " has no element " + shown);
}

Result<Value> get_slice(Runtime& runtime, const Value& object, const Value& start,
                        const Value& stop, const Value& step) {
  if (object.is_undefined()) return undefined_error(object);
  if (object.dict() != nullptr) return failure("unhashable type: 'slice'");
  const std::string* text = object.string();
  const List* list = object.list();
  const bool is_list =
      list != nullptr && (list->kind == ListKind::list || list->kind == ListKind::tuple ||
                          list->kind == ListKind::group);
  if (text == nullptr && !is_list && object.get<Span>() == nullptr)
    return failure("'" + std::string(type_name(object)) + "' object is not subscriptable");
  if (text == nullptr) {
    CONDUIT_TRY(const auto items, iterate(runtime, object));
    CONDUIT_TRY(const Slice slice, resolve(start, stop, step, Integer(items.size())));
    return runtime.make_list(list == nullptr ? ListKind::list : list->kind, sliced(items, slice));
  }
  CONDUIT_TRY_STATUS(runtime.spend_bytes(text->size()));
  const bool is_plain = is_ascii(*text);
  const std::u32string characters = is_plain ? std::u32string() : decode(*text);
  const std::size_t size = is_plain ? text->size() : characters.size();
  CONDUIT_TRY(const Slice slice, resolve(start, stop, step, Integer(size)));
  return runtime.make_text(is_plain ? sliced(*text, slice) : encode(sliced(characters, slice)),
                           object.is_markup());
}

}  // namespace conduit::kernels::jinja
