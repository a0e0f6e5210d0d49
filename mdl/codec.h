// How one C++ type is MDL: Codec, and those of types that hold no others. Those that do, and what a
// program calls, stand in describe.h.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "mdl/base/json.h"
#include "mdl/fields.h"
#include "mdl/limits.h"
#include "mdl/type.h"

namespace conduit::mdl::codec {

// Each has
//   template <class... Outer> static Type type();   // Outer: the structs around it
//   static json::Value write(const T& value);
//   static bool read(const json::Value& json, T& value);  // false: it does not fit
template <class T>
struct Codec {
  static_assert(fields::kNever<T>,
                "MDL cannot say this type. It has bool, integers, float, double, std::string, "
                "enums, std::optional, std::unique_ptr, std::vector, std::array, std::map, "
                "std::unordered_map, std::variant, std::tuple, std::pair, mdl::range, mdl::text, "
                "mdl::one_of, and structs of these");
  template <class...>
  static Type type() {
    return {};
  }
  static json::Value write(const T&) { return {}; }
  static bool read(const json::Value&, T&) { return false; }
};

template <class T, class... Outer>
Type type_of() {
  return Codec<T>::template type<Outer...>();
}

// --- leaves

template <>
struct Codec<bool> {
  template <class...>
  static Type type() {
    return {.kind = Type::Kind::boolean};
  }
  static json::Value write(bool value) { return value; }
  static bool read(const json::Value& json, bool& value) {
    if (!json.is_bool()) return false;
    value = json.as_bool();
    return true;
  }
};

template <class T>
concept Integer = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> &&
                  !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> &&
                  !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

// 2.0 is an integer too, as JSON Schema has it.
template <Integer T>
bool read_integer(const json::Value& json, T& value) {
  const auto take = [&](auto number) {
    if (!std::in_range<T>(number)) return false;
    value = static_cast<T>(number);
    return true;
  };
  if (json.kind() == json::Kind::unsigned_integer) return take(json.as_uint());
  if (json.is_integer()) return take(json.as_int());
  if (!json.is_number()) return false;
  const double real = json.as_double();
  const bool is_held = real == std::trunc(real) && real >= -0x1p63 && real < 0x1p64;
  if (!is_held) return false;
  return real < 0 ? take(static_cast<std::int64_t>(real)) : take(static_cast<std::uint64_t>(real));
}

template <Integer T>
struct Codec<T> {
  template <class...>
  static Type type() {
    if constexpr (std::is_signed_v<T> && sizeof(T) == 8) return {.kind = Type::Kind::integer};
    return {.kind = Type::Kind::integer,
            .minimum = json::Value(std::numeric_limits<T>::min()),
            .maximum = json::Value(std::numeric_limits<T>::max()),
            .is_machine_width = true};
  }
  static json::Value write(T value) { return value; }
  static bool read(const json::Value& json, T& value) { return read_integer(json, value); }
};

template <std::floating_point T>
struct Codec<T> {
  template <class...>
  static Type type() {
    return {.kind = Type::Kind::number};
  }
  static json::Value write(T value) {
    if (!std::isfinite(value)) return nullptr;  // JSON has neither infinities nor NaN
    return static_cast<double>(value);
  }
  static bool read(const json::Value& json, T& value) {
    if (!json.is_number()) return false;
    value = static_cast<T>(json.as_double());
    return std::isfinite(value);
  }
};

template <>
struct Codec<std::string> {
  template <class...>
  static Type type() {
    return {.kind = Type::Kind::string};
  }
  static json::Value write(const std::string& value) { return value; }
  static bool read(const json::Value& json, std::string& value) {
    if (!json.is_string()) return false;
    value = json.as_string();
    return true;
  }
};

// The null of a variant.
template <>
struct Codec<std::monostate> {
  template <class...>
  static Type type() {
    return {.kind = Type::Kind::null};
  }
  static json::Value write(std::monostate) { return nullptr; }
  static bool read(const json::Value& json, std::monostate&) { return json.is_null(); }
};

// By the names of its values.
template <class T>
requires std::is_enum_v<T>
struct Codec<T> {
  static_assert(
      requires { T{0}; },
      "MDL reads enums with a fixed underlying type: enum class, or enum E : int");
  static constexpr EnumNames<T> kNames = enum_names<T>();
  static_assert(kNames.size > 0, "MDL finds an enum's values from -8 to 119, and here is none");

  template <class...>
  static Type type() {
    Type type{.kind = Type::Kind::string};
    for (std::size_t i = 0; i < kNames.size; ++i) type.choices.emplace_back(kNames.entries[i].name);
    return type;
  }
  static json::Value write(T value) {
    for (std::size_t i = 0; i < kNames.size; ++i)
      if (kNames.entries[i].value == value) return kNames.entries[i].name;
    return nullptr;  // it has no name, so it does not fit
  }
  static bool read(const json::Value& json, T& value) {
    for (std::size_t i = 0; i < kNames.size && json.is_string(); ++i) {
      if (kNames.entries[i].name != json.as_string()) continue;
      value = kNames.entries[i].value;
      return true;
    }
    return false;
  }
};

// --- limits (limits.h)

template <class T, auto Least, auto Most>
struct Codec<range<T, Least, Most>> {
  using Range = range<T, Least, Most>;
  template <class... Outer>
  static Type type() {
    Type type = type_of<T, Outer...>();
    type.minimum = json::Value(static_cast<T>(Least));
    type.maximum = json::Value(static_cast<T>(Most));
    type.is_machine_width = false;
    return type;
  }
  static json::Value write(const Range& value) { return Codec<T>::write(value.value); }
  static bool read(const json::Value& json, Range& value) {
    return Codec<T>::read(json, value.value) && value.value >= static_cast<T>(Least) &&
           value.value <= static_cast<T>(Most);
  }
};

inline std::size_t code_points(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

template <std::size_t Most, std::size_t Least>
struct Codec<text<Most, Least>> {
  using Text = text<Most, Least>;
  template <class...>
  static Type type() {
    Type type{.kind = Type::Kind::string, .max_size = Most};
    if (Least > 0) type.min_size = Least;
    return type;
  }
  static json::Value write(const Text& value) { return value.value; }
  static bool read(const json::Value& json, Text& value) {
    if (!Codec<std::string>::read(json, value.value)) return false;
    const std::size_t size = code_points(value.value);
    return size >= Least && size <= Most;
  }
};

template <Literal... Choices>
struct Codec<one_of<Choices...>> {
  using Choice = one_of<Choices...>;
  template <class...>
  static Type type() {
    return {.kind = Type::Kind::string, .choices = {std::string(Choices.view())...}};
  }
  static json::Value write(const Choice& value) { return value.value; }
  static bool read(const json::Value& json, Choice& value) {
    return Codec<std::string>::read(json, value.value) && ((value.value == Choices.view()) || ...);
  }
};

}  // namespace conduit::mdl::codec
