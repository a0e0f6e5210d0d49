// Counting, and refusing in time.
#include "kernels/model/jinja/runtime.h"

#include <algorithm>

#include "kernels/model/jinja/operators.h"
#include "kernels/model/jinja/python_text.h"

namespace conduit::kernels::jinja {

namespace {

// A step is some 50 ns; so are these many bytes examined one by one, bytes merely copied, and
// values copied.
constexpr std::size_t kBytesPerStep = 16;
constexpr std::size_t kCopiedBytesPerStep = 256;
constexpr std::size_t kItemsPerStep = 2;

}  // namespace

Error failure(std::string message) { return {Code::invalid_argument, std::move(message)}; }

Runtime::Runtime(const TemplateLimits& limits, std::time_t now)
    : limits_(limits), now_(now), steps_left_(limits.steps) {}

Runtime::~Runtime() {
  for (auto& made : namespaces_) made->attributes.clear();
}

Status Runtime::spend(std::size_t steps) {
  if (steps <= steps_left_) {
    steps_left_ -= steps;
    return ok();
  }
  steps_left_ = 0;
  return Error{Code::exhausted, "the template takes more than the limit of " +
                                    std::to_string(limits_.steps) + " steps"};
}

Status Runtime::spend_bytes(std::size_t bytes) { return spend(bytes / kBytesPerStep); }
// Decoding, looking up and encoding takes several times what a look at the bytes does.
Status Runtime::spend_characters(std::string_view text) {
  return spend_bytes(text.size() * (is_ascii(text) ? 1 : 4));
}
Status Runtime::spend_items(std::size_t items) { return spend(items / kItemsPerStep); }

Status Runtime::allow_text(std::size_t bytes, std::size_t before) {
  if (bytes > limits_.output_bytes || before > limits_.output_bytes - bytes)
    return Error{Code::exhausted, "the template makes a text longer than the limit of " +
                                      std::to_string(limits_.output_bytes) + " bytes"};
  return spend(bytes / kCopiedBytesPerStep);
}

Result<Value> Runtime::make_text(std::string text, bool is_markup) {
  CONDUIT_TRY_STATUS(allow_text(text.size()));
  return Value::text(std::move(text), is_markup);
}

Result<int> Runtime::depth_above(int deepest) const {
  if (static_cast<std::size_t>(deepest) >= limits_.depth)
    return Error{Code::exhausted, "the template nests values deeper than the limit of " +
                                      std::to_string(limits_.depth)};
  return deepest + 1;
}

Result<Value> Runtime::make_list(ListKind kind, std::vector<Value> items) {
  CONDUIT_TRY_STATUS(spend(1));  // for the memory that it takes however short it is
  CONDUIT_TRY_STATUS(spend_items(items.size()));
  int deepest = 0;
  for (const Value& item : items) deepest = std::max(deepest, item.depth());
  CONDUIT_TRY(const int depth, depth_above(deepest));
  return Value::of(std::make_shared<List>(List{kind, std::move(items), depth}));
}

Result<Value> Runtime::make_dict(std::vector<std::pair<Value, Value>> entries) {
  CONDUIT_TRY_STATUS(spend_items(entries.size()));
  auto dict = std::make_shared<Dict>();
  int deepest = 0;
  for (auto& [key, value] : entries) {
    deepest = std::max({deepest, key.depth(), value.depth()});
    if (key.string() != nullptr) {
      dict->insert(std::move(key), std::move(value));
      continue;
    }
    CONDUIT_TRY(const auto present, find_entry(*this, *dict, key));
    if (present) {
      dict->replace(*present, std::move(value));
    } else {
      dict->append(std::move(key), std::move(value));
    }
  }
  CONDUIT_TRY(dict->depth, depth_above(deepest));
  return Value::of(std::shared_ptr<const Dict>(std::move(dict)));
}

Value Runtime::make_namespace(std::vector<std::pair<std::string, Value>> attributes) {
  auto made = std::make_shared<Namespace>();
  for (auto& [name, value] : attributes) made->set(name, std::move(value));
  namespaces_.push_back(made);
  return Value::of(std::move(made));
}

Status Runtime::enter() {
  if (depth_ >= limits_.depth)
    return Error{Code::exhausted,
                 "the template nests expressions, blocks and macro calls deeper "
                 "than the limit of " +
                     std::to_string(limits_.depth)};
  ++depth_;
  return ok();
}

}  // namespace conduit::kernels::jinja
