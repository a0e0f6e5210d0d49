// Which methods values have. Those of str are in text_methods.cc and text_questions.cc.
#include <algorithm>
#include <cmath>
#include <span>

#include "kernels/model/jinja/functions.h"
#include "kernels/model/jinja/operators.h"
#include "kernels/model/jinja/text_methods.h"

namespace conduit::kernels::jinja {

namespace {

Result<Value> sequence_count(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("count", {"value"}, 1, arguments));
  Integer count = 0;
  for (const Value& item : self.list()->items) {
    CONDUIT_TRY(const bool is_equal, equals(runtime, item, bound[0]));
    count += is_equal ? 1 : 0;
  }
  return Value::integer(count);
}

Result<Value> sequence_index(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("index", {"value"}, 1, arguments));
  Integer index = 0;
  for (const Value& item : self.list()->items) {
    CONDUIT_TRY(const bool is_equal, equals(runtime, item, bound[0]));
    if (is_equal) return Value::integer(index);
    ++index;
  }
  return failure("the value is not in the " + std::string(type_name(self)));
}

// Values do not change, so a copy is the value itself.
Result<Value> copy(Runtime&, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("copy", {}, 0, arguments));
  return self;
}

Result<Value> dict_get(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("get", {"key", "default"}, 1, arguments));
  CONDUIT_TRY(const auto entry, find_entry(runtime, *self.dict(), bound[0]));
  if (entry) return self.dict()->entries()[*entry].value;
  return bound.has(1) ? bound[1] : Value();
}

Result<Value> dict_keys(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("keys", {}, 0, arguments));
  CONDUIT_TRY(auto keys, iterate(runtime, self));
  return runtime.make_list(ListKind::dict_keys, std::move(keys));
}

Result<Value> dict_values(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("values", {}, 0, arguments));
  std::vector<Value> values;
  for (const Dict::Entry& entry : self.dict()->entries()) values.push_back(entry.value);
  return runtime.make_list(ListKind::dict_values, std::move(values));
}

Result<Value> dict_items(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("items", {}, 0, arguments));
  std::vector<Value> items;
  for (const Dict::Entry& entry : self.dict()->entries()) {
    CONDUIT_TRY_STATUS(runtime.spend(1));
    CONDUIT_TRY(Value pair, runtime.make_list(ListKind::tuple, {entry.key, entry.value}));
    items.push_back(std::move(pair));
  }
  return runtime.make_list(ListKind::dict_items, std::move(items));
}

Result<Value> has_no_fraction(Runtime&, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("is_integer", {}, 0, arguments));
  return Value::boolean(std::floor(*self.number()) == *self.number());
}

Result<Value> loop_cycle(Runtime&, const Value& self, const Arguments& arguments) {
  const Loop& loop = **self.get<std::shared_ptr<Loop>>();
  if (arguments.positional.empty()) return failure("no items for cycling given");
  return arguments.positional[loop.index0 % arguments.positional.size()];
}

Result<Value> loop_changed(Runtime& runtime, const Value& self, const Arguments& arguments) {
  Loop& loop = **self.get<std::shared_ptr<Loop>>();
  bool is_same = loop.has_changed && loop.changed.size() == arguments.positional.size();
  for (std::size_t i = 0; is_same && i < loop.changed.size(); ++i) {
    CONDUIT_TRY(is_same, equals(runtime, loop.changed[i], arguments.positional[i]));
  }
  if (is_same) return Value::boolean(false);
  loop.has_changed = true;
  if (!loop.is_finished) loop.changed = arguments.positional;
  return Value::boolean(true);
}

Result<Value> cycler_next(Runtime&, const Value& self, const Arguments&) {
  Cycler& cycler = **self.get<std::shared_ptr<Cycler>>();
  const Value current = cycler.items[cycler.position];
  cycler.position = (cycler.position + 1) % cycler.items.size();
  return current;
}

Result<Value> cycler_reset(Runtime&, const Value& self, const Arguments&) {
  (*self.get<std::shared_ptr<Cycler>>())->position = 0;
  return Value();
}

constexpr MethodEntry kListMethods[] = {
    {"count", sequence_count}, {"index", sequence_index}, {"copy", copy}};
constexpr MethodEntry kTupleMethods[] = {{"count", sequence_count}, {"index", sequence_index}};
constexpr MethodEntry kDictMethods[] = {{"get", dict_get},
                                        {"items", dict_items},
                                        {"keys", dict_keys},
                                        {"values", dict_values},
                                        {"copy", copy}};
constexpr MethodEntry kFloatMethods[] = {{"is_integer", has_no_fraction}};
constexpr MethodEntry kLoopMethods[] = {{"cycle", loop_cycle}, {"changed", loop_changed}};
constexpr MethodEntry kCyclerMethods[] = {{"next", cycler_next}, {"reset", cycler_reset}};

std::span<const MethodEntry> methods_of(const Value& self) {
  if (self.string() != nullptr) return text_methods();
  if (self.dict() != nullptr) return kDictMethods;
  if (self.list(ListKind::list)) return kListMethods;
  if (self.list(ListKind::tuple) || self.list(ListKind::group)) return kTupleMethods;
  if (self.get<double>()) return kFloatMethods;
  if (self.get<std::shared_ptr<Loop>>()) return kLoopMethods;
  if (self.get<std::shared_ptr<Cycler>>()) return kCyclerMethods;
  return {};
}

const MethodEntry* find_method(const Value& self, std::string_view name) {
  const auto questions = self.string() ? text_questions() : std::span<const MethodEntry>();
  for (const auto methods : {methods_of(self), questions}) {
    const auto found = std::find_if(methods.begin(), methods.end(),
                                    [&](const MethodEntry& entry) { return entry.name == name; });
    if (found != methods.end()) return &*found;
  }
  return nullptr;
}

}  // namespace

bool has_method(const Value& self, std::string_view name) {
  return find_method(self, name) != nullptr;
}

Result<Value> call_method(Runtime& runtime, const Method& method, const Arguments& arguments) {
  return find_method(method.self, method.name)->call(runtime, method.self, arguments);
}

}  // namespace conduit::kernels::jinja
