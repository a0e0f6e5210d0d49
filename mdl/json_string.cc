// The automaton, byte by byte; canonical escapes.
#include "mdl/json_string.h"

#include <algorithm>

namespace conduit::mdl {
namespace {

bool is_hex(std::uint8_t byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') ||
         (byte >= 'A' && byte <= 'F');
}

bool is_between(std::uint8_t byte, int first, int last) { return byte >= first && byte <= last; }

}  // namespace

StringLexer::State StringLexer::step(State state, std::uint8_t byte) {
  const auto when = [](bool fits, State next) { return fits ? next : bad; };
  switch (state) {
    case boundary:
      if (byte == '"') return closed;
      if (byte == '\\') return escape;
      if (byte < 0x20) return bad;
      if (byte < 0x80) return boundary;
      // Table 3-7 of the Unicode Standard.
      if (is_between(byte, 0xC2, 0xDF)) return continue1;
      if (byte == 0xE0) return after_e0;
      if (byte == 0xED) return after_ed;
      if (is_between(byte, 0xE1, 0xEF)) return continue2;
      if (byte == 0xF0) return after_f0;
      if (byte == 0xF4) return after_f4;
      return when(is_between(byte, 0xF1, 0xF3), continue3);
    case continue1: return when(is_between(byte, 0x80, 0xBF), boundary);
    case continue2: return when(is_between(byte, 0x80, 0xBF), continue1);
    case continue3: return when(is_between(byte, 0x80, 0xBF), continue2);
    case after_e0: return when(is_between(byte, 0xA0, 0xBF), continue1);
    case after_ed: return when(is_between(byte, 0x80, 0x9F), continue1);
    case after_f0: return when(is_between(byte, 0x90, 0xBF), continue2);
    case after_f4: return when(is_between(byte, 0x80, 0x8F), continue2);
    case escape:
      if (byte == 'u') return hex1;
      return when(
          std::string_view("\"\\/bfnrt").find(static_cast<char>(byte)) != std::string_view::npos,
          boundary);
    case hex1: return byte == 'd' || byte == 'D' ? hex2_d : when(is_hex(byte), hex2);
    case hex2: return when(is_hex(byte), hex3);
    case hex2_d:
      if (is_between(byte, '0', '7')) return hex3;
      return when(
          byte == '8' || byte == '9' || byte == 'a' || byte == 'b' || byte == 'A' || byte == 'B',
          high_hex3);
    case hex3: return when(is_hex(byte), hex4);
    case hex4: return when(is_hex(byte), boundary);
    case high_hex3: return when(is_hex(byte), high_hex4);
    case high_hex4: return when(is_hex(byte), low_escape);
    case low_escape: return when(byte == '\\', low_u);
    case low_u: return when(byte == 'u', low_hex1);
    case low_hex1: return when(byte == 'd' || byte == 'D', low_hex2);
    case low_hex2: return when(is_between(byte, 'c', 'f') || is_between(byte, 'C', 'F'), hex3);
    case closed:
    case bad: break;
  }
  return bad;
}

StringEffect string_effect(std::string_view text) {
  StringEffect effect;
  StringLexer::State state = StringLexer::boundary;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    const bool begins = state == StringLexer::boundary && byte != '"';
    state = StringLexer::step(state, byte);
    if (state == StringLexer::bad) return effect;
    if (state == StringLexer::closed) {
      effect.is_closing = true;
      effect.suffix = i + 1;
      break;
    }
    effect.characters += begins ? 1 : 0;
    if (state == StringLexer::escape) {
      // To its end, or the text's.
      std::size_t length = 1;
      for (StringLexer::State at = state; at != StringLexer::boundary && i + length < text.size();
           ++length) {
        at = StringLexer::step(at, static_cast<std::uint8_t>(text[i + length]));
        if (at == StringLexer::bad) return effect;
      }
      effect.escapes =
          std::max(effect.escapes,
                   is_canonical_escape(text.substr(i, length)) ? Escapes::canonical : Escapes::any);
    }
  }
  effect.is_possible = true;
  return effect;
}

std::string escape_json(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '"': escaped += "\\\""; break;
      case '\\': escaped += "\\\\"; break;
      case '\b': escaped += "\\b"; break;
      case '\f': escaped += "\\f"; break;
      case '\n': escaped += "\\n"; break;
      case '\r': escaped += "\\r"; break;
      case '\t': escaped += "\\t"; break;
      default:
        if (static_cast<std::uint8_t>(c) < 0x20) {
          escaped += "\\u00";
          escaped += kHex[static_cast<std::uint8_t>(c) >> 4];
          escaped += kHex[c & 15];
        } else {
          escaped += c;
        }
    }
  }
  return escaped;
}

const std::vector<std::pair<std::string, char>>& canonical_escapes() {
  static const auto table = [] {
    std::vector<std::pair<std::string, char>> table;
    for (char c = 0; c < 0x20; ++c) table.emplace_back(escape_json(std::string(1, c)), c);
    table.emplace_back("\\\"", '"');
    table.emplace_back("\\\\", '\\');
    return table;
  }();
  return table;
}

bool is_canonical_escape(std::string_view beginning) {
  const auto& table = canonical_escapes();
  return std::any_of(table.begin(), table.end(), [&](const auto& each) {
    return std::string_view(each.first).substr(0, beginning.size()) == beginning;
  });
}

}  // namespace conduit::mdl
