// Protocol buffers' wire format, as much as sentencepiece_model.proto needs: fields of varints, 32
// and 64 bits, and lengths; what is not asked for is passed over.
#include "kernels/model/sentencepiece_model.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "kernels/model/tokenizer_fields.h"

namespace conduit::kernels {

namespace {

Error bad(const std::string& what) { return Error{Code::corrupt, "tokenizer.model: " + what}; }

struct Field {
  std::uint64_t number = 0;
  std::uint64_t value = 0;   // of a varint or fixed field
  std::string_view content;  // of a field with a length
};

class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  bool is_at_end() const { return rest_.empty(); }

  Result<Field> next() {
    CONDUIT_TRY(const std::uint64_t key, varint());
    Field field;
    field.number = key >> 3;
    switch (key & 7) {
      case 0: {
        CONDUIT_TRY(field.value, varint());
        return field;
      }
      case 1: return fixed(field, 8);
      case 2: {
        CONDUIT_TRY(const std::uint64_t length, varint());
        CONDUIT_TRY(field.content, take(length));
        return field;
      }
      case 5: return fixed(field, 4);
      default: return bad("a field of wire type " + std::to_string(key & 7));
    }
  }

 private:
  Result<std::string_view> take(std::uint64_t length) {
    if (length > rest_.size()) return bad("the file ends within a field");
    const std::string_view taken = rest_.substr(0, static_cast<std::size_t>(length));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  Result<Field> fixed(Field field, std::size_t bytes) {
    CONDUIT_TRY(const std::string_view held, take(bytes));
    std::memcpy(&field.value, held.data(), bytes);
    return field;
  }

  Result<std::uint64_t> varint() {
    constexpr int kMaxBits = 64;
    std::uint64_t value = 0;
    for (int shift = 0; shift < kMaxBits; shift += 7) {
      CONDUIT_TRY(const std::string_view held, take(1));
      const auto byte = static_cast<unsigned char>(held.front());
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    return bad("a number of over 64 bits");
  }

  std::string_view rest_;
};

// take(field) for each field of a message, until one is an error.
template <class Take>
Status for_each_field(std::string_view message, Take take) {
  WireReader reader(message);
  while (!reader.is_at_end()) {
    CONDUIT_TRY(const Field field, reader.next());
    CONDUIT_TRY_STATUS(take(field));
  }
  return ok();
}

Result<SentencePieceModel::Piece> read_piece(std::string_view message, std::size_t index) {
  enum : std::uint64_t { kText = 1, kScore = 2, kKind = 3 };
  SentencePieceModel::Piece piece;
  CONDUIT_TRY_STATUS(for_each_field(message, [&](const Field& field) -> Status {
    if (field.number == kText) piece.text = field.content;
    if (field.number == kScore)
      piece.score = std::bit_cast<float>(static_cast<std::uint32_t>(field.value));
    if (field.number == kKind) {
      CONDUIT_TRY(piece.kind, checked_kind(static_cast<std::int64_t>(field.value), index));
    }
    return ok();
  }));
  CONDUIT_TRY_STATUS(check_score(piece.score, index));
  return piece;
}

Status read_trainer_spec(std::string_view message, SentencePieceModel& model) {
  enum : std::uint64_t { kModelType = 3, kSuffix = 24, kByteFallback = 35, kBos = 41, kEos = 42 };
  return for_each_field(message, [&](const Field& field) -> Status {
    constexpr std::uint64_t kUnigram = 1, kBpe = 2;
    if (field.number == kModelType && field.value != kUnigram && field.value != kBpe)
      return Error{Code::invalid_argument, "tokenizer.model: model type " +
                                               std::to_string(field.value) +
                                               " is not supported; BPE and unigram are"};
    if (field.number == kSuffix && field.value != 0)
      return Error{Code::invalid_argument,
                   "tokenizer.model: treat_whitespace_as_suffix is not supported"};
    const auto id = static_cast<std::int32_t>(field.value);
    if (field.number == kModelType) model.is_unigram = field.value == kUnigram;
    if (field.number == kByteFallback) model.byte_fallback = field.value != 0;
    if (field.number == kBos) model.bos = id;
    if (field.number == kEos) model.eos = id;
    return ok();
  });
}

Status read_normalizer_spec(std::string_view message, SentencePieceModel& model) {
  enum : std::uint64_t { kCharsmap = 2, kDummyPrefix = 3, kExtraSpaces = 4, kEscape = 5 };
  return for_each_field(message, [&](const Field& field) -> Status {
    if (field.number == kCharsmap) model.charsmap = field.content;
    if (field.number == kDummyPrefix) model.adds_dummy_prefix = field.value != 0;
    if (field.number == kExtraSpaces) model.removes_extra_spaces = field.value != 0;
    if (field.number == kEscape) model.escapes_spaces = field.value != 0;
    return ok();
  });
}

// -1, or any id that is no piece: there is no such token.
void drop_unless_piece(std::optional<std::int32_t>& id, std::size_t pieces) {
  if (id && (*id < 0 || static_cast<std::size_t>(*id) >= pieces)) id.reset();
}

}  // namespace

Result<SentencePieceModel::Kind> checked_kind(std::int64_t kind, std::size_t piece) {
  if (kind < 1 || kind > 6)
    return Error{Code::corrupt, "tokenizer: piece " + std::to_string(piece) + " is of kind " +
                                    std::to_string(kind) + "; kinds are 1 to 6"};
  return static_cast<SentencePieceModel::Kind>(kind);
}

Status check_score(float score, std::size_t piece) {
  if (std::isfinite(score)) return ok();
  return Error{Code::corrupt,
               "tokenizer: the score of piece " + std::to_string(piece) + " must be finite"};
}

Result<SentencePieceModel> SentencePieceModel::parse(std::string_view model_proto) {
  enum : std::uint64_t { kPiece = 1, kTrainerSpec = 2, kNormalizerSpec = 3 };
  SentencePieceModel model;
  model.bos = 1;  // the format's defaults
  model.eos = 2;
  CONDUIT_TRY_STATUS(for_each_field(model_proto, [&](const Field& field) -> Status {
    if (field.number == kTrainerSpec) return read_trainer_spec(field.content, model);
    if (field.number == kNormalizerSpec) return read_normalizer_spec(field.content, model);
    if (field.number != kPiece) return ok();
    if (model.pieces.size() == static_cast<std::size_t>(kMaxTokenId))
      return Error{Code::exhausted,
                   "tokenizer.model: over the limit of " + std::to_string(kMaxTokenId) + " pieces"};
    CONDUIT_TRY(Piece piece, read_piece(field.content, model.pieces.size()));
    model.pieces.push_back(std::move(piece));
    return ok();
  }));
  if (model.pieces.empty()) return bad("it has no pieces");
  drop_unless_piece(model.bos, model.pieces.size());
  drop_unless_piece(model.eos, model.pieces.size());
  // The file does not say what stands around a text. Of its users the BPE models (Llama, Mistral,
  // Gemma) begin with their first token, and T5, a unigram model, ends with its last.
  (model.is_unigram ? model.bos : model.eos).reset();
  return model;
}

}  // namespace conduit::kernels
