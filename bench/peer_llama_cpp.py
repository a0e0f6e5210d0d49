"""llama.cpp as the peer of `conduit-bench engine --vs llama-cpp-python`.

Started once per bench; then one line in, one line out: a JSON list of prompts (lists of token ids)
gives {"prefill_seconds", "decode_seconds", "peak_bytes"}. Greedy, one sequence per prompt, through
the low-level interface, so that no Python stands between two steps but an argmax.
"""

import argparse
import ctypes
import json
import sys
import time

import llama_cpp
import numpy


def open_context(options):
    llama_cpp.llama_backend_init()
    silent = llama_cpp.llama_log_callback(lambda level, text, user_data: None)
    llama_cpp.llama_log_set(silent, ctypes.c_void_p(0))
    model = llama_cpp.llama_model_load_from_file(
        options.model.encode(), llama_cpp.llama_model_default_params()
    )
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = options.batch * (options.prompt + options.generate)
    params.n_seq_max = options.batch
    params.n_batch = max(options.prompt, options.batch)
    params.n_threads = params.n_threads_batch = options.threads
    context = llama_cpp.llama_init_from_model(model, params)
    if not context:
        sys.exit(f"llama.cpp cannot open {options.model}")
    return model, context, silent


class Batch:
    """The tokens of one llama_decode: (id, position, sequence), logits where asked."""

    def __init__(self, capacity):
        self.native = llama_cpp.llama_batch_init(capacity, 0, 1)

    def fill(self, rows, wants_logits):
        self.native.n_tokens = len(rows)
        for i, (token, position, sequence) in enumerate(rows):
            self.native.token[i] = token
            self.native.pos[i] = position
            self.native.n_seq_id[i] = 1
            self.native.seq_id[i][0] = sequence
            self.native.logits[i] = wants_logits(i)


def decode(context, batch):
    if llama_cpp.llama_decode(context, batch.native) != 0:
        sys.exit("llama_decode failed")


def best_token(context, row, vocab):
    logits = llama_cpp.llama_get_logits_ith(context, row)
    return int(numpy.argmax(numpy.ctypeslib.as_array(logits, shape=(vocab,))))


def run(context, vocab, batch, prompts, generate):
    llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
    start = time.perf_counter()
    tokens = []
    for sequence, prompt in enumerate(prompts):
        last = len(prompt) - 1
        batch.fill([(t, i, sequence) for i, t in enumerate(prompt)], lambda i: i == last)
        decode(context, batch)
        tokens.append(best_token(context, last, vocab))
    prefilled = time.perf_counter()
    for step in range(generate - 1):
        rows = [(t, len(prompts[s]) + step, s) for s, t in enumerate(tokens)]
        batch.fill(rows, lambda i: True)
        decode(context, batch)
        tokens = [best_token(context, s, vocab) for s in range(len(prompts))]
    return prefilled - start, time.perf_counter() - prefilled


def peak_bytes():
    # Not getrusage: its maximum starts with that of the process that started this one.
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    for name in ("threads", "batch", "prompt", "generate"):
        parser.add_argument(f"--{name}", type=int, required=True)
    options = parser.parse_args()
    model, context, _silent = open_context(options)
    vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
    batch = Batch(max(options.prompt, options.batch))
    print(json.dumps({"version": llama_cpp.__version__}), flush=True)
    for line in sys.stdin:
        prefill, decode_time = run(context, vocab, batch, json.loads(line), options.generate)
        answer = {
            "prefill_seconds": prefill,
            "decode_seconds": decode_time,
            "peak_bytes": peak_bytes(),
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
