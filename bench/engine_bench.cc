// Prompts, turns, and the work of a model.
#include "bench/engine_bench.h"

#include <optional>
#include <random>
#include <utility>

#include "bench/conduit_engine.h"
#include "bench/peer.h"
#include "bench/server_process.h"
#include "bench/spread.h"
#include "kernels/cpu/machine.h"
#include "mdl/base/log.h"

namespace conduit::bench {
namespace {

// Any tokens do: what they say changes nothing about the arithmetic.
Prompts random_prompts(const Workload& workload, int vocab, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::uniform_int_distribution<kernels::TokenId> token(0, vocab - 1);
  Prompts prompts(static_cast<std::size_t>(workload.batch));
  for (auto& prompt : prompts)
    for (int i = 0; i < workload.prompt; ++i) prompt.push_back(token(engine));
  return prompts;
}

void add_run(EngineSide& side, const Timing& timing, const Workload& workload) {
  side.prefill.push_back(workload.batch * workload.prompt / timing.prefill_seconds);
  side.decode.push_back(workload.batch * (workload.generate - 1) / timing.decode_seconds);
}

Arithmetic arithmetic_of(kernels::DType dtype, kernels::Precision precision) {
  if (precision == kernels::Precision::f32 || dtype == kernels::DType::f32)
    return Arithmetic::float32;
  return kernels::is_quantised(dtype) ? Arithmetic::int8 : Arithmetic::bf16;
}

// The embedding is read a row at a time, unless it is the output head too.
ModelWork work_of(const kernels::Model& model, kernels::Precision precision) {
  ModelWork work;
  std::int64_t largest = 0;
  const bool has_head =
      model.tensors.contains("output.weight") || model.tensors.contains("lm_head.weight");
  for (const auto& [name, view] : model.tensors) {
    if (view.shape.size() < 2) continue;
    const bool is_embedding = name.find("token_embd") != std::string::npos ||
                              name.find("embed_tokens") != std::string::npos;
    const bool is_head = name == "output.weight" || name == "lm_head.weight";
    if (!is_embedding || !has_head) work.bytes_per_token += static_cast<double>(view.bytes());
    if (is_embedding || is_head) continue;  // in a prompt only the last token's
    work.operations_per_token += 2.0 * static_cast<double>(view.elements());
    if (view.elements() < largest) continue;
    largest = view.elements();
    work.arithmetic = arithmetic_of(view.dtype, precision);
  }
  return work;
}

// The peers that opened; what the others said stands in their sides.
struct OpenPeers {
  std::vector<std::optional<Peer>> peers;  // as report.sides from 1 on

  void fail(EngineSide& side, std::size_t index, const Error& error) {
    side.failure = error.message;
    peers[index].reset();
    log::warning("a peer is left out", {{"peer", side.name}, {"reason", error.message}});
  }
};

OpenPeers open_peers(EngineReport& report) {
  OpenPeers open;
  for (const std::string& name : report.options.peers) {
    open.peers.emplace_back();
    report.sides.push_back({name, {}, {}, 0, {}});
    auto peer = Peer::open(name, report.options.workload, report.work.arithmetic);
    if (!peer) {
      open.fail(report.sides.back(), open.peers.size() - 1, peer.error());
      continue;
    }
    report.sides.back().name = peer->name();
    open.peers.back().emplace(*std::move(peer));
  }
  return open;
}

void run_peers(EngineReport& report, OpenPeers& open, const Prompts& prompts, bool counts) {
  for (std::size_t i = 0; i < open.peers.size(); ++i) {
    if (!open.peers[i]) continue;
    EngineSide& side = report.sides[i + 1];
    const auto timing = open.peers[i]->run(prompts);
    if (!timing)
      open.fail(side, i, timing.error());
    else if (counts)
      add_run(side, *timing, report.options.workload);
    if (timing) side.peak_bytes = open.peers[i]->peak_bytes();
  }
}

}  // namespace

double EngineReport::decode_share() const {
  return spread_of(sides[0].decode).median * work.bytes_per_token / 1e9 / limits.read_gigabytes;
}

double EngineReport::prefill_share() const {
  const double limit = limits.best(work.arithmetic) > 0 ? limits.best(work.arithmetic)
                                                        : limits.best(Arithmetic::float32);
  return spread_of(sides[0].prefill).median * work.operations_per_token / 1e9 / limit;
}

Result<EngineReport> measure_engine(EngineBenchOptions options) {
  Workload& workload = options.workload;
  if (workload.threads == 0) workload.threads = kernels::cpu::usable_cores();
  EngineReport report{options, {}, {}, 0, {}};
  CONDUIT_TRY(ConduitEngine ours, ConduitEngine::open(workload));
  report.load_seconds = ours.load_seconds();
  report.work = work_of(ours.model(), workload.precision);
  report.sides.push_back({ours.device_name(), {}, {}, 0, {}});
  OpenPeers open = open_peers(report);
  // Run 0 warms up: pages come in, clocks rise; it is not counted.
  for (int run = 0; run <= options.runs; ++run) {
    const Prompts prompts =
        random_prompts(workload, ours.model().config.vocab, static_cast<std::uint64_t>(run));
    CONDUIT_TRY(const Timing timing, ours.run(prompts));
    if (run > 0) add_run(report.sides[0], timing, workload);
    run_peers(report, open, prompts, run > 0);
  }
  report.sides[0].peak_bytes = process_bytes("self", "VmHWM");
  open.peers.clear();
  report.limits = measure_limits(workload.threads);  // last: its memory is not the engine's
  return report;
}

Status run_engine_bench(const EngineBenchOptions& options, std::ostream& out) {
  CONDUIT_TRY(const EngineReport report, measure_engine(options));
  print_report(report, out);
  return ok();
}

}  // namespace conduit::bench
