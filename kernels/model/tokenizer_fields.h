// Reads one object of a tokenizer.json, `{"type": "Split", …}`: each member as what it must be, and
// an error that names the part and the member. `null` counts as absent, as in the files themselves.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mdl/base/json.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

inline constexpr std::string_view kMetaspace = "▁";  // how SentencePiece writes a blank

class TokenizerFields {
 public:
  // `part`: how an error names this object, such as "pre_tokenizer"; both arguments must outlive
  // this.
  TokenizerFields(std::string_view part, const json::Value& object)
      : part_(part), object_(object) {}

  std::string_view part() const { return part_; }
  const json::Value* find(std::string_view key) const;
  Result<bool> flag(std::string_view key, bool otherwise) const;
  Result<std::string> text(std::string_view key) const;
  Result<std::string> text(std::string_view key, std::string_view otherwise) const;
  // A text of one character.
  Result<std::string> character(std::string_view key) const;
  Result<std::string> type() const { return text("type"); }
  Result<std::int32_t> id(std::string_view key) const;
  Result<const json::Array*> list(std::string_view key) const;

  // invalid_argument: `tokenizer normalizer "NFKD" is not supported yet`.
  Error unsupported(std::string_view what) const;
  Error corrupt(std::string_view key, std::string_view expected) const;

 private:
  std::string_view part_;
  const json::Value& object_;
};

// {"type": "Metaspace"}, as pre-tokenizer and as decoder.
enum class PrependScheme : std::uint8_t { always, first, never };
struct MetaspaceFields {
  std::string replacement = "▁";  // one character
  PrependScheme scheme = PrependScheme::always;
  bool splits = true;
};
Result<MetaspaceFields> read_metaspace(const TokenizerFields& fields);

// Tables are laid out by id, so an id has a limit; the largest vocabularies (XLM-V) have 900,000.
inline constexpr std::int32_t kMaxTokenId = (1 << 21) - 1;
Result<std::int32_t> checked_token_id(const json::Value& value, std::string_view name);

// A piece is compared with a text from each of its places on. The longest in the wild, runs of
// blanks, have about 100 bytes.
inline constexpr std::size_t kMaxPieceBytes = 1024;
// Error: exhausted.
Status check_piece(std::string_view spelling);

}  // namespace conduit::kernels
