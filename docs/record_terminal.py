"""Makes docs/terminal.cast: a shell on a pseudo-terminal, in which the real programs are typed at and recorded.

    docs/record_terminal.py build/bin MODEL.gguf        # then: asciinema play docs/terminal.cast

The idea: what is seen is what came, when it came; only waits that tell nothing (a model being loaded) are shortened by the player, by
the recording's own idle_time_limit. The format is asciicast v2: a header, then [seconds, "o", text] a line.
"""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import sys
import tempfile
import termios
import time
import urllib.request
from pathlib import Path

COLUMNS, ROWS = 100, 30
KEY_SECONDS = 0.04  # between two keys
READING_SECONDS = 1.2  # before the next line is typed
PATIENCE_SECONDS = 120
SHELL_PROMPT = "$ "
CHAT_PROMPT = ">>> "

# What is typed, and what has to have come before the next line is.
SCRIPT = [
    ('conduit run smollm2.gguf --temperature 0 "Write two sentences about the sea."', SHELL_PROMPT),
    ("conduit serve smollm2.gguf 2> serve.log &", SHELL_PROMPT),
    ("conduit status", SHELL_PROMPT),
    ("conduit chat --temperature 0", CHAT_PROMPT),
    ("/system Answer in one short sentence.", CHAT_PROMPT),
    ("What is the capital of Italy?", CHAT_PROMPT),
    ("Which river flows through it?", CHAT_PROMPT),
    ("/exit", SHELL_PROMPT),
    ("echo 'Name three colours.' | conduit chat --temperature 0 --json", SHELL_PROMPT),
    ("kill %1; wait", SHELL_PROMPT),
]


class Recorder:
    def __init__(self, environment: dict[str, str], folder: str):
        self.process, self.screen = pty.fork()
        if self.process == 0:
            os.chdir(folder)
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile"], environment)
        fcntl.ioctl(self.screen, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.begun = time.monotonic()
        self.events: list[list] = []
        self.seen = ""

    def read(self, seconds: float) -> None:
        """What comes within that time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.screen], [], [], left)[0]:
                return
            text = os.read(self.screen, 65536).decode(errors="replace")
            self.events.append([round(time.monotonic() - self.begun, 3), "o", text])
            self.seen += text

    def until_prompt(self, prompt: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        bare = re.escape(prompt) + r"(\x1b\[[0-9;?]*[A-Za-z])*$"
        while not re.search(bare, self.seen):
            if time.monotonic() > end:
                raise SystemExit(f"never came: {prompt!r} after {self.seen[-300:]!r}")
            self.read(0.05)

    def until_ready(self) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            try:
                return urllib.request.urlopen("http://127.0.0.1:8080/ready").close()
            except OSError:
                self.read(0.1)
        raise SystemExit("the node never became ready; is port 8080 taken?")

    def type(self, line: str) -> None:
        for key in line:
            os.write(self.screen, key.encode())
            self.read(KEY_SECONDS)
        self.read(KEY_SECONDS)
        self.seen = ""
        os.write(self.screen, b"\r")
        self.read(KEY_SECONDS * 4)

    def write(self, path: Path) -> None:
        header = {"version": 2, "width": COLUMNS, "height": ROWS, "idle_time_limit": 1.5, "title": "conduit",
                  "env": {"TERM": "xterm-256color", "SHELL": "/bin/bash"}}
        path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in [header, *self.events]), encoding="utf-8")


def main() -> None:
    programs, model = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "smollm2.gguf").symlink_to(model)
        environment = {"PATH": f"{programs}:/usr/bin:/bin", "PS1": SHELL_PROMPT, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8",
                       "HOME": folder, "HISTFILE": "/dev/null", "XDG_STATE_HOME": folder}
        recorder = Recorder(environment, folder)
        recorder.until_prompt(SHELL_PROMPT)
        for line, prompt in SCRIPT:
            recorder.read(READING_SECONDS)
            recorder.type(line)
            recorder.until_prompt(prompt)
            if " serve " in line:
                recorder.until_ready()
        recorder.read(READING_SECONDS)
        os.kill(recorder.process, signal.SIGHUP)
        os.waitpid(recorder.process, 0)
        recorder.write(Path(__file__).with_name("terminal.cast"))


if __name__ == "__main__":
    main()
