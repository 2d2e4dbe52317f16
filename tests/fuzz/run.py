"""Run the fuzzing tests over and over with new examples: ``make fuzz``, FUZZ_SECONDS=300 by default.

Ends with 1 at the first failure (Hypothesis prints the example and how to run it again). Prints a
table of the examples that each test ran, and as its last line one JSON object.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
_TEST = re.compile(r"^(\S+\.py::\S+?):$")
_EXAMPLES = re.compile(r"(\d+) passing\D*(\d+) failing\D*(\d+) invalid")


def one_pass(seed: int, left: float) -> tuple[int, Counter[str], str]:
    """Every test once with its number of examples: exit status, examples by test, output."""
    command = [
        sys.executable, "-m", "pytest", str(HERE), "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist",
        f"--hypothesis-seed={seed}", "--hypothesis-show-statistics",
    ]  # fmt: skip
    environment = {**os.environ, "HYPOTHESIS_PROFILE": "explore"}
    done = subprocess.run(
        command, cwd=HERE.parents[1], env=environment, capture_output=True, text=True, check=False,
        timeout=max(600.0, left * 4),
    )  # fmt: skip
    counts: Counter[str] = Counter()
    test = ""
    for line in done.stdout.splitlines():
        if found := _TEST.match(line.strip()):
            test = found[1].rpartition("/")[2]
        elif found := _EXAMPLES.search(line):
            counts[test] += sum(map(int, found.groups()))
    return done.returncode, counts, done.stdout + done.stderr


def main() -> int:
    seconds = float(os.environ.get("FUZZ_SECONDS", "300"))
    started, passes, total = time.monotonic(), 0, Counter[str]()
    failed = False
    while not failed and (not passes or time.monotonic() - started < seconds):
        seed = secrets.randbits(32)
        code, counts, output = one_pass(seed, seconds)
        passes, total, failed = passes + 1, total + counts, code != 0
        print(f"pass {passes}, seed {seed}: {sum(counts.values())} examples", flush=True)
        if failed:
            print(output)
    for test, count in sorted(total.items()):
        print(f"{count:>9}  {test}")
    took = round(time.monotonic() - started, 1)
    print(json.dumps({"examples": sum(total.values()), "passes": passes, "seconds": took, "failed": failed}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
