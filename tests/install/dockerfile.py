"""The Dockerfile's steps without a container engine: each stage is a debootstrap folder, each RUN line runs in it by chroot.

    dockerfile.py REPOSITORY SCRATCH --tiny-model-file PROGRAM [--package FILE.deb]

With a package that was made before, the step that builds it is left out. Then its ENTRYPOINT is started with a tiny model as its
USER, its HEALTHCHECK is run, and SIGTERM must end it with 0. Layers, the network of containers and HEALTHCHECK's timing are an
engine's and are not tried. Needs root, debootstrap and port 8080; where one is absent it says so and exits with 77 (skipped).
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

SKIPPED = 77
DEBIAN = {"debian:12-slim": "bookworm"}


def instructions(text: str) -> list[tuple[str, str]]:
    """(word, rest), lines that end in a backslash joined, comments left out."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


class Stage:
    def __init__(self, root: Path, release: str):
        self.root, self.folder, self.user = root, "/", "root"
        self.mounts: list[Path] = []
        print(f"debootstrap {release} {root}", flush=True)
        subprocess.run(["debootstrap", "--variant=minbase", "--include=ca-certificates", release, root], check=True, stdout=subprocess.DEVNULL)
        # What an engine gives a container: the host's resolver; and how this machine reaches its mirror.
        for file in ("/etc/resolv.conf", "/etc/hosts", "/etc/apt/sources.list", "/etc/ssl/certs/ca-certificates.crt"):
            if os.path.exists(file):
                shutil.copy(file, f"{root}{file}")
        for file in Path("/etc/apt/apt.conf.d").glob("99*"):
            shutil.copy(file, f"{root}/etc/apt/apt.conf.d")
        for name in ("proc", "dev", "sys"):
            self.mount(f"/{name}", name)

    def mount(self, source: str, name: str) -> None:
        target = self.root / name
        target.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "--bind", source, target], check=True)
        self.mounts.append(target)

    def command(self, arguments: list[str], **environment: str) -> list[str]:
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        settings = [f"{name}={value}" for name, value in environment.items()]
        return ["chroot", f"--userspec={self.user}", str(self.root), "env", "-i", path, "DEBIAN_FRONTEND=noninteractive", *settings,
                "sh", "-c", 'cd "$0" && exec "$@"', self.folder, *arguments]

    def run(self, line: str, **environment: str) -> None:
        print(f"RUN {line}", flush=True)
        subprocess.run(self.command(["sh", "-c", line], **environment), check=True, stdout=subprocess.DEVNULL)

    def end(self) -> None:
        for target in reversed(self.mounts):
            subprocess.run(["umount", "--lazy", target], check=False)
        shutil.rmtree(self.root)


def copy(stage: Stage, stages: dict[str, Stage], rest: str, repository: Path) -> None:
    print(f"COPY {rest}", flush=True)
    words = rest.split()
    target = stage.root / words[-1].lstrip("/")
    if words[0].startswith("--from="):
        found = list(stages[words[0].removeprefix("--from=")].root.glob(words[1].lstrip("/")))
        assert found, f"nothing matches {words[1]}"
        for file in found:
            shutil.copy(file, target)
    else:
        ignored = (repository / ".dockerignore").read_text().split()
        shutil.copytree(repository / words[0], target, ignore=lambda folder, names: [n for n in names if n in ignored and Path(folder) == repository])


def serves(stage: Stage, entrypoint: list[str], health: str, tiny_model_file: str) -> None:
    home = stage.root / "var/lib/conduit"
    subprocess.run([tiny_model_file, home], check=True, stdout=subprocess.DEVNULL)
    (home / "tiny.gguf").chmod(0o644)
    print(f"ENTRYPOINT {entrypoint} as {stage.user}", flush=True)
    node = subprocess.Popen(stage.command([*entrypoint, "--model", "test=/var/lib/conduit/tiny.gguf"], HOME="/var/lib/conduit",
                                          CONDUIT_API_KEY="key"))
    try:
        for _ in range(300):
            assert node.poll() is None, f"it ended with {node.returncode}"
            healthy = subprocess.run(stage.command(["sh", "-c", health]), capture_output=True, text=True)
            if healthy.returncode == 0:
                break
            time.sleep(0.2)
        else:
            raise AssertionError(f"never healthy: {healthy.stderr}")
        print("healthy:", healthy.stdout)
        owner = os.stat(f"/proc/{node.pid}").st_uid
        assert owner != 0, "it runs as root"
        node.terminate()
        assert node.wait(timeout=60) == 0
    finally:
        node.kill()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("repository", type=Path)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--tiny-model-file", required=True)
    parser.add_argument("--package", type=Path)
    options = parser.parse_args()
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        print("SKIPPED: the Dockerfile's steps need root and debootstrap (apt-get install debootstrap)")
        sys.exit(SKIPPED)
    shutil.rmtree(options.scratch, ignore_errors=True)
    options.scratch.mkdir(parents=True)
    stages: dict[str, Stage] = {}
    entrypoint, health = [], ""
    try:
        for word, rest in instructions((options.repository / "Dockerfile").read_text()):
            stage = list(stages.values())[-1] if stages else None
            if word == "FROM":
                image, *name = rest.split()
                name = name[1] if name else "last"
                stages[name] = Stage(options.scratch / name, DEBIAN[image])
            elif word == "RUN" and "cpack" in rest and options.package:
                print(f"left out: RUN {rest}")
                (stage.root / "package").mkdir()
                shutil.copy(options.package, stage.root / "package")
            elif word == "RUN":
                stage.run(rest)
            elif word == "COPY":
                copy(stage, stages, rest, options.repository)
            elif word == "WORKDIR":
                stage.folder = rest
            elif word == "USER":
                stage.user = rest
            elif word == "ENTRYPOINT":
                entrypoint = json.loads(rest)
            elif word == "HEALTHCHECK":
                health = rest.split(" CMD ")[1]
            elif word != "EXPOSE":
                raise AssertionError(f"{word} is not known here")
        serves(stages["last"], entrypoint, health, options.tiny_model_file)
    finally:
        for stage in stages.values():
            stage.end()
    print("the Dockerfile's steps work")


if __name__ == "__main__":
    main()
