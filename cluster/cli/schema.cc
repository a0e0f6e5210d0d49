// A declaration is read once; each action goes on from there.
#include "cluster/cli/schema.h"

#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "cluster/cli/python_json.h"
#include "cluster/cli/schema_nodes.h"
#include "cluster/cli/text_io.h"
#include "cluster/model_source.h"
#include "kernels/model/mapped_file.h"
#include "kernels/model/open_tokenizer.h"
#include "mdl/json_grammar.h"
#include "mdl/matcher.h"
#include "mdl/payload.h"
#include "mdl/schema.h"
#include "mdl/schema_hint.h"
#include "mdl/type.h"
#include "mdl/validate.h"

namespace conduit::cluster {

namespace {

using kernels::TokenId;
using kernels::Tokenizer;

constexpr int kDone = 0;
constexpr int kRefused = 2;

int refuse(const Error& error) {
  report(error);
  return kRefused;
}

struct Declaration {
  std::optional<mdl::Type> type;  // of MDL text
  mdl::Schema schema;
};

bool is_json_schema(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return false;
  text = text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
  return text.starts_with('{') || text == "true" || text == "false";
}

Result<Declaration> read_declaration(std::string_view text) {
  Declaration declaration;
  if (is_json_schema(text)) {
    CONDUIT_TRY(declaration.schema, mdl::read_schema(text));
    return declaration;
  }
  CONDUIT_TRY(declaration.type, mdl::parse_mdl(text));
  CONDUIT_TRY(const json::Value document, mdl::to_json_schema(*declaration.type));
  CONDUIT_TRY(declaration.schema, mdl::read_schema(document));
  return declaration;
}

std::vector<std::string> hint_of(const Declaration& declaration) {
  if (!declaration.type) return mdl::hint(declaration.schema);
  return mdl::hint(*declaration.type).value_or(std::vector<std::string>());
}

json::Value or_null(const std::optional<std::string>& text) {
  if (text) return *text;
  return nullptr;
}

int write(const std::string& text) {
  const auto written = write_stdout(text);
  return written ? kDone : report(written.error());
}

// --- hint

int run_hint(const Declaration& declaration, bool as_json) {
  const std::vector<std::string> lines = hint_of(declaration);
  if (as_json)
    return write(json::dump(json::Object{{"hint", json::Array(lines.begin(), lines.end())}}) +
                 "\n");
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return write(text);
}

// --- check

// Why an instance does not fit, or nothing.
class Judge {
 public:
  static Result<Judge> make(const Declaration& declaration) {
    Judge judge;
    if (declaration.type) {
      CONDUIT_TRY(judge.reader_, mdl::PayloadReader::make(*declaration.type));
    } else {
      CONDUIT_TRY(judge.validator_, mdl::Validator::make(declaration.schema));
    }
    return judge;
  }

  std::optional<std::string> fault_of(const json::Value& instance) {
    if (reader_) {
      const Status read = reader_->check(instance);
      return read ? std::nullopt : std::optional(read.error().message);
    }
    const auto checked = validator_->check(instance);
    if (!checked) return checked.error().message;
    return *checked ? std::optional((*checked)->message()) : std::nullopt;
  }

 private:
  std::optional<mdl::PayloadReader> reader_;  // of MDL text
  std::optional<mdl::Validator> validator_;   // of JSON Schema
};

// The masks of one schema over one vocabulary.
class Decoder {
 public:
  static Result<Decoder> make(const mdl::Schema& schema, const Tokenizer& tokenizer) {
    CONDUIT_TRY(auto grammar, mdl::json_grammar(schema));
    std::vector<std::string> texts;
    for (TokenId id = 0; id < tokenizer.vocab_size(); ++id)
      texts.emplace_back(tokenizer.is_special(id) ? "" : tokenizer.bytes(id));
    auto table = mdl::TokenTable::make(std::move(texts), {});
    return Decoder(tokenizer, std::make_shared<mdl::TokenGrammar>(grammar, std::move(table)));
  }

  std::optional<std::string> fault_of(const json::Value& instance) {
    const std::string text = python_json(instance);
    mdl::Matcher matcher(grammar_);
    std::string before;
    for (const TokenId id : tokens_of(text)) {
      const std::string token(grammar_->table().text(id));
      if (!matcher.mask().allows(id) || !matcher.accept(id)) return refusal(token, before);
      before += token;
    }
    if (matcher.may_end()) return std::nullopt;
    return "it may not end here";
  }

 private:
  Decoder(Tokenizer tokenizer, std::shared_ptr<mdl::TokenGrammar> grammar)
      : tokenizer_(std::move(tokenizer)), grammar_(std::move(grammar)) {}

  std::vector<TokenId> tokens_of(const std::string& text) const {
    auto ids = tokenizer_.encode(text, {.add_special = false, .parse_special = false});
    // SentencePiece begins a text with a blank, which no answer begins with.
    const std::string_view first = ids.empty() ? "" : tokenizer_.bytes(ids[0]);
    if (first.starts_with(' ')) {
      if (first.size() == 1) {
        ids.erase(ids.begin());
      } else if (const auto bare = tokenizer_.id_of(first.substr(1))) {
        ids[0] = *bare;
      }
    }
    return ids;
  }

  std::string refusal(const std::string& token, const std::string& before) const {
    const Status health = grammar_->grammar().health();
    if (!health) return health.error().message;
    constexpr std::size_t kShown = 40;
    const std::size_t from = before.size() > kShown ? before.size() - kShown : 0;
    return "token " + json::quote(token) + " is refused behind " +
           json::quote((from > 0 ? "…" : "") + before.substr(from));
  }

  Tokenizer tokenizer_;
  std::shared_ptr<mdl::TokenGrammar> grammar_;
};

int run_check(const Declaration& declaration, const std::string& tokenizer_name) {
  auto judge = Judge::make(declaration);
  if (!judge) return refuse(judge.error());
  std::optional<Result<Decoder>> decoder;
  if (!tokenizer_name.empty()) {
    const auto path = local_model(tokenizer_name);
    if (!path) return report(path.error());
    const auto tokenizer = kernels::open_tokenizer(*path);
    if (!tokenizer) return report(tokenizer.error());
    decoder = Decoder::make(declaration.schema, *tokenizer);
  }

  bool are_valid = true;
  std::string line;
  for (std::int64_t number = 1; std::getline(std::cin, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const auto instance = json::parse(line);
    const auto fault = instance ? judge->fault_of(*instance) : instance.error().message;
    json::Value is_decoded;
    std::optional<std::string> decoder_fault;
    if (decoder && *decoder && instance) {
      decoder_fault = (*decoder)->fault_of(*instance);
      is_decoded = !decoder_fault;
    } else if (decoder && !*decoder) {
      decoder_fault = decoder->error().message;
    }
    are_valid = are_valid && !fault;
    const auto written =
        write_stdout(json::dump(json::Object{{"line", number},
                                             {"valid", !fault},
                                             {"error", or_null(fault)},
                                             {"decoder", is_decoded},
                                             {"decoder_error", or_null(decoder_fault)}}) +
                     "\n");
    if (!written) return report(written.error());
  }
  return are_valid ? kDone : 1;
}

// --- explain

json::Value limits_json() {
  const mdl::SchemaLimits limits;
  return json::Object{{"bytes", limits.bytes},
                      {"nodes", limits.nodes},
                      {"depth", limits.depth},
                      {"enum_values", limits.enum_values}};
}

std::string explanation_text(const json::Value& explanation) {
  std::string text = explanation.find("kind")->as_string() +
                     ", nodes: " + std::to_string(explanation.find("nodes")->as_array().size()) +
                     "\n";
  for (const json::Value& node : explanation.find("nodes")->as_array()) {
    text += "  " + json::dump(*node.find("id")) + "  " + node.find("place")->as_string() + "  " +
            json::dump(*node.find("keywords")) + "\n";
  }
  text += "limits: " + json::dump(*explanation.find("limits")) + "\n";
  const json::Value& refused = *explanation.find("refused");
  if (!refused.is_null()) return text + "refused: " + refused.as_string() + "\n";
  return text + "refused: nothing\na short answer: " + explanation.find("short")->as_string() +
         "\n";
}

int run_explain(const Declaration& declaration, bool as_json) {
  std::optional<Error> refused;
  std::string shortest;
  auto judge = Judge::make(declaration);
  auto grammar = mdl::json_grammar(declaration.schema);
  if (!judge) {
    refused = judge.error();
  } else if (!grammar) {
    refused = grammar.error();
  } else {
    shortest = (*grammar)->completion((*grammar)->start());
  }
  const json::Value explanation =
      json::Object{{"kind", declaration.type ? "MDL" : "JSON Schema"},
                   {"nodes", nodes_json(declaration.schema)},
                   {"limits", limits_json()},
                   {"refused", refused ? json::Value(refused->message) : json::Value()},
                   {"short", refused ? json::Value() : json::Value(shortest)}};
  const int code = write(as_json ? json::dump(explanation) + "\n" : explanation_text(explanation));
  return refused ? refuse(*refused) : code;
}

}  // namespace

int run_schema(const SchemaOptions& options) {
  constexpr std::size_t kMaxBytes = std::size_t{1} << 20;  // as SchemaLimits has it
  const auto text = kernels::read_text_file(options.file, kMaxBytes);
  if (!text) return report(text.error());
  const auto declaration = read_declaration(*text);
  if (!declaration) {
    if (options.as_json)
      write(json::dump(json::Object{{"refused", declaration.error().message}}) + "\n");
    return refuse({declaration.error().code, options.file + ": " + declaration.error().message});
  }
  if (options.action == "hint") return run_hint(*declaration, options.as_json);
  if (options.action == "explain") return run_explain(*declaration, options.as_json);
  return run_check(*declaration, options.tokenizer);
}

}  // namespace conduit::cluster
