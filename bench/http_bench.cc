// Prompts of a length the server agrees with, clients, and the report.
#include "bench/http_bench.h"

#include <algorithm>
#include <chrono>
#include <iomanip>
#include <iterator>
#include <mutex>
#include <optional>
#include <random>
#include <string_view>
#include <thread>
#include <utility>

#include "bench/spread.h"
#include "mdl/base/json.h"
#include "provisioning/event_stream.h"
#include "provisioning/http_client.h"

namespace conduit::bench {
namespace {

using Clock = std::chrono::steady_clock;
using provisioning::HttpCall;
using provisioning::HttpClient;

// Common words: a token each with most vocabularies, a token a letter with a byte-level one.
constexpr std::string_view kWords[] = {
    "time",     "year",    "people",   "way",    "day",        "man",    "thing",   "woman",
    "life",     "child",   "world",    "school", "state",      "family", "student", "group",
    "country",  "problem", "hand",     "part",   "place",      "case",   "week",    "company",
    "system",   "program", "question", "work",   "government", "number", "night",   "point",
    "home",     "water",   "room",     "mother", "area",       "money",  "story",   "fact",
    "month",    "lot",     "right",    "study",  "book",       "eye",    "job",     "word",
    "business", "issue",   "side",     "kind",   "head",       "house",  "service", "friend",
    "father",   "power",   "hour",     "game",   "line",       "end"};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string random_text(std::size_t characters, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string text;
  while (text.size() < characters) text += std::string(kWords[random() % std::size(kWords)]) + " ";
  text.resize(characters);
  return text;
}

// One kind of requests to one server.
class Target {
 public:
  Target(HttpBenchOptions options, std::string model)
      : options_(std::move(options)), model_(std::move(model)) {}

  HttpCall call(const std::string& prompt, int max_tokens, bool is_stream) const {
    json::Value body;
    body.set("model", model_);
    body.set("prompt", prompt);
    body.set("max_tokens", max_tokens);
    body.set("temperature", 0);
    body.set("ignore_eos", true);  // vLLM's and ours; others may stop early, and are counted so
    body.set("stream", is_stream);
    if (is_stream) body.set("stream_options", json::Object{{"include_usage", true}});
    HttpCall call{"POST", options_.url + "/v1/completions"};
    call.headers = {{"content-type", "application/json"}};
    if (!options_.api_key.empty())
      call.headers.emplace_back("authorization", "Bearer " + options_.api_key);
    call.body = json::dump(body);
    return call;
  }

  const HttpBenchOptions& options() const { return options_; }

 private:
  HttpBenchOptions options_;
  std::string model_;
};

Status check_answer(const Result<provisioning::HttpReply>& reply, const std::string& url) {
  if (!reply) return reply.error();
  if (reply->status >= 200 && reply->status < 300) return ok();
  return Error{Code::invalid_argument, url + " answered " + std::to_string(reply->status) + ": " +
                                           reply->body.substr(0, 300)};
}

std::optional<double> usage_of(const json::Value& answer, std::string_view key) {
  const json::Value* usage = answer.find("usage");
  const json::Value* count = usage == nullptr ? nullptr : usage->find(key);
  if (count == nullptr || !count->is_number()) return std::nullopt;
  return count->as_double();
}

Result<std::string> first_model(const HttpBenchOptions& options) {
  HttpClient client;
  HttpCall call{"GET", options.url + "/v1/models"};
  if (!options.api_key.empty())
    call.headers.emplace_back("authorization", "Bearer " + options.api_key);
  const auto reply = client.send(call);
  CONDUIT_TRY_STATUS(check_answer(reply, call.url));
  CONDUIT_TRY(const json::Value models, json::parse(reply->body));
  const json::Value* data = models.find("data");
  if (data != nullptr && data->is_array() && !data->as_array().empty()) {
    const json::Value* id = data->as_array().front().find("id");
    if (id != nullptr && id->is_string()) return id->as_string();
  }
  return Error{Code::invalid_argument, call.url + " lists no model"};
}

// How many characters of random words make the wanted number of tokens, by the server's count.
Result<std::size_t> characters_of_prompt(const Target& target) {
  const auto wanted = static_cast<double>(target.options().prompt_tokens);
  double characters = wanted * 5;
  HttpClient client;
  for (std::uint64_t round = 0; round < 3; ++round) {
    const std::string text = random_text(static_cast<std::size_t>(characters), ~round);
    const HttpCall call = target.call(text, 1, false);
    const auto reply = client.send(call);
    CONDUIT_TRY_STATUS(check_answer(reply, call.url));
    CONDUIT_TRY(const json::Value answer, json::parse(reply->body));
    const auto tokens = usage_of(answer, "prompt_tokens");
    if (!tokens || *tokens < 1)
      return Error{Code::invalid_argument, call.url + " does not say usage.prompt_tokens"};
    characters = std::max(characters * wanted / *tokens, 1.0);
  }
  return static_cast<std::size_t>(characters + 0.5);
}

// What one stream told.
struct StreamTimes {
  double first_token = 0, last_token = 0;  // seconds since the request was sent
  double tokens = 0, prompt_tokens = 0;
};

class StreamReader {
 public:
  Status feed(std::string_view piece) {
    return events_.feed(piece, [this](std::string_view data) { return read_event(data); });
  }
  StreamTimes times() const { return times_; }

 private:
  Status read_event(std::string_view data) {
    if (data == "[DONE]") return ok();
    CONDUIT_TRY(const json::Value event, json::parse(data));
    const json::Value* choices = event.find("choices");
    if (choices != nullptr && choices->is_array() && !choices->as_array().empty()) {
      times_.last_token = seconds_since(start_);
      if (times_.tokens == 0) times_.first_token = times_.last_token;
      times_.tokens += 1;
    }
    // The server's own count is better: an event may hold several tokens, or none.
    if (const auto tokens = usage_of(event, "completion_tokens"); tokens && *tokens > 0)
      times_.tokens = *tokens;
    times_.prompt_tokens = usage_of(event, "prompt_tokens").value_or(times_.prompt_tokens);
    return ok();
  }

  Clock::time_point start_ = Clock::now();
  provisioning::EventStream events_;
  StreamTimes times_;
};

Result<StreamTimes> run_request(HttpClient& client, const Target& target, const std::string& text) {
  const HttpCall call = target.call(text, target.options().max_tokens, true);
  StreamReader reader;
  const auto reply = client.send(call, [&](std::string_view piece) { return reader.feed(piece); });
  CONDUIT_TRY_STATUS(check_answer(reply, call.url));
  if (reader.times().tokens == 0)
    return Error{Code::invalid_argument, call.url + " streamed no token"};
  return reader.times();
}

void add(HttpReport& report, const StreamTimes& times) {
  report.output_tokens += static_cast<long long>(times.tokens);
  report.prompt_tokens = times.prompt_tokens;
  report.first_token_seconds.push_back(times.first_token);
  if (times.tokens > 1)
    report.between_tokens_seconds.push_back((times.last_token - times.first_token) /
                                            (times.tokens - 1));
}

// All clients at once, `requests` each; every request has words of its own.
Result<HttpReport> run_clients(const Target& target, std::size_t characters, int requests,
                               std::uint64_t seed) {
  std::mutex mutex;  // guards what follows
  HttpReport report;
  Status status = ok();
  const auto run_client = [&](int client_index) {
    HttpClient client;
    for (int i = 0; i < requests; ++i) {
      const auto times = run_request(
          client, target,
          random_text(characters, seed + static_cast<std::uint64_t>(client_index * requests + i)));
      std::lock_guard lock(mutex);
      if (!times) {
        status = times.error();
        return;
      }
      add(report, *times);
    }
  };
  const auto start = Clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < target.options().clients; ++i) threads.emplace_back(run_client, i);
  for (std::thread& thread : threads) thread.join();
  report.seconds = seconds_since(start);
  CONDUIT_TRY_STATUS(status);
  return report;
}

void print_text(const HttpBenchOptions& options, const HttpReport& report, std::ostream& out) {
  const Spread first = spread_of(report.first_token_seconds);
  out << std::fixed << std::setprecision(1) << options.url << ": " << options.clients
      << " clients, " << options.requests << " requests each, " << report.prompt_tokens
      << " tokens in, " << options.max_tokens << " out\n  output " << report.output_per_second()
      << " tokens/s\n"
      << std::setprecision(3) << "  first token after " << first.median << " s at the median ("
      << first.least << " - " << first.most << ")\n";
  if (report.between_tokens_seconds.empty()) return;
  out << "  between tokens " << spread_of(report.between_tokens_seconds).median * 1000
      << " ms at the median\n";
}

void print_json(const HttpReport& report, std::ostream& out) {
  json::Value value;
  value.set("output_tokens_per_second", report.output_per_second());
  value.set("prompt_tokens", report.prompt_tokens);
  value.set("requests", report.first_token_seconds.size());
  value.set("first_token_seconds_p50", spread_of(report.first_token_seconds).median);
  value.set("first_token_seconds_most", spread_of(report.first_token_seconds).most);
  out << json::dump(value) << "\n";
}

}  // namespace

Result<HttpReport> measure_http(const HttpBenchOptions& options) {
  std::string model = options.model;
  if (model.empty()) {
    CONDUIT_TRY(model, first_model(options));
  }
  const Target target(options, model);
  CONDUIT_TRY(const std::size_t characters, characters_of_prompt(target));
  const std::uint64_t seed = std::random_device()();
  CONDUIT_TRY(const HttpReport warm_up, run_clients(target, characters, 1, seed << 16));
  CONDUIT_TRY(HttpReport report,
              run_clients(target, characters, options.requests, (seed << 16) + (1 << 15)));
  report.uncounted_requests = static_cast<int>(warm_up.first_token_seconds.size());
  return report;
}

Status run_http_bench(const HttpBenchOptions& options, std::ostream& out) {
  CONDUIT_TRY(const HttpReport report, measure_http(options));
  options.is_json ? print_json(report, out) : print_text(options, report, out);
  return ok();
}

}  // namespace conduit::bench
