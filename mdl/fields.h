// The fields of a C++ struct and the names of an enum's values, without registration, at compile
// time. The idea: as many fields as an aggregate takes initialisers, their addresses by a
// structured binding, and the name of a field as the compiler spells its address in a template
// argument. Compilers that cannot (clang before 19, g++ before 12) and structs with base classes or
// C arrays are told so, and to name the fields in one line behind the struct, in its namespace:
//
//   CONDUIT_DESCRIBE(Ticket, id, title)
//
// Not here: what a field's type means (describe.h).
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace conduit::mdl {

template <class Struct, class Member>
struct NamedMember {
  std::string_view name;
  Member Struct::*pointer;
};
template <class Struct, class Member>
constexpr NamedMember<Struct, Member> named(std::string_view name, Member Struct::*pointer) {
  return {name, pointer};
}

#if (defined(__clang__) && __clang_major__ >= 19) || (!defined(__clang__) && __GNUC__ >= 12)
inline constexpr bool kHasFieldNames = true;
#else
inline constexpr bool kHasFieldNames = false;
#endif

// Named by CONDUIT_DESCRIBE.
template <class T>
concept Described = requires {
  conduit_describe(static_cast<const T*>(nullptr));
};

namespace fields {

// What is declared only to be named, clang would see defined.
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wunknown-warning-option"
#pragma clang diagnostic ignored "-Wundefined-internal"
#pragma clang diagnostic ignored "-Wundefined-var-template"
#endif

inline constexpr std::size_t kMost = 64;  // of a struct that is not described

// Never defined: only types and addresses are asked for.
struct Anything {
  template <class T>
  operator T() const noexcept;
};
template <class Struct>
struct BaseOf {
  template <class T>
  requires(std::is_base_of_v<T, Struct> && !std::is_same_v<T, Struct>) operator T() const noexcept;
};

template <std::size_t>
using Any = Anything;

template <class T, std::size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
  return requires { T{Any<I>{}...}; };
}
template <class T, std::size_t Count = 0>
constexpr std::size_t count() {
  if constexpr (Count > kMost || !takes<T>(std::make_index_sequence<Count + 1>())) {
    return Count;
  } else {
    return count<T, Count + 1>();
  }
}

template <class T>
constexpr bool has_base() {
  return requires { T{BaseOf<T>{}}; };
}

// A C array takes the initialisers of its items one by one, but only one `{}`.
template <class T, std::size_t... Before, std::size_t... Behind>
constexpr bool is_one_field(std::index_sequence<Before...>, std::index_sequence<Behind...>) {
  return requires { T{Any<Before>{}..., {}, Any<Behind>{}...}; };
}
template <class T, std::size_t... I>
constexpr bool has_array(std::index_sequence<I...>) {
  return !(is_one_field<T>(std::make_index_sequence<I>(),
                           std::make_index_sequence<sizeof...(I) - I - 1>()) &&
           ...);
}

template <class... T>
constexpr auto addresses(T&... fields) {
  return std::tuple<T*...>(&fields...);
}

#define CONDUIT_EIGHT_(p) p##0, p##1, p##2, p##3, p##4, p##5, p##6, p##7
#define CONDUIT_TIE_(n, ...)       \
  if constexpr (Count == n) {      \
    auto& [__VA_ARGS__] = object;  \
    return addresses(__VA_ARGS__); \
  } else
template <std::size_t Count, class T>
constexpr auto tie(T& object) {
  // clang-format off
  CONDUIT_TIE_(1, a0)
  CONDUIT_TIE_(2, a0, a1)
  CONDUIT_TIE_(3, a0, a1, a2)
  CONDUIT_TIE_(4, a0, a1, a2, a3)
  CONDUIT_TIE_(5, a0, a1, a2, a3, a4)
  CONDUIT_TIE_(6, a0, a1, a2, a3, a4, a5)
  CONDUIT_TIE_(7, a0, a1, a2, a3, a4, a5, a6)
  CONDUIT_TIE_(8, CONDUIT_EIGHT_(a))
  CONDUIT_TIE_(9, CONDUIT_EIGHT_(a), b0)
  CONDUIT_TIE_(10, CONDUIT_EIGHT_(a), b0, b1)
  CONDUIT_TIE_(11, CONDUIT_EIGHT_(a), b0, b1, b2)
  CONDUIT_TIE_(12, CONDUIT_EIGHT_(a), b0, b1, b2, b3)
  CONDUIT_TIE_(13, CONDUIT_EIGHT_(a), b0, b1, b2, b3, b4)
  CONDUIT_TIE_(14, CONDUIT_EIGHT_(a), b0, b1, b2, b3, b4, b5)
  CONDUIT_TIE_(15, CONDUIT_EIGHT_(a), b0, b1, b2, b3, b4, b5, b6)
  CONDUIT_TIE_(16, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b))
  CONDUIT_TIE_(17, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), c0)
  CONDUIT_TIE_(18, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), c0, c1)
  CONDUIT_TIE_(19, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), c0, c1, c2)
  CONDUIT_TIE_(20, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), c0, c1, c2, c3)
  CONDUIT_TIE_(21, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), c0, c1, c2, c3, c4)
  CONDUIT_TIE_(22, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), c0, c1, c2, c3, c4, c5)
  CONDUIT_TIE_(23, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), c0, c1, c2, c3, c4, c5, c6)
  CONDUIT_TIE_(24, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c))
  CONDUIT_TIE_(25, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), d0)
  CONDUIT_TIE_(26, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), d0, d1)
  CONDUIT_TIE_(27, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), d0, d1, d2)
  CONDUIT_TIE_(28, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), d0, d1, d2, d3)
  CONDUIT_TIE_(29, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), d0, d1, d2, d3, d4)
  CONDUIT_TIE_(30, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), d0, d1, d2, d3, d4, d5)
  CONDUIT_TIE_(31, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), d0, d1, d2, d3, d4, d5, d6)
  CONDUIT_TIE_(32, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d))
  CONDUIT_TIE_(33, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), e0)
  CONDUIT_TIE_(34, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), e0, e1)
  CONDUIT_TIE_(35, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), e0, e1, e2)
  CONDUIT_TIE_(36, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), e0, e1, e2, e3)
  CONDUIT_TIE_(37, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), e0, e1, e2, e3, e4)
  CONDUIT_TIE_(38, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), e0, e1, e2, e3, e4, e5)
  CONDUIT_TIE_(39, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), e0, e1, e2, e3, e4, e5, e6)
  CONDUIT_TIE_(40, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e))
  CONDUIT_TIE_(41, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e), f0)
  CONDUIT_TIE_(42, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e), f0, f1)
  CONDUIT_TIE_(43, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e), f0, f1, f2)
  CONDUIT_TIE_(44, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e), f0, f1, f2, f3)
  CONDUIT_TIE_(45, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e), f0, f1, f2, f3, f4)
  CONDUIT_TIE_(46, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e), f0, f1, f2, f3, f4, f5)
  CONDUIT_TIE_(47, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e), f0, f1, f2, f3, f4, f5, f6)
  CONDUIT_TIE_(48, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e), CONDUIT_EIGHT_(f))
  CONDUIT_TIE_(49, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e), CONDUIT_EIGHT_(f), g0)
  CONDUIT_TIE_(50, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e), CONDUIT_EIGHT_(f), g0, g1)
  CONDUIT_TIE_(51, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e), CONDUIT_EIGHT_(f), g0, g1, g2)
  CONDUIT_TIE_(52, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e), CONDUIT_EIGHT_(f), g0, g1, g2, g3)
  CONDUIT_TIE_(53, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e), CONDUIT_EIGHT_(f), g0, g1, g2, g3, g4)
  CONDUIT_TIE_(54, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e), CONDUIT_EIGHT_(f), g0, g1, g2, g3, g4, g5)
  CONDUIT_TIE_(55, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e), CONDUIT_EIGHT_(f), g0, g1, g2, g3, g4, g5, g6)
  CONDUIT_TIE_(56, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e), CONDUIT_EIGHT_(f), CONDUIT_EIGHT_(g))
  CONDUIT_TIE_(57, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e), CONDUIT_EIGHT_(f), CONDUIT_EIGHT_(g), h0)
  CONDUIT_TIE_(58, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e), CONDUIT_EIGHT_(f), CONDUIT_EIGHT_(g), h0, h1)
  CONDUIT_TIE_(59, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e), CONDUIT_EIGHT_(f), CONDUIT_EIGHT_(g), h0, h1, h2)
  CONDUIT_TIE_(60, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e), CONDUIT_EIGHT_(f), CONDUIT_EIGHT_(g), h0, h1, h2, h3)
  CONDUIT_TIE_(61, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e), CONDUIT_EIGHT_(f), CONDUIT_EIGHT_(g), h0, h1, h2, h3, h4)
  CONDUIT_TIE_(62, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e), CONDUIT_EIGHT_(f), CONDUIT_EIGHT_(g), h0, h1, h2, h3, h4, h5)
  CONDUIT_TIE_(63, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e), CONDUIT_EIGHT_(f), CONDUIT_EIGHT_(g), h0, h1, h2, h3, h4, h5, h6)
  CONDUIT_TIE_(64, CONDUIT_EIGHT_(a), CONDUIT_EIGHT_(b), CONDUIT_EIGHT_(c), CONDUIT_EIGHT_(d), CONDUIT_EIGHT_(e), CONDUIT_EIGHT_(f), CONDUIT_EIGHT_(g), CONDUIT_EIGHT_(h))
  // clang-format on
  return std::tuple<>();
}
#undef CONDUIT_TIE_
#undef CONDUIT_EIGHT_

template <class T>
struct Nowhere {
  T object;
  static const Nowhere here;  // never defined: its fields have addresses all the same
};

// How the compiler spells a template argument: "…[with auto Argument = (& conduit::mdl::fields::
// Nowhere<Ticket>::here.Nowhere<Ticket>::object.Ticket::title)…" or "…here.object.title]".
template <auto Argument>
constexpr std::string_view spelled() {
  return __PRETTY_FUNCTION__;
}
constexpr std::string_view last_name(std::string_view text) {
  const auto is_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
  };
  std::size_t end = text.size();
  while (end > 0 && !is_name(text[end - 1])) --end;
  std::size_t begin = end;
  while (begin > 0 && is_name(text[begin - 1])) --begin;
  return text.substr(begin, end - begin);
}
// g++ writes further arguments behind a semicolon.
constexpr std::string_view argument_of(std::string_view spelling) {
  constexpr std::string_view kBegin = "Argument = ";
  const std::string_view rest = spelling.substr(spelling.find(kBegin) + kBegin.size());
  return rest.substr(0, rest.find_first_of(";]"));
}

template <class T, std::size_t I>
constexpr std::string_view name() {
  return last_name(
      argument_of(spelled<std::get<I>(tie<count<T>(), const T>(Nowhere<T>::here.object))>()));
}

template <class T>
using Addresses = decltype(tie<count<T>(), const T>(Nowhere<T>::here.object));

#ifdef __clang__
#pragma clang diagnostic pop
#endif

template <class T>
inline constexpr bool kNever = false;

// Says why not, where it cannot.
template <class T>
constexpr bool is_reflected() {
  if constexpr (Described<T>) {
    return true;
  } else if constexpr (!kHasFieldNames) {
    static_assert(
        kNever<T>,
        "this compiler cannot tell a struct's field names (g++ 12 and clang 19 can): name "
        "them with CONDUIT_DESCRIBE(Type, field, ...) behind the struct");
  } else if constexpr (!std::is_aggregate_v<T> || std::is_union_v<T>) {
    static_assert(kNever<T>,
                  "MDL reads the fields of aggregates; a type with constructors or private members "
                  "needs CONDUIT_DESCRIBE(Type, field, ...) behind it, a union a std::variant");
  } else if constexpr (has_base<T>()) {
    static_assert(kNever<T>,
                  "MDL cannot tell the fields of a struct with base classes: name them with "
                  "CONDUIT_DESCRIBE(Type, field, ...) behind the struct");
  } else if constexpr (count<T>() > kMost) {
    static_assert(kNever<T>,
                  "a struct of more than 64 fields: name them with CONDUIT_DESCRIBE(Type, field, "
                  "...) behind the struct");
  } else if constexpr (has_array<T>(std::make_index_sequence<count<T>()>())) {
    static_assert(kNever<T>,
                  "MDL cannot tell the fields of a struct with a C array, a reference or a field "
                  "without default: use std::array, or CONDUIT_DESCRIBE(Type, field, ...)");
  } else {
    return true;
  }
  return false;
}

}  // namespace fields

// visit(name, std::type_identity<type>()) for each field, in order.
template <class T, class Visit>
void for_each_field_type(const Visit& visit) {
  if constexpr (!fields::is_reflected<T>()) {
    return;
  } else if constexpr (Described<T>) {
    const auto visit_member = [&]<class Owner, class Member>(const NamedMember<Owner, Member>& m) {
      visit(m.name, std::type_identity<Member>());
    };
    std::apply([&](const auto&... members) { (visit_member(members), ...); },
               conduit_describe(static_cast<const T*>(nullptr)));
  } else {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (visit(fields::name<T, I>(),
             std::type_identity<std::remove_const_t<
                 std::remove_pointer_t<std::tuple_element_t<I, fields::Addresses<T>>>>>()),
       ...);
    }
    (std::make_index_sequence<fields::count<T>()>());
  }
}

// visit(name, field) for each field of `object`, in order; T may be const.
template <class T, class Visit>
void for_each_field(T& object, const Visit& visit) {
  using Struct = std::remove_const_t<T>;
  if constexpr (!fields::is_reflected<Struct>()) {
    return;
  } else if constexpr (Described<Struct>) {
    std::apply([&](const auto&... m) { (visit(m.name, object.*m.pointer), ...); },
               conduit_describe(static_cast<const Struct*>(nullptr)));
  } else {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      [[maybe_unused]] const auto addresses = fields::tie<fields::count<Struct>(), T>(object);
      (visit(fields::name<Struct, I>(), *std::get<I>(addresses)), ...);
    }
    (std::make_index_sequence<fields::count<Struct>()>());
  }
}

// The values of an enum from -8 to 119 that have a name.
template <class Enum>
struct EnumNames {
  struct Entry {
    Enum value;
    std::string_view name;
  };
  std::array<Entry, 128> entries{};
  std::size_t size = 0;
};

template <class Enum>
constexpr EnumNames<Enum> enum_names() {
  EnumNames<Enum> names;
  const auto add = [&](Enum value, std::string_view spelling) {
    // A value without a name is spelled as a cast: "(Color)7".
    const std::string_view name = fields::last_name(fields::argument_of(spelling));
    if (name[0] < '0' || name[0] > '9') names.entries[names.size++] = {value, name};
  };
  [&]<int... I>(std::integer_sequence<int, I...>) {
    (add(static_cast<Enum>(I - 8), fields::spelled<static_cast<Enum>(I - 8)>()), ...);
  }
  (std::make_integer_sequence<int, 128>());
  return names;
}

// The name of a struct, without its namespaces.
template <class Argument>
constexpr std::string_view struct_name() {
  std::string_view name = fields::argument_of(__PRETTY_FUNCTION__);
  if (const std::size_t arguments = name.find('<'); arguments != std::string_view::npos)
    return fields::last_name(name.substr(0, arguments));
  return fields::last_name(name);
}

}  // namespace conduit::mdl

#define CONDUIT_DESCRIBE(Type, ...)                                                     \
  constexpr auto conduit_describe(const Type*) {                                        \
    using Described_ = Type;                                                            \
    return std::make_tuple(CONDUIT_EXPAND_(__VA_OPT__(CONDUIT_MEMBERS_(__VA_ARGS__)))); \
  }                                                                                     \
  static_assert(true)
#define CONDUIT_MEMBER_(field) ::conduit::mdl::named(#field, &Described_::field)
// As many rounds of the preprocessor as there are fields, up to 256.
#define CONDUIT_MEMBERS_(field, ...) \
  CONDUIT_MEMBER_(field) __VA_OPT__(, CONDUIT_AGAIN_ CONDUIT_PARENS_(__VA_ARGS__))
#define CONDUIT_AGAIN_() CONDUIT_MEMBERS_
#define CONDUIT_PARENS_ ()
#define CONDUIT_EXPAND_(...) CONDUIT_4_(CONDUIT_4_(CONDUIT_4_(CONDUIT_4_(__VA_ARGS__))))
#define CONDUIT_4_(...) CONDUIT_3_(CONDUIT_3_(CONDUIT_3_(CONDUIT_3_(__VA_ARGS__))))
#define CONDUIT_3_(...) CONDUIT_2_(CONDUIT_2_(CONDUIT_2_(CONDUIT_2_(__VA_ARGS__))))
#define CONDUIT_2_(...) CONDUIT_1_(CONDUIT_1_(CONDUIT_1_(CONDUIT_1_(__VA_ARGS__))))
#define CONDUIT_1_(...) __VA_ARGS__
