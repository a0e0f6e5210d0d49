// What values are; names as Python and jinja2 spell them.
#include "kernels/model/jinja/value.h"

#include <algorithm>

namespace conduit::kernels::jinja {

namespace {

// Below this many entries a search costs less than hashing.
constexpr std::size_t kIndexedFrom = 12;

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

std::string_view list_type_name(ListKind kind) {
  switch (kind) {
    case ListKind::list: return "list";
    case ListKind::tuple: return "tuple";
    case ListKind::group: return "_GroupTuple";
    case ListKind::generator: return "generator";
    case ListKind::dict_keys: return "dict_keys";
    case ListKind::dict_values: return "dict_values";
    case ListKind::dict_items: return "dict_items";
  }
  return "list";
}

}  // namespace

std::optional<std::size_t> Dict::find_entry(std::string_view key) const {
  if (!index_.empty()) {
    auto found = index_.find(key);
    return found == index_.end() ? std::nullopt : std::optional(found->second);
  }
  auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    const std::string* text = entry.key.string();
    return text != nullptr && *text == key;
  });
  if (found == entries_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - entries_.begin());
}

const Value* Dict::find(std::string_view key) const {
  const auto entry = find_entry(key);
  return entry ? &entries_[*entry].value : nullptr;
}

void Dict::replace(std::size_t entry, Value value) { entries_[entry].value = std::move(value); }

void Dict::insert(Value key, Value value) {
  if (const auto entry = find_entry(*key.string())) {
    replace(*entry, std::move(value));
  } else {
    append(std::move(key), std::move(value));
  }
}

void Dict::append(Value key, Value value) {
  entries_.push_back({std::move(key), std::move(value)});
  // The views point into the shared bytes of the keys, which do not move with the entries.
  const std::size_t first = index_.empty() ? 0 : entries_.size() - 1;
  if (entries_.size() < kIndexedFrom) return;
  for (std::size_t i = first; i < entries_.size(); ++i)
    if (const std::string* text = entries_[i].key.string()) index_.emplace(*text, i);
}

std::int64_t Span::size() const {
  const std::int64_t distance = step > 0 ? stop - start : start - stop;
  const std::int64_t stride = step > 0 ? step : -step;
  return distance <= 0 ? 0 : (distance + stride - 1) / stride;
}

Value* Namespace::find(std::string_view name) {
  auto found = std::find_if(attributes.begin(), attributes.end(),
                            [&](const auto& attribute) { return attribute.first == name; });
  return found == attributes.end() ? nullptr : &found->second;
}

void Namespace::set(std::string_view name, Value value) {
  if (Value* present = find(name)) {
    *present = std::move(value);
  } else {
    attributes.emplace_back(name, std::move(value));
  }
}

void Loop::finish() {
  is_finished = true;
  items.clear();
  changed.clear();
}

Value Value::text(std::string bytes, bool is_markup) {
  return of(Text{std::make_shared<const std::string>(std::move(bytes)), is_markup});
}

Value Value::undefined(std::string reason) {
  return of(Undefined{std::make_shared<const std::string>(std::move(reason))});
}

List* Value::list() const {
  auto* held = get<std::shared_ptr<List>>();
  return held == nullptr ? nullptr : held->get();
}

List* Value::list(ListKind kind) const {
  List* held = list();
  return held != nullptr && held->kind == kind ? held : nullptr;
}

const Dict* Value::dict() const {
  auto* held = get<std::shared_ptr<const Dict>>();
  return held == nullptr ? nullptr : held->get();
}

const std::string* Value::string() const {
  auto* held = get<Text>();
  return held == nullptr ? nullptr : held->bytes.get();
}

bool Value::is_markup() const {
  auto* held = get<Text>();
  return held != nullptr && held->is_markup;
}

std::optional<Integer> Value::integer() const {
  if (auto* integer = get<Integer>()) return *integer;
  if (auto* boolean = get<bool>()) return *boolean ? 1 : 0;
  return std::nullopt;
}

std::optional<double> Value::number() const {
  if (auto* real = get<double>()) return *real;
  if (auto whole = integer()) return static_cast<double>(*whole);
  return std::nullopt;
}

bool Value::truth() const {
  return std::visit(
      Overloaded{
          [](None) { return false; },
          [](const Undefined&) { return false; },
          [](bool data) { return data; },
          [](Integer data) { return data != 0; },
          [](double data) { return data != 0; },
          [](const Text& data) { return !data.bytes->empty(); },
          [](const std::shared_ptr<List>& data) {
            return data->kind == ListKind::generator || !data->items.empty();
          },
          [](const std::shared_ptr<const Dict>& data) { return !data->entries().empty(); },
          [](const Span& data) { return data.size() > 0; },
          [](const std::shared_ptr<Loop>& data) { return data->length > 0; },
          [](const auto&) { return true; },
      },
      data_);
}

int Value::depth() const {
  if (const List* held = list()) return held->depth;
  if (const Dict* held = dict()) return held->depth;
  if (auto* held = get<std::shared_ptr<const Method>>()) return (*held)->self.depth() + 1;
  if (auto* held = get<std::shared_ptr<Joiner>>()) return (*held)->separator.depth() + 1;
  auto* cycler = get<std::shared_ptr<Cycler>>();
  if (cycler == nullptr) return 0;
  int deepest = 0;
  for (const Value& item : (*cycler)->items) deepest = std::max(deepest, item.depth());
  return deepest + 1;
}

std::string_view type_name(const Value& value) {
  return std::visit(
      Overloaded{
          [](None) -> std::string_view { return "NoneType"; },
          [](const Undefined&) -> std::string_view { return "Undefined"; },
          [](bool) -> std::string_view { return "bool"; },
          [](Integer) -> std::string_view { return "int"; },
          [](double) -> std::string_view { return "float"; },
          [](const Text& text) -> std::string_view { return text.is_markup ? "Markup" : "str"; },
          [](const std::shared_ptr<List>& data) { return list_type_name(data->kind); },
          [](const std::shared_ptr<const Dict>&) -> std::string_view { return "dict"; },
          [](const Span&) -> std::string_view { return "range"; },
          [](const std::shared_ptr<Namespace>&) -> std::string_view { return "Namespace"; },
          [](const Macro&) -> std::string_view { return "Macro"; },
          [](const std::shared_ptr<Loop>&) -> std::string_view { return "LoopContext"; },
          [](const std::shared_ptr<const Method>&) -> std::string_view {
            return "builtin_function_or_method";
          },
          [](const Function*) -> std::string_view { return "function"; },
          [](const std::shared_ptr<Cycler>&) -> std::string_view { return "Cycler"; },
          [](const std::shared_ptr<Joiner>&) -> std::string_view { return "Joiner"; },
      },
      value.data());
}

std::string object_name(const Value& value) {
  if (value.is_none()) return "None";
  std::string module;
  if (value.get<Macro>() || value.get<std::shared_ptr<Loop>>()) module = "jinja2.runtime.";
  if (value.get<std::shared_ptr<Namespace>>() || value.get<std::shared_ptr<Cycler>>() ||
      value.get<std::shared_ptr<Joiner>>())
    module = "jinja2.utils.";
  return module + std::string(type_name(value)) + " object";
}

}  // namespace conduit::kernels::jinja
