// Oniguruma's notation → PCRE2's, and the loop over matches.
#include "kernels/model/regex.h"

#include <string>

#include "mdl/base/check.h"
#include "mdl/base/utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace conduit::kernels {

namespace {

// The largest pattern in the wild (DeepSeek's list of letters) has 1 kB.
constexpr std::size_t kMaxPatternBytes = 64 * 1024;

PCRE2_SPTR bytes_of(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

pcre2_code* compile_pcre2(std::string_view pattern, int& error, std::size_t& offset) {
  // A line ends at \n alone, as in Ruby; the library's default is a choice of who built it.
  const std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)> context(
      pcre2_compile_context_create(nullptr), pcre2_compile_context_free);
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  // \C could cut a character in two.
  constexpr std::uint32_t options =
      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;
  return pcre2_compile(bytes_of(pattern), pattern.size(), options, &error, &offset, context.get());
}

bool compiles(std::string_view pattern) {
  int error = 0;
  std::size_t offset = 0;
  pcre2_code* code = compile_pcre2(pattern, error, offset);
  pcre2_code_free(code);
  return code != nullptr;
}

// The members of Oniguruma's Unicode classes, to stand inside [].
std::string_view members_of(char escape) {
  switch (escape) {
    // PCRE2's has U+180E as well.
    case 's':
    case 'S': return R"(\t-\r\x{85}\p{Z})";
    // PCRE2's has no marks.
    case 'w':
    case 'W': return R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
    // Hexadecimal digits; PCRE2: horizontal space.
    case 'h':
    case 'H': return "0-9a-fA-F";
    default: return {};
  }
}

// That ² ³ ¹ ¼ ½ ¾ are word characters, but not inside [], is Oniguruma's own.
constexpr std::string_view kWordsOutsideClasses = R"(\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})";

// \b and \B by the word characters above.
std::string word_boundary(bool is_negated) {
  const std::string word =
      "[" + std::string(members_of('w')) + std::string(kWordsOutsideClasses) + "]";
  const std::string begins = "(?<!" + word + ")(?" + (is_negated ? "!" : "=") + word + ")";
  const std::string ends = "(?<=" + word + ")(?" + (is_negated ? "=" : "!") + word + ")";
  return "(?:" + begins + "|" + ends + ")";
}

// Copies a pattern and rewrites on the way what the two libraries read differently.
class Translator {
 public:
  explicit Translator(std::string_view pattern) : rest_(pattern) {}

  Result<std::string> run() {
    while (!rest_.empty()) {
      if (rest_.front() == '\\' && rest_.size() > 1) {
        CONDUIT_TRY_STATUS(escape());
        continue;
      }
      if (class_depth_ > 0 && rest_.starts_with("&&"))
        return Error{Code::invalid_argument, "class intersection (&&) is not supported"};
      if (rest_.front() == '[') ++class_depth_;
      if (rest_.front() == ']' && class_depth_ > 0) --class_depth_;
      copy(1);
    }
    return std::move(out_);
  }

 private:
  void copy(std::size_t count) {
    out_ += rest_.substr(0, count);
    rest_.remove_prefix(count);
  }

  Status escape() {
    const char kind = rest_[1];
    if (kind == 'p' || kind == 'P') {
      property();
      return ok();
    }
    if ((kind == 'b' || kind == 'B') && class_depth_ == 0) {
      out_ += word_boundary(kind == 'B');
      rest_.remove_prefix(2);
      return ok();
    }
    const std::string_view members = members_of(kind);
    if (members.empty()) {
      copy(2);
      return ok();
    }
    const bool is_negated = kind < 'a';
    if (class_depth_ > 0 && is_negated)
      return Error{Code::invalid_argument,
                   std::string("\\") + kind + " inside [] is not supported"};
    if (class_depth_ == 0) out_ += is_negated ? "[^" : "[";
    out_ += members;
    if (class_depth_ == 0 && (kind == 'w' || kind == 'W')) out_ += kWordsOutsideClasses;
    if (class_depth_ == 0) out_ += ']';
    rest_.remove_prefix(2);
    return ok();
  }

  // \p{Han}: for PCRE2 also the characters that Han shares with others, unless told sc:.
  void property() {
    const std::size_t close = rest_.find('}');
    if (!rest_.substr(2).starts_with('{') || close == rest_.npos) return copy(2);
    const std::string script = "{sc:" + std::string(rest_.substr(3, close - 2));
    if (!compiles("\\p" + script)) return copy(close + 1);
    out_ += rest_.substr(0, 2);
    out_ += script;
    rest_.remove_prefix(close + 1);
  }

  std::string_view rest_;
  std::string out_;
  int class_depth_ = 0;
};

// Whether the pattern matches at `from` or later; the place is then in `match`.
bool find_next(const pcre2_code* code, std::string_view text, std::size_t from,
               pcre2_match_data* match) {
  const auto run = [&](std::uint32_t options) {
    return pcre2_match(code, bytes_of(text), text.size(), from, options | PCRE2_NO_UTF_CHECK, match,
                       nullptr);
  };
  int outcome = run(0);
  // Compiled code has 32 kB of stack; the interpreter takes what it needs from the heap.
  if (outcome == PCRE2_ERROR_JIT_STACKLIMIT) outcome = run(PCRE2_NO_JIT);
  return outcome >= 0;
}

Error bad_pattern(std::string_view pattern, std::string_view reason) {
  return Error{Code::invalid_argument,
               "regular expression \"" + std::string(pattern) + "\": " + std::string(reason)};
}

}  // namespace

Result<Regex> Regex::compile(std::string_view pattern) {
  if (pattern.size() > kMaxPatternBytes)
    return bad_pattern(pattern.substr(0, 32),
                       "longer than the limit of " + std::to_string(kMaxPatternBytes) + " bytes");
  auto translated = Translator(pattern).run();
  if (!translated) return bad_pattern(pattern, translated.error().message);
  int error = 0;
  std::size_t offset = 0;
  pcre2_code* code = compile_pcre2(*translated, error, offset);
  if (code == nullptr) {
    char reason[256];
    pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(reason), sizeof reason);
    return bad_pattern(pattern, reason);
  }
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // without it the interpreter matches, only slower
  Regex regex;
  regex.code_ = std::shared_ptr<const void>(code, [](const void* held) {
    pcre2_code_free(static_cast<pcre2_code*>(const_cast<void*>(held)));
  });
  return regex;
}

std::vector<TextRange> Regex::find_all(std::string_view text) const {
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  CONDUIT_CHECK(code != nullptr, "a Regex was used before it was compiled");
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match(
      pcre2_match_data_create_from_pattern(code, nullptr), pcre2_match_data_free);
  const std::size_t* found = pcre2_get_ovector_pointer(match.get());
  std::vector<TextRange> matches;
  std::size_t from = 0;
  while (from <= text.size() && find_next(code, text, from, match.get())) {
    const TextRange range{found[0], found[1]};
    from = range.end;
    // An empty match right behind the last one would be found forever.
    if (range.begin == range.end && !matches.empty() && matches.back().end == range.end) {
      from += from < text.size() ? utf8::read(text.substr(from)).length : 1;
      continue;
    }
    matches.push_back(range);
  }
  return matches;
}

}  // namespace conduit::kernels
