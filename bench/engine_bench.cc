// Prompts, turns, medians, and two ways to print them.
#include "bench/engine_bench.h"

#include <algorithm>
#include <fstream>
#include <iomanip>
#include <optional>
#include <random>
#include <string>

#include "bench/conduit_engine.h"
#include "bench/llama_cpp.h"
#include "bench/machine_limits.h"
#include "kernels/cpu/machine.h"
#include "mdl/base/json.h"

namespace conduit::bench {
namespace {

struct Spread {
  double median = 0, least = 0, most = 0;
};

Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {median, values.front(), values.back()};
}

struct Side {
  std::string name;
  std::vector<double> prefill, decode;  // tokens per second, one per run
  std::size_t peak_bytes = 0;

  void add(const Timing& timing, const Workload& workload) {
    prefill.push_back(workload.batch * workload.prompt / timing.prefill_seconds);
    decode.push_back(workload.batch * (workload.generate - 1) / timing.decode_seconds);
  }
};

struct Report {
  EngineBenchOptions options;
  MachineLimits limits;
  double load_seconds = 0;
  std::vector<Side> sides;  // ours first
};

// Any tokens do: what they say changes nothing about the arithmetic.
Prompts random_prompts(const Workload& workload, int vocab, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::uniform_int_distribution<kernels::TokenId> token(0, vocab - 1);
  Prompts prompts(static_cast<std::size_t>(workload.batch));
  for (auto& prompt : prompts)
    for (int i = 0; i < workload.prompt; ++i) prompt.push_back(token(engine));
  return prompts;
}

std::size_t own_peak_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::size_t kilobytes = 0;
    if (word == "VmHWM:" && status >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

Result<Report> measure(const EngineBenchOptions& options) {
  Report report{options, {}, 0, {}};
  const Workload& workload = options.workload;
  CONDUIT_TRY(ConduitEngine ours, ConduitEngine::open(workload));
  report.load_seconds = ours.load_seconds();
  report.sides.push_back({ours.device_name(), {}, {}, 0});
  std::optional<LlamaCpp> peer;
  if (options.is_against_llama_cpp) {
    CONDUIT_TRY(auto opened, LlamaCpp::open(workload));
    report.sides.push_back({"llama-cpp-python " + opened.version(), {}, {}, 0});
    peer.emplace(std::move(opened));
  }
  // Run 0 warms up: pages come in, clocks rise; it is not counted.
  for (int run = 0; run <= options.runs; ++run) {
    const Prompts prompts =
        random_prompts(workload, ours.model().config.vocab, static_cast<std::uint64_t>(run));
    CONDUIT_TRY(const Timing timing, ours.run(prompts));
    if (run > 0) report.sides[0].add(timing, workload);
    if (!peer) continue;
    CONDUIT_TRY(const Timing peer_timing, peer->run(prompts));
    if (run > 0) report.sides[1].add(peer_timing, workload);
  }
  report.sides[0].peak_bytes = own_peak_bytes();
  if (peer) report.sides[1].peak_bytes = peer->peak_bytes();
  report.limits = measure_limits(workload.threads);  // last: its memory is not the engine's
  return report;
}

void print_row(std::ostream& out, const std::string& name, const std::vector<double>& values) {
  const Spread spread = spread_of(values);
  out << "  " << std::left << std::setw(30) << name << std::right << std::setw(9) << spread.median
      << "   (" << spread.least << " - " << spread.most << ")\n";
}

void print_text(const Report& report, std::ostream& out) {
  const Workload& workload = report.options.workload;
  out << std::fixed << std::setprecision(1) << workload.model.filename().string() << ": prompt "
      << workload.prompt << ", generate " << workload.generate << ", batch " << workload.batch
      << ", " << workload.threads << " threads, " << report.options.runs
      << " runs in turn; tokens/s: median (least - most)\n";
  for (const auto& [what, values] :
       {std::pair{"prefill", &Side::prefill}, {"decode", &Side::decode}}) {
    out << what << "\n";
    for (const Side& side : report.sides) print_row(out, side.name, side.*values);
    if (report.sides.size() > 1)
      out << "  ratio of medians " << std::setprecision(2)
          << spread_of(report.sides[0].*values).median / spread_of(report.sides[1].*values).median
          << std::setprecision(1) << "\n";
  }
  out << "peak memory\n";
  for (const Side& side : report.sides)
    out << "  " << std::left << std::setw(30) << side.name << std::right << std::setw(9)
        << static_cast<double>(side.peak_bytes) / (1 << 20) << " MiB\n";
  out << "loaded in " << std::setprecision(2) << report.load_seconds << " s\n"
      << std::setprecision(1) << "this machine's limits: " << report.limits.read_gigabytes
      << " GB/s read, " << report.limits.int8_gigaops << " GOP/s int8, "
      << report.limits.float32_gigaflops << " GFLOP/s float32\n";
}

json::Value to_json(const Spread& spread) {
  json::Value value;
  value.set("median", spread.median);
  value.set("least", spread.least);
  value.set("most", spread.most);
  return value;
}

void print_json(const Report& report, std::ostream& out) {
  const Workload& workload = report.options.workload;
  json::Array sides;
  for (const Side& side : report.sides) {
    json::Value value;
    value.set("name", side.name);
    value.set("prefill_tokens_per_second", to_json(spread_of(side.prefill)));
    value.set("decode_tokens_per_second", to_json(spread_of(side.decode)));
    value.set("peak_bytes", side.peak_bytes);
    sides.push_back(std::move(value));
  }
  json::Value limits;
  limits.set("read_gigabytes_per_second", report.limits.read_gigabytes);
  limits.set("int8_gigaops_per_second", report.limits.int8_gigaops);
  limits.set("float32_gigaflops_per_second", report.limits.float32_gigaflops);
  json::Value all;
  all.set("model", workload.model.string());
  all.set("prompt", workload.prompt);
  all.set("generate", workload.generate);
  all.set("batch", workload.batch);
  all.set("threads", workload.threads);
  all.set("runs", report.options.runs);
  all.set("load_seconds", report.load_seconds);
  all.set("sides", std::move(sides));
  all.set("limits", std::move(limits));
  out << json::dump(all) << "\n";
}

}  // namespace

Status run_engine_bench(const EngineBenchOptions& options, std::ostream& out) {
  EngineBenchOptions filled = options;
  if (filled.workload.threads == 0) filled.workload.threads = kernels::cpu::usable_cores();
  CONDUIT_TRY(const Report report, measure(filled));
  filled.is_json ? print_json(report, out) : print_text(report, out);
  return ok();
}

}  // namespace conduit::bench
