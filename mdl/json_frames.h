// The frames of a JSON grammar's states: one unfinished value each, with the alternatives that it
// may still become. And what frames keep by number, so that equal ones are equal: texts, names,
// lengths.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "mdl/json_shapes.h"
#include "mdl/json_string.h"

namespace conduit::mdl {

struct Alternative {
  std::uint32_t parent = 0;  // which alternative of the frame around it belongs to
  std::uint32_t shape = 0;   // document: the conjunction; literal: the ValueType; key: the object's
  std::uint32_t progress =
      0;  // array: claims; object: witnesses; string, key: the language left, or the lengths
  std::uint32_t goal = 0;  // object behind a name: what its value must fit; dropped key: the
                           // patterns' languages left

  auto operator<=>(const Alternative&) const = default;
};

struct Frame {
  enum Kind : std::uint8_t {
    document,
    array,
    object,
    key,
    string,
    number,
    literal
  } kind = document;
  // opened: behind the bracket. named: behind a property's name; colon: behind its colon. inside:
  // of a value or name.
  enum Phase : std::uint8_t { opened, named, colon, inside, valued, continued } phase = opened;
  std::uint8_t spaces = 0;
  StringLexer::State lexer = StringLexer::boundary;
  // Its text will be asked for when it ends: an item that must be unique, or a part of one.
  bool is_recorded = false;
  // Walked for a mask alone: texts are left out as soon as nothing that a mask shows depends on
  // them.
  bool is_forgetful = false;
  bool is_dropped = false;   // key, string: and so it is; `text` is 0
  std::uint32_t count = 0;   // array: items, as far as they matter; literal: letters
  std::uint32_t text = 0;    // number, key: so far; string: if recorded; array, object: if recorded
  std::uint32_t escape = 0;  // string, key: of an unfinished escape
  std::uint32_t list = 0;    // object: names that it has; array: items, if they must be unique
  std::vector<Alternative> alternatives{};

  std::uint64_t hash(std::uint32_t around) const;
  bool operator==(const Frame&) const = default;
  // The place of the alternative, added where it is new.
  std::uint32_t add(const Alternative& alternative);
  void sort();  // and drops doubles; only while nothing counts its alternatives
};

// Texts by number. Each is another one and what was appended.
class Texts {
 public:
  std::uint32_t append(std::uint32_t id, std::string_view more);
  std::string text(std::uint32_t id) const;  // 0: empty

 private:
  std::vector<std::pair<std::uint32_t, char>> links_{{0, 0}};
  std::unordered_map<std::uint64_t, std::uint32_t> ids_;
};

class JsonFrames {
 public:
  static constexpr std::uint32_t kAnyLength = 0;
  struct Lengths {
    std::size_t least = 0, most = SIZE_MAX;
    bool operator<(const Lengths& other) const {
      return std::tie(least, most) < std::tie(other.least, other.most);
    }
  };

  explicit JsonFrames(JsonShapes& shapes);

  Texts& texts() { return texts_; }
  std::uint32_t lengths(const Lengths& lengths);
  const Lengths& lengths(std::uint32_t id) const { return lengths_[id]; }
  std::uint32_t claims(const std::vector<std::size_t>& claimed);
  const std::vector<std::size_t>& claims(std::uint32_t id) const { return claims_[id]; }
  std::uint32_t witnesses(const std::vector<bool>& done);
  const std::vector<bool>& witnesses(std::uint32_t id) const { return witnesses_[id]; }
  std::uint32_t with_name(std::uint32_t list, const std::string& name);
  const std::vector<std::string>& names(std::uint32_t list) const { return names_[list]; }
  std::uint32_t with_seen(std::uint32_t list, json::Value value);
  const std::vector<json::Value>& seen(std::uint32_t list) const { return seen_[list]; }

  std::uint32_t text_progress(const StringShape& shape);
  bool has_unique(const Frame& array) const;
  // Of items, so many as can make a difference.
  std::uint32_t counted(const Frame& array) const;
  // What ends the array or object from `place` on, as the alternative has it; nothing: it cannot be
  // ended.
  const std::optional<std::string>& rest(const Frame& frame, const Alternative& alternative,
                                         Place place);

  // Names of a shape as they are written between quotes, rising, each with the name.
  using Spelled = std::vector<std::pair<std::string, std::string>>;
  const Spelled& known(ShapeId object);
  // Whether the object, having `list`, may have this property.
  bool allows(ShapeId object, std::uint32_t list, std::uint32_t done, const std::string& name);
  struct Choice {
    ConjunctionId goal;
    std::uint32_t done;
  };
  // The choices of JsonShapes that have a value.
  const std::vector<Choice>& choices(ShapeId object, std::uint32_t done, const std::string& name);
  // Whether a known name that is written so far like this may be given.
  bool is_known_possible(const Alternative& object, std::uint32_t list, const std::string& raw);

  // Whether the language, behind `text`, leaves a free name that the object does not know or have.
  bool has_free_name(ShapeId object, std::uint32_t list, const std::string& text,
                     Regexes::Id language);
  // The same in the middle of an escape behind the text.
  bool has_escaped_name(ShapeId object, std::uint32_t list, const std::string& text,
                        Regexes::Id language, std::string_view escape);

  // The language behind an escape: of the finished one, or kNothing; is_possible: of an unfinished
  // one.
  Regexes::Id behind_escape(Regexes::Id language, std::string_view escape);
  bool is_escape_possible(Regexes::Id language, std::string_view escape);
  // Ends an unfinished escape so that the language goes on: what is to be added.
  std::string finish_escape(Regexes::Id language, std::string_view escape);

  // The languages left of the patterns of a free name's shape.
  std::uint32_t patterns(const std::vector<Regexes::Id>& states);
  const std::vector<Regexes::Id>& patterns(std::uint32_t id) const { return patterns_[id]; }
  // The choices for a free name that matches the patterns whose languages accept.
  std::vector<Choice> choices_of_class(ShapeId object, std::uint32_t done, std::uint32_t patterns);
  // Whether such names can be told by their patterns alone.
  bool has_classes(ShapeId object);
  // Whether no name that the object knows or has begins so, nor any excluded text of a string.
  bool is_new_name(ShapeId object, std::uint32_t list, const std::string& raw);
  static bool is_excluded_possible(const StringShape& shape, const std::string& raw);

  void drop_dominated(Frame& string);
  void forget_digits(Frame& number);

 private:
  JsonShapes& shapes_;
  Texts texts_;
  std::deque<Lengths> lengths_{{}};
  std::map<Lengths, std::uint32_t> length_ids_{{{}, 0}};
  std::deque<std::vector<std::size_t>> claims_{{}};
  std::map<std::vector<std::size_t>, std::uint32_t> claim_ids_{{{}, 0}};
  std::deque<std::vector<bool>> witnesses_{{}};
  std::map<std::vector<bool>, std::uint32_t> witness_ids_{{{}, 0}};
  std::deque<std::vector<std::string>> names_{{}};
  std::map<std::vector<std::string>, std::uint32_t> name_ids_{{{}, 0}};
  std::map<std::pair<std::uint32_t, std::string>, std::uint32_t> with_names_;
  std::deque<std::vector<json::Value>> seen_{{}};
  std::map<std::string, std::uint32_t> seen_ids_{{"", 0}};
  std::map<
      std::tuple<std::uint8_t, std::uint8_t, ShapeId, std::uint32_t, std::uint32_t, std::uint32_t>,
      std::optional<std::string>>
      rests_;
  std::unordered_map<ShapeId, Spelled> known_;
  std::map<std::tuple<ShapeId, std::uint32_t, std::string>, std::vector<Choice>> choices_;
  std::deque<std::vector<Regexes::Id>> patterns_{{}};
  std::map<std::vector<Regexes::Id>, std::uint32_t> pattern_ids_{{{}, 0}};
};

}  // namespace conduit::mdl
