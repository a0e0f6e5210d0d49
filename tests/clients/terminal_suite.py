"""The command line at a terminal: a pseudo-terminal types into `conduit chat` and reads what a person would see; completions in the
shells that are there, man pages, status. With Python's standard library alone."""

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CONDUIT = sys.argv[1]


class Node(ThreadingHTTPServer):
    """As much of a node as chat and status ask. `endless` in a question: an answer that ends when its reader leaves."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), NodeHandler)
        self.asked: list[list[dict]] = []
        self.left = threading.Event()
        self.tokens = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}"


class NodeHandler(BaseHTTPRequestHandler):
    server: Node

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, body: dict) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            return self.answer({"data": [{"id": "m"}]})
        self.server.tokens += 30
        self.answer({
            "version": "0.1.0", "node": "here", "uptime_seconds": 200.4,
            "nodes": [{"name": "here", "address": None, "state": "alive", "self": True},
                      {"name": "tcp://there", "address": "tcp://there", "state": "left", "self": False, "reason": "does not answer",
                       "left_at": int(time.time()) - 180}],
            "models": [{"name": "m", "task": "generate", "state": "ready", "max_model_len": 8192, "bytes": 1 << 30, "error": None}],
            "replicas": [{"model": "m", "node": "here", "device": "cpu", "state": "ready", "running": 3, "waiting": 0, "local": True}],
            "devices": [{"name": "cpu", "node": "here", "threads": 2, "kv_cache_usage": 0.25, "generated_tokens_total": self.server.tokens,
                         "prompt_tokens_total": None, "running": 3, "waiting": 0,
                         "memory": {"budget_bytes": 4 << 30, "weights_bytes": 1 << 30, "kv_cache_bytes": 1 << 30, "free_bytes": 2 << 30}}]})

    def do_POST(self) -> None:
        messages = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"]
        self.server.asked.append(messages)
        self.send_response(200)
        self.end_headers()
        try:
            if "endless" in messages[-1]["content"]:
                while True:
                    self.event("more ")
                    time.sleep(0.01)
            if "think" in messages[-1]["content"]:
                self.event("let me ", key="reasoning_content")
                self.event("see", key="reasoning_content")
            self.event("heard: " + messages[-1]["content"])
            self.event("", "stop")
        except (BrokenPipeError, ConnectionResetError):
            self.server.left.set()

    def event(self, text: str, finish: str | None = None, key: str = "content") -> None:
        choice = {"delta": {key: text}, "finish_reason": finish}
        self.wfile.write(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n")
        self.wfile.flush()


class Terminal:
    """A program on a pseudo-terminal."""

    def __init__(self, *command: str, environment: dict | None = None):
        self.process, self.screen = pty.fork()
        if self.process == 0:
            os.execve(command[0], command, {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", **(environment or {})})
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self.screen, text.encode())

    def until(self, pattern: str, seconds: float = 60) -> str:
        """Until what came since the last call matches; the time is only a bound on waiting for a failure."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.seen)):
            assert time.monotonic() < end, f"never came: {pattern!r} in {self.seen!r}"
            if select.select([self.screen], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.screen, 65536).decode(errors="replace")
                except OSError:  # the program ended
                    assert re.search(pattern, self.seen), f"ended without {pattern!r}: {self.seen!r}"
        self.seen = self.seen[found.end():]
        return found.group()

    def end(self) -> int:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if select.select([self.screen], [], [], 0.05)[0]:
                try:
                    self.seen += os.read(self.screen, 65536).decode(errors="replace")
                except OSError:
                    pass
            pid, status = os.waitpid(self.process, os.WNOHANG)
            if pid:
                os.close(self.screen)
                return os.waitstatus_to_exitcode(status)
        os.kill(self.process, signal.SIGKILL)
        raise AssertionError(f"did not end: {self.seen!r}")


node = Node()
PROMPT = r">>> (?:\x1b\[[0-9;?]*[A-Za-z])*"


def chat(folder: str, *arguments: str, **environment: str) -> Terminal:
    return Terminal(CONDUIT, "chat", "--url", node.url, *arguments, environment={"XDG_STATE_HOME": folder, **environment})


def conversations_have_turns_and_history(folder: str) -> None:
    """what was said is sent along, the arrow key brings back what was typed, also the next day, and Ctrl-D leaves"""
    terminal = chat(folder)
    terminal.until(PROMPT)
    terminal.type("first ünï\r")
    terminal.until("heard: first ünï")
    terminal.until(PROMPT)
    terminal.type("secund\x7f\x7f\x7fond\r")
    terminal.until("heard: second")
    terminal.until(PROMPT)
    assert [m["content"] for m in node.asked[-1]] == ["first ünï", "heard: first ünï", "second"], node.asked[-1]
    terminal.type("\x1b[A\x1b[A\r")
    terminal.until("heard: first ünï")
    terminal.until(PROMPT)
    terminal.type("\x04")
    assert terminal.end() == 0
    terminal = chat(folder)
    terminal.until(PROMPT)
    terminal.type("\x1b[A\r")
    terminal.until("heard: first ünï")
    terminal.until(PROMPT)
    terminal.type("/exit\r")
    assert terminal.end() == 0
    assert (Path(folder) / "conduit/chat_history").stat().st_mode & 0o077 == 0


def ctrl_c_stops_the_answer(folder: str) -> None:
    """Ctrl-C ends an answer, which the node is told, or an unfinished line; the program goes on"""
    terminal = chat(folder)
    terminal.until(PROMPT)
    node.left.clear()
    terminal.type("endless\r")
    terminal.until("more more")
    terminal.type("\x03")
    terminal.until(PROMPT)
    assert node.left.wait(60)
    terminal.type("never sent\x03")
    terminal.until(PROMPT)
    terminal.type("next\r")
    terminal.until("heard: next")
    contents = [m["content"] for m in node.asked[-1]]
    assert contents[0] == "endless" and contents[1].startswith("more") and contents[2] == "next", contents
    terminal.until(PROMPT)
    terminal.type("\x04")
    assert terminal.end() == 0


def commands_begin_with_a_slash(folder: str) -> None:
    """/system, /reset, /save, /help and texts of several lines do what they say"""
    terminal = chat(folder, "--system", "old")
    saved = Path(folder) / "talk.json"
    for typed, shown in (("/help", "/system TEXT"), ("/system be brief", "is set"), ("/system", "be brief"), ("one", "heard: one"),
                         (f"/save {saved}", "saved to"), ("/what", "unknown command /what"), ("/reset", "begun anew")):
        terminal.until(PROMPT)
        terminal.type(typed + "\r")
        terminal.until(shown)
    terminal.until(PROMPT)
    terminal.type('"""a\r')
    terminal.until(r"\.\.\. ")
    terminal.type('b"""\r')
    terminal.until("heard: a")
    terminal.until(PROMPT)
    terminal.type("/exit\r")
    assert terminal.end() == 0
    assert json.loads(saved.read_text()) == {"model": "m", "messages": [
        {"role": "system", "content": "be brief"}, {"role": "user", "content": "one"}, {"role": "assistant", "content": "heard: one"}]}
    assert node.asked[-1] == [{"role": "system", "content": "be brief"}, {"role": "user", "content": "a\nb"}], node.asked[-1]


def pipes_are_one_question(folder: str) -> None:
    """a pipe is one question; --json gives an object; nothing but the answer is on stdout"""
    done = subprocess.run([CONDUIT, "chat", "--url", node.url], input=b"piped", capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"heard: piped\n", b""), done
    done = subprocess.run([CONDUIT, "chat", "--url", node.url, "--json", "given"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert json.loads(done.stdout) == {"model": "m", "content": "heard: given", "finish_reason": "stop"}, done


def thoughts_are_shown_apart(folder: str) -> None:
    """a terminal shows them dimly before the answer, unless they are to be hidden; a pipe has the answer alone; --json tells them apart"""
    asking = [CONDUIT, "chat", "--url", node.url]
    terminal = Terminal(*asking, "think")
    seen = terminal.until(r"[\s\S]*heard: think")
    assert seen == ("\x1b[2mThinking...\r\n\x1b[0m\x1b[2mlet me \x1b[0m\x1b[2msee\x1b[0m"
                    "\x1b[2m\r\n...done thinking.\r\n\r\n\x1b[0mheard: think"), seen
    assert terminal.end() == 0
    for hide in ("--hide-thinking", "--hidethinking"):
        terminal = Terminal(*asking, hide, "think")
        assert terminal.until(r"[\s\S]*heard: think") == "heard: think"
        assert terminal.end() == 0
    done = subprocess.run([*asking, "think"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"heard: think\n", b""), done
    done = subprocess.run([*asking, "--json", "think"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert json.loads(done.stdout) == {"model": "m", "reasoning_content": "let me see", "content": "heard: think", "finish_reason": "stop"}, done
    done = subprocess.run([*asking, "--json", "--hide-thinking", "think"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert "reasoning_content" not in json.loads(done.stdout), done


def colours_are_for_terminals(folder: str) -> None:
    """bold on a terminal, not with NO_COLOR, not in a pipe"""
    terminal = Terminal(CONDUIT, "status", "--url", node.url)
    assert "\x1b[1m" in terminal.until(r"[\s\S]*MEMORY[\s\S]*2.0 GiB free of 4.0 GiB")
    assert terminal.end() == 0
    terminal = Terminal(CONDUIT, "status", "--url", node.url, environment={"NO_COLOR": "1"})
    assert "\x1b" not in terminal.until(r"[\s\S]*MEMORY[\s\S]*2.0 GiB free of 4.0 GiB")
    assert terminal.end() == 0


def status_shows_what_a_node_says(folder: str) -> None:
    """status shows totals as rates, unknowns as a dash; --json and --watch go on"""
    out = subprocess.run([CONDUIT, "status", "--url", node.url], check=True, capture_output=True, text=True, timeout=60).stdout
    assert "up 3 min 20 s" in out and re.search(r"m +generate +ready +8192 +1.0 GiB", out), out
    assert re.search(r"tcp://there +left 3 min \d+ s ago: does not answer", out), out
    rate, prompts = re.search(r"cpu +here +3 +0 +([\d.]+) +(\S+) +25 %", out).groups()
    assert float(rate) > 0 and prompts == "-", out
    whole = json.loads(subprocess.run([CONDUIT, "status", "--json", "--url", node.url], check=True, capture_output=True, timeout=60).stdout)
    assert whole["devices"][0]["generated_tokens_total"] == node.tokens, whole
    watch = subprocess.Popen([CONDUIT, "status", "--watch", "--json", "--url", node.url], stdout=subprocess.PIPE)
    totals = [json.loads(watch.stdout.readline())["devices"][0]["generated_tokens_total"] for _ in range(2)]
    watch.send_signal(signal.SIGINT)
    assert watch.wait(60) == 0 and totals[1] > totals[0], totals
    done = subprocess.run([CONDUIT, "status", "--url", "http://127.0.0.1:1"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "conduit serve MODEL" in done.stderr and done.stderr.count("\n") == 1, done


def completions_are_taken_by_their_shells(folder: str) -> None:
    """each script is taken by its shell, where that is installed, and names what the command line has"""
    scripts = {shell: subprocess.run([CONDUIT, "completion", shell], check=True, capture_output=True, text=True).stdout for shell in ("bash", "zsh", "fish")}
    for shell, script in scripts.items():
        for word in ("run", "pull", "status", "watch", "max-model-len"):
            assert word in script, (shell, word)
        if shutil.which(shell):
            subprocess.run([shell, "-n"], input=script, check=True, text=True)
    done = subprocess.run([CONDUIT, "completion", "bash", "--json"], check=True, capture_output=True)
    assert json.loads(done.stdout) == {"shell": "bash", "script": scripts["bash"]}, done
    probe = scripts["bash"] + "\nCOMP_WORDS=(conduit status --w); COMP_CWORD=2; COMP_LINE='conduit status --w'; COMP_POINT=18; _conduit; echo \"${COMPREPLY[*]}\"\n"
    done = subprocess.run(["bash", "--norc"], input=probe, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "--watch", done


def man_pages_are_written(folder: str) -> None:
    """each command has a page that groff takes without a warning"""
    done = subprocess.run([CONDUIT, "man", folder, "--json"], check=True, capture_output=True)
    pages = sorted(Path(folder).glob("*.1"))
    assert sorted(map(Path, json.loads(done.stdout))) == pages, done
    done = subprocess.run([CONDUIT, "man", "/dev/null/x"], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr == "error: /dev/null/x/conduit.1 cannot be written\n", done
    assert {"conduit.1", "conduit-run.1", "conduit-serve.1"} <= {page.name for page in pages}, pages
    for page in pages if shutil.which("groff") else []:
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", str(page)], check=True, capture_output=True)
        assert done.stderr == b"", (page, done.stderr)


CLAIMS = [
    conversations_have_turns_and_history,
    ctrl_c_stops_the_answer,
    commands_begin_with_a_slash,
    pipes_are_one_question,
    thoughts_are_shown_apart,
    colours_are_for_terminals,
    status_shows_what_a_node_says,
    completions_are_taken_by_their_shells,
    man_pages_are_written,
]


def main() -> int:
    failed = 0
    for claim in CLAIMS:
        with tempfile.TemporaryDirectory() as folder:
            try:
                claim(folder)
                print(f"ok   {claim.__doc__}", flush=True)
            except AssertionError as error:
                failed += 1
                print(f"FAIL {claim.__doc__}: {error}", flush=True)
    return 1 if failed else 0


sys.exit(main())
