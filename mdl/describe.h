// C++ types as MDL types, and their values as JSON, both ways; nothing is registered.
//
//   struct Part { std::string name; double weight; };
//   struct Ticket {
//     conduit::mdl::range<int, 1, 5> priority;
//     conduit::mdl::text<120> title;
//     conduit::mdl::one_of<"open", "closed"> state;
//     std::optional<std::vector<std::string>> tags;
//     std::map<std::string, Part> parts;
//     std::variant<int, Part> u;
//   };
//
// The idea: a Codec per kind of C++ type says which Type it is, writes a value and reads one; a
// struct's goes over its fields (fields.h). What MDL cannot say has no Codec and fails to compile,
// with the reason in a static_assert.
#pragma once

#include <array>
#include <concepts>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "mdl/base/json.h"
#include "mdl/base/result.h"
#include "mdl/codec.h"
#include "mdl/fields.h"
#include "mdl/limits.h"
#include "mdl/payload.h"
#include "mdl/type.h"

namespace conduit::mdl {

namespace codec {

// std::optional and std::unique_ptr.
template <class Holder, class T>
struct HolderCodec {
  template <class... Outer>
  static Type type() {
    return {.kind = Type::Kind::optional, .of = {type_of<T, Outer...>()}};
  }
  static json::Value write(const Holder& value) {
    return value ? Codec<T>::write(*value) : json::Value();
  }
  template <class Hold>
  static bool read_held(const json::Value& json, Holder& value, const Hold& hold) {
    value.reset();
    if (json.is_null()) return true;
    T held{};
    if (!Codec<T>::read(json, held)) return false;
    value = hold(std::move(held));
    return true;
  }
};
template <class T>
struct Codec<std::optional<T>> : HolderCodec<std::optional<T>, T> {
  static bool read(const json::Value& json, std::optional<T>& value) {
    return Codec::read_held(json, value,
                            [](T&& held) { return std::optional<T>(std::move(held)); });
  }
};
template <class T>
struct Codec<std::unique_ptr<T>> : HolderCodec<std::unique_ptr<T>, T> {
  static bool read(const json::Value& json, std::unique_ptr<T>& value) {
    return Codec::read_held(json, value,
                            [](T&& held) { return std::make_unique<T>(std::move(held)); });
  }
};

template <class T>
struct Codec<std::vector<T>> {
  template <class... Outer>
  static Type type() {
    return {.kind = Type::Kind::list, .of = {type_of<T, Outer...>()}};
  }
  static json::Value write(const std::vector<T>& value) {
    json::Array items;
    for (const auto& item : value) items.push_back(Codec<T>::write(item));
    return items;
  }
  static bool read(const json::Value& json, std::vector<T>& value) {
    if (!json.is_array()) return false;
    value.clear();
    for (const json::Value& item : json.as_array()) {
      T read{};
      if (!Codec<T>::read(item, read)) return false;
      value.push_back(std::move(read));
    }
    return true;
  }
};

// std::array, and C arrays in structs that are described.
template <class Array, class T, std::size_t Size>
struct ArrayCodec {
  template <class... Outer>
  static Type type() {
    return {.kind = Type::Kind::list,
            .of = {type_of<T, Outer...>()},
            .min_size = Size,
            .max_size = Size};
  }
  static json::Value write(const Array& value) {
    json::Array items;
    for (const T& item : value) items.push_back(Codec<T>::write(item));
    return items;
  }
  static bool read(const json::Value& json, Array& value) {
    if (!json.is_array() || json.as_array().size() != Size) return false;
    for (std::size_t i = 0; i < Size; ++i)
      if (!Codec<T>::read(json.as_array()[i], value[i])) return false;
    return true;
  }
};
template <class T, std::size_t Size>
struct Codec<std::array<T, Size>> : ArrayCodec<std::array<T, Size>, T, Size> {};
template <class T, std::size_t Size>
struct Codec<T[Size]> : ArrayCodec<T[Size], T, Size> {};

// std::tuple and std::pair.
template <class Tuple, class... T>
struct TupleCodec {
  static_assert(sizeof...(T) > 0, "MDL has no empty Tuple");
  template <class... Outer>
  static Type type() {
    return {.kind = Type::Kind::tuple, .of = {type_of<T, Outer...>()...}};
  }
  static json::Value write(const Tuple& value) {
    return std::apply(
        [](const auto&... item) { return json::Value(json::Array{Codec<T>::write(item)...}); },
        value);
  }
  static bool read(const json::Value& json, Tuple& value) {
    if (!json.is_array() || json.as_array().size() != sizeof...(T)) return false;
    std::size_t next = 0;
    return std::apply(
        [&](auto&... item) { return (Codec<T>::read(json.as_array()[next++], item) && ...); },
        value);
  }
};
template <class... T>
struct Codec<std::tuple<T...>> : TupleCodec<std::tuple<T...>, T...> {};
template <class First, class Second>
struct Codec<std::pair<First, Second>> : TupleCodec<std::pair<First, Second>, First, Second> {};

// std::map and std::unordered_map. A key is a text: itself, or as JSON writes it.
template <class Map, class K, class V>
struct MapCodec {
  template <class... Outer>
  static Type type() {
    return {.kind = Type::Kind::dict, .of = {type_of<K, Outer...>(), type_of<V, Outer...>()}};
  }
  static json::Value write(const Map& value) {
    json::Object members;
    for (const auto& [key, item] : value) {
      const json::Value written = Codec<K>::write(key);
      members.push_back(
          {written.is_string() ? written.as_string() : json::dump(written), Codec<V>::write(item)});
    }
    return members;
  }
  static bool read(const json::Value& json, Map& value) {
    if (!json.is_object()) return false;
    value.clear();
    for (const auto& [text, item] : json.as_object()) {
      K key{};
      V read{};
      if (!read_key(text, key) || !Codec<V>::read(item, read)) return false;
      value.insert_or_assign(std::move(key), std::move(read));
    }
    return true;
  }
  static bool read_key(const std::string& text, K& key) {
    if (Codec<K>::read(text, key)) return true;
    const auto json = json::parse(text);
    return json && Codec<K>::read(*json, key);
  }
};
template <class K>
concept Key =
    Integer<K> || std::same_as<K, bool> || std::same_as<K, std::string> || std::is_enum_v<K>;
template <class K, class V, class... Rest>
struct Codec<std::map<K, V, Rest...>> : MapCodec<std::map<K, V, Rest...>, K, V> {
  static_assert(Key<K>, "the keys of MDL's Dict are texts: std::string, an integer, bool, an enum");
};
template <class K, class V, class... Rest>
struct Codec<std::unordered_map<K, V, Rest...>>
    : MapCodec<std::unordered_map<K, V, Rest...>, K, V> {
  static_assert(Key<K>, "the keys of MDL's Dict are texts: std::string, an integer, bool, an enum");
};

// The first alternative that fits is read.
template <class... T>
struct Codec<std::variant<T...>> {
  template <class... Outer>
  static Type type() {
    return {.kind = Type::Kind::either, .of = {type_of<T, Outer...>()...}};
  }
  static json::Value write(const std::variant<T...>& value) {
    return std::visit(
        []<class Held>(const Held& held) { return json::Value(Codec<Held>::write(held)); }, value);
  }
  static bool read(const json::Value& json, std::variant<T...>& value) {
    return (read_as<T>(json, value) || ...);
  }
  template <class Held>
  static bool read_as(const json::Value& json, std::variant<T...>& value) {
    Held held{};
    if (!Codec<Held>::read(json, held)) return false;
    value = std::move(held);
    return true;
  }
};

template <class T>
concept Struct = Described<T> ||(std::is_class_v<T>&& std::is_aggregate_v<T>);

template <Struct T>
struct Codec<T> {
  template <class... Outer>
  static Type type() {
    Type record{.kind = Type::Kind::record, .name = std::string(struct_name<T>())};
    if constexpr ((std::is_same_v<T, Outer> || ...)) {
      static_assert(fields::kNever<T>,
                    "a struct that holds itself, through others too, has no end in MDL: a hint "
                    "writes every struct out where it is used");
    } else {
      for_each_field_type<T>([&]<class Member>(std::string_view name, std::type_identity<Member>) {
        record.fields.emplace_back(name);
        record.of.push_back(type_of<Member, T, Outer...>());
      });
    }
    return record;
  }
  static json::Value write(const T& value) {
    json::Object members;
    for_each_field(value, [&]<class Member>(std::string_view name, const Member& member) {
      members.push_back({std::string(name), Codec<Member>::write(member)});
    });
    return members;
  }
  static bool read(const json::Value& json, T& value) {
    if (!json.is_object()) return false;
    std::size_t count = 0;
    bool is_read = true;
    for_each_field(value, [&]<class Member>(std::string_view name, Member& member) {
      const json::Value* found = json.find(name);
      is_read = is_read && found != nullptr && Codec<Member>::read(*found, member);
      ++count;
    });
    return is_read && count == json.as_object().size();
  }
};

}  // namespace codec

template <class T>
Type type_of() {
  return codec::type_of<T>();
}

// A number that is not finite and an enum's value without a name become null, which fits nothing
// that was declared as a number or an enum.
template <class T>
json::Value to_json(const T& value) {
  return codec::Codec<T>::write(value);
}

namespace codec {
// Of a struct. Made once a thread: it compiles its patterns, and serves one thread.
template <class T>
Result<PayloadReader>& reader_of() {
  static_assert(Struct<T>, "the whole must be a struct: its fields are the record's");
  thread_local Result<PayloadReader> reader = PayloadReader::make(mdl::type_of<T>());
  return reader;
}
}  // namespace codec

// Validated. Error: corrupt, with path, what was expected and what came (payload.h).
template <class T>
Result<T> from_json(const json::Value& value) {
  auto& reader = codec::reader_of<T>();
  if (!reader) return reader.error();
  CONDUIT_TRY_STATUS(reader->check(value));
  T read{};
  if (!codec::Codec<T>::read(value, read))
    return Error{Code::corrupt, "type_mismatch: a number is larger than the C++ type holds"};
  return read;
}

// As to_json(), validated. Error: invalid_argument, as from_json() says it.
template <class T>
Result<json::Value> to_valid_json(const T& value) {
  auto& reader = codec::reader_of<T>();
  if (!reader) return reader.error();
  json::Value json = to_json(value);
  if (const auto fits = reader->check(json); !fits)
    return Error{Code::invalid_argument, fits.error().message};
  return json;
}

}  // namespace conduit::mdl
