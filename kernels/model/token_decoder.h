// TokenDecoder: spellings of tokens → text; tokenizer.json's "decoder". The idea: a list of steps
// over a stream of tokens. Each step may hold back what depends on what follows, bytes of a
// character for example, so decoding token by token and decoding all at once are the same code and
// give the same text. Not here: which tokens are left out (tokenizer.h).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kernels/model/pattern.h"
#include "kernels/model/tokenizer_fields.h"
#include "mdl/base/json.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

class TokenDecoder {
 public:
  // null: tokens are joined by spaces, as in the reference. Errors: invalid_argument names a type
  // that is not supported; corrupt for bad fields.
  static Result<TokenDecoder> from_json(const json::Value& definition);

  // What the steps hold back. `decoder` must outlive it.
  class Stream {
   public:
    explicit Stream(const TokenDecoder& decoder);
    // The text that is certain now.
    std::string push(std::string_view token);
    // The rest; the stream is as new then.
    std::string finish();

   private:
    friend class TokenDecoder;
    struct State {
      std::string held;
      std::size_t count = 0;  // of tokens, or of characters that were stripped
      bool is_past_begin = false;
    };
    const TokenDecoder* decoder_;
    std::vector<State> states_;  // one for each step
  };

  // What a token stands for that is not the first; may be a part of a character.
  std::string bytes(std::string_view token) const;

 private:
  using State = Stream::State;
  struct JoinBySpace {};
  struct ByteLevel {
    bool holds_all = false;  // for steps behind it that need the whole text
  };
  struct ByteFallback {};
  struct Fuse {};  // holds all
  struct Metaspace {
    std::string replacement;
    bool strips_first;
  };
  struct WordPiece {
    std::string prefix;
    bool cleans_up;
  };
  struct EndSuffix {
    std::string suffix;
  };
  struct Replace {
    Pattern pattern;
    std::string content;
  };
  struct Strip {
    std::string content;  // one character
    std::size_t start, stop;
  };
  struct StripText : Strip {};  // of the joined text, which comes in pieces
  using Step = std::variant<JoinBySpace, ByteLevel, ByteFallback, Fuse, Metaspace, WordPiece,
                            EndSuffix, Replace, Strip, StripText>;

  Status add(const json::Value& definition);
  Status add_strip(const TokenizerFields& fields);
  Status add_replace(const TokenizerFields& fields);
  void stream_after_join();

  // A token arrives at step `index`; what comes out of the last step is appended to `out`.
  void pass(std::size_t index, std::string token, std::vector<State>& states,
            std::string& out) const;
  // What a step makes of a token, for the next: by take(text).
  template <class Take>
  static void push(const JoinBySpace& step, std::string token, State& state, Take take);
  template <class Take>
  static void push(const ByteLevel& step, std::string token, State& state, Take take);
  template <class Take>
  static void push(const ByteFallback& step, std::string token, State& state, Take take);
  template <class Take>
  static void push(const Fuse& step, std::string token, State& state, Take take);
  template <class Take>
  static void push(const Metaspace& step, std::string token, State& state, Take take);
  template <class Take>
  static void push(const WordPiece& step, std::string token, State& state, Take take);
  template <class Take>
  static void push(const EndSuffix& step, std::string token, State& state, Take take);
  template <class Take>
  static void push(const Replace& step, std::string token, State& state, Take take);
  template <class Take>
  static void push(const Strip& step, std::string token, State& state, Take take);
  template <class Take>
  static void push(const StripText& step, std::string token, State& state, Take take);
  // The same at the end, for what was held.
  template <class Take>
  static void finish(const Step& step, State& state, Take take);

  std::vector<Step> steps_;
  std::size_t growth_ = 1;  // how many times longer the steps can make a token
};

}  // namespace conduit::kernels
