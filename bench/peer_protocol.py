"""What the scripts of `conduit-bench engine`'s peers share: one line in, one line out.

First a line {"version"} or, when the model cannot be opened, {"error"}. Then each line, a JSON list
of prompts (lists of token ids), is answered by {"prefill_seconds", "decode_seconds", "peak_bytes"}:
greedy, one sequence per prompt, all of the given length.
"""

import argparse
import json
import os
import sys


def read_options():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--hf", default="")  # the same as a Hugging Face folder, if there is one
    parser.add_argument("--arithmetic", required=True)  # int8, bf16 or float32: of its matrices
    for name in ("threads", "batch", "prompt", "generate"):
        parser.add_argument(f"--{name}", type=int, required=True)
    return parser.parse_args()


def peak_bytes():
    # Not getrusage: its maximum starts with that of the process that started this one.
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def own_stdout():
    """The answers' channel; what a library prints goes to stderr from here on."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def serve(open_engine):
    """open_engine(options) gives (version, run); run(prompts) gives both times."""
    answers = own_stdout()

    def say(answer):
        print(json.dumps(answer), file=answers, flush=True)

    try:
        version, run = open_engine(read_options())
    except Exception as error:  # whatever it is, the bench goes on with the others
        say({"error": f"{type(error).__name__}: {error}".replace("\n", " ")[:300]})
        return
    say({"version": version})
    for line in sys.stdin:
        prefill, decode = run(json.loads(line))
        say(
            {
                "prefill_seconds": prefill,
                "decode_seconds": decode,
                "peak_bytes": peak_bytes(),
            }
        )
