// The inside of a JSON string as a small automaton over bytes: UTF-8, escapes, the closing quote.
// The idea: one state in one number, the same for the grammar of JSON and for sorting a
// vocabulary's tokens. Stricter than RFC 8259 in one thing: surrogates come in pairs, so that every
// string is text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace conduit::mdl {

struct StringLexer {
  enum State : std::uint8_t {
    boundary,   // between two characters
    continue1,  // one more byte of UTF-8 to come
    continue2,
    continue3,
    after_e0,  // whose second byte is restricted, so that the shortest form alone is allowed …
    after_ed,  // … and no surrogate
    after_f0,
    after_f4,
    escape,  // behind a backslash
    hex1,    // behind \u
    hex2,
    hex3,
    hex4,
    hex2_d,      // behind \ud: a surrogate or not
    low_escape,  // behind a high surrogate: backslash
    low_u,
    low_hex1,  // d
    low_hex2,  // c to f
    closed,    // behind the closing quote
    bad,
    high_hex3,  // of a high surrogate
    high_hex4,
  };

  // Requires a state that is neither closed nor bad.
  static State step(State state, std::uint8_t byte);
};

// Which escapes a string may have. canonical: those that json.dumps writes, so that a text has one
// spelling.
enum class Escapes : std::uint8_t { none, canonical, any };

// What a text does to a string whose characters are free, from a boundary on.
struct StringEffect {
  bool is_possible = false;         // no byte is refused before the closing quote
  Escapes escapes = Escapes::none;  // before it, the least that allows them
  bool is_closing = false;          // it has the closing quote
  std::size_t characters = 0;       // begun before it; a pair of surrogates is one
  std::size_t suffix = 0;           // where what follows the quote begins
};
StringEffect string_effect(std::string_view text);

// The text between the quotes as json.dumps writes it: shortest escapes, \u00xx for the other
// controls.
std::string escape_json(std::string_view text);
// The canonical escapes, each with its character.
const std::vector<std::pair<std::string, char>>& canonical_escapes();
// Whether one of them begins so.
bool is_canonical_escape(std::string_view beginning);

}  // namespace conduit::mdl
