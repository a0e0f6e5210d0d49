"""The life of a conduit-node as its operator sees it: --check, signals, reload, a taken port, a crash, systemd's socket."""

import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request
from pathlib import Path

import node_process
from node_process import Node, eventually

LONG = {"model": "test", "prompt": "And so on", "max_tokens": 8000, "ignore_eos": True, "stream": True}


def program(*flags: str) -> subprocess.CompletedProcess:
    return subprocess.run([options.node, *flags], capture_output=True, text=True, timeout=60)


def has_logged(node: Node, text: str) -> None:
    eventually(text, lambda: any(text in line for line in node.log))


def models(node: Node) -> set[str]:
    return {model["id"] for model in json.loads(node.get("/v1/models"))["data"]}


class LongAnswer:
    """A stream that does not end by itself, read to its end in a thread."""

    def __init__(self, node: Node):
        self.lines: list[str] = []
        self.begun = threading.Event()
        self.thread = threading.Thread(target=self._read, args=(node.url,))
        self.thread.start()
        assert self.begun.wait(60)

    def _read(self, url: str) -> None:
        with urllib.request.urlopen(url + "/v1/completions", json.dumps(LONG).encode(), timeout=120) as response:
            for line in response:
                if line.strip():
                    self.lines.append(line.decode().strip())
                    self.begun.set()

    def ends_with_an_error(self) -> None:
        self.thread.join(timeout=60)
        assert not self.thread.is_alive()
        assert self.lines[-1] == "data: [DONE]", self.lines[-3:]
        error = json.loads(self.lines[-2].removeprefix("data: "))["error"]
        assert error["code"] == "unavailable" and "shut down" in error["message"], error


def check_tells_the_plan(model: str) -> None:
    """--check: exit 0 and what would be done; a mistake is one line and exit 1; nothing listens meanwhile"""
    fine = program("--check", "--model", f"test={model}", "--http", "127.0.0.1:0", "--max-model-len", "256")
    assert fine.returncode == 0 and fine.stdout.splitlines()[-1] == "ok", fine
    for part in ("127.0.0.1:0", "model   test: llama", "256 tokens x 16 requests", "MiB at the start", "no API key"):
        assert part in fine.stdout, (part, fine.stdout)
    print("    ", fine.stdout.replace("\n", "\n      "))
    for flags, words in ((["--model", "test=/none.gguf"], "/none.gguf"),
                         (["--model", f"test={model}", "--device-memory", "1000"], "kv_bytes"),
                         (["--model", f"test={model}", "--http", "0.0.0.0:1"], "CONDUIT_API_KEY")):
        wrong = program("--check", *flags)
        assert wrong.returncode == 1 and words in wrong.stderr and wrong.stderr.count("\n") == 1, (words, wrong)


def drain_has_a_bound(model: str) -> None:
    """SIGTERM: what still runs at drain_timeout_ms is cut with a typed error, and the exit code is 0"""
    node = Node(options.node, model, "--drain-timeout-ms", "100")
    answer = LongAnswer(node)
    node.terminate()
    answer.ends_with_an_error()
    assert node.wait() == 0 and any("cut off" in line and "drain_timeout_ms" in line for line in node.log)


def second_signal_cuts(model: str) -> None:
    """a second SIGTERM or SIGINT ends the drain at once, with the same typed error"""
    for second in (signal.SIGTERM, signal.SIGINT):
        node = Node(options.node, model, "--drain-timeout-ms", "3600000")
        answer = LongAnswer(node)
        node.terminate()
        has_logged(node, "draining")
        node.process.send_signal(second)
        answer.ends_with_an_error()
        assert node.wait() == 0 and any("a second signal" in line for line in node.log)


def reloads_on_sighup(model: str) -> None:
    """SIGHUP: models come and go, the key and the log level change; running answers go on; a mistake changes nothing"""
    with tempfile.TemporaryDirectory() as folder:
        config, key = Path(folder) / "node.toml", Path(folder) / "key"

        def write(names: list[str], secret: str, more: str = "") -> None:
            key.write_text(secret + "\n")
            tables = "".join(f'[[model]]\nname = "{name}"\npath = "{model}"\n' for name in names)
            config.write_text(f'api_key_file = "{key}"\n{more}\n{tables}')

        def status(secret: str) -> int:
            request = urllib.request.Request(node.url + "/v1/models", headers={"Authorization": f"Bearer {secret}"})
            try:
                with urllib.request.urlopen(request, timeout=60) as response:
                    names.clear()
                    names.update(entry["id"] for entry in json.load(response)["data"])
                    return response.status
            except urllib.error.HTTPError as error:
                return error.code

        def reload(words: str = "reloaded") -> None:
            before = len([line for line in node.log if words in line])
            node.process.send_signal(signal.SIGHUP)
            eventually(words, lambda: len([line for line in node.log if words in line]) > before)

        names: set[str] = set()
        write(["one", "two"], "first")
        node = Node(options.node, None, "--config", str(config))
        try:
            assert status("first") == 200 and names == {"one", "two"}
            write(["one", "three"], "second", "threads = 1\nkeep_alive = \"1h\"")
            reload()
            assert status("first") == 401
            eventually("two is gone, three is there", lambda: status("second") == 200 and names == {"one", "three"})
            has_logged(node, "waits for a restart key=threads")
            has_logged(node, "model retired model=two")
            write(["one"], "third", "no_such_key = 1")
            reload("reload refused")
            assert status("second") == 200 and names == {"one", "three"}, "a mistake changed something"
            write(["one"], "second", 'log_level = "error"')
            node.process.send_signal(signal.SIGHUP)
            eventually("three is gone", lambda: status("second") == 200 and names == {"one"})
            node.terminate()
            assert node.wait() == 0
            assert not any("draining" in line for line in node.log), "log_level was not taken"
        finally:
            node.process.kill()


def port_and_crash(model: str) -> None:
    """a second node on the same port says who holds it; after a crash the port is free and nothing is locked"""
    first = Node(options.node, model)
    port = first.url.rsplit(":", 1)[1]
    second = program("--model", f"test={model}", "--http", f"127.0.0.1:{port}")
    assert second.returncode == 1 and f"process {first.process.pid} (" in second.stderr, second
    first.process.kill()
    first.process.wait()
    third = Node(options.node, model, "--http", f"127.0.0.1:{port}")
    assert third.url.endswith(port) and models(third) == {"test"}
    third.terminate()
    assert third.wait() == 0


def tells_systemd(model: str) -> None:
    """Type=notify: READY=1 when its models can answer, STOPPING=1 when it drains; by path and by abstract name"""
    with tempfile.TemporaryDirectory() as folder:
        for address in (f"{folder}/notify", f"\0conduit-test-{os.getpid()}"):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
                listener.bind(address)
                listener.settimeout(60)
                node = Node(options.node, model, environment={"NOTIFY_SOCKET": address.replace("\0", "@")})
                assert listener.recv(4096) == b"READY=1"
                node.terminate()
                assert listener.recv(4096) == b"STOPPING=1"
                assert node.wait() == 0


if __name__ == "__main__":
    options = node_process.arguments()
    checks = [check_tells_the_plan, drain_has_a_bound, second_signal_cuts, reloads_on_sighup, port_and_crash, tells_systemd]
    with tempfile.TemporaryDirectory() as scratch:
        path = node_process.model_path(options, scratch)
        for check in checks:
            print(f"{check.__name__}: {check.__doc__}", flush=True)
            check(path)
    print(f"{len(checks)} checks passed")
