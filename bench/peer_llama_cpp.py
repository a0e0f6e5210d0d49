"""llama.cpp, or its fork ik_llama.cpp, as a peer of `conduit-bench engine`.

Through the low-level interface, so that no Python stands between two steps but an argmax. A batch's
prompts are evaluated one after another, as llama.cpp's own batched bench does with long ones.
"""

import ctypes
import time

import numpy

import peer_protocol

try:
    import ik_llama_cpp
    from ik_llama_cpp import _ctypes_api as llama

    VERSION = ik_llama_cpp.__version__
except ImportError:
    import llama_cpp as llama

    VERSION = llama.__version__


def silence():
    """The callback must live as long as the library; the fork has none and writes to stderr."""
    if not hasattr(llama, "llama_log_set"):
        return None
    silent = llama.llama_log_callback(lambda level, text, user_data: None)
    llama.llama_log_set(silent, ctypes.c_void_p(0))
    return silent


def open_context(options):
    llama.llama_backend_init()
    model = llama.llama_model_load_from_file(
        options.model.encode(), llama.llama_model_default_params()
    )
    if not model:
        raise ValueError(f"llama.cpp cannot open {options.model}")
    params = llama.llama_context_default_params()
    # Newer versions round each sequence's share of the context up to a multiple of 256.
    per_sequence = (options.prompt + options.generate + 255) // 256 * 256
    params.n_ctx = options.batch * per_sequence
    params.n_seq_max = options.batch
    params.n_batch = max(options.prompt, options.batch)
    params.n_threads = params.n_threads_batch = options.threads
    context = llama.llama_init_from_model(model, params)
    if not context:
        raise ValueError(f"llama.cpp cannot make a context for {options.model}")
    return model, context


class Batch:
    """The tokens of one llama_decode: (id, position, sequence), logits where asked."""

    def __init__(self, capacity):
        self.native = llama.llama_batch_init(capacity, 0, 1)

    def fill(self, rows, wants_logits):
        self.native.n_tokens = len(rows)
        for i, (token, position, sequence) in enumerate(rows):
            self.native.token[i] = token
            self.native.pos[i] = position
            self.native.n_seq_id[i] = 1
            self.native.seq_id[i][0] = sequence
            self.native.logits[i] = wants_logits(i)


def decode(context, batch):
    if llama.llama_decode(context, batch.native) != 0:
        raise RuntimeError("llama_decode failed")


def best_token(context, row, vocab):
    logits = llama.llama_get_logits_ith(context, row)
    return int(numpy.argmax(numpy.ctypeslib.as_array(logits, shape=(vocab,))))


def clear(context):
    if hasattr(llama, "llama_get_memory"):
        llama.llama_memory_clear(llama.llama_get_memory(context), True)
    else:
        llama.llama_kv_cache_clear(context)


def vocabulary_size(model):
    if hasattr(llama, "llama_vocab_n_tokens"):
        return llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    return llama.llama_n_vocab(model)


def open_engine(options):
    silent = silence()
    model, context = open_context(options)
    vocab = vocabulary_size(model)
    batch = Batch(max(options.prompt, options.batch))

    def run(prompts, _keeps_the_callback=silent):
        clear(context)
        start = time.perf_counter()
        tokens = []
        for sequence, prompt in enumerate(prompts):
            last = len(prompt) - 1
            batch.fill([(t, i, sequence) for i, t in enumerate(prompt)], lambda i: i == last)
            decode(context, batch)
            tokens.append(best_token(context, last, vocab))
        prefilled = time.perf_counter()
        for step in range(options.generate - 1):
            rows = [(t, len(prompts[s]) + step, s) for s, t in enumerate(tokens)]
            batch.fill(rows, lambda i: True)
            decode(context, batch)
            tokens = [best_token(context, s, vocab) for s in range(len(prompts))]
        return prefilled - start, time.perf_counter() - prefilled

    return VERSION, run


peer_protocol.serve(open_engine)
