// Limits in a C++ type: range<int, 1, 5>, text<120>, one_of<"open", "closed">. The idea: what a
// value may be stands where its field is declared, and reaches hint, validator and decoder from
// there. They hold any value of what they wrap, as plain structs do; it is checked where it is
// written or read (describe.h).
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace conduit::mdl {

// A number from Least to Most, both included.
template <class T, auto Least, auto Most>
struct range {
  static_assert(static_cast<T>(Least) <= static_cast<T>(Most),
                "range<T, Least, Most>: Least is above Most");
  range() = default;
  range(T number) : value(number) {}
  operator T() const { return value; }

  T value = static_cast<T>(Least);
};

// A text of at most Most code points, and at least Least.
template <std::size_t Most, std::size_t Least = 0>
struct text {
  static_assert(Least <= Most, "text<Most, Least>: Least is above Most");
  text() = default;
  text(std::string characters) : value(std::move(characters)) {}
  text(const char* characters) : value(characters) {}
  operator const std::string&() const { return value; }
  friend bool operator==(const text&, const text&) = default;

  std::string value;
};

// A string literal as a template argument.
template <std::size_t Size>
struct Literal {
  constexpr Literal(const char (&text)[Size]) { std::copy_n(text, Size, characters); }
  constexpr std::string_view view() const { return {characters, Size - 1}; }

  char characters[Size]{};
};

// One of these texts.
template <Literal First, Literal... Others>
struct one_of {
  one_of() = default;
  one_of(std::string choice) : value(std::move(choice)) {}
  one_of(const char* choice) : value(choice) {}
  operator const std::string&() const { return value; }
  friend bool operator==(const one_of&, const one_of&) = default;

  std::string value = std::string(First.view());
};

}  // namespace conduit::mdl
