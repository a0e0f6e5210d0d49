// The promise in one test: whatever the decoder lets be written for a type, cut short anywhere and
// completed, is a payload that the strict reader takes.
#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <string>

#include "mdl/json_grammar.h"
#include "mdl/payload.h"
#include "mdl/schema.h"

namespace conduit::mdl {
namespace {

using Kind = Type::Kind;

class RandomTypes {
 public:
  explicit RandomTypes(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t limit) { return random_() % limit; }

  Type record(int depth) {
    Type type{.kind = Kind::record};
    for (std::size_t i = below(4); i > 0; --i) {
      type.fields.push_back(std::string(below(2) == 0 ? "f" : "größe \"") + std::to_string(i));
      type.of.push_back(any(depth));
    }
    return type;
  }

 private:
  Type any(int depth) {
    switch (below(depth > 0 ? 10 : 4)) {
      case 0: return integer();
      case 1: return text();
      case 2: return {.kind = Kind::boolean};
      case 3: return {.kind = Kind::number};
      case 4: return {.kind = Kind::optional, .of = {any(depth - 1)}};
      case 5: return {.kind = Kind::either, .of = {any(depth - 1), any(depth - 1)}};
      case 6: return {.kind = Kind::tuple, .of = {any(depth - 1), any(depth - 1)}};
      case 7: return {.kind = Kind::dict, .of = {key(), any(depth - 1)}};
      case 8: return record(depth - 1);
      default: {
        Type list{.kind = Kind::list, .of = {any(depth - 1)}, .min_size = below(2)};
        if (below(2) == 0) list.max_size = 1 + below(3);
        return list;
      }
    }
  }

  Type integer() {
    Type type{.kind = Kind::integer};
    if (below(2) == 0) type.minimum = -static_cast<int>(below(200));
    if (below(2) == 0) type.maximum = below(20'000);
    return type;
  }
  Type text() {
    if (below(3) == 0) return {.kind = Kind::string, .choices = {"open", "a\"b", "größe"}};
    Type type{.kind = Kind::string, .min_size = below(3)};
    if (below(2) == 0) type.max_size = 2 + below(4);
    return type;
  }
  Type key() {
    const std::size_t kind = below(4);
    if (kind == 0) return {.kind = Kind::boolean};
    return kind == 1 ? text() : integer();
  }

  std::mt19937 random_;
};

// A byte that the grammar allows here, one with a meaning in JSON where some draws find one;
// nothing when the text is complete.
std::optional<std::uint8_t> allowed_byte(Grammar& grammar, Grammar::State state,
                                         RandomTypes& random) {
  static constexpr std::string_view kLikely = "\"}],:{[0123456789-.eE tfn\\";
  const auto is_allowed = [&](std::uint8_t byte) {
    return grammar.step(state, byte) != Grammar::kDead;
  };
  for (int draw = 0; draw < 12; ++draw) {
    const auto byte = static_cast<std::uint8_t>(kLikely[random.below(kLikely.size())]);
    if (is_allowed(byte)) return byte;
  }
  const std::size_t first = random.below(256);
  for (std::size_t i = 0; i < 256; ++i) {
    const auto byte = static_cast<std::uint8_t>((first + i) % 256);
    if (is_allowed(byte)) return byte;
  }
  return std::nullopt;
}

std::string walk(Grammar& grammar, RandomTypes& random) {
  std::string text;
  Grammar::State state = grammar.start();
  for (std::size_t length = random.below(150); text.size() < length;) {
    const auto byte = allowed_byte(grammar, state, random);
    if (!byte) break;
    text += static_cast<char>(*byte);
    state = grammar.step(state, *byte);
  }
  return text + grammar.completion(state);
}

TEST(TypeGrammarTest, WhateverTheDecoderWritesTheReaderTakes) {
  for (unsigned seed = 0; seed < 150; ++seed) {
    RandomTypes random(seed);
    const Type type = random.record(3);
    auto reader = PayloadReader::make(type);
    ASSERT_TRUE(reader) << reader.error().message;
    auto schema = read_schema(std::string_view(reader->json_schema()));
    ASSERT_TRUE(schema) << schema.error().message;
    const auto grammar = json_grammar(*std::move(schema));
    ASSERT_TRUE(grammar) << grammar.error().message << "\n" << reader->json_schema();
    for (int i = 0; i < 6; ++i) {
      const std::string text = walk(**grammar, random);
      const auto payload = reader->read(text);
      ASSERT_TRUE(payload) << "seed " << seed << ": " << text << "\n"
                           << payload.error().message << "\n"
                           << reader->json_schema();
    }
  }
}

}  // namespace
}  // namespace conduit::mdl
