#!/usr/bin/env python3
"""Makes tests/golden/own: small checkpoints, tokenizers and chat templates with the results other
implementations compute for them, so that a checkout proves its correctness by itself.

Run by hand, never by the build (the packages take 5 GB); needs PyPI torch, transformers, tokenizers,
safetensors and jinja2:

    python3 tests/golden/make_golden.py

Layout, per folder of models/: config.json, generation_config.json and weights as on a model hub;
golden.json: prompts (input_ids, greedy_ids with end-of-sequence ignored, greedy_margin: best minus
second-best logit at each step) and tolerances; golden.safetensors: prompt{i}.logits [T, V],
prompt{i}.greedy_logits [steps, V] and prompt0.hidden.{j} [T, H], the residual stream before layer j,
the last after the final norm. All of it is a float32 computation of the stored weights. tokenizers/:
<name>/tokenizer.json and <name>.golden.json with encode, decode_ids and stream. chat_templates/:
cases and templates with what each renders.
"""

import json
import random
import re
import shutil
from datetime import datetime
from pathlib import Path

import tokenizers
import torch
import transformers
from jinja2 import TemplateError
from safetensors.torch import load_file, save_file
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from tokenizers.decoders import DecodeStream
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import chat_template_utils

OWN = Path(__file__).parent / "own"
GREEDY_STEPS = 20
# A greedy choice closer than this could fall differently in a correct engine: another prompt is taken.
SMALLEST_MARGIN = 0.05
PROMPT_LENGTHS = (4, 13, 1, 33)

# --- models

SIZES = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, vocab_size=96, max_position_embeddings=256,
             bos_token_id=1, eos_token_id=2, hidden_act="silu")
LLAMA = dict(SIZES, architectures=["LlamaForCausalLM"], model_type="llama", rms_norm_eps=1e-5)
QWEN3 = dict(SIZES, architectures=["Qwen3ForCausalLM"], model_type="qwen3", rms_norm_eps=1e-6,
             head_dim=16, attention_bias=False)

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
}


def random_weights(model, generator):
    """Spread so that activations stay near 1 and logits lie well apart."""
    tensors = {}
    for name, parameter in model.state_dict().items():
        noise = torch.randn(parameter.shape, generator=generator)
        if name.endswith("norm.weight"):
            tensors[name] = 1 + 0.2 * noise
        elif "embed_tokens" in name:
            tensors[name] = 0.7 * noise
        else:
            gain = 4.0 if name.startswith("lm_head") else 2.0
            tensors[name] = gain * noise / parameter.shape[-1] ** 0.5
    if model.config.tie_word_embeddings:
        tensors.pop("lm_head.weight", None)
    return tensors


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
    other = type(model)(model.config).eval()
    other.load_state_dict(model.state_dict())
    other.to(dtype)
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


def make_model(name, recipe):
    folder = OWN / "models" / name
    folder.mkdir(parents=True)
    write_json(folder / "config.json", recipe["config"])
    write_json(folder / "generation_config.json", {"bos_token_id": 1, "eos_token_id": [2, 0]})
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder),
                                             dtype=torch.float32, attn_implementation="eager").eval()
    generator = torch.Generator().manual_seed(recipe["seed"])
    stored = {key: value.to(recipe["dtype"]).contiguous()
              for key, value in random_weights(model, generator).items()}
    model.load_state_dict({key: value.float() for key, value in stored.items()}, strict=False)
    model.tie_weights()
    prompts, arrays = golden_of(model, generator)
    save_weights(folder, stored, recipe["shards"])
    save_file({key: value.contiguous() for key, value in arrays.items()}, folder / "golden.safetensors")

    # Six times what float32 itself loses; three and two and a half times torch's own low precision.
    float32_error, _ = largest_difference(model, prompts, torch.float64)
    tolerances = {"float32_engine": {"max_abs": round_up(max(1e-4, 6 * float32_error))}}
    for key, dtype in (("float16_engine", torch.float16), ("bfloat16_engine", torch.bfloat16)):
        worst, rms = largest_difference(model, prompts, dtype)
        tolerances[key] = {"max_abs": round_up(3 * worst), "rms": round_up(2.5 * rms)}
    write_json(folder / "golden.json", {
        "name": name, "architecture": model.config.architectures[0],
        "library": f"transformers {transformers.__version__}, torch {torch.__version__}",
        "weights_dtype": str(recipe["dtype"]).removeprefix("torch."), "vocab_size": model.config.vocab_size,
        "prompts": prompts, "min_margin": min(prompt["min_margin"] for prompt in prompts),
        "tolerances": tolerances})
    check_from_disk(folder)


def check_from_disk(folder):
    """What was written opens in transformers and gives the same numbers."""
    again = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    ids = json.loads((folder / "golden.json").read_text())["prompts"][0]["input_ids"]
    difference = (logits_of(again.eval(), ids) - load_file(folder / "golden.safetensors")["prompt0.logits"])
    assert difference.abs().max() < 1e-5, folder


# --- tokenizers

CORPUS = [
    "The quick brown fox jumps over the lazy dog, and then it rests under an old tree.",
    "A tokenizer turns text into numbers; a detokenizer turns the numbers back into text.",
    "for (int i = 0; i < 10; ++i) { total += values[i]; }  // a loop in C++",
    "def fibonacci(n):\n    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)\n",
    "Don't worry: we'll see what they've done, she'd said. It's 3.14 or 2,718 or 1000000.",
    "Les élèves étaient très contents d'aller à l'école près de la forêt.",
    "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "The rain in Spain stays mainly in the plain, and the train remains in the station.",
    "何よりも大切なことは、毎日少しずつ続けることです。",
]

TEXTS = CORPUS + [
    "", " ", "  ", "\n", "\n\n\n", "\t\tx", "a", "A", "é", "e\u0301", "ﬁ", "Å", "\u212b",
    "hello world", " hello  world ", "Hello, World!", "HELLO'S DON'T WE'LL I'D", "don’t “smart” quotes",
    "1", "12", "123", "1234567", "3.14159", "１２３", "٣٤", "²³¹", "x² + y² = z²",
    "trailing space ", "  leading", "a  b   c    d", "a\nb", "a \n b", "a\r\nb", "  \n  \n  x",
    "don't_stop", "snake_case_name", "camelCaseName", "a.b.c", "...", "!!!???", "$100 %50 #1 @x",
    "<|endoftext|>", "a<|im_start|>user\nhi<|im_end|>\n", "<|im_start|><|im_end|>", "<|im_start", "<|",
    "<think>\nso\n</think>", "x<think>y", " <|im_end|> ",
    "日本語のテキスト", "中文，没有空格", "한국어 문장", "عربي نص", "שלום", "ไทย", "हिन्दी",
    "😀", "👩‍👩‍👧‍👦", "🇩🇪🇫🇷", "a😀b", "e\u0301\u0301", "\u200b", "a\u00a0b", "\u2028x", "\ufeffbom",
    "\x00", "a\x00b", "\x7f", "\x1b[31mred\x1b[0m", "https://example.org/a?b=c&d=e#f", "C:\\path\\file",
    "{\"key\": [1, 2.5, null, true]}", "𝒳𝓎𝓏", "ΑΒΓ αβγ", "ﷺ", "\U0010ffff",
]


def bytes_alphabet(size, special):
    return trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False,
                               initial_alphabet=pre_tokenizers.ByteLevel.alphabet())


def gpt2_style():
    """Everything by the ByteLevel pre-tokenizer; a first token added by the post-processor."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer.train_from_iterator(CORPUS, bytes_alphabet(384, special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|endoftext|> $A", pair="<|endoftext|> $A $B:1", special_tokens=[("<|endoftext|>", 0)])
    return tokenizer


def qwen_style():
    """NFC, a Split by a regular expression of Qwen's kind, and added tokens that are not special."""
    pattern = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
               r"|\s*[\r\n]+|\s+(?!\S)|\s+")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.train_from_iterator(CORPUS, bytes_alphabet(360, []))
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tokenizer.add_tokens(["<think>", "</think>"])
    return tokenizer


def encode_entry(tokenizer, text):
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    entry = {"text": text, "ids": ids}
    with_special = tokenizer.encode(text, add_special_tokens=True).ids
    if with_special != ids:
        entry["ids_with_special"] = with_special
    decoded = tokenizer.decode(ids, skip_special_tokens=False)
    entry["decoded"] = "=" if decoded == text else decoded
    skipped = tokenizer.decode(ids, skip_special_tokens=True)
    if skipped != decoded:
        entry["decoded_skip_special"] = skipped
    return entry


def stream_entry(tokenizer, ids):
    stream = DecodeStream(skip_special_tokens=False)
    increments = [stream.step(tokenizer, token) for token in ids]
    return {"ids": ids, "increments": increments,
            "full": tokenizer.decode(ids, skip_special_tokens=False)}


def make_tokenizer(name, tokenizer, rng):
    folder = OWN / "tokenizers" / name
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    vocab = tokenizer.get_vocab_size()
    random_ids = [[rng.randrange(vocab) for _ in range(rng.randint(1, 12))] for _ in range(30)]
    golden = {
        "tokenizer": name, "note": "trained for this set", "library": f"tokenizers {tokenizers.__version__}",
        "vocab_size": vocab,
        "encode": [encode_entry(tokenizer, text) for text in TEXTS],
        "decode_ids": [{"ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False),
                        "decoded_skip_special": tokenizer.decode(ids)} for ids in random_ids],
        "stream": [stream_entry(tokenizer, tokenizer.encode(text, add_special_tokens=False).ids)
                   for text in TEXTS[5:9] + TEXTS[-40:] if text],
    }
    write_json(OWN / "tokenizers" / f"{name}.golden.json", golden)


# --- chat templates

NOW = datetime(2026, 1, 15, 12, 34, 56)

TEMPLATES = {
    "chatml": """\
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
""",
    "strict-with-tools": """\
{% macro describe(tool, indent=0) %}
{{ ' ' * indent }}- {{ tool.function.name }}: {{ tool.function.parameters | tojson }}
{% endmacro %}
{{ bos_token }}{% set ns = namespace(turns=0, system='') %}
{% if messages and messages[0].role == 'system' %}
{% set ns.system = messages[0]['content'] | trim %}
{% set rest = messages[1:] %}
{% else %}
{% set rest = messages %}
{% endif %}
[SYSTEM {{ strftime_now('%d %B %Y') }}]{{ ns.system }}
{% if tools is defined and tools %}
{% for tool in tools %}{{ describe(tool, indent=2) }}{% endfor %}
{% endif %}
{% for message in rest %}
{% if (message.role == 'user') != (loop.index0 % 2 == 0) and message.role != 'tool' %}
{{ raise_exception('roles must alternate, turn ' ~ loop.index ~ ' is ' ~ message.role) }}
{% endif %}
{% if message.role == 'tool' %}{% continue %}{% endif %}
{% set ns.turns = ns.turns + 1 %}
[{{ message.role | upper }} {{ ns.turns }}{{ ' last' if loop.last }}]
{%- for line in message.content.split('\\n') if line %} {{ line | replace('\\t', ' ') }}{% endfor %}{{ eos_token }}
{% endfor %}
{% if add_generation_prompt %}[ASSISTANT]{% endif %}
""",
}

WEATHER = {"type": "function", "function": {
    "name": "weather", "description": "The weather at a place",
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}}}

CASES = [
    {"messages": [{"role": "user", "content": "Hello, who are you?"}], "add_generation_prompt": True},
    {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello\n\tthere"}],
     "add_generation_prompt": False},
    {"messages": [{"role": "system", "content": "  Be brief. "},
                  {"role": "user", "content": "1 < 2 & \"3\"?"}],
     "add_generation_prompt": True},
    {"messages": [{"role": "user", "content": "Wetter in Köln? 😀"}], "tools": [WEATHER],
     "add_generation_prompt": True},
    {"messages": [{"role": "assistant", "content": "first"}], "add_generation_prompt": True},
    {"messages": [], "add_generation_prompt": True},
]


def render(source, case):
    template = chat_template_utils._compile_jinja_template(source)
    template.globals["strftime_now"] = NOW.strftime
    return template.render(messages=case["messages"], tools=case["tools"], documents=None,
                           add_generation_prompt=case["add_generation_prompt"], **case["extra"],
                           bos_token="<|endoftext|>", eos_token="<|im_end|>")


def make_chat_templates():
    folder = OWN / "chat_templates" / "templates"
    folder.mkdir(parents=True)
    cases = [{"tools": None, "extra": {}, **case} for case in CASES]
    templates = {}
    for name, source in TEMPLATES.items():
        (folder / f"{name}.jinja").write_text(source)
        results = []
        for i, case in enumerate(cases):
            try:
                results.append({"case": i, "expected": render(source, case)})
            except TemplateError as error:
                results.append({"case": i, "error": str(error), "error_kind": "raised by template"})
        templates[name] = {"file": f"templates/{name}.jinja", "source": "written for this set",
                           "bos_token": "<|endoftext|>", "eos_token": "<|im_end|>", "results": results}
    write_json(folder.parent / "chat_templates.json",
               {"now": str(NOW), "cases": cases, "templates": templates})


def write_json(path, value):
    """An entry of the outermost lists and objects per line: small files, readable differences."""
    text = json.dumps(value, ensure_ascii=False, indent=1)
    text = re.sub(r"\n {3,}", " ", text)  # deeper levels are joined
    text = re.sub(r"\n {2}(?=[\]}])", " ", text)
    path.write_text(text + "\n")


def main():
    torch.set_num_threads(1)  # the models are too small for more
    shutil.rmtree(OWN, ignore_errors=True)
    for name, recipe in MODELS.items():
        make_model(name, recipe)
    rng = random.Random(4)
    make_tokenizer("bpe-gpt2-style", gpt2_style(), rng)
    make_tokenizer("bpe-qwen-style", qwen_style(), rng)
    make_chat_templates()


if __name__ == "__main__":
    main()
