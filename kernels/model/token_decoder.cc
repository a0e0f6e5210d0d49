// The steps, and how tokenizer.json spells them.
#include "kernels/model/token_decoder.h"

#include <algorithm>
#include <utility>

#include "kernels/model/byte_letters.h"
#include "mdl/base/utf8.h"

namespace conduit::kernels {

namespace {

constexpr std::string_view kDecoderPart = "decoder";
constexpr std::size_t kMaxDecoderSteps = 64;
// A token must not become a megabyte of text; in real files ▁ becomes one blank.
constexpr std::size_t kMaxDecodedGrowth = 1024;

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  return Pattern(std::string(from)).replace_all(text, to);
}

// English punctuation as BERT's authors write it again.
std::string clean_up(std::string text) {
  constexpr std::pair<std::string_view, std::string_view> kRepairs[] = {
      {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
      {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
      {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kRepairs) text = replace_all(text, from, to);
  return text;
}

std::string strip(std::string_view text, std::string_view content, std::size_t start,
                  std::size_t stop) {
  for (; start > 0 && text.starts_with(content); --start) text.remove_prefix(content.size());
  for (; stop > 0 && text.ends_with(content); --stop) text.remove_suffix(content.size());
  return std::string(text);
}

}  // namespace

// --- reading

Result<TokenDecoder> TokenDecoder::from_json(const json::Value& definition) {
  TokenDecoder made;
  if (definition.is_null()) {
    made.steps_.emplace_back(JoinBySpace{});
    return made;
  }
  CONDUIT_TRY_STATUS(made.add(definition));
  made.stream_after_join();
  return made;
}

Status TokenDecoder::add(const json::Value& definition) {
  const TokenizerFields fields(kDecoderPart, definition);
  CONDUIT_TRY(const std::string type, fields.type());
  if (steps_.size() == kMaxDecoderSteps)
    return Error{Code::exhausted, "tokenizer decoder: over the limit of " +
                                      std::to_string(kMaxDecoderSteps) + " steps"};
  if (type == "Sequence") {
    CONDUIT_TRY(const json::Array* parts, fields.list("decoders"));
    for (const json::Value& part : *parts) CONDUIT_TRY_STATUS(add(part));
  } else if (type == "ByteLevel") {
    steps_.emplace_back(ByteLevel{});
  } else if (type == "ByteFallback") {
    steps_.emplace_back(ByteFallback{});
  } else if (type == "Fuse") {
    steps_.emplace_back(Fuse{});
  } else if (type == "Metaspace") {
    CONDUIT_TRY(const MetaspaceFields metaspace, read_metaspace(fields));
    steps_.emplace_back(Metaspace{metaspace.replacement, metaspace.scheme != PrependScheme::never});
  } else if (type == "WordPiece") {
    CONDUIT_TRY(std::string prefix, fields.text("prefix", "##"));
    CONDUIT_TRY(const bool cleans_up, fields.flag("cleanup", true));
    steps_.emplace_back(WordPiece{std::move(prefix), cleans_up});
  } else if (type == "BPEDecoder") {
    CONDUIT_TRY(std::string suffix, fields.text("suffix", "</w>"));
    steps_.emplace_back(EndSuffix{std::move(suffix)});
  } else if (type == "Replace") {
    return add_replace(fields);
  } else if (type == "Strip") {
    return add_strip(fields);
  } else {
    return fields.unsupported(type);
  }
  return ok();
}

Status TokenDecoder::add_replace(const TokenizerFields& fields) {
  CONDUIT_TRY(Pattern pattern, Pattern::from_json(fields));
  CONDUIT_TRY(std::string content, fields.text("content"));
  growth_ *= pattern.growth(content);
  if (growth_ > kMaxDecodedGrowth)
    return Error{Code::exhausted, "tokenizer decoder: over the limit of " +
                                      std::to_string(kMaxDecodedGrowth) +
                                      " times a token's length"};
  steps_.emplace_back(Replace{std::move(pattern), std::move(content)});
  return ok();
}

Status TokenDecoder::add_strip(const TokenizerFields& fields) {
  CONDUIT_TRY(std::string content, fields.character("content"));
  CONDUIT_TRY(const std::int32_t start, fields.id("start"));
  CONDUIT_TRY(const std::int32_t stop, fields.id("stop"));
  steps_.emplace_back(
      Strip{std::move(content), static_cast<std::size_t>(start), static_cast<std::size_t>(stop)});
  return ok();
}

// Behind ByteLevel and Fuse there is one token, the text. When only its ends are stripped there, it
// can pass in pieces; else they hold it until it is whole.
void TokenDecoder::stream_after_join() {
  const auto joins = [](const Step& step) {
    return std::holds_alternative<ByteLevel>(step) || std::holds_alternative<Fuse>(step);
  };
  const auto join = std::find_if(steps_.begin(), steps_.end(), joins);
  if (join == steps_.end()) return;
  const bool can_stream = std::all_of(join + 1, steps_.end(), [](const Step& step) {
    return std::holds_alternative<Fuse>(step) || std::holds_alternative<Strip>(step);
  });
  if (!can_stream) {
    for (Step& step : steps_)
      if (auto* bytes = std::get_if<ByteLevel>(&step)) bytes->holds_all = true;
    return;
  }
  for (auto step = join + 1; step != steps_.end(); ++step)
    if (const Strip* text = std::get_if<Strip>(&*step)) *step = StripText{Strip(*text)};
  std::erase_if(steps_, [](const Step& step) { return std::holds_alternative<Fuse>(step); });
}

// --- the steps: what is held is in state.held

template <class Take>
void TokenDecoder::push(const JoinBySpace&, std::string token, State& state, Take take) {
  if (state.count++ != 0) take(" ");
  take(std::move(token));
}

template <class Take>
void TokenDecoder::push(const ByteLevel& step, std::string token, State& state, Take take) {
  state.held += bytes_of_letters(token);
  if (step.holds_all) return;
  const std::size_t length = utf8::uncut_length(state.held);
  take(utf8::replace_invalid(std::string_view(state.held).substr(0, length)));
  state.held.erase(0, length);
}

// A run of bytes is valid as a whole or replaced as a whole, so it waits for its end.
template <class Take>
void TokenDecoder::push(const ByteFallback&, std::string token, State& state, Take take) {
  if (const auto byte = byte_of_token(token)) {
    state.held += static_cast<char>(*byte);
    return;
  }
  finish(ByteFallback{}, state, take);
  take(std::move(token));
}

template <class Take>
void TokenDecoder::push(const Fuse&, std::string token, State& state, Take) {
  state.held += token;
}

template <class Take>
void TokenDecoder::push(const Metaspace& step, std::string token, State& state, Take take) {
  const bool is_stripped = state.count++ == 0 && step.strips_first;
  take(replace_all(token, step.replacement, is_stripped ? "" : " "));
}

template <class Take>
void TokenDecoder::push(const WordPiece& step, std::string token, State& state, Take take) {
  if (state.count++ != 0)
    token = token.starts_with(step.prefix) ? token.substr(step.prefix.size()) : " " + token;
  take(step.cleans_up ? clean_up(std::move(token)) : std::move(token));
}

// Behind the last token no space: one is held until the next comes.
template <class Take>
void TokenDecoder::push(const EndSuffix& step, std::string token, State& state, Take take) {
  if (std::exchange(state.is_past_begin, true)) take(replace_all(state.held, step.suffix, " "));
  state.held = std::move(token);
}

template <class Take>
void TokenDecoder::push(const Replace& step, std::string token, State&, Take take) {
  take(step.pattern.replace_all(token, step.content));
}

template <class Take>
void TokenDecoder::push(const Strip& step, std::string token, State&, Take take) {
  take(strip(token, step.content, step.start, step.stop));
}

// At the end as many of the last characters are held as could be stripped.
template <class Take>
void TokenDecoder::push(const StripText& step, std::string token, State& state, Take take) {
  std::string text = std::move(state.held) + token;
  std::string_view rest = text;
  while (!state.is_past_begin && !rest.empty()) {
    state.is_past_begin = state.count == step.start || !rest.starts_with(step.content);
    if (state.is_past_begin) break;
    rest.remove_prefix(step.content.size());
    ++state.count;
  }
  std::size_t held = 0;
  for (std::size_t i = 0; i < step.stop; ++i) {
    if (!rest.substr(0, rest.size() - held).ends_with(step.content)) break;
    held += step.content.size();
  }
  state.held = rest.substr(rest.size() - held);
  take(std::string(rest.substr(0, rest.size() - held)));
}

template <class Take>
void TokenDecoder::finish(const Step& step, State& state, Take take) {
  const std::string held = std::exchange(state.held, {});
  if (std::holds_alternative<ByteLevel>(step)) {
    take(utf8::replace_invalid(held));
  } else if (std::holds_alternative<Fuse>(step)) {
    take(held);
  } else if (const auto* suffix = std::get_if<EndSuffix>(&step)) {
    take(replace_all(held, suffix->suffix, ""));
  } else if (std::holds_alternative<ByteFallback>(step) && utf8::is_valid(held)) {
    if (!held.empty()) take(held);
  } else if (std::holds_alternative<ByteFallback>(step)) {
    for (std::size_t i = 0; i < held.size(); ++i) take("\uFFFD");
  }
}

void TokenDecoder::pass(std::size_t index, std::string token, std::vector<State>& states,
                        std::string& out) const {
  if (index == steps_.size()) {
    out += token;
    return;
  }
  const auto take = [&](std::string next) { pass(index + 1, std::move(next), states, out); };
  std::visit([&](const auto& step) { push(step, std::move(token), states[index], take); },
             steps_[index]);
}

TokenDecoder::Stream::Stream(const TokenDecoder& decoder)
    : decoder_(&decoder), states_(decoder.steps_.size()) {}

std::string TokenDecoder::Stream::push(std::string_view token) {
  std::string out;
  decoder_->pass(0, std::string(token), states_, out);
  return out;
}

std::string TokenDecoder::Stream::finish() {
  std::string out;
  for (std::size_t i = 0; i < states_.size(); ++i)
    TokenDecoder::finish(decoder_->steps_[i], states_[i], [&](std::string text) {
      decoder_->pass(i + 1, std::move(text), states_, out);
    });
  states_.assign(states_.size(), State{});
  return out;
}

std::string TokenDecoder::bytes(std::string_view token) const {
  std::string text(token);
  for (const Step& step : steps_) {
    if (std::holds_alternative<ByteLevel>(step)) {
      text = bytes_of_letters(text);
    } else if (const auto* suffix = std::get_if<EndSuffix>(&step)) {
      text = replace_all(text, suffix->suffix, " ");
    } else if (std::holds_alternative<ByteFallback>(step)) {
      if (const auto byte = byte_of_token(text)) text = static_cast<char>(*byte);
    } else if (!std::holds_alternative<Fuse>(step) && !std::holds_alternative<StripText>(step)) {
      State inside{{}, 1, true};
      std::string out;
      std::visit(
          [&](const auto& kind) {
            push(kind, std::move(text), inside, [&out](std::string_view piece) { out += piece; });
          },
          step);
      text = std::move(out);
    }
  }
  return text;
}

}  // namespace conduit::kernels
