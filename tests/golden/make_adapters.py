"""Makes tests/golden/own/adapters: LoRA adapters as PEFT saves them, for models of own/models.

Layout, per folder: adapter_config.json and adapter_model.safetensors; golden.json: models (a folder and,
where there is one, a GGUF file of the same weights; relative to own/), prompts (input_ids) and float32 tolerance;
golden.safetensors: prompt{i}.logits [T, V] with the adapter and prompt{i}.base [T, V] without, computed
by peft in float32.
"""

import json

import peft
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

from make_tokenizers import OWN, write_json

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
PROMPT_LENGTHS = (4, 17, 1)

ADAPTERS = {
    "qwen3-all-matrices": dict(
        seed=1, model="qwen3-yarn", config=dict(r=4, lora_alpha=8, target_modules=ALL)),
    "llama-rank-stabilised": dict(
        seed=2, model="llama-biases-gelu", dtype=torch.bfloat16,
        config=dict(r=3, lora_alpha=6, use_rslora=True, target_modules=["q_proj", "v_proj", "down_proj"])),
    "gemma2-patterns": dict(
        seed=3, model="gemma2-softcaps",
        config=dict(r=2, lora_alpha=3, target_modules=ALL, rank_pattern={"o_proj": 5, "1.mlp.up_proj": 1},
                    alpha_pattern={"down_proj": 5, "layers.0.self_attn.k_proj": 7})),
    "phi3-fused": dict(
        seed=4, model="phi3-partial-rotary", dtype=torch.float16,
        config=dict(r=6, lora_alpha=6, target_modules=["qkv_proj", "o_proj", "gate_up_proj", "down_proj"])),
    "mistral-rotated-rows": dict(
        seed=5, model="mistral-head-dim", config=dict(r=8, lora_alpha=16, target_modules=ALL)),
    "qwen3-moe-attention": dict(
        seed=6, model="qwen3-moe-sparse-step",
        config=dict(r=4, lora_alpha=4, target_modules=["q_proj", "k_proj", "v_proj", "o_proj"])),
}


def open_model(name):
    model = AutoModelForCausalLM.from_pretrained(
        OWN / "models" / name, dtype=torch.float32, attn_implementation="eager").eval()
    if "moe" in name:
        model.set_experts_implementation("eager")  # the other ones lack float64
    return model


def logits_of(model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0].clone()


def make(name, recipe):
    folder = OWN / "adapters" / name
    base = open_model(recipe["model"])
    generator = torch.Generator().manual_seed(recipe["seed"])
    prompts = [torch.randint(3, base.config.vocab_size, (length,), generator=generator).tolist()
               for length in PROMPT_LENGTHS]
    arrays = {f"prompt{i}.base": logits_of(base, ids) for i, ids in enumerate(prompts)}
    model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", **recipe["config"])).eval()
    for key, parameter in model.named_parameters():
        if "lora_" in key:  # as large as the matrices' own effect
            noise = torch.randn(parameter.shape, generator=generator) / parameter.shape[-1] ** 0.5
            parameter.data = (0.7 * noise).to(recipe.get("dtype", torch.float32)).float()
    arrays.update({f"prompt{i}.logits": logits_of(model, ids) for i, ids in enumerate(prompts)})
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = recipe["model"]
    config["target_modules"].sort()
    write_json(folder / "adapter_config.json", config)
    if "dtype" in recipe:
        tensors = {key: value.detach().to(recipe["dtype"]).contiguous()
                   for key, value in peft.get_peft_model_state_dict(model).items()}
        save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    double = open_model(recipe["model"]).double()
    exact = peft.PeftModel.from_pretrained(double, folder).double().eval()
    error = max((logits_of(exact, ids) - arrays[f"prompt{i}.logits"].double()).abs().max().item()
                for i, ids in enumerate(prompts))
    save_file({key: value.contiguous() for key, value in arrays.items()}, folder / "golden.safetensors")
    gguf = f"gguf/{recipe['model']}.gguf"
    write_json(folder / "golden.json", {
        "library": f"peft {peft.__version__}, torch {torch.__version__}",
        "models": [f"models/{recipe['model']}"] + ([gguf] if (OWN / gguf).exists() else []),
        "prompts": [{"input_ids": ids} for ids in prompts],
        "tolerances": {"float32_engine": {"max_abs": float(f"{max(1e-4, 6 * error) * 1.05:.2g}")}}})


def main():
    for name, recipe in ADAPTERS.items():
        if (OWN / "adapters" / name).exists():
            continue
        make(name, recipe)
        print("made", name)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
