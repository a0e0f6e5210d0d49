"""A conduit-node of a suite's own, on a free port, and the suite's common arguments."""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

SKIPPED = 77
DEFAULT_MODEL = "conduit/models/SmolLM2-135M-Instruct.Q4_1.gguf"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--node", required=True, help="the conduit-node program")
    parser.add_argument("--model", required=True, help="tiny, default, or a model's path")
    parser.add_argument("--tiny-model-file", help="the program that writes the tiny model")
    parser.add_argument("--example", help="tests/examples/chat, built")
    return parser.parse_args()


def model_path(options: argparse.Namespace, folder: str) -> str:
    if options.model == "tiny":
        return subprocess.run([options.tiny_model_file, folder], check=True, capture_output=True, text=True).stdout.strip()
    if options.model != "default":
        return options.model
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = Path(os.environ.get("CONDUIT_TEST_MODEL") or cache / DEFAULT_MODEL)
    if not path.exists():
        print(f"SKIPPED: the default model is not at {path}; configs/quickstart.sh fetches it")
        sys.exit(SKIPPED)
    return str(path)


class Node:
    """Started and ready when made; its log is kept and printed if the suite fails."""

    READY_SECONDS = 120

    def __init__(self, program: str, model: str | None, *flags: str, environment: dict | None = None):
        """`model` None: the flags name a configuration that has some."""
        command = [program, *(["--model", f"test={model}"] if model else []), "--http", "127.0.0.1:0", *flags]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})})
        self.log: list[str] = []
        self.url = ""
        self.endpoint = ""  # for other nodes
        self._settled = threading.Event()  # ready, or ended
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        self._settled.wait(self.READY_SECONDS)
        if not self.url:
            self.process.kill()
            raise SystemExit("the node did not become ready:\n" + "".join(self.log))

    def _read_log(self) -> None:
        for line in self.process.stderr:
            self.log.append(line)
            if found := re.search(r"spine listens endpoint=(\S+)", line):
                self.endpoint = found.group(1)
            if found := re.search(r"node ready .*http=(http://\S+)", line):
                self.url = found.group(1)
                self._settled.set()
        self._settled.set()

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=60) as response:
            return response.read().decode()

    def post(self, path: str, body: bytes | dict) -> tuple[int, dict]:
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, data), timeout=60) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def status(self) -> dict:
        return json.loads(self.get("/status"))

    def metric(self, name: str) -> float:
        """The sum over all labels."""
        values = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", self.get("/metrics"), re.MULTILINE)
        return sum(map(float, values))

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        code = self.process.wait(timeout=60)
        self._reader.join()
        return code


def eventually(what: str, condition, seconds: float = 30) -> None:
    """For what another process does: asked again until true; the time is only a bound on waiting for a failure."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"never came: {what}")
        time.sleep(0.01)


def run(checks: list, options: argparse.Namespace, *flags: str) -> None:
    """Each check is a function of a node, which has the flags; the last ones may end it."""
    with tempfile.TemporaryDirectory() as folder:
        node = Node(options.node, model_path(options, folder), *flags)
        try:
            for check in checks:
                print(f"{check.__name__}: {check.__doc__}", flush=True)
                check(node)
        except BaseException:
            print("the node's log:\n" + "".join(node.log), file=sys.stderr)
            raise
        finally:
            node.process.kill()
    print(f"{len(checks)} checks passed")
