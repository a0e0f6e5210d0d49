"""Runs a script in a virtual environment that has the named packages, made on first use.

    with_packages.py --environment FOLDER --packages NAME... -- SCRIPT ARGUMENT...

Exits with the script's code, or with 77 (skipped) where the packages cannot be fetched: no network is no failure of ours.
"""

import argparse
import os
import subprocess
import sys
import venv
from pathlib import Path

SKIPPED = 77


def install(folder: Path, packages: list[str]) -> bool:
    done = folder / "packages.txt"
    wanted = "\n".join(packages)
    if done.exists() and done.read_text() == wanted:
        return True
    print(f"making {folder} with {', '.join(packages)}", flush=True)
    venv.create(folder, clear=True, with_pip=True)
    command = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run(command + packages).returncode != 0:
        return False
    done.write_text(wanted)
    return True


def main() -> None:
    split = sys.argv.index("--")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environment", type=Path, required=True)
    parser.add_argument("--packages", nargs="+", required=True)
    options = parser.parse_args(sys.argv[1:split])
    if not install(options.environment, options.packages):
        print(f"SKIPPED: pip could not install {', '.join(options.packages)}; is there a network?")
        sys.exit(SKIPPED)
    python = str(options.environment / "bin" / "python")
    os.execv(python, [python, *sys.argv[split + 1 :]])


if __name__ == "__main__":
    main()
