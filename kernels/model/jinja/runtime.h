// Runtime: what one rendering may spend, and the makers of values that could grow without bound.
// The idea: every node that is evaluated costs a step, and so does every fixed amount of bytes or
// items that a builtin touches, so the steps bound the time whatever a template does; sizes and
// nesting are checked before something is made, so memory and stack are bounded too.
#pragma once

#include <cstddef>
#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/model/chat_template.h"
#include "kernels/model/jinja/value.h"
#include "mdl/base/result.h"

namespace conduit::kernels::jinja {

// What went wrong in a template, in Python's words.
Error failure(std::string message);

class Runtime {
 public:
  Runtime(const TemplateLimits& limits, std::time_t now);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Error: exhausted, once more than TemplateLimits::steps are spent.
  Status spend(std::size_t steps);
  Status spend_bytes(std::size_t bytes);           // that are looked at one by one
  Status spend_characters(std::string_view text);  // that are decoded and looked up
  Status spend_items(std::size_t items);           // values that are copied

  // Checks the size of a string about to be made, and spends what copying `bytes` takes; `before`:
  // what it holds already.
  Status allow_text(std::size_t bytes, std::size_t before = 0);
  Result<Value> make_text(std::string text, bool is_markup = false);
  Result<Value> make_list(ListKind kind, std::vector<Value> items);
  // Of equal keys the last value counts, at the first one's place. Error: a key cannot be hashed.
  Result<Value> make_dict(std::vector<std::pair<Value, Value>> entries);
  Value make_namespace(std::vector<std::pair<std::string, Value>> attributes);

  // Before evaluation goes a level deeper (error: exhausted), and after it came back.
  Status enter();
  void leave() { --depth_; }

  std::time_t now() const { return now_; }

 private:
  Result<int> depth_above(int deepest) const;

  TemplateLimits limits_;
  std::time_t now_;
  std::size_t steps_left_;
  std::size_t depth_ = 0;
  // All of them: they can hold themselves, so their attributes are dropped at the end.
  std::vector<std::shared_ptr<Namespace>> namespaces_;
};

// Leaves at the end of the block that entered.
class Leave {
 public:
  explicit Leave(Runtime& runtime) : runtime_(runtime) {}
  ~Leave() { runtime_.leave(); }
  Leave(const Leave&) = delete;
  Leave& operator=(const Leave&) = delete;

 private:
  Runtime& runtime_;
};

}  // namespace conduit::kernels::jinja
