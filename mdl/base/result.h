// Result<T>: a value or an Error. The one way a failure travels through Conduit.
// The idea: whatever a user, a file, a device or a peer can cause is data, so it crosses actors and
// processes like any other value; an exception would end the actor it leaves. Method names are
// std::expected's (C++23), to be swapped one day. Not here: our own bugs, which abort (check.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace conduit {

// What a caller may branch on. The numbers travel in frames: append, never renumber.
enum class Code : std::uint8_t {
  invalid_argument = 1,  // the request itself is wrong; the same call fails again
  not_found = 2,         // no such model, file, actor
  exhausted = 3,         // a named limit is reached: memory, queue, length
  unavailable = 4,       // not now: not ready, gone, past its deadline; try again
  corrupt = 5,           // bytes from outside that contradict themselves
  cancelled = 6,         // the asker took it back
  internal = 7,          // a part of Conduit failed
};

std::string_view to_string(Code code);

struct [[nodiscard]] Error {
  Code code = Code::internal;
  std::string message;  // one line: names the thing, the value, the limit, and what would be right
};

inline bool operator==(const Error& a, const Error& b) {
  return a.code == b.code && a.message == b.message;
}

template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & { return *std::get_if<0>(&state_); }
  const T& value() const& { return *std::get_if<0>(&state_); }
  T&& value() && { return std::move(*std::get_if<0>(&state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }

  Error& error() & { return *std::get_if<1>(&state_); }
  const Error& error() const& { return *std::get_if<1>(&state_); }
  Error&& error() && { return std::move(*std::get_if<1>(&state_)); }

  template <class U>
  T value_or(U&& fallback) const& {
    return has_value() ? value() : static_cast<T>(std::forward<U>(fallback));
  }

 private:
  std::variant<T, Error> state_;
};

// For a function with nothing else to return: `return ok();`.
using Status = Result<std::monostate>;
inline Status ok() { return std::monostate{}; }

}  // namespace conduit

#define CONDUIT_CONCAT_(a, b) a##b
#define CONDUIT_CONCAT(a, b) CONDUIT_CONCAT_(a, b)
#define CONDUIT_TRY_(name, result, expression)   \
  auto result = (expression);                    \
  if (!result) return std::move(result).error(); \
  name = *std::move(result)

// CONDUIT_TRY(auto text, read_file(path)): the value, or return the error as it came.
#define CONDUIT_TRY(name, expression) \
  CONDUIT_TRY_(name, CONDUIT_CONCAT(conduit_result_, __LINE__), expression)

// CONDUIT_TRY_STATUS(write(x)): the same for a Status.
#define CONDUIT_TRY_STATUS(expression)                       \
  do {                                                       \
    if (auto conduit_status = (expression); !conduit_status) \
      return std::move(conduit_status).error();              \
  } while (false)
