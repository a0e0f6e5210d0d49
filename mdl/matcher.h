// Matcher: one answer on its way through a grammar, in tokens. TokenTable: a vocabulary made ready
// for it, once per tokenizer. The idea: tokens are a trie over their bytes, so that a mask walks
// shared beginnings once and leaves where the grammar does; and tokens that only continue a JSON
// string are told apart beforehand from the few thousand that can end or escape it, so that free
// text needs no walk. Masks are kept by grammar state and shared by all who use the grammar. Used
// by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mdl/base/result.h"
#include "mdl/grammar.h"

namespace conduit::mdl {

using TokenId = std::int32_t;

class TokenTable {
 public:
  // `texts`: the bytes of each token by id; empty: never allowed within a text (special tokens,
  // holes). `ends`: tokens that end the answer.
  static std::shared_ptr<const TokenTable> make(std::vector<std::string> texts,
                                                std::vector<TokenId> ends);
  ~TokenTable();
  int size() const;  // largest id + 1
  std::string_view text(TokenId id) const;
  std::span<const TokenId> ends() const;

  struct Parts;
  const Parts& parts() const { return *parts_; }

 private:
  explicit TokenTable(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// The tokens that may come next: few as ids, many as bits.
struct Mask {
  bool is_sparse = false;
  std::vector<TokenId> ids;  // is_sparse: rising
  std::vector<std::uint64_t>
      bits;  // otherwise: [ceil(size / 64)], bit i % 64 of word i / 64: token i is allowed
  bool allows(TokenId id) const;
  std::size_t count() const;
};

// A grammar with the masks of its states for one vocabulary.
class TokenGrammar {
 public:
  TokenGrammar(std::shared_ptr<Grammar> grammar, std::shared_ptr<const TokenTable> table);
  ~TokenGrammar();
  Grammar& grammar() { return *grammar_; }
  const TokenTable& table() const { return *table_; }
  // Valid until the next call. Never empty unless grammar().health() says why.
  const Mask& mask(Grammar::State state);

 private:
  struct Cache;
  std::shared_ptr<Grammar> grammar_;
  std::shared_ptr<const TokenTable> table_;
  std::unique_ptr<Cache> cache_;
};

// A copy is a fork.
class Matcher {
 public:
  explicit Matcher(std::shared_ptr<TokenGrammar> grammar);

  const Mask& mask();                 // valid until the next call on the same TokenGrammar
  bool accept(TokenId token);         // false: not allowed; nothing changed
  void rollback(std::size_t tokens);  // takes back the last accepted ones
  bool is_finished() const { return is_finished_; }  // an end token was accepted
  bool may_end();                                    // the text so far is complete
  std::size_t accepted() const { return steps_.size() - 1; }

  // The guaranteed end. With cost() <= the tokens that are left, end token not counted, the answer
  // can be completed; keep it so: accept a token only if fits() and draw ending() otherwise.
  std::size_t cost();  // tokens of the completion
  bool fits(TokenId token, std::size_t left_behind_it);
  TokenId ending();  // the first token of the completion; an end token when complete
  // The tokens that will probably come: at each place, every allowed token is a beginning of this
  // one. Empty when there is a choice. To be verified like any proposal.
  std::vector<TokenId> forced();

 private:
  // Before each token, and now.
  struct Step {
    Grammar::State state;
    std::string plan;  // a text that completes the answer from here
    bool has_plan;
  };
  const std::string& plan();

  std::shared_ptr<TokenGrammar> grammar_;
  std::vector<Step> steps_;
  bool is_finished_ = false;
};

}  // namespace conduit::mdl
