// The rows: workloads of the engine first, then servers.
#include "bench/table.h"

#include <algorithm>
#include <functional>
#include <iomanip>
#include <optional>
#include <sstream>
#include <utility>

#include "bench/engine_bench.h"
#include "bench/make_model.h"
#include "bench/python_environment.h"
#include "bench/serve_rows.h"
#include "bench/spread.h"
#include "kernels/cpu/machine.h"
#include "mdl/base/log.h"

namespace conduit::bench {
namespace {

namespace fs = std::filesystem;
using kernels::DType;

// A model of random weights, and the same as a folder for peers that read no GGUF.
struct MadeModel {
  std::string shape;
  DType dtype = DType::q8_0;
};

fs::path models_folder() { return bench_cache() / "models"; }

Result<fs::path> made(const MadeModel& model, bool is_folder) {
  const std::string type(kernels::traits(model.dtype).name);
  const fs::path path =
      models_folder() / (is_folder ? model.shape + "-hf" : model.shape + "." + type + ".gguf");
  const fs::path last_written = is_folder ? path / "model.safetensors" : path;
  if (fs::exists(last_written)) return path;
  std::error_code error;
  fs::create_directories(models_folder(), error);
  log::info("making a model of random weights, once", {{"path", path.string()}});
  MakeModelOptions options;
  CONDUIT_TRY(options.shape, find_shape(model.shape));
  options.dtype = is_folder ? DType::bf16 : model.dtype;
  options.out = path;
  CONDUIT_TRY_STATUS(make_model(options));
  return path;
}

// What the rows of one measurement are named and read.
struct EngineRow {
  std::string name;
  std::vector<double> EngineSide::*values;
  double (EngineReport::*share)() const;
};
struct EngineCase {
  fs::path model;                 // or
  std::optional<MadeModel> made;  //
  int prompt = 512, generate = 128, batch = 1;
  std::vector<EngineRow> rows;
};

EngineRow prefill_row(const std::string& name) {
  return {name, &EngineSide::prefill, &EngineReport::prefill_share};
}
EngineRow decode_row(const std::string& name) {
  return {name, &EngineSide::decode, &EngineReport::decode_share};
}

std::vector<EngineCase> engine_cases(const TableOptions& options) {
  const MadeModel q8{"qwen3-0.6b", DType::q8_0}, q4{"qwen3-0.6b", DType::q4_0},
      bf16{"qwen3-0.6b", DType::bf16};
  const std::string smollm2 = "SmolLM2-135M Q4_1, ", gemma = "Gemma3-270M Q4_K_M, ",
                    qwen = "Qwen3-0.6B shape ";
  return {
      {options.smollm2,
       {},
       512,
       128,
       1,
       {prefill_row(smollm2 + "prefill 512"), decode_row(smollm2 + "decode")}},
      {options.smollm2, {}, 64, 64, 16, {decode_row(smollm2 + "batch 16, total")}},
      {options.gemma,
       {},
       512,
       128,
       1,
       {prefill_row(gemma + "prefill 512"), decode_row(gemma + "decode")}},
      {{},
       q8,
       512,
       64,
       1,
       {prefill_row(qwen + "Q8_0, prefill 512"), decode_row(qwen + "Q8_0, decode")}},
      {{}, q8, 64, 64, 16, {decode_row(qwen + "Q8_0, batch 16, total")}},
      {{}, q4, 64, 64, 1, {decode_row(qwen + "Q4_0, decode")}},
      {{},
       bf16,
       512,
       64,
       1,
       {prefill_row(qwen + "BF16, prefill 512"), decode_row(qwen + "BF16, decode")}},
  };
}

std::string number(double value) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(value < 10 ? 2 : value < 100 ? 1 : 0) << value;
  return text.str();
}

class Table {
 public:
  Table(const TableOptions& options, std::ostream& out) : options_(options), out_(out) {}

  bool wants(const std::string& name) const {
    return name.find(options_.only) != std::string::npos;
  }
  void begin() {
    out_ << "| tokens/s, median (least - most) | ours |";
    for (const std::string& peer : options_.peers) out_ << " " << peer << " |";
    out_ << " ours ÷ best peer | of this machine's limit |\n|---|---|";
    for (std::size_t i = 0; i < options_.peers.size() + 2; ++i) out_ << "---|";
    out_ << std::endl;
  }
  void row(const std::string& name, const std::vector<std::string>& cells) {
    out_ << "| " << name << " |";
    for (const std::string& cell : cells) out_ << " " << cell << " |";
    out_ << std::endl;
  }
  void failed_row(const std::string& name, const std::string& reason) {
    row(name, {reason});
    note(name + ": " + reason);
  }
  void engine_row(const EngineRow& wanted, const EngineReport& report) {
    std::vector<std::string> cells;
    double best_peer = 0;
    for (const EngineSide& side : report.sides) {
      const std::vector<double>& values = side.*wanted.values;
      if (values.empty()) {
        cells.push_back("–");
        note(side.name + ", " + wanted.name + ": " + side.failure);
        continue;
      }
      const Spread spread = spread_of(values);
      cells.push_back(number(spread.median) + " (" + number(spread.least) + " - " +
                      number(spread.most) + ")");
      if (&side == &report.sides.front()) continue;
      best_peer = std::max(best_peer, spread.median);
      version(side.name);
    }
    const double ours = spread_of(report.sides.front().*wanted.values).median;
    cells.push_back(best_peer > 0 ? number(ours / best_peer) : "–");
    cells.push_back(share(wanted, report));
    row(wanted.name, cells);
  }
  void end() {
    out_ << "\n";
    for (const std::string& version : versions_) out_ << "- peer: " << version << "\n";
    for (const std::string& note : notes_) out_ << "- " << note << "\n";
  }
  void note(const std::string& text) { add_once(notes_, text); }
  void version(const std::string& text) { add_once(versions_, text); }

 private:
  static void add_once(std::vector<std::string>& list, const std::string& text) {
    if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
  }
  // Decoding a batch is bound by neither limit alone.
  static std::string share(const EngineRow& wanted, const EngineReport& report) {
    const bool is_decode = wanted.share == &EngineReport::decode_share;
    if (is_decode && report.options.workload.batch > 1) return "–";
    return number((report.*wanted.share)() * 100) + " % of " +
           (is_decode ? number(report.limits.read_gigabytes) + " GB/s read"
                      : number(report.limits.best(report.work.arithmetic)) + " GOP/s " +
                            to_string(report.work.arithmetic));
  }

  const TableOptions& options_;
  std::ostream& out_;
  std::vector<std::string> versions_, notes_;
};

Status run_case(const EngineCase& wanted, const TableOptions& options, Table& table) {
  std::vector<EngineRow> rows;
  for (const EngineRow& row : wanted.rows)
    if (table.wants(row.name)) rows.push_back(row);
  if (rows.empty()) return ok();
  EngineBenchOptions bench;
  bench.peers = options.peers;
  bench.runs = options.runs;
  bench.workload.model = wanted.model;
  if (wanted.made) {
    CONDUIT_TRY(bench.workload.model, made(*wanted.made, false));
    CONDUIT_TRY(bench.workload.hf_model, made(*wanted.made, true));
  }
  bench.workload.prompt = wanted.prompt;
  bench.workload.generate = wanted.generate;
  bench.workload.batch = wanted.batch;
  bench.workload.threads = options.threads;
  const auto report = measure_engine(bench);
  for (const EngineRow& row : rows) {
    if (report)
      table.engine_row(row, *report);
    else
      table.failed_row(row.name, report.error().message);
  }
  return ok();
}

Status run_serve_case(const ServeCase& wanted, const TableOptions& options, Table& table) {
  if (!table.wants(wanted.name)) return ok();
  for (const ServeRow& row : measure_serve(wanted, options.peers, options.threads)) {
    if (row.failure.empty())
      table.row(row.name, row.cells);
    else
      table.failed_row(row.name, row.failure);
    for (const std::string& note : row.notes) table.note(note);
  }
  return ok();
}

}  // namespace

TableOptions::TableOptions() {
  const fs::path models = bench_cache().parent_path() / "models";
  smollm2 = models / "SmolLM2-135M-Instruct.Q4_1.gguf";
  gemma = models / "gemma-3-270m-q4_k_m.gguf";
}

Status run_table(const TableOptions& options, std::ostream& out) {
  TableOptions filled = options;
  if (filled.threads == 0) filled.threads = kernels::cpu::usable_cores();
  Table table(filled, out);
  table.begin();
  for (const EngineCase& wanted : engine_cases(filled))
    CONDUIT_TRY_STATUS(run_case(wanted, filled, table));
  CONDUIT_TRY_STATUS(run_serve_case({"SmolLM2-135M Q4_1", filled.smollm2, 94, 64}, filled, table));
  if (table.wants("Qwen3-0.6B shape BF16")) {
    CONDUIT_TRY(const fs::path model, made({"qwen3-0.6b", DType::bf16}, false));
    CONDUIT_TRY_STATUS(run_serve_case({"Qwen3-0.6B shape BF16", model, 72, 64}, filled, table));
  }
  table.end();
  return ok();
}

}  // namespace conduit::bench
