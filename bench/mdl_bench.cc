// Cases from files; each engine walks all of them once, on one thread.
#include "bench/mdl_bench.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <utility>

#include "bench/child_process.h"
#include "bench/python_environment.h"
#include "cluster/cli/python_json.h"
#include "kernels/model/open_tokenizer.h"
#include "mdl/json_grammar.h"
#include "mdl/matcher.h"

namespace conduit::bench {
namespace {

using kernels::TokenId;

// Of this thread: what else runs on the machine is left out.
double microseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

struct Case {
  json::Value schema;
  std::vector<std::vector<TokenId>> valid, invalid;
};

struct Measured {
  std::string name;
  double table_ms = 0;
  std::vector<double> masks, first_masks, compiles;  // µs
  int schemas = 0, right = 0, refused = 0, wrongly_accepted = 0;
};

Result<std::vector<Case>> read_cases(const std::filesystem::path& path,
                                     const kernels::Tokenizer& tokenizer) {
  std::ifstream file(path);
  if (!file) return Error{Code::not_found, fmt::format("cannot read {}", path.string())};
  std::vector<Case> cases;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const auto record = json::parse(line);
    const json::Value* schema = record ? record->find("schema") : nullptr;
    if (schema == nullptr)
      return Error{Code::corrupt,
                   fmt::format("{}:{}: no object with a schema", path.string(), number)};
    Case next{*schema, {}, {}};
    const auto read = [&](const char* name, bool has_data,
                          std::vector<std::vector<TokenId>>& texts) {
      const json::Value* values = record->find(name);
      if (values == nullptr || !values->is_array()) return;
      for (const json::Value& value : values->as_array()) {
        const json::Value* data = has_data ? value.find("data") : &value;
        if (data == nullptr) continue;
        texts.push_back(tokenizer.encode(cluster::python_json(*data),
                                         {.add_special = false, .parse_special = false}));
      }
    };
    read("valid", false, next.valid);
    read("invalid", true, next.invalid);
    cases.push_back(std::move(next));
  }
  return cases;
}

bool walks(mdl::Matcher matcher, const std::vector<TokenId>& tokens, Measured& measured) {
  for (const TokenId token : tokens) {
    const double begin = microseconds();
    const bool is_allowed = matcher.mask().allows(token);
    measured.masks.push_back(microseconds() - begin);
    if (!is_allowed || !matcher.accept(token)) return false;
  }
  return matcher.may_end();
}

Measured measure_ours(const std::vector<Case>& cases, const kernels::Tokenizer& tokenizer) {
  Measured measured;
  measured.name = "conduit";
  std::vector<std::string> texts;
  for (TokenId id = 0; id < tokenizer.vocab_size(); ++id)
    texts.emplace_back(tokenizer.is_special(id) ? "" : tokenizer.bytes(id));
  double begin = microseconds();
  const auto table = mdl::TokenTable::make(std::move(texts), {});
  measured.table_ms = (microseconds() - begin) / 1e3;
  for (const Case& each : cases) {
    ++measured.schemas;
    begin = microseconds();
    auto schema = mdl::read_schema(each.schema);
    auto grammar = schema ? mdl::json_grammar(*std::move(schema))
                          : Result<std::shared_ptr<mdl::Grammar>>(schema.error());
    measured.compiles.push_back(microseconds() - begin);
    if (!grammar) {
      ++measured.refused;
      continue;
    }
    auto tokens = std::make_shared<mdl::TokenGrammar>(*grammar, table);
    begin = microseconds();
    tokens->mask((*grammar)->start());
    measured.first_masks.push_back(microseconds() - begin);
    const mdl::Matcher matcher(tokens);
    bool is_right = true;
    for (const auto& text : each.valid) is_right = walks(matcher, text, measured) && is_right;
    for (const auto& text : each.invalid) {
      const bool is_accepted = walks(matcher, text, measured);
      measured.wrongly_accepted += is_accepted ? 1 : 0;
      is_right = is_right && !is_accepted;
    }
    measured.right += is_right ? 1 : 0;
  }
  return measured;
}

json::Value ids_of(const std::vector<std::vector<TokenId>>& texts) {
  json::Array lists;
  for (const auto& text : texts) lists.emplace_back(json::Array(text.begin(), text.end()));
  return lists;
}

// A script reads a case a line, and answers with its times (µs) and verdicts.
Result<Measured> measure_peer(const std::string& name, const std::vector<Case>& cases,
                              const MdlBenchOptions& options) {
  const std::string package = name == "xgrammar" ? "xgrammar" : "llguidance";
  CONDUIT_TRY(const std::string python, python_with({package, package, {"transformers"}, {}}));
  CONDUIT_TRY(ChildProcess process, ChildProcess::start({python, bench_script("peer_masks.py"),
                                                         name, options.tokenizer.string()}));
  const auto answer = [&]() -> Result<json::Value> {
    CONDUIT_TRY(const std::string line, process.read_line());
    return json::parse(line);
  };
  CONDUIT_TRY(const json::Value hello, answer());
  const json::Value* version = hello.find("version");
  const json::Value* table = hello.find("table_ms");
  if (version == nullptr || table == nullptr)
    return Error{Code::corrupt,
                 fmt::format("{} did not say its version: {}", name, json::dump(hello))};
  Measured measured;
  measured.name = fmt::format("{} {}", name, version->as_string());
  measured.table_ms = table->as_double();
  for (const Case& each : cases) {
    ++measured.schemas;
    const json::Value question(json::Object{
        {"schema", each.schema}, {"valid", ids_of(each.valid)}, {"invalid", ids_of(each.invalid)}});
    CONDUIT_TRY_STATUS(process.write_line(json::dump(question)));
    CONDUIT_TRY(const json::Value reply, answer());
    const json::Value* compile = reply.find("compile");
    if (compile != nullptr) measured.compiles.push_back(compile->as_double());
    const json::Value* masks = reply.find("masks");
    if (masks == nullptr) {
      ++measured.refused;
      continue;
    }
    for (const json::Value& mask : masks->as_array()) measured.masks.push_back(mask.as_double());
    if (!masks->as_array().empty())
      measured.first_masks.push_back(masks->as_array().front().as_double());
    bool is_right = true;
    for (const json::Value& verdict : reply.find("valid")->as_array())
      is_right = is_right && verdict.as_bool();
    for (const json::Value& verdict : reply.find("invalid")->as_array()) {
      measured.wrongly_accepted += verdict.as_bool() ? 1 : 0;
      is_right = is_right && !verdict.as_bool();
    }
    measured.right += is_right ? 1 : 0;
  }
  return measured;
}

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto place = std::min(values.size() - 1,
                              static_cast<std::size_t>(share * static_cast<double>(values.size())));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(place),
                   values.end());
  return values[place];
}

void report(const std::string& file, const Measured& measured, bool is_json, std::ostream& out) {
  const auto triple = [](const std::vector<double>& values) {
    return json::Array{quantile(values, 0.5), quantile(values, 0.99), quantile(values, 1)};
  };
  if (is_json) {
    out << json::dump(json::Object{{"file", file},
                                   {"engine", measured.name},
                                   {"table_ms", measured.table_ms},
                                   {"mask_us", triple(measured.masks)},
                                   {"first_mask_us", triple(measured.first_masks)},
                                   {"compile_us", triple(measured.compiles)},
                                   {"schemas", measured.schemas},
                                   {"right", measured.right},
                                   {"refused", measured.refused},
                                   {"wrongly_accepted", measured.wrongly_accepted}})
        << '\n';
    return;
  }
  const auto text = [](const std::vector<double>& values) {
    return fmt::format("{:9.1f} {:9.1f} {:9.1f}", quantile(values, 0.5), quantile(values, 0.99),
                       quantile(values, 1));
  };
  out << fmt::format(
             "{}, {}: {} of {} schemas right, {} refused, {} invalid accepted; vocabulary {:.0f} "
             "ms\n",
             file, measured.name, measured.right, measured.schemas, measured.refused,
             measured.wrongly_accepted, measured.table_ms)
      << fmt::format("  µs: p50, p99, max   mask {}   first {}   compile {}\n",
                     text(measured.masks), text(measured.first_masks), text(measured.compiles));
}

}  // namespace

std::vector<std::string> mdl_peer_names() { return {"llguidance", "xgrammar"}; }

Status run_mdl_bench(const MdlBenchOptions& options, std::ostream& out) {
  CONDUIT_TRY(const kernels::Tokenizer tokenizer, kernels::open_tokenizer(options.tokenizer));
  for (const std::filesystem::path& path : options.schemas) {
    CONDUIT_TRY(const std::vector<Case> cases, read_cases(path, tokenizer));
    const std::string file = path.filename().string();
    report(file, measure_ours(cases, tokenizer), options.is_json, out);
    for (const std::string& peer : options.peers) {
      CONDUIT_TRY(const Measured measured, measure_peer(peer, cases, options));
      report(file, measured, options.is_json, out);
    }
  }
  return ok();
}

}  // namespace conduit::bench
