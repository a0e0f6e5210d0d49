"""CTranslate2 as a peer of `conduit-bench engine`.

It reads only its own format, so the model is given as a Hugging Face folder too (--hf), as
`conduit-bench make-model` writes it, and converted once into FOLDER/ctranslate2: what CTranslate2's
converter does, from safetensors by numpy, without transformers and torch. Quantised models run as
int8, its only quantised type on a CPU, others as float32.
"""

import json
import pathlib
import struct
import time

import ctranslate2
import numpy
from ctranslate2.converters import utils
from ctranslate2.specs import common_spec, transformer_spec

import peer_protocol


class Weights:
    """The tensors of model.safetensors as float32."""

    def __init__(self, path):
        with open(path, "rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            self.entries = json.loads(file.read(size))
        self.bytes = numpy.memmap(path, dtype=numpy.uint8, mode="r", offset=8 + size)

    def __call__(self, name):
        entry = self.entries[name + ".weight"]
        if entry["dtype"] != "BF16":
            raise ValueError(f"{name} is {entry['dtype']}; BF16 is needed")
        begin, end = entry["data_offsets"]
        halves = self.bytes[begin:end].view(numpy.uint16)
        return (halves.astype(numpy.uint32) << 16).view(numpy.float32).reshape(entry["shape"])


def linear(weight):
    spec = common_spec.LinearSpec()
    spec.weight = weight
    return spec


def fill_layer(spec, weights, prefix, has_head_norms):
    attention, feed_forward = spec.self_attention, spec.ffn
    attention.layer_norm.gamma = weights(prefix + "input_layernorm")
    feed_forward.layer_norm.gamma = weights(prefix + "post_attention_layernorm")
    if has_head_norms:
        attention.q_norm.gamma = weights(prefix + "self_attn.q_norm")
        attention.k_norm.gamma = weights(prefix + "self_attn.k_norm")
    parts = [linear(weights(f"{prefix}self_attn.{name}_proj")) for name in "qkv"]
    utils.fuse_linear(attention.linear[0], parts)
    attention.linear[1].weight = weights(prefix + "self_attn.o_proj")
    feed_forward.linear_0.weight = weights(prefix + "mlp.gate_proj")
    feed_forward.linear_0_noact.weight = weights(prefix + "mlp.up_proj")
    feed_forward.linear_1.weight = weights(prefix + "mlp.down_proj")


def convert(folder, out, quantization):
    config = json.loads((folder / "config.json").read_text())
    weights = Weights(folder / "model.safetensors")
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    has_head_norms = config["model_type"] == "qwen3"
    spec = transformer_spec.TransformerDecoderModelSpec.from_config(
        config["num_hidden_layers"],
        heads,
        activation=common_spec.Activation.SWISH,
        ffn_glu=True,
        rms_norm=True,
        rotary_dim=config["head_dim"],
        rotary_interleave=False,
        rotary_base=config["rope_theta"],
        num_heads_kv=None if kv_heads == heads else kv_heads,
        head_dim=config["head_dim"],
        qk_norm=has_head_norms,
    )
    spec.decoder.scale_embeddings = False
    spec.decoder.embeddings.weight = weights("model.embed_tokens")
    spec.decoder.layer_norm.gamma = weights("model.norm")
    for i, layer in enumerate(spec.decoder.layer):
        fill_layer(layer, weights, f"model.layers.{i}.", has_head_norms)
    head = "model.embed_tokens" if config["tie_word_embeddings"] else "lm_head"
    spec.decoder.projection.weight = weights(head)
    spec.register_vocabulary([f"t{i}" for i in range(config["vocab_size"])])
    spec.config.bos_token = spec.config.eos_token = spec.config.unk_token = "t0"
    spec.config.layer_norm_epsilon = config["rms_norm_eps"]
    spec.validate()
    spec.optimize(quantization=quantization)
    out.mkdir(parents=True, exist_ok=True)
    spec.save(str(out))


def open_engine(options):
    if not options.hf:
        raise ValueError("CTranslate2 reads no GGUF; give the model as a folder too (--hf)")
    compute = "int8" if options.arithmetic == "int8" else "float32"
    folder = pathlib.Path(options.hf)
    converted = folder / "ctranslate2" / compute
    if not (converted / "model.bin").exists():
        convert(folder, converted, "int8" if compute == "int8" else None)
    generator = ctranslate2.Generator(
        str(converted), compute_type=compute, intra_threads=options.threads, inter_threads=1
    )

    def run(prompts):
        first = []

        def tell(step):
            if step.step == 0:
                first.append(time.perf_counter())
            return False

        start = time.perf_counter()
        results = generator.generate_batch(
            [[f"t{token}" for token in prompt] for prompt in prompts],
            include_prompt_in_result=False,
            max_length=options.generate,
            min_length=options.generate,
            callback=tell,
        )
        end = time.perf_counter()
        if any(len(result.sequences_ids[0]) != options.generate for result in results):
            raise RuntimeError("CTranslate2 stopped early")
        return first[-1] - start, end - first[-1]

    return f"{ctranslate2.__version__} {compute}", run


peer_protocol.serve(open_engine)
