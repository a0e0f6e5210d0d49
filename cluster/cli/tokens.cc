// One array in, one array out.
#include "cluster/cli/tokens.h"

#include <limits>
#include <utility>
#include <vector>

#include "cluster/cli/text_io.h"
#include "cluster/model_source.h"
#include "kernels/model/open_tokenizer.h"

namespace conduit::cluster {

namespace {

using kernels::TokenId;
using kernels::Tokenizer;

Error wrong_input(const std::string& place, const char* right, const json::Value& found) {
  return {Code::invalid_argument,
          "stdin" + place + " must be " + right + ", not " + json::dump(found).substr(0, 60)};
}

std::string at(std::size_t index) { return "[" + std::to_string(index) + "]"; }

// `convert`: one item and its place → its result. What both commands do around it.
template <class Convert>
Status convert_array(const std::string& path, const char* items, const Convert& convert) {
  CONDUIT_TRY(const std::string local, local_model(path));
  CONDUIT_TRY(const Tokenizer tokenizer, kernels::open_tokenizer(local));
  CONDUIT_TRY(const json::Value input, read_json_from_stdin());
  if (!input.is_array()) return wrong_input("", items, input);
  json::Array output;
  for (std::size_t i = 0; i < input.as_array().size(); ++i) {
    CONDUIT_TRY(json::Value converted, convert(tokenizer, input.as_array()[i], at(i)));
    output.push_back(std::move(converted));
  }
  return write_stdout(json::dump(output) + "\n");
}

Result<std::vector<TokenId>> read_ids(const json::Value& value, const std::string& place) {
  if (!value.is_array()) return wrong_input(place, "an array of token ids", value);
  std::vector<TokenId> ids;
  for (const json::Value& id : value.as_array()) {
    const bool is_id = id.kind() == json::Kind::integer && id.as_int() >= 0 &&
                       id.as_int() <= std::numeric_limits<TokenId>::max();
    if (!is_id) return wrong_input(place + at(ids.size()), "a token id, 0 to 2147483647", id);
    ids.push_back(static_cast<TokenId>(id.as_int()));
  }
  return ids;
}

int exit_code(const Status& status) { return status ? 0 : report(status.error()); }

}  // namespace

int run_tokenize(const TokenizeOptions& options) {
  return exit_code(convert_array(options.tokenizer, "an array of strings",
                                 [&](const Tokenizer& tokenizer, const json::Value& item,
                                     const std::string& place) -> Result<json::Value> {
                                   if (!item.is_string())
                                     return wrong_input(place, "a string", item);
                                   const auto ids = tokenizer.encode(
                                       item.as_string(), {.add_special = !options.no_special});
                                   return json::Value(json::Array(ids.begin(), ids.end()));
                                 }));
}

int run_detokenize(const DetokenizeOptions& options) {
  return exit_code(convert_array(options.tokenizer, "an array of arrays of token ids",
                                 [&](const Tokenizer& tokenizer, const json::Value& item,
                                     const std::string& place) -> Result<json::Value> {
                                   CONDUIT_TRY(const auto ids, read_ids(item, place));
                                   return json::Value(tokenizer.decode(ids, options.skip_special));
                                 }));
}

}  // namespace conduit::cluster
