// Defaults, limits and sums.
#include "kernels/engine/memory_plan.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "kernels/engine/adapters.h"
#include "kernels/engine/draft.h"

namespace conduit::kernels {
namespace {

// The default context: of models that allow more, few requests use more, and its cache is paid for
// by every place of the batch.
constexpr int kDefaultModelLength = 8192;
// The default cache takes at most this part of a device's memory.
constexpr std::int64_t kDefaultCacheShare = 4;

Status check_range(const EngineOptions& options, const ModelConfig& config) {
  struct Range {
    const char* name;
    std::int64_t value;
    std::int64_t least;
  };
  for (const Range& range :
       {Range{"max_concurrency", options.max_concurrency, 1},
        Range{"prefill_chunk", options.prefill_chunk, 1}, Range{"page_size", options.page_size, 1},
        Range{"max_model_len", options.max_model_len, 0},
        Range{"batch_execute_timeout_ms", options.batch_execute_timeout_ms, 0},
        Range{"max_waiting", options.max_waiting, 0},
        Range{"speculative_tokens", options.speculative_tokens, 0},
        Range{"kv_bytes", options.kv_bytes, 0}}) {
    if (range.value >= range.least) continue;
    return Error{Code::invalid_argument, std::string(range.name) + " is " +
                                             std::to_string(range.value) + ", must be at least " +
                                             std::to_string(range.least)};
  }
  if (options.gap_stretch != 0 && !(options.gap_stretch >= 1)) {
    return Error{Code::invalid_argument, "gap_stretch is " + std::to_string(options.gap_stretch) +
                                             ", must be 0 (no limit) or at least 1"};
  }
  if (options.max_model_len > config.max_position) {
    return Error{Code::invalid_argument,
                 "max_model_len is " + std::to_string(options.max_model_len) + ", this model has " +
                     std::to_string(config.max_position) + " positions"};
  }
  return ok();
}

// Keys and values of one page, all layers.
std::int64_t page_bytes(const ModelConfig& config, DType dtype, int page_size) {
  const std::int64_t values =
      std::int64_t{2} * config.kv_layers() * config.kv_heads * config.head_dim;
  return bytes_of(dtype, values * page_size);
}

// The longest text where the options state none.
std::int64_t default_length(const EngineOptions& options, const ModelConfig& config) {
  const std::int64_t length = std::min(config.max_position, kDefaultModelLength);
  return config.is_causal ? length : std::min<std::int64_t>(length, options.prefill_chunk);
}

// Enough for a full batch of the longest texts. An encoder's text is done when its step is: no more
// than a step's rows are ever kept, each text's last page partly used.
std::int64_t default_pages(const EngineOptions& options, const ModelConfig& config,
                           std::int64_t length) {
  const auto pages_for = [&](std::int64_t tokens) {
    return (tokens + options.page_size - 1) / options.page_size;
  };
  if (config.is_causal) return options.max_concurrency * pages_for(length);
  return pages_for(std::max<std::int64_t>(options.prefill_chunk, length)) +
         options.max_concurrency - 1;
}

// Gives the cache its pages, and the options their kv_bytes and max_model_len.
Status size_cache(MemoryPlan& plan, const ModelConfig& config, std::int64_t memory_bytes) {
  EngineOptions& options = plan.options;
  const std::int64_t page = page_bytes(config, plan.kv_dtype, options.page_size);
  const std::int64_t length =
      options.max_model_len != 0 ? options.max_model_len : default_length(options, config);
  if (options.kv_bytes == 0) {
    options.kv_bytes =
        std::min(default_pages(options, config, length) * page, memory_bytes / kDefaultCacheShare);
  }
  // Page numbers are 32 bits wide.
  plan.pages =
      std::min<std::int64_t>(options.kv_bytes / page, std::numeric_limits<std::int32_t>::max());
  if (plan.pages == 0) {
    return Error{Code::exhausted, "the cache may have " + std::to_string(options.kv_bytes) +
                                      " bytes (kv_bytes), one page of " +
                                      std::to_string(options.page_size) + " tokens needs " +
                                      std::to_string(page)};
  }
  options.kv_bytes = plan.pages * page;
  if (options.max_model_len == 0) {
    options.max_model_len = static_cast<int>(std::min(length, plan.pages * options.page_size));
  }
  return ok();
}

Status add_adapters(MemoryPlan& plan, const ModelConfig& config, const Device& device) {
  for (const AdapterFile& file : plan.options.adapters) {
    CONDUIT_TRY(Adapter adapter, open_adapter(file.folder, config));
    plan.adapters.push_back(std::move(adapter));
  }
  plan.adapter_bytes = Adapters::bytes_of(plan.adapters, device, config, plan.largest_batch.rows);
  return ok();
}

// Its cache has room for the tokens that the large model's has room for.
Status add_draft(MemoryPlan& plan, const Model& large, const Model& draft, const Device& device) {
  CONDUIT_TRY_STATUS(check_draft(draft, large));
  EngineOptions options = draft_options(plan.options, draft.config);
  const std::int64_t tokens =
      std::min(plan.pages * plan.options.page_size,
               std::int64_t{options.max_concurrency} * options.max_model_len);
  const DType dtype = kv_dtype(options.precision, draft, device);
  options.kv_bytes =
      (tokens / options.page_size + 1) * page_bytes(draft.config, dtype, options.page_size);
  CONDUIT_TRY(const MemoryPlan own, plan_memory(options, draft, device));
  plan.draft = own.options;
  plan.draft_bytes = own.bytes();
  return ok();
}

// "weights 1000, cache 500, …": what there is of each.
std::string items_of(const MemoryPlan& plan) {
  std::string items;
  for (const auto& [name, bytes] :
       {std::pair{"weights", plan.weight_bytes}, std::pair{"cache", plan.options.kv_bytes},
        std::pair{"activations", plan.activation_bytes}, std::pair{"adapters", plan.adapter_bytes},
        std::pair{"draft model", plan.draft_bytes}})
    if (bytes > 0) items += (items.empty() ? "" : ", ") + (name + (" " + std::to_string(bytes)));
  return items;
}

Status check_sum(const MemoryPlan& plan, const Model& model, const Device& device) {
  if (plan.bytes() <= static_cast<std::int64_t>(device.memory_bytes())) return ok();
  return Error{Code::exhausted, model.path.string() + " needs " + std::to_string(plan.bytes()) +
                                    " bytes: " + items_of(plan) + "; " + device.name() + " has " +
                                    std::to_string(device.memory_bytes()) +
                                    "; lower kv_bytes, max_concurrency or prefill_chunk"};
}

}  // namespace

DType kv_dtype(Precision precision, const Model& model, const Device& device) {
  std::int64_t all = 0, bf16 = 0;
  for (const auto& [name, tensor] : model.tensors) {
    all += tensor.elements();
    if (tensor.dtype == DType::bf16) bf16 += tensor.elements();
  }
  return device.kv_dtype(precision, 2 * bf16 > all ? DType::bf16 : DType::f32);
}

Result<MemoryPlan> plan_memory(const EngineOptions& options, const Model& model,
                               const Device& device, const Model* draft) {
  CONDUIT_TRY_STATUS(check_range(options, model.config));
  MemoryPlan plan;
  plan.options = options;
  plan.kv_dtype = kv_dtype(options.precision, model, device);
  // Those that decode need one each, an answer with proposals more; together no more than this.
  const std::int64_t logit_rows =
      std::max<std::int64_t>(options.max_concurrency, std::int64_t{options.speculative_tokens} + 1);
  plan.largest_batch = {options.prefill_chunk + logit_rows, logit_rows};
  CONDUIT_TRY_STATUS(
      size_cache(plan, model.config, static_cast<std::int64_t>(device.memory_bytes())));
  for (const auto& [name, tensor] : model.tensors) plan.weight_bytes += device.weight_bytes(tensor);
  plan.activation_bytes =
      static_cast<std::int64_t>(Transformer::scratch_bytes(model.config, plan.largest_batch));
  CONDUIT_TRY_STATUS(add_adapters(plan, model.config, device));
  if (draft != nullptr) CONDUIT_TRY_STATUS(add_draft(plan, model, *draft, device));
  CONDUIT_TRY_STATUS(check_sum(plan, model, device));
  return plan;
}

}  // namespace conduit::kernels
