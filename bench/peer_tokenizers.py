"""Hugging Face's tokenizers as the peer of `conduit-bench tokenize --vs tokenizers`.

Started once per bench with a tokenizer.json and a text; then one line in, one line out: for each
the text is encoded, without special tokens, on one thread: {"seconds"}, and once {"ids"}.
"""

import json
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import tokenizers  # noqa: E402, after its environment


def main():
    tokenizer = tokenizers.Tokenizer.from_file(sys.argv[1])
    with open(sys.argv[2], newline="", encoding="utf-8") as file:
        text = file.read()
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    print(json.dumps({"version": tokenizers.__version__, "ids": ids}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        tokenizer.encode(text, add_special_tokens=False)
        print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)


main()
