// The report of `conduit-bench storm`: gaps undisturbed and beside prompts, then the steps by the
// prompt tokens in them, and the longest one by one.
#include <algorithm>
#include <bit>
#include <iomanip>
#include <map>
#include <utility>

#include "bench/spread.h"
#include "bench/storm_bench.h"
#include "mdl/base/json.h"

namespace conduit::bench {
namespace {

constexpr std::size_t kLongest = 5;  // told one by one

struct Gaps {
  std::size_t count = 0;
  double p50 = 0, p95 = 0, most = 0;  // seconds
};

template <class Wanted>
Gaps gaps_of(const std::vector<StormStep>& steps, Wanted wanted) {
  std::vector<double> sorted;
  for (const StormStep& step : steps)
    if (wanted(step)) sorted.push_back(step.seconds);
  if (sorted.empty()) return {};
  std::sort(sorted.begin(), sorted.end());
  return {sorted.size(), sorted[sorted.size() / 2], sorted[sorted.size() * 95 / 100],
          sorted.back()};
}

bool any(const StormStep&) { return true; }
bool is_calm(const StormStep& step) { return step.switches == 0; }

std::vector<StormStep> longest_of(std::vector<StormStep> steps) {
  std::stable_sort(steps.begin(), steps.end(),
                   [](const StormStep& a, const StormStep& b) { return a.seconds > b.seconds; });
  steps.resize(std::min(steps.size(), kLongest));
  return steps;
}

// By the prompt tokens of a step, rounded down to a power of two: the first in the class.
std::map<std::int64_t, std::vector<StormStep>> by_prompt_rows(const StormReport& report) {
  std::map<std::int64_t, std::vector<StormStep>> classes;
  for (const StormStep& step : report.beside)
    classes[static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(step.prompt_rows)))]
        .push_back(step);
  return classes;
}

void print_gaps(std::ostream& out, const char* name, const Gaps& gaps, double unit) {
  out << std::left << std::setw(42) << name << std::right << std::setw(6) << gaps.count;
  for (double gap : {gaps.p50, gaps.p95, gaps.most})
    out << std::setprecision(1) << std::setw(9) << gap * 1e3 << std::setprecision(2) << " ("
        << gap / unit << "x)";
  out << "\n";
}

void print_steps(const StormReport& report, std::ostream& out, double unit) {
  for (const auto& [rows, steps] : by_prompt_rows(report)) {
    const std::string name = rows == 0   ? "  no prompt tokens"
                             : rows == 1 ? "  1 prompt token"
                                         : "  " + std::to_string(rows) + " - " +
                                               std::to_string(2 * rows - 1) + " prompt tokens";
    print_gaps(out, name.c_str(), gaps_of(steps, any), unit);
  }
  out << "longest beside prompts:\n" << std::setprecision(1);
  for (const StormStep& step : longest_of(report.beside))
    out << "  " << step.seconds * 1e3 << " ms (" << std::setprecision(2) << step.seconds / unit
        << "x), " << std::setprecision(1) << step.prompt_rows << " prompt tokens, " << step.switches
        << " involuntary switches\n";
}

void print_text(const StormReport& report, std::ostream& out) {
  const StormOptions& options = report.options;
  const double unit = gaps_of(report.undisturbed, any).p50;
  out << std::fixed << options.model.filename().string() << ": " << options.streams
      << " answers beside " << options.prompts << " prompts of " << options.prompt_tokens
      << " tokens, " << options.at_once << " at a time, " << options.threads << " threads\n"
      << std::left << std::setw(42) << "gaps, ms (to the undisturbed median)" << std::right
      << "  gaps          p50              p95              max\n";
  print_gaps(out, "undisturbed", gaps_of(report.undisturbed, any), unit);
  print_gaps(out, "  steps no core was taken away in", gaps_of(report.undisturbed, is_calm), unit);
  print_gaps(out, "beside prompts", gaps_of(report.beside, any), unit);
  print_gaps(out, "  steps no core was taken away in", gaps_of(report.beside, is_calm), unit);
  print_steps(report, out, unit);
  const Spread first = spread_of(report.first_tokens);
  out << "a prompt's first token after " << std::setprecision(2) << first.median << " s ("
      << first.least << " - " << first.most << "), "
      << static_cast<int>(options.prompts * options.prompt_tokens / report.storm_seconds)
      << " prompt tokens/s\n";
}

json::Value to_json(const Gaps& gaps) {
  json::Value value;
  value.set("gaps", gaps.count);
  value.set("p50_seconds", gaps.p50);
  value.set("p95_seconds", gaps.p95);
  value.set("max_seconds", gaps.most);
  return value;
}

json::Value to_json(const StormStep& step) {
  json::Value value;
  value.set("seconds", step.seconds);
  value.set("prompt_tokens", step.prompt_rows);
  value.set("involuntary_switches", step.switches);
  return value;
}

void print_json(const StormReport& report, std::ostream& out) {
  const StormOptions& options = report.options;
  const Gaps undisturbed = gaps_of(report.undisturbed, any), beside = gaps_of(report.beside, any);
  json::Array steps, longest;
  for (const auto& [rows, members] : by_prompt_rows(report)) {
    json::Value value = to_json(gaps_of(members, any));
    value.set("prompt_tokens_from", rows);
    steps.push_back(std::move(value));
  }
  for (const StormStep& step : longest_of(report.beside)) longest.push_back(to_json(step));
  json::Value all;
  all.set("model", options.model.string());
  all.set("streams", options.streams);
  all.set("prompts", options.prompts);
  all.set("at_once", options.at_once);
  all.set("prompt_tokens", options.prompt_tokens);
  all.set("threads", options.threads);
  all.set("undisturbed", to_json(undisturbed));
  all.set("undisturbed_calm", to_json(gaps_of(report.undisturbed, is_calm)));
  all.set("beside", to_json(beside));
  all.set("beside_calm", to_json(gaps_of(report.beside, is_calm)));
  all.set("largest_ratio", beside.most / undisturbed.p50);
  all.set("by_prompt_tokens", std::move(steps));
  all.set("longest", std::move(longest));
  all.set("first_token_p50_seconds", spread_of(report.first_tokens).median);
  all.set("storm_seconds", report.storm_seconds);
  out << json::dump(all) << "\n";
}

}  // namespace

void print_report(const StormReport& report, std::ostream& out) {
  report.options.is_json ? print_json(report, out) : print_text(report, out);
}

}  // namespace conduit::bench
