// SentencePieceModel: what SentencePiece keeps of a vocabulary, as read from a tokenizer.model (its
// sentencepiece_model.proto) or GGUF metadata: pieces with scores and kinds, how they are put
// together, and how a text is prepared. Not here: the stages made of it
// (tokenizer_sentencepiece.cc).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mdl/base/result.h"

namespace conduit::kernels {

struct SentencePieceModel {
  // The numbers are the format's.
  enum class Kind : std::uint8_t {
    normal = 1,
    unknown = 2,
    control = 3,
    user_defined = 4,  // found whole wherever it stands in a text
    unused = 5,
    byte = 6  // <0x0A>
  };
  struct Piece {
    std::string text;
    float score = 0;  // finite
    Kind kind = Kind::normal;
  };

  // Errors: corrupt; invalid_argument for a model type that is not supported; exhausted for over
  // kMaxTokenId pieces.
  static Result<SentencePieceModel> parse(std::string_view model_proto);

  std::vector<Piece> pieces;  // by id
  bool is_unigram = true;     // else merged as BPE
  bool byte_fallback = false;
  std::string charsmap;  // charsmap.h's blob; empty: characters stay
  bool adds_dummy_prefix = true;
  bool removes_extra_spaces = true;
  bool escapes_spaces = true;
  std::optional<std::int32_t> bos, eos;  // what stands around a text
};

// Error: corrupt names the piece with a kind that there is not, or a score that is no number.
Result<SentencePieceModel::Kind> checked_kind(std::int64_t kind, std::size_t piece);
Status check_score(float score, std::size_t piece);

}  // namespace conduit::kernels
