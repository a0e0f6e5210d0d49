// Filters on sequences. jinja2's generators (map, select, batch …) are computed at once, but are
// still values without a length that can be read once.
#include <algorithm>

#include "kernels/model/jinja/access.h"
#include "kernels/model/jinja/filters.h"
#include "kernels/model/jinja/operators.h"
#include "kernels/model/jinja/printing.h"
#include "kernels/model/jinja/python_text.h"

namespace conduit::kernels::jinja {

namespace {

// The key that sort and its like compare: the item or an attribute of it, in lower case unless
// case counts.
class SortKey {
 public:
  static Result<SortKey> make(const Bound& bound, std::size_t attribute, bool is_case_sensitive) {
    return make(bound.has(attribute) ? bound[attribute] : Value(), is_case_sensitive);
  }
  static Result<SortKey> make(const Value& attribute, bool is_case_sensitive) {
    SortKey key;
    key.is_case_sensitive_ = is_case_sensitive;
    if (!attribute.is_none()) {
      CONDUIT_TRY(key.path_, AttributePath::parse(attribute));
    }
    return key;
  }

  void set_fallback(const Value& fallback) { fallback_ = fallback; }

  Result<Value> of(Runtime& runtime, const Value& item) const {
    CONDUIT_TRY(Value key, exact(runtime, item));
    const std::string* text = key.string();
    if (is_case_sensitive_ || text == nullptr) return key;
    CONDUIT_TRY_STATUS(runtime.spend_bytes(text->size()));
    return Value::text(to_lower(*text));
  }

  // With its case.
  Result<Value> exact(Runtime& runtime, const Value& item) const {
    if (!path_) return item;
    return path_->of(runtime, item, fallback_);
  }

 private:
  std::optional<AttributePath> path_;
  std::optional<Value> fallback_;
  bool is_case_sensitive_ = false;
};

struct Keyed {
  Value key, item;
};

Result<std::vector<Keyed>> with_keys(Runtime& runtime, const Value& input, const SortKey& key) {
  CONDUIT_TRY(auto items, iterate(runtime, input));
  std::vector<Keyed> keyed;
  for (Value& item : items) {
    CONDUIT_TRY(Value value, key.of(runtime, item));
    keyed.push_back({std::move(value), std::move(item)});
  }
  return keyed;
}

// Stable, in both directions. The first failed comparison is the result.
Status sort_by_key(Runtime& runtime, std::vector<Keyed>& items, bool is_reversed) {
  Status status = ok();
  std::stable_sort(items.begin(), items.end(), [&](const Keyed& a, const Keyed& b) {
    if (!status) return false;
    auto is_less = compare(runtime, Comparison::less, is_reversed ? b.key : a.key,
                           is_reversed ? a.key : b.key);
    if (is_less) return *is_less;
    status = std::move(is_less).error();
    return false;
  });
  return status;
}

Result<Value> items_of(Runtime& runtime, std::vector<Keyed> keyed, ListKind kind) {
  std::vector<Value> items;
  for (Keyed& entry : keyed) items.push_back(std::move(entry.item));
  return runtime.make_list(kind, std::move(items));
}

// `bound`: reverse and case_sensitive are its first two.
Result<Value> sorted_by(Runtime& runtime, const Value& input, const Bound& bound,
                        const Value& attribute) {
  CONDUIT_TRY(const SortKey key, SortKey::make(attribute, bound.truth(1, false)));
  CONDUIT_TRY(auto keyed, with_keys(runtime, input, key));
  CONDUIT_TRY_STATUS(sort_by_key(runtime, keyed, bound.truth(0, false)));
  return items_of(runtime, std::move(keyed), ListKind::list);
}

Result<Value> sort(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound,
              Bound::bind("sort", {"reverse", "case_sensitive", "attribute"}, 0, arguments));
  // "a,b": by a, and where that is equal by b. Sorting is stable, so by b first.
  const std::string* names = bound.has(2) ? bound[2].string() : nullptr;
  std::string_view rest = names == nullptr ? std::string_view() : *names;
  Value sorted = input;
  for (std::size_t comma = rest.rfind(','); comma != rest.npos; comma = rest.rfind(',')) {
    CONDUIT_TRY(sorted, sorted_by(runtime, sorted, bound,
                                  Value::text(std::string(rest.substr(comma + 1)))));
    rest = rest.substr(0, comma);
  }
  return sorted_by(runtime, sorted, bound,
                   names != nullptr ? Value::text(std::string(rest))
                   : bound.has(2)   ? bound[2]
                                    : Value());
}

Result<Value> dict_sort(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound,
              Bound::bind("dictsort", {"case_sensitive", "by", "reverse"}, 0, arguments));
  CONDUIT_TRY(const std::string by, bound.text(1, "key"));
  if (by != "key" && by != "value")
    return failure("You can only sort by either \"key\" or \"value\"");
  if (input.dict() == nullptr)
    return failure(in_quotes(object_name(input)) + " has no attribute 'items'");
  std::vector<Keyed> keyed;
  for (const Dict::Entry& entry : input.dict()->entries()) {
    CONDUIT_TRY(Value pair, runtime.make_list(ListKind::tuple, {entry.key, entry.value}));
    const Value& sorted_by = by == "key" ? entry.key : entry.value;
    const bool is_lowered = !bound.truth(0, false) && sorted_by.string() != nullptr;
    keyed.push_back(
        {is_lowered ? Value::text(to_lower(*sorted_by.string())) : sorted_by, std::move(pair)});
  }
  CONDUIT_TRY_STATUS(sort_by_key(runtime, keyed, bound.truth(2, false)));
  return items_of(runtime, std::move(keyed), ListKind::list);
}

Result<Value> group_by(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound,
              Bound::bind("groupby", {"attribute", "default", "case_sensitive"}, 1, arguments));
  CONDUIT_TRY(SortKey key, SortKey::make(bound, 0, bound.truth(2, false)));
  if (bound.has(1) && !bound[1].is_none()) key.set_fallback(bound[1]);
  CONDUIT_TRY(auto keyed, with_keys(runtime, input, key));
  CONDUIT_TRY_STATUS(sort_by_key(runtime, keyed, false));
  std::vector<Value> groups;
  for (std::size_t start = 0; start < keyed.size();) {
    std::vector<Value> members;
    std::size_t end = start;
    for (; end < keyed.size(); ++end) {
      CONDUIT_TRY(const bool is_same, equals(runtime, keyed[start].key, keyed[end].key));
      if (!is_same) break;
      members.push_back(keyed[end].item);
    }
    CONDUIT_TRY(Value grouper, key.exact(runtime, keyed[start].item));
    CONDUIT_TRY(Value list, runtime.make_list(ListKind::list, std::move(members)));
    CONDUIT_TRY(Value group,
                runtime.make_list(ListKind::group, {std::move(grouper), std::move(list)}));
    groups.push_back(std::move(group));
    start = end;
  }
  return runtime.make_list(ListKind::list, std::move(groups));
}

Result<Value> unique(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound,
              Bound::bind("unique", {"case_sensitive", "attribute"}, 0, arguments));
  CONDUIT_TRY(const SortKey key, SortKey::make(bound, 1, bound.truth(0, false)));
  CONDUIT_TRY(auto keyed, with_keys(runtime, input, key));
  std::vector<Keyed> kept;
  for (Keyed& entry : keyed) {
    bool is_known = false;
    for (std::size_t i = 0; i < kept.size() && !is_known; ++i) {
      CONDUIT_TRY(is_known, equals(runtime, kept[i].key, entry.key));
    }
    if (!is_known) kept.push_back(std::move(entry));
  }
  return items_of(runtime, std::move(kept), ListKind::generator);
}

template <Comparison better>
Result<Value> extreme(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound,
              Bound::bind("min or max", {"case_sensitive", "attribute"}, 0, arguments));
  CONDUIT_TRY(const SortKey key, SortKey::make(bound, 1, bound.truth(0, false)));
  CONDUIT_TRY(const auto keyed, with_keys(runtime, input, key));
  if (keyed.empty()) return Value::undefined("No aggregated item, sequence was empty.");
  std::size_t best = 0;
  for (std::size_t i = 1; i < keyed.size(); ++i) {
    CONDUIT_TRY(const bool is_better, compare(runtime, better, keyed[i].key, keyed[best].key));
    if (is_better) best = i;
  }
  return keyed[best].item;
}

Result<Value> sum(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("sum", {"attribute", "start"}, 0, arguments));
  CONDUIT_TRY(const SortKey key, SortKey::make(bound, 0, true));
  CONDUIT_TRY(const auto keyed, with_keys(runtime, input, key));
  Value total = bound.has(1) ? bound[1] : Value::integer(0);
  if (total.string() != nullptr)
    return failure("sum() can't sum strings [use ''.join(seq) instead]");
  for (const Keyed& entry : keyed) {
    CONDUIT_TRY_STATUS(runtime.spend(1));
    CONDUIT_TRY(total, binary(runtime, BinaryOperator::add, total, entry.key));
  }
  return total;
}

Result<Value> first(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("first", {}, 0, arguments));
  CONDUIT_TRY(const auto items, iterate(runtime, input));
  return items.empty() ? Value::undefined("No first item, sequence was empty.") : items.front();
}

Result<Value> last(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("last", {}, 0, arguments));
  if (input.list(ListKind::generator)) return failure("'generator' object is not reversible");
  CONDUIT_TRY(const auto items, iterate(runtime, input));
  return items.empty() ? Value::undefined("No last item, sequence was empty.") : items.back();
}

Result<Value> length_filter(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("length", {}, 0, arguments));
  if (const std::string* text = input.string())
    CONDUIT_TRY_STATUS(runtime.spend_bytes(text->size()));
  CONDUIT_TRY(const Integer count, length(input));
  return Value::integer(count);
}

Result<Value> to_list(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("list", {}, 0, arguments));
  CONDUIT_TRY(auto items, iterate(runtime, input));
  return runtime.make_list(ListKind::list, std::move(items));
}

Result<Value> items(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("items", {}, 0, arguments));
  if (input.is_undefined()) return runtime.make_list(ListKind::generator, {});
  if (input.dict() == nullptr) return failure("Can only get item pairs from a mapping.");
  CONDUIT_TRY(const Value pairs, call_method(runtime, Method{input, "items"}, {}));
  CONDUIT_TRY(auto copied, iterate(runtime, pairs));
  return runtime.make_list(ListKind::generator, std::move(copied));
}

Result<Value> reverse(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("reverse", {}, 0, arguments));
  if (input.string() != nullptr)
    return get_slice(runtime, input, Value(), Value(), Value::integer(-1));
  auto reversed = iterate(runtime, input);
  if (!reversed && reversed.error().code == Code::invalid_argument)
    return failure("argument must be iterable");
  if (!reversed) return std::move(reversed).error();
  std::reverse(reversed->begin(), reversed->end());
  const bool is_list = input.list(ListKind::generator) != nullptr;
  return runtime.make_list(is_list ? ListKind::list : ListKind::generator, *std::move(reversed));
}

Result<Value> join(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("join", {"d", "attribute"}, 0, arguments));
  CONDUIT_TRY(const std::string separator,
              bound.has(0) ? str(runtime, bound[0]) : Result<std::string>(std::string()));
  CONDUIT_TRY(const SortKey key, SortKey::make(bound, 1, true));
  CONDUIT_TRY(const auto keyed, with_keys(runtime, input, key));
  std::string out;
  for (std::size_t i = 0; i < keyed.size(); ++i) {
    CONDUIT_TRY_STATUS(runtime.spend(1));
    CONDUIT_TRY(const std::string text, str(runtime, keyed[i].key));
    CONDUIT_TRY_STATUS(runtime.allow_text(separator.size() + text.size(), out.size()));
    if (i > 0) out += separator;
    out += text;
  }
  return runtime.make_text(std::move(out));
}

Result<Value> batch(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("batch", {"linecount", "fill_with"}, 1, arguments));
  CONDUIT_TRY(const Integer size, bound.integer(0, 1));
  CONDUIT_TRY(const auto all, iterate(runtime, input));
  std::vector<Value> batches;
  for (std::size_t start = 0; start < all.size();) {
    const auto count =
        static_cast<std::size_t>(std::clamp<Integer>(size, 1, Integer(all.size() - start)));
    const auto from = all.begin() + static_cast<std::ptrdiff_t>(start);
    std::vector<Value> members(from, from + static_cast<std::ptrdiff_t>(count));
    start += count;
    while (bound.has(1) && !bound[1].is_none() && Integer(members.size()) < size) {
      CONDUIT_TRY_STATUS(runtime.spend(1));
      members.push_back(bound[1]);
    }
    CONDUIT_TRY(Value made, runtime.make_list(ListKind::list, std::move(members)));
    batches.push_back(std::move(made));
  }
  return runtime.make_list(ListKind::generator, std::move(batches));
}

// Into that many lists of nearly equal length; the filter `slice`.
Result<Value> split_evenly(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("slice", {"slices", "fill_with"}, 1, arguments));
  CONDUIT_TRY(const Integer slices, bound.integer(0, 1));
  CONDUIT_TRY(const auto all, iterate(runtime, input));
  if (slices == 0) return failure("integer division or modulo by zero");
  const Integer size = Integer(all.size()), each = size / slices, longer = size % slices;
  std::vector<Value> result;
  std::size_t at = 0;
  for (Integer i = 0; i < slices; ++i) {
    CONDUIT_TRY_STATUS(runtime.spend(1));
    std::vector<Value> members;
    for (Integer j = 0; j < each + (i < longer ? 1 : 0); ++j) members.push_back(all[at++]);
    const bool is_filled = bound.has(1) && !bound[1].is_none() && longer > 0 && i >= longer;
    if (is_filled) members.push_back(bound[1]);
    CONDUIT_TRY(Value made, runtime.make_list(ListKind::list, std::move(members)));
    result.push_back(std::move(made));
  }
  return runtime.make_list(ListKind::generator, std::move(result));
}

// The arguments behind the first `count`.
Arguments behind(const Arguments& arguments, std::size_t count) {
  Arguments rest;
  rest.positional.assign(arguments.positional.begin() + static_cast<std::ptrdiff_t>(count),
                         arguments.positional.end());
  rest.named = arguments.named;
  return rest;
}

Result<Value> map_attribute(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("map", {"attribute", "default"}, 1, arguments));
  CONDUIT_TRY(const AttributePath path, AttributePath::parse(bound[0]));
  const auto fallback = bound.has(1) ? std::optional(bound[1]) : std::nullopt;
  CONDUIT_TRY(auto values, iterate(runtime, input));
  for (Value& value : values) {
    CONDUIT_TRY(value, path.of(runtime, value, fallback));
  }
  return runtime.make_list(ListKind::generator, std::move(values));
}

Result<Value> map(Runtime& runtime, const Value& input, const Arguments& arguments) {
  if (!input.truth()) return runtime.make_list(ListKind::generator, {});
  if (arguments.positional.empty()) {
    if (arguments.named.empty()) return failure("map requires a filter argument");
    return map_attribute(runtime, input, arguments);
  }
  const std::string* name = arguments.positional[0].string();
  const Filter* filter = name == nullptr ? nullptr : find_filter(*name);
  if (filter == nullptr) {
    CONDUIT_TRY(const std::string shown, str(runtime, arguments.positional[0]));
    return failure("No filter named '" + shown + "'.");
  }
  const Arguments rest = behind(arguments, 1);
  CONDUIT_TRY(auto values, iterate(runtime, input));
  // A filter that maps a filter that maps … is nested, though no expression is.
  CONDUIT_TRY_STATUS(runtime.enter());
  const Leave leave(runtime);
  for (Value& value : values) {
    CONDUIT_TRY_STATUS(runtime.spend(1));
    CONDUIT_TRY(value, filter->apply(runtime, value, rest));
  }
  return runtime.make_list(ListKind::generator, std::move(values));
}

// select, reject, selectattr, rejectattr: the items whose test, by default their truth, is
// `wanted`.
template <bool wanted, bool of_attribute>
Result<Value> select(Runtime& runtime, const Value& input, const Arguments& arguments) {
  if (!input.truth()) return runtime.make_list(ListKind::generator, {});
  std::size_t taken = 0;
  std::optional<AttributePath> path;
  if (of_attribute) {
    if (arguments.positional.empty()) return failure("Missing parameter for attribute name");
    CONDUIT_TRY(path, AttributePath::parse(arguments.positional[taken++]));
  }
  const Test* test = nullptr;
  if (arguments.positional.size() > taken) {
    CONDUIT_TRY(const std::string name, str(runtime, arguments.positional[taken++]));
    test = find_test(name);
    if (test == nullptr) return failure("No test named '" + name + "'.");
  }
  const Arguments rest = behind(arguments, taken);
  CONDUIT_TRY(auto candidates, iterate(runtime, input));
  std::vector<Value> kept;
  for (Value& candidate : candidates) {
    CONDUIT_TRY_STATUS(runtime.spend(1));
    CONDUIT_TRY(const Value tested, path ? path->of(runtime, candidate) : Result<Value>(candidate));
    CONDUIT_TRY(const bool holds, test == nullptr ? Result<bool>(tested.truth())
                                                  : test->apply(runtime, tested, rest));
    if (holds == wanted) kept.push_back(std::move(candidate));
  }
  return runtime.make_list(ListKind::generator, std::move(kept));
}

constexpr Filter kSequenceFilters[] = {
    {"batch", batch},
    {"count", length_filter},
    {"dictsort", dict_sort},
    {"first", first},
    {"groupby", group_by},
    {"items", items},
    {"join", join},
    {"last", last},
    {"length", length_filter},
    {"list", to_list},
    {"map", map},
    {"max", extreme<Comparison::greater>},
    {"min", extreme<Comparison::less>},
    {"reject", select<false, false>},
    {"rejectattr", select<false, true>},
    {"reverse", reverse},
    {"select", select<true, false>},
    {"selectattr", select<true, true>},
    {"slice", split_evenly},
    {"sort", sort},
    {"sum", sum},
    {"unique", unique},
};

}  // namespace

std::span<const Filter> sequence_filters() { return kSequenceFilters; }

}  // namespace conduit::kernels::jinja
