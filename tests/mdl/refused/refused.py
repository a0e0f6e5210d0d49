"""types.cc does not compile, and the compiler gives every reason that stands in it. Usage: refused.py COMPILER SOURCE_DIR"""

import re
import subprocess
import sys
from pathlib import Path

compiler, source = sys.argv[1:]
file = Path(__file__).with_name("types.cc")
command = [compiler, "-std=c++20", "-fsyntax-only", "-fno-diagnostics-color", "-I", source, str(file)]
done = subprocess.run(command, capture_output=True, text=True)
reasons = re.findall(r"// refused: (.+)", file.read_text())
assert reasons
missing = [reason for reason in reasons if not re.search(f"error: static.assert.*{re.escape(reason)}", done.stderr)]
if done.returncode == 0 or missing:
    print(done.stderr)
    sys.exit(f"FAIL: exit code {done.returncode}, not told: {missing}")
print(f"ok: {len(reasons)} types are refused with their reason")
