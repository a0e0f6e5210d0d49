"""Makes tests/golden/own/models: small checkpoints of every family, for what their configs can say.

Layout, per folder: config.json, generation_config.json and weights as on a model hub, and

golden.json of a causal model: prompts (input_ids, greedy_ids with end-of-sequence ignored,
greedy_margin: best minus second-best logit at each step) and tolerances; golden.safetensors:
prompt{i}.logits [T, V], prompt{i}.greedy_logits [steps, V] and prompt0.hidden.{j} [T, H], the residual
stream before layer j, the last after the final norm.

golden.json of an embedding model: pooling, inputs (input_ids, token_type_ids); golden.safetensors:
input{i}.last_hidden_state [T, H], input{i}.embedding [H] of length 1, input0.hidden.{j}, similarity
(cosines). Of a classifier: classifications (input_ids, token_type_ids, logit: one for each label).

All of it is a float32 computation of the stored weights.
"""

import copy
import json
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import (AutoConfig, AutoModel, AutoModelForCausalLM,
                          AutoModelForSequenceClassification)

from make_tokenizers import OWN, write_json

GREEDY_STEPS = 20
# A greedy choice closer than this could fall differently in a correct engine: another prompt is taken.
SMALLEST_MARGIN = 0.05
PROMPT_LENGTHS = (4, 13, 1, 33)

SIZES = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, vocab_size=96, max_position_embeddings=256,
             bos_token_id=1, eos_token_id=2, hidden_act="silu")
LLAMA = dict(SIZES, architectures=["LlamaForCausalLM"], model_type="llama", rms_norm_eps=1e-5)
MISTRAL = dict(SIZES, architectures=["MistralForCausalLM"], model_type="mistral", rms_norm_eps=1e-5,
               rope_theta=10000.0)
QWEN2 = dict(SIZES, architectures=["Qwen2ForCausalLM"], model_type="qwen2", rms_norm_eps=1e-6,
             rope_theta=10000.0)
QWEN3 = dict(SIZES, architectures=["Qwen3ForCausalLM"], model_type="qwen3", rms_norm_eps=1e-6,
             head_dim=16, attention_bias=False)
QWEN3_MOE = dict(QWEN3, architectures=["Qwen3MoeForCausalLM"], model_type="qwen3_moe",
                 rope_theta=10000.0, num_hidden_layers=3, head_dim=8, moe_intermediate_size=16,
                 tie_word_embeddings=False)
GEMMA3 = dict(SIZES, architectures=["Gemma3ForCausalLM"], model_type="gemma3_text", rms_norm_eps=1e-6,
              head_dim=8, hidden_activation="gelu_pytorch_tanh", query_pre_attn_scalar=12,
              bos_token_id=2, eos_token_id=1)
del GEMMA3["hidden_act"]
PHI3 = dict(SIZES, architectures=["Phi3ForCausalLM"], model_type="phi3", rms_norm_eps=1e-5,
            rope_theta=10000.0, original_max_position_embeddings=256, pad_token_id=0)
BERT = dict(architectures=["BertModel"], model_type="bert", hidden_size=32, intermediate_size=48,
            num_hidden_layers=2, num_attention_heads=4, vocab_size=96, max_position_embeddings=64,
            type_vocab_size=2, layer_norm_eps=1e-12, hidden_act="gelu", pad_token_id=0)

MODELS = {
    "llama-linear-rope": dict(
        seed=1, dtype=torch.float32, shards=1,
        config=dict(LLAMA, rope_theta=10000.0, rope_scaling={"type": "linear", "factor": 4.0},
                    tie_word_embeddings=False, torch_dtype="float32")),
    "llama3-rope-scaling-sharded": dict(
        seed=2, dtype=torch.bfloat16, shards=2,
        config=dict(LLAMA, rope_theta=5000.0, tie_word_embeddings=False, torch_dtype="bfloat16",
                    rope_scaling={"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                                  "high_freq_factor": 4.0,
                                  "original_max_position_embeddings": 64})),
    "qwen3-tied-v5config": dict(
        seed=3, dtype=torch.float16, shards=1,
        config=dict(QWEN3, tie_word_embeddings=True, dtype="float16",
                    layer_types=["full_attention"] * 2,
                    rope_parameters={"rope_type": "default", "rope_theta": 20000.0})),
    "llama-biases-gelu": dict(
        seed=4, dtype=torch.bfloat16, shards=1,
        config=dict(LLAMA, rope_theta=10000.0, attention_bias=True, mlp_bias=True, hidden_act="gelu",
                    tie_word_embeddings=True, torch_dtype="bfloat16")),
    "mistral-head-dim": dict(
        seed=5, dtype=torch.bfloat16, shards=1,
        config=dict(MISTRAL, head_dim=12, sliding_window=None, tie_word_embeddings=False,
                    torch_dtype="bfloat16")),
    "qwen2-some-layers-windowed": dict(
        seed=6, dtype=torch.bfloat16, shards=1,
        config=dict(QWEN2, num_hidden_layers=3, use_sliding_window=True, sliding_window=8,
                    max_window_layers=1, tie_word_embeddings=False, torch_dtype="bfloat16")),
    "qwen3-yarn": dict(
        seed=7, dtype=torch.bfloat16, shards=1,
        config=dict(QWEN3, attention_bias=True, rope_theta=500.0, tie_word_embeddings=True,
                    rope_scaling={"rope_type": "yarn", "factor": 4.0,
                                  "original_max_position_embeddings": 64},
                    torch_dtype="bfloat16")),
    "qwen3-yarn-mscale-v5config": dict(
        seed=8, dtype=torch.bfloat16, shards=1,
        config=dict(QWEN3, tie_word_embeddings=False, dtype="bfloat16",
                    layer_types=["full_attention", "sliding_attention"], use_sliding_window=True,
                    sliding_window=5, max_window_layers=0,
                    rope_parameters={"rope_type": "yarn", "rope_theta": 500.0, "factor": 8.0,
                                     "original_max_position_embeddings": 32, "beta_fast": 8.0,
                                     "beta_slow": 0.5, "mscale": 2.0, "mscale_all_dim": 0.5,
                                     "truncate": False})),
    "qwen3-moe-sparse-step": dict(
        seed=9, dtype=torch.bfloat16, shards=1,
        config=dict(QWEN3_MOE, num_experts=4, num_experts_per_tok=3, norm_topk_prob=True,
                    decoder_sparse_step=2, mlp_only_layers=[], torch_dtype="bfloat16")),
    "qwen3-moe-mlp-only-v5config": dict(
        seed=10, dtype=torch.bfloat16, shards=1,
        config=dict({key: value for key, value in QWEN3_MOE.items() if key != "rope_theta"},
                    num_local_experts=5, num_experts_per_tok=2, norm_topk_prob=False,
                    attention_bias=True, decoder_sparse_step=1, mlp_only_layers=[0], dtype="bfloat16",
                    rope_parameters={"rope_type": "default", "rope_theta": 10000.0})),
    "gemma3-six-layers": dict(
        seed=11, dtype=torch.bfloat16, shards=1,
        config=dict(GEMMA3, num_hidden_layers=7, hidden_size=24, intermediate_size=32,
                    num_key_value_heads=1, query_pre_attn_scalar=8, sliding_window=8,
                    sliding_window_pattern=6,
                    rope_theta=100000.0, rope_local_base_freq=5000.0,
                    rope_scaling={"rope_type": "linear", "factor": 8.0}, torch_dtype="bfloat16")),
    "gemma3-softcaps-v5config": dict(
        seed=12, dtype=torch.bfloat16, shards=1,
        config=dict(GEMMA3, layer_types=["full_attention", "sliding_attention"], sliding_window=6,
                    attn_logit_softcapping=3.0, final_logit_softcapping=6.0, attention_bias=True,
                    tie_word_embeddings=True, dtype="bfloat16",
                    rope_parameters={
                        "full_attention": {"rope_type": "default", "rope_theta": 100000.0},
                        "sliding_attention": {"rope_type": "default", "rope_theta": 5000.0}})),
    "gemma2-softcaps": dict(
        seed=17, dtype=torch.bfloat16, shards=1,
        config=dict({key: value for key, value in GEMMA3.items() if key != "rope_local_base_freq"},
                    architectures=["Gemma2ForCausalLM"], model_type="gemma2", num_hidden_layers=3,
                    sliding_window=7, attn_logit_softcapping=3.0, final_logit_softcapping=8.0,
                    query_pre_attn_scalar=12, rope_theta=10000.0, tie_word_embeddings=True,
                    torch_dtype="bfloat16")),
    "phi3-partial-rotary": dict(
        seed=13, dtype=torch.bfloat16, shards=1,
        config=dict(PHI3, hidden_size=48, partial_rotary_factor=0.5, sliding_window=9,
                    tie_word_embeddings=False, torch_dtype="bfloat16")),
    "embedding-bert-positions-buffer": dict(
        seed=14, dtype=torch.float16, pooling="mean", position_ids=True, has_pooler=False,
        config=dict(BERT, type_vocab_size=3, torch_dtype="float16")),
    "embedding-qwen2-headless": dict(
        seed=15, dtype=torch.bfloat16, pooling="lasttoken",
        config=dict(QWEN2, architectures=["Qwen2Model"], tie_word_embeddings=False,
                    torch_dtype="bfloat16")),
    "classifier-bert-three-labels": dict(
        seed=16, dtype=torch.float32, labels=3,
        config=dict(BERT, architectures=["BertForSequenceClassification"], hidden_act="gelu_new",
                    id2label={"0": "a", "1": "b", "2": "c"}, torch_dtype="float32")),
}


def random_weights(model, generator):
    """Spread so that activations stay near 1 and logits lie well apart."""
    centre = 0 if model.config.model_type in ("gemma2", "gemma3_text") else 1  # Gemma's norms multiply by 1 + w
    tensors = {}
    for name, parameter in model.state_dict().items():
        noise = torch.randn(parameter.shape, generator=generator)
        if name.endswith(("norm.weight", "LayerNorm.weight")):
            tensors[name] = centre + 0.2 * noise
        elif name.endswith(".bias"):
            tensors[name] = 0.3 * noise
        elif "embed" in name:
            tensors[name] = 0.7 * noise
        else:
            gain = 4.0 if name.startswith("lm_head") else 2.0
            tensors[name] = gain * noise / parameter.shape[-1] ** 0.5
    if model.config.tie_word_embeddings:
        tensors.pop("lm_head.weight", None)
    return tensors


def saved_tensors(model, dtype):
    """Under the names that a checkpoint has on a model hub."""
    with tempfile.TemporaryDirectory() as folder:
        copy.deepcopy(model).to(dtype).save_pretrained(folder)
        return load_file(Path(folder) / "model.safetensors")


def save_weights(folder, tensors, shards):
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    weight_map = {}
    names = sorted(tensors)
    for shard in range(shards):
        part = {name: tensors[name] for name in names[shard::shards]}
        file_name = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        save_file(part, folder / file_name, metadata={"format": "pt"})
        weight_map.update({name: file_name for name in part})
    size = sum(t.numel() * t.element_size() for t in tensors.values())
    write_json(folder / "model.safetensors.index.json",
               {"metadata": {"total_size": size}, "weight_map": dict(sorted(weight_map.items()))})


def logits_of(model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0]


def greedy(model, ids):
    """Token by token without a cache, so each row is what one full pass gives."""
    chosen, rows = [], []
    for _ in range(GREEDY_STEPS):
        row = logits_of(model, ids + chosen)[-1]
        rows.append(row)
        chosen.append(int(row.argmax()))
    return chosen, torch.stack(rows)


def margins(rows):
    best = rows.topk(2, dim=-1).values
    return (best[:, 0] - best[:, 1]).tolist()


def largest_difference(model, prompts, dtype):
    """(max, rms) between float32 and a run in another precision, teacher-forced."""
    other = copy.deepcopy(model).to(dtype)
    differences = []
    for prompt in prompts:
        ids = prompt["input_ids"] + prompt["greedy_ids"]
        differences.append((logits_of(other, ids).double() - logits_of(model, ids).double()).flatten())
    joined = torch.cat(differences)
    return joined.abs().max().item(), joined.pow(2).mean().sqrt().item()


def round_up(value):
    return float(f"{value * 1.05:.2g}")


def random_prompt(model, length, generator):
    for _ in range(100):
        ids = torch.randint(3, model.config.vocab_size, (length,), generator=generator).tolist()
        chosen, rows = greedy(model, ids)
        row_margins = margins(rows)
        if min(row_margins) >= SMALLEST_MARGIN:
            return {"input_ids": ids, "greedy_ids": chosen,
                    "greedy_margin": [round(m, 5) for m in row_margins],
                    "min_margin": min(row_margins)}, rows
    raise SystemExit(f"no prompt of {length} tokens has margins of {SMALLEST_MARGIN}")


def golden_of(model, generator):
    prompts, arrays = [], {}
    for i, length in enumerate(PROMPT_LENGTHS):
        prompt, rows = random_prompt(model, length, generator)
        prompts.append(prompt)
        arrays[f"prompt{i}.logits"] = logits_of(model, prompt["input_ids"])
        if i in (0, len(PROMPT_LENGTHS) - 1):
            arrays[f"prompt{i}.greedy_logits"] = rows
    ids = torch.tensor([prompts[0]["input_ids"]])
    with torch.no_grad():
        hidden = model(ids, output_hidden_states=True).hidden_states
    for j, state in enumerate(hidden):
        arrays[f"prompt0.hidden.{j}"] = state[0]
    return prompts, arrays


def new_model(folder, recipe):
    config = AutoConfig.from_pretrained(folder)
    kind = (AutoModelForSequenceClassification if "labels" in recipe
            else AutoModel if "pooling" in recipe else AutoModelForCausalLM)
    model = kind.from_config(config, dtype=torch.float32, attn_implementation="eager").eval()
    if "Moe" in recipe["config"]["architectures"][0]:
        model.set_experts_implementation("eager")  # the other ones lack float64
    generator = torch.Generator().manual_seed(recipe["seed"])
    rounded = {key: value.to(recipe["dtype"]).float()
               for key, value in random_weights(model, generator).items()}
    model.load_state_dict(rounded, strict=False)
    model.tie_weights()
    return model, generator


def write_checkpoint(folder, model, recipe):
    tensors = saved_tensors(model, recipe["dtype"])
    if not recipe.get("has_pooler", True):
        tensors = {key: value for key, value in tensors.items() if "pooler" not in key}
    if "position_ids" in recipe:  # a buffer that older versions saved
        tensors["embeddings.position_ids"] = torch.arange(
            model.config.max_position_embeddings).unsqueeze(0)
    save_weights(folder, {key: value.contiguous() for key, value in tensors.items()},
                 recipe.get("shards", 1))


def header(name, model, recipe):
    return {"name": name, "architecture": recipe["config"]["architectures"][0],
            "library": f"transformers {transformers.__version__}, torch {torch.__version__}",
            "weights_dtype": str(recipe["dtype"]).removeprefix("torch."),
            "vocab_size": model.config.vocab_size}


def make_causal(name, recipe):
    folder = OWN / "models" / name
    write_json(folder / "generation_config.json",
               {key: recipe["config"][key] for key in ("bos_token_id", "eos_token_id")}
               if "gemma" in name else {"bos_token_id": 1, "eos_token_id": [2, 0]})
    model, generator = new_model(folder, recipe)
    prompts, arrays = golden_of(model, generator)
    write_checkpoint(folder, model, recipe)
    save_file({key: value.clone().contiguous() for key, value in arrays.items()}, folder / "golden.safetensors")

    # Six times what float32 itself loses; three and two and a half times torch's own low precision.
    float32_error, _ = largest_difference(model, prompts, torch.float64)
    tolerances = {"float32_engine": {"max_abs": round_up(max(1e-4, 6 * float32_error))}}
    for key, dtype in (("float16_engine", torch.float16), ("bfloat16_engine", torch.bfloat16)):
        worst, rms = largest_difference(model, prompts, dtype)
        tolerances[key] = {"max_abs": round_up(3 * worst), "rms": round_up(2.5 * rms)}
    write_json(folder / "golden.json", {
        **header(name, model, recipe), "prompts": prompts,
        "min_margin": min(prompt["min_margin"] for prompt in prompts), "tolerances": tolerances})
    check_from_disk(folder)


def check_from_disk(folder):
    """What was written opens in transformers and gives the same numbers."""
    again = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    ids = json.loads((folder / "golden.json").read_text())["prompts"][0]["input_ids"]
    difference = (logits_of(again.eval(), ids) - load_file(folder / "golden.safetensors")["prompt0.logits"])
    assert difference.abs().max() < 1e-5, folder


# --- embeddings, classifiers

TEXT_LENGTHS = (5, 12, 1, 27)


def random_texts(model, generator):
    texts = []
    for length in TEXT_LENGTHS:
        text = {"input_ids": torch.randint(3, model.config.vocab_size, (length,),
                                           generator=generator).tolist()}
        types = getattr(model.config, "type_vocab_size", 0)
        if types:
            text["token_type_ids"] = sorted(torch.randint(0, types, (length,),
                                                          generator=generator).tolist())
        texts.append(text)
    return texts


def run(model, text):
    with torch.no_grad():
        return model(**{key: torch.tensor([ids]) for key, ids in text.items()},
                     output_hidden_states=True)


def embedding_of(hidden, pooling):
    pooled = {"mean": hidden.mean(0), "cls": hidden[0], "lasttoken": hidden[-1]}[pooling]
    return torch.nn.functional.normalize(pooled, dim=0)


def make_embedding(name, recipe):
    folder = OWN / "models" / name
    pooling = recipe["pooling"]
    model, generator = new_model(folder, recipe)
    write_checkpoint(folder, model, recipe)
    write_json(folder / "modules.json", [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate([("", "Transformer"), ("1_Pooling", "Pooling"),
                                          ("2_Normalize", "Normalize")])])
    (folder / "1_Pooling").mkdir()
    flags = {"mean": "mean_tokens", "cls": "cls_token", "lasttoken": "lasttoken"}
    write_json(folder / "1_Pooling" / "config.json", {
        "word_embedding_dimension": model.config.hidden_size,
        **{f"pooling_mode_{flag}": kind == pooling for kind, flag in flags.items()}})

    texts, arrays, embeddings = random_texts(model, generator), {}, []
    low, differences, cosines = copy.deepcopy(model).to(torch.bfloat16), [], []
    for i, text in enumerate(texts):
        result = run(model, text)
        arrays[f"input{i}.last_hidden_state"] = result.last_hidden_state[0]
        embeddings.append(embedding_of(result.last_hidden_state[0], pooling))
        arrays[f"input{i}.embedding"] = embeddings[-1]
        rounded = embedding_of(run(low, text).last_hidden_state[0].float(), pooling)
        differences.append((rounded - embeddings[-1]).abs().max().item())
        cosines.append(float(rounded @ embeddings[-1]))
        if i == 0:
            arrays.update({f"input0.hidden.{j}": state[0]
                           for j, state in enumerate(result.hidden_states)})
    arrays["similarity"] = torch.stack(embeddings) @ torch.stack(embeddings).T
    save_file({key: value.clone().contiguous() for key, value in arrays.items()}, folder / "golden.safetensors")
    write_json(folder / "golden.json", {
        **header(name, model, recipe), "pooling": pooling, "normalize": True, "inputs": texts,
        "tolerances": {"float32_engine": {"embedding_max_abs": 1e-4},
                       "bfloat16_engine": {"embedding_max_abs": round_up(3 * max(differences)),
                                           "min_cosine": 1 - 3 * (1 - min(cosines))}}})


def make_classifier(name, recipe):
    folder = OWN / "models" / name
    model, generator = new_model(folder, recipe)
    write_checkpoint(folder, model, recipe)
    texts = random_texts(model, generator)
    write_json(folder / "golden.json", {
        **header(name, model, recipe),
        "classifications": [{**text, "logit": run(model, text).logits[0].tolist()} for text in texts],
        "tolerances": {"float32_engine": {"score_max_abs": 1e-4}}})


def main():
    for name, recipe in MODELS.items():
        folder = OWN / "models" / name
        if folder.exists():
            continue
        folder.mkdir(parents=True)
        write_json(folder / "config.json", recipe["config"])
        make = (make_classifier if "labels" in recipe else
                make_embedding if "pooling" in recipe else make_causal)
        make(name, recipe)
        print("made", name)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
