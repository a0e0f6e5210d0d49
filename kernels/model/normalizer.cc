// The steps, and how tokenizer.json spells them.
#include "kernels/model/normalizer.h"

#include <utility>

#include "kernels/model/byte_letters.h"
#include "kernels/model/tokenizer_fields.h"
#include "mdl/base/utf8.h"

namespace conduit::kernels {

namespace {

constexpr std::string_view kPart = "normalizer";
// A text of 1 MB must not become one of gigabytes. Real files reach about 100: T5's table has an
// entry that is eleven times as long as its character, and ▁ is three times as long as a blank.
constexpr std::size_t kMaxGrowth = 4096;
constexpr std::size_t kMaxSteps = 64;

// Each character of `text` by append(code point, spelling, out).
template <class Append>
std::string rewrite(std::string_view text, Append append) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const utf8::Character character = utf8::read(text);
    append(character.code_point, text.substr(0, character.length), out);
    text.remove_prefix(character.length);
  }
  return out;
}

std::string without(std::string_view text, std::uint16_t dropped) {
  return rewrite(text, [dropped](char32_t c, std::string_view spelling, std::string& out) {
    if (!has_trait(c, dropped)) out += spelling;
  });
}

// BERT's list, gap and all: U+2B820 … U+2B91F are not in it.
bool is_chinese(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B81F) ||
         (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0x2F800 && c <= 0x2FA1F);
}

// SentencePiece's rules for machine translation: what is dropped, and what is a blank.
bool is_nmt_dropped(char32_t c) {
  return (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F ||
         c == 0x8F || c == 0x9F;
}

bool is_nmt_blank(char32_t c) {
  return c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
         (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF ||
         c == 0xFFFD;
}

}  // namespace

// --- reading

Result<Normalizer> Normalizer::from_json(const json::Value& definition) {
  Normalizer made;
  CONDUIT_TRY_STATUS(made.add(definition));
  return made;
}

Status Normalizer::grow(std::size_t factor) {
  growth_ *= factor;
  if (growth_ <= kMaxGrowth && steps_.size() < kMaxSteps) return ok();
  return Error{Code::exhausted, "tokenizer normalizer: over the limit of " +
                                    std::to_string(kMaxSteps) + " steps that lengthen a text " +
                                    std::to_string(kMaxGrowth) + " times"};
}

Status Normalizer::add(const json::Value& definition) {
  if (definition.is_null()) return ok();
  const TokenizerFields fields(kPart, definition);
  CONDUIT_TRY(const std::string type, fields.type());
  CONDUIT_TRY_STATUS(grow(1));
  if (type == "Sequence") {
    CONDUIT_TRY(const json::Array* parts, fields.list("normalizers"));
    for (const json::Value& part : *parts) CONDUIT_TRY_STATUS(add(part));
    return ok();
  }
  constexpr std::pair<std::string_view, NormalForm> kForms[] = {{"NFC", NormalForm::nfc},
                                                                {"NFD", NormalForm::nfd},
                                                                {"NFKC", NormalForm::nfkc},
                                                                {"NFKD", NormalForm::nfkd}};
  for (const auto& [name, form] : kForms) {
    if (type == name) steps_.emplace_back(form);
    if (type == name) return ok();
  }
  if (type == "BertNormalizer") return add_bert(definition);
  if (type == "Replace") return add_replace(definition);
  if (type == "Precompiled") return add_precompiled(definition);
  if (type == "Prepend") {
    CONDUIT_TRY(std::string content, fields.text("prepend"));
    CONDUIT_TRY_STATUS(grow(content.size() + 1));
    steps_.emplace_back(Prepend{std::move(content)});
  } else if (type == "Strip") {
    CONDUIT_TRY(const bool left, fields.flag("strip_left", true));
    CONDUIT_TRY(const bool right, fields.flag("strip_right", true));
    steps_.emplace_back(Strip{left, right});
  } else if (type == "StripAccents") {
    steps_.emplace_back(StripAccents{});
  } else if (type == "Lowercase") {
    steps_.emplace_back(Lowercase{});
  } else if (type == "Nmt") {
    steps_.emplace_back(Nmt{});
  } else if (type == "ByteLevel") {
    CONDUIT_TRY_STATUS(grow(2));
    steps_.emplace_back(ByteLetters{});
  } else {
    return fields.unsupported(type);
  }
  return ok();
}

Status Normalizer::add_bert(const json::Value& definition) {
  const TokenizerFields fields(kPart, definition);
  Bert step{};
  CONDUIT_TRY(step.cleans_text, fields.flag("clean_text", true));
  CONDUIT_TRY(step.spaces_chinese, fields.flag("handle_chinese_chars", true));
  CONDUIT_TRY(step.lowers, fields.flag("lowercase", true));
  CONDUIT_TRY(step.strips_accents, fields.flag("strip_accents", step.lowers));
  steps_.emplace_back(step);
  return ok();
}

Status Normalizer::add_replace(const json::Value& definition) {
  const TokenizerFields fields(kPart, definition);
  CONDUIT_TRY(Pattern pattern, Pattern::from_json(fields));
  CONDUIT_TRY(std::string content, fields.text("content"));
  CONDUIT_TRY_STATUS(grow(pattern.growth(content)));
  steps_.emplace_back(Replace{std::move(pattern), std::move(content)});
  return ok();
}

Status Normalizer::add_precompiled(const json::Value& definition) {
  const TokenizerFields fields(kPart, definition);
  if (fields.find("precompiled_charsmap") == nullptr) return ok();
  CONDUIT_TRY(const std::string base64, fields.text("precompiled_charsmap"));
  if (base64.empty()) return ok();
  CONDUIT_TRY(const std::string blob, decode_base64(base64));
  CONDUIT_TRY(Charsmap charsmap, Charsmap::parse(blob));
  CONDUIT_TRY_STATUS(grow(charsmap.growth()));
  steps_.emplace_back(Precompiled{std::make_shared<const Charsmap>(std::move(charsmap))});
  return ok();
}

// --- normalizing

std::string Normalizer::operator()(std::string_view text) const {
  std::string normal(text);
  for (const Step& step : steps_)
    normal = std::visit([&normal](const auto& kind) { return apply(kind, normal); }, step);
  return normal;
}

std::string Normalizer::apply(NormalForm form, std::string_view text) {
  return normalize(text, form);
}

std::string Normalizer::apply(const Bert& step, std::string_view text) {
  std::string normal =
      rewrite(text, [&step](char32_t c, std::string_view spelling, std::string& out) {
        const std::uint16_t kind = traits(c);
        if (step.cleans_text && (kind & (trait::control | trait::space)) != 0) {
          if ((kind & trait::control) == 0) out += ' ';
        } else if (step.spaces_chinese && c >= 0x3400 && is_chinese(c)) {
          out += ' ';
          out += spelling;
          out += ' ';
        } else {
          out += spelling;
        }
      });
  if (step.strips_accents) normal = without(normalize(normal, NormalForm::nfd), trait::accent);
  return step.lowers ? lowercase(normal) : normal;
}

std::string Normalizer::apply(const Strip& step, std::string_view text) {
  if (step.left)
    while (!text.empty() && has_trait(utf8::read(text).code_point, trait::space))
      text.remove_prefix(utf8::read(text).length);
  if (step.right)
    while (!text.empty() && has_trait(utf8::read(last_character(text)).code_point, trait::space))
      text.remove_suffix(last_character(text).size());
  return std::string(text);
}

std::string Normalizer::apply(StripAccents, std::string_view text) {
  return without(text, trait::mark);
}

std::string Normalizer::apply(Lowercase, std::string_view text) { return lowercase(text); }

std::string Normalizer::apply(Nmt, std::string_view text) {
  return rewrite(text, [](char32_t c, std::string_view spelling, std::string& out) {
    if (is_nmt_dropped(c)) return;
    out += is_nmt_blank(c) ? " " : spelling;
  });
}

std::string Normalizer::apply(ByteLetters, std::string_view text) {
  std::string out;
  for (const char byte : text) out += letter_of(static_cast<unsigned char>(byte));
  return out;
}

std::string Normalizer::apply(const Prepend& step, std::string_view text) {
  return text.empty() ? std::string() : step.content + std::string(text);
}

std::string Normalizer::apply(const Replace& step, std::string_view text) {
  return step.pattern.replace_all(text, step.content);
}

std::string Normalizer::apply(const Precompiled& step, std::string_view text) {
  return step.charsmap->normalize(text);
}

namespace {

// What SentencePiece reads at once: a user-defined piece, an entry of the table, or a character.
Charsmap::Match next_of(const Normalizer::SentencePiece& spec, std::string_view text) {
  std::size_t kept = 0;
  spec.kept.walk(text, [&kept](std::size_t length, std::int32_t) { kept = length; });
  if (kept == 0 && spec.charsmap != nullptr) {
    if (const auto match = spec.charsmap->longest(text)) return *match;
  }
  const std::size_t length = kept != 0 ? kept : utf8::read(text).length;
  return {length, text.substr(0, length)};
}

}  // namespace

// As Normalizer::Normalize of SentencePiece: blanks at the ends go, and of several in a row one
// stays, each judged after the table was applied.
std::string Normalizer::apply(const SentencePiece& step, std::string_view text) {
  const std::string_view blank = step.escapes_spaces ? kMetaspace : " ";
  while (step.removes_extra_spaces && !text.empty()) {
    const auto next = next_of(step, text);
    if (next.replacement != " ") break;
    text.remove_prefix(next.length);
  }
  if (text.empty()) return {};
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  if (step.adds_dummy_prefix) out += blank;
  bool was_blank = step.removes_extra_spaces;
  while (!text.empty()) {
    auto [length, piece] = next_of(step, text);
    text.remove_prefix(length);
    while (was_blank && piece.starts_with(' ')) piece.remove_prefix(1);
    if (piece.empty()) continue;
    for (const char c : piece) {
      if (c == ' ') {
        out += blank;
      } else {
        out += c;
      }
    }
    was_blank = step.removes_extra_spaces && piece.ends_with(' ');
  }
  while (step.removes_extra_spaces && out.ends_with(blank)) out.resize(out.size() - blank.size());
  return out;
}

}  // namespace conduit::kernels
