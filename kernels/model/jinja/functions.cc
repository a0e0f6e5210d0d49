// The global functions.
#include "kernels/model/jinja/functions.h"

#include <algorithm>
#include <ctime>

#include "kernels/model/jinja/operators.h"
#include "kernels/model/jinja/printing.h"

namespace conduit::kernels::jinja {

namespace {

// The sandbox's own limit on range().
constexpr std::int64_t kLargestRange = 100'000;
// A formatted date is short; a format that pads it to more is nobody's wish.
constexpr std::size_t kLongestDate = 4096;

Result<std::int64_t> range_bound(const Bound& bound, std::size_t parameter, Integer fallback) {
  CONDUIT_TRY(const Integer given, bound.integer(parameter, fallback));
  // Within 62 bits no difference of two bounds overflows; what is beyond is too big anyway.
  return static_cast<std::int64_t>(
      std::clamp<Integer>(given, -(Integer(1) << 61), Integer(1) << 61));
}

Result<Value> range(Runtime&, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("range", {"start", "stop", "step"}, 1, arguments));
  CONDUIT_TRY(const auto first, range_bound(bound, 0, 0));
  CONDUIT_TRY(const auto second, range_bound(bound, 1, 0));
  CONDUIT_TRY(const auto step, range_bound(bound, 2, 1));
  if (step == 0) return failure("range() arg 3 must not be zero");
  const Span span = bound.has(1) ? Span{first, second, step} : Span{0, first, 1};
  if (span.size() > kLargestRange)
    return failure("Range too big. The sandbox blocks ranges larger than MAX_RANGE (" +
                   std::to_string(kLargestRange) + ").");
  return Value::of(span);
}

using Entries = std::vector<std::pair<Value, Value>>;

// What dict() takes: a mapping or pairs, then keywords.
Result<Entries> dict_entries(Runtime& runtime, const Arguments& arguments) {
  Entries entries;
  if (arguments.positional.size() > 1)
    return failure("dict expected at most 1 argument, got " +
                   std::to_string(arguments.positional.size()));
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    CONDUIT_TRY(const auto items, iterate(runtime, source));
    for (std::size_t i = 0; i < items.size(); ++i) {
      CONDUIT_TRY_STATUS(runtime.spend(1));
      if (const Dict* dict = source.dict()) {
        entries.emplace_back(items[i], dict->entries()[i].value);
        continue;
      }
      CONDUIT_TRY(auto pair, iterate(runtime, items[i]));
      if (pair.size() != 2)
        return failure("dictionary update sequence element #" + std::to_string(i) + " has length " +
                       std::to_string(pair.size()) + "; 2 is required");
      entries.emplace_back(std::move(pair[0]), std::move(pair[1]));
    }
  }
  for (const auto& [name, value] : arguments.named) entries.emplace_back(Value::text(name), value);
  return entries;
}

Result<Value> dict(Runtime& runtime, const Arguments& arguments) {
  CONDUIT_TRY(auto entries, dict_entries(runtime, arguments));
  return runtime.make_dict(std::move(entries));
}

Result<Value> make_namespace(Runtime& runtime, const Arguments& arguments) {
  CONDUIT_TRY(auto entries, dict_entries(runtime, arguments));
  std::vector<std::pair<std::string, Value>> attributes;
  for (auto& [key, value] : entries) {
    CONDUIT_TRY_STATUS(runtime.spend(1 + attributes.size() / 16));
    CONDUIT_TRY(auto name, str(runtime, key));
    attributes.emplace_back(std::move(name), std::move(value));
  }
  return runtime.make_namespace(std::move(attributes));
}

Result<Value> cycler(Runtime& runtime, const Arguments& arguments) {
  if (arguments.positional.empty()) return failure("at least one item has to be provided");
  // A list of the same items, to have their nesting checked.
  CONDUIT_TRY([[maybe_unused]] const Value checked,
              runtime.make_list(ListKind::list, arguments.positional));
  auto made = std::make_shared<Cycler>();
  made->items = arguments.positional;
  return Value::of(std::move(made));
}

Result<Value> joiner(Runtime&, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("joiner", {"sep"}, 0, arguments));
  auto made = std::make_shared<Joiner>();
  made->separator = bound.has(0) ? bound[0] : Value::text(", ");
  return Value::of(std::move(made));
}

Result<Value> raise_exception(Runtime& runtime, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("raise_exception", {"message"}, 1, arguments));
  CONDUIT_TRY(const std::string message, str(runtime, bound[0]));
  return failure(std::string(kRaisedByTemplate) + message);
}

// datetime.now().strftime(format): local time.
Result<Value> strftime_now(Runtime& runtime, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("strftime_now", {"format"}, 1, arguments));
  CONDUIT_TRY(std::string format, bound.text(0, ""));
  if (format.size() > kLongestDate) return failure("the format of strftime_now is too long");
  // The clock is read to the second, so Python's %f has nothing to show.
  for (std::size_t at = 0; (at = format.find('%', at)) != std::string::npos; at += 2)
    if (format.compare(at, 2, "%f") == 0) format.replace(at, 2, "000000");
  std::tm local{};
  const std::time_t now = runtime.now();
  localtime_r(&now, &local);
  // A last character tells an empty date from one that did not fit.
  format += '|';
  std::string text(2 * kLongestDate, '\0');
  const std::size_t length = std::strftime(text.data(), text.size(), format.c_str(), &local);
  if (length == 0) return failure("the date of strftime_now is too long");
  text.resize(length - 1);
  return runtime.make_text(std::move(text));
}

constexpr Function kFunctions[] = {
    {"cycler", cycler},
    {"dict", dict},
    {"joiner", joiner},
    {"namespace", make_namespace},
    {"raise_exception", raise_exception},
    {"range", range},
    {"strftime_now", strftime_now},
};

}  // namespace

const Function* find_function(std::string_view name) {
  const auto* found = std::find_if(std::begin(kFunctions), std::end(kFunctions),
                                   [&](const Function& function) { return function.name == name; });
  return found == std::end(kFunctions) ? nullptr : found;
}

}  // namespace conduit::kernels::jinja
