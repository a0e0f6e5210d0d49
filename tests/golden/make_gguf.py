"""Makes tests/golden/own/gguf: some of tests/golden/own/models in GGUF, one of each architecture whose
file differs from Hugging Face's: permuted rows (llama), norms with their 1 added (gemma3), experts in
one tensor (qwen3moe), fused matrices (phi3), BERT's names.

Tensor names and keys come from PyPI gguf; what is done to the values is what llama.cpp's converter
does. gguf.json says which folder's results apply to a file, as in the shared data. Tokens are left out.
"""

import json

import gguf
import numpy
from gguf import MODEL_ARCH, GGMLQuantizationType
from safetensors.torch import load_file

from make_tokenizers import OWN, write_json

FILES = {  # name of the model → architecture of the file
    "mistral-head-dim": MODEL_ARCH.LLAMA,
    "qwen3-yarn": MODEL_ARCH.QWEN3,
    "qwen3-moe-sparse-step": MODEL_ARCH.QWEN3MOE,
    "gemma3-six-layers": MODEL_ARCH.GEMMA3,
    "phi3-partial-rotary": MODEL_ARCH.PHI3,
    "embedding-bert-positions-buffer": MODEL_ARCH.BERT,
}


def permuted(values, heads):
    """Rows of each head from halves to pairs."""
    halves = values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:])
    return halves.swapaxes(1, 2).reshape(values.shape)


def converted(tensors, config, arch):
    """Name → values, in the file's notation."""
    layers = config["num_hidden_layers"]
    # The dense layers of a mixture of experts have the names of a plain model.
    maps = [gguf.get_tensor_name_map(a, layers) for a in (arch, MODEL_ARCH.QWEN3)]
    result, experts = {}, {}
    for name, tensor in tensors.items():
        values = tensor.float().numpy()
        if "position_ids" in name:
            continue
        if ".experts." in name:
            layer, expert, part = name.split(".")[2], int(name.split(".")[5]), name.split(".")[6]
            stem = {"gate_proj": "gate", "up_proj": "up", "down_proj": "down"}[part]
            experts.setdefault(f"blk.{layer}.ffn_{stem}_exps.weight", {})[expert] = values
            continue
        if arch == MODEL_ARCH.LLAMA and "q_proj" in name:
            values = permuted(values, config["num_attention_heads"])
        if arch == MODEL_ARCH.LLAMA and "k_proj" in name:
            values = permuted(values, config["num_key_value_heads"])
        if arch == MODEL_ARCH.GEMMA3 and name.endswith("norm.weight"):
            values = values + 1
        names = [m.get_name(name, try_suffixes=(".weight", ".bias")) for m in maps]
        result[names[0] or names[1]] = values
    for name, parts in experts.items():
        result[name] = numpy.stack([parts[i] for i in range(len(parts))])
    return result


def add_rope(writer, config, head_dim):
    writer.add_rope_dimension_count(int(head_dim * config.get("partial_rotary_factor", 1)))
    writer.add_rope_freq_base(config["rope_theta"])
    if "rope_local_base_freq" in config:
        writer.add_rope_freq_base_swa(config["rope_local_base_freq"])
    scaling = config.get("rope_scaling")
    if scaling is None:
        return
    kinds = {"linear": gguf.RopeScalingType.LINEAR, "yarn": gguf.RopeScalingType.YARN}
    writer.add_rope_scaling_type(kinds[scaling["rope_type"]])
    writer.add_rope_scaling_factor(scaling["factor"])
    if "original_max_position_embeddings" in scaling:
        writer.add_rope_scaling_orig_ctx_len(scaling["original_max_position_embeddings"])


def add_keys(writer, config, arch):
    heads = config["num_attention_heads"]
    head_dim = config.get("head_dim") or config["hidden_size"] // heads
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    if arch == MODEL_ARCH.BERT:
        writer.add_layer_norm_eps(config["layer_norm_eps"])
        writer.add_causal_attention(False)
        writer.add_pooling_type(gguf.PoolingType.MEAN)
        return
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    add_rope(writer, config, head_dim)
    if config.get("sliding_window"):
        writer.add_sliding_window(config["sliding_window"])
    if arch == MODEL_ARCH.QWEN3MOE:
        writer.add_expert_count(config["num_experts"])
        writer.add_expert_used_count(config["num_experts_per_tok"])
        writer.add_expert_feed_forward_length(config["moe_intermediate_size"])


def make_file(name, arch):
    folder = OWN / "models" / name
    config = json.loads((folder / "config.json").read_text())
    tensors = load_file(folder / "model.safetensors")
    writer = gguf.GGUFWriter(OWN / "gguf" / f"{name}.gguf", gguf.MODEL_ARCH_NAMES[arch])
    add_keys(writer, config, arch)
    half = GGMLQuantizationType[{"float16": "F16", "bfloat16": "BF16"}[config["torch_dtype"]]]
    for tensor, values in converted(tensors, config, arch).items():
        dtype = GGMLQuantizationType.F32 if values.ndim == 1 else half
        writer.add_tensor(tensor, gguf.quants.quantize(values, dtype), raw_dtype=dtype)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    (OWN / "gguf").mkdir(exist_ok=True)
    facts = {}
    for name, arch in FILES.items():
        make_file(name, arch)
        facts[f"{name}.gguf"] = {"golden": f"../models/{name}",
                                 "architecture": gguf.MODEL_ARCH_NAMES[arch]}
    write_json(OWN / "gguf" / "gguf.json", facts)


if __name__ == "__main__":
    main()
