// Any bytes as a GBNF grammar: an error, or an automaton in which the allowed bytes that come first
// can be completed to a text that it accepts.
#include <cstddef>
#include <cstdint>
#include <string>

#include "mdl/base/check.h"
#include "mdl/gbnf.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using conduit::mdl::Grammar;
  const auto parsed =
      conduit::mdl::gbnf_grammar({reinterpret_cast<const char*>(data), size}, {1 << 14, 50, 1000});
  if (!parsed) return 0;
  Grammar& grammar = **parsed;
  Grammar::State state = grammar.start();
  for (std::size_t i = 0; i < 40 && i < size; ++i) {
    const Grammar::State next = grammar.step(state, data[size - 1 - i]);
    if (next != Grammar::kDead) state = next;
  }
  if (!grammar.health()) return 0;
  CONDUIT_CHECK(state != Grammar::kDead, "an accepted grammar has texts");
  const std::string completion = grammar.completion(state);
  CONDUIT_CHECK(completion.size() == grammar.completion_bytes(state), "the length is exact");
  const Grammar::State end = grammar.walk(state, completion);
  CONDUIT_CHECK(grammar.accepts(end) || !grammar.health(), "the completion does not complete");
  return 0;
}
