// The report of `conduit-bench engine`, for people and as one line of JSON.
#include <iomanip>
#include <utility>

#include "bench/engine_bench.h"
#include "bench/spread.h"
#include "mdl/base/json.h"

namespace conduit::bench {
namespace {

constexpr int kNameWidth = 30;

void print_values(std::ostream& out, const EngineReport& report,
                  std::vector<double> EngineSide::*values) {
  const double ours = spread_of(report.sides[0].*values).median;
  for (const EngineSide& side : report.sides) {
    out << "  " << std::left << std::setw(kNameWidth) << side.name << std::right;
    if (!side.failure.empty() || (side.*values).empty()) {
      out << "  left out: " << side.failure << "\n";
      continue;
    }
    const Spread spread = spread_of(side.*values);
    out << std::setw(9) << spread.median << "   (" << spread.least << " - " << spread.most << ")";
    if (&side != &report.sides[0])
      out << "   ours is " << std::setprecision(2) << ours / spread.median << "x"
          << std::setprecision(1);
    out << "\n";
  }
}

void print_limits(const EngineReport& report, std::ostream& out) {
  out << "this machine's limits: " << report.limits.read_gigabytes << " GB/s read";
  for (const ArithmeticLimit& limit : report.limits.arithmetic)
    out << ", " << std::setprecision(0) << limit.gigaops << std::setprecision(1) << " G"
        << (limit.kind == Arithmetic::int8 ? "OP/s " : "FLOP/s ") << to_string(limit.kind) << " ("
        << limit.unit << ")";
  out << "\nours of them: prefill " << report.prefill_share() * 100 << " % of "
      << to_string(report.work.arithmetic);
  if (report.options.workload.batch == 1)
    out << ", decode " << report.decode_share() * 100 << " % of reading "
        << report.work.bytes_per_token / (1 << 20) << " MiB per token";
  out << "\n";
}

void print_text(const EngineReport& report, std::ostream& out) {
  const Workload& workload = report.options.workload;
  out << std::fixed << std::setprecision(1) << workload.model.filename().string() << ": prompt "
      << workload.prompt << ", generate " << workload.generate << ", batch " << workload.batch
      << ", " << workload.threads << " threads, " << report.options.runs
      << " runs in turn; tokens/s: median (least - most)\nprefill\n";
  print_values(out, report, &EngineSide::prefill);
  out << "decode\n";
  print_values(out, report, &EngineSide::decode);
  out << "peak memory\n";
  for (const EngineSide& side : report.sides)
    if (side.failure.empty())
      out << "  " << std::left << std::setw(kNameWidth) << side.name << std::right << std::setw(9)
          << static_cast<double>(side.peak_bytes) / (1 << 20) << " MiB\n";
  out << "loaded in " << std::setprecision(2) << report.load_seconds << " s\n"
      << std::setprecision(1);
  print_limits(report, out);
}

json::Value to_json(const std::vector<double>& values) {
  if (values.empty()) return {};
  const Spread spread = spread_of(values);
  json::Value value;
  value.set("median", spread.median);
  value.set("least", spread.least);
  value.set("most", spread.most);
  return value;
}

json::Value to_json(const EngineSide& side) {
  json::Value value;
  value.set("name", side.name);
  value.set("prefill_tokens_per_second", to_json(side.prefill));
  value.set("decode_tokens_per_second", to_json(side.decode));
  value.set("peak_bytes", side.peak_bytes);
  if (!side.failure.empty()) value.set("left_out", side.failure);
  return value;
}

json::Value to_json(const MachineLimits& limits) {
  json::Value value;
  value.set("read_gigabytes_per_second", limits.read_gigabytes);
  json::Array arithmetic;
  for (const ArithmeticLimit& limit : limits.arithmetic) {
    json::Value unit;
    unit.set("kind", to_string(limit.kind));
    unit.set("unit", limit.unit);
    unit.set("gigaops_per_second", limit.gigaops);
    arithmetic.push_back(std::move(unit));
  }
  value.set("arithmetic", std::move(arithmetic));
  return value;
}

void print_json(const EngineReport& report, std::ostream& out) {
  const Workload& workload = report.options.workload;
  json::Array sides;
  for (const EngineSide& side : report.sides) sides.push_back(to_json(side));
  json::Value all;
  all.set("model", workload.model.string());
  all.set("prompt", workload.prompt);
  all.set("generate", workload.generate);
  all.set("batch", workload.batch);
  all.set("threads", workload.threads);
  all.set("runs", report.options.runs);
  all.set("load_seconds", report.load_seconds);
  all.set("sides", std::move(sides));
  all.set("limits", to_json(report.limits));
  all.set("prefill_share_of_limit", report.prefill_share());
  if (workload.batch == 1) all.set("decode_share_of_read", report.decode_share());
  out << json::dump(all) << "\n";
}

}  // namespace

void print_report(const EngineReport& report, std::ostream& out) {
  report.options.is_json ? print_json(report, out) : print_text(report, out);
}

}  // namespace conduit::bench
