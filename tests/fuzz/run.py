"""Hunt in all targets, one after the other: `make fuzz SECONDS=600`. What breaks one is kept in build/fuzz; exit status 1.

The examples in `corpus` are where it starts; new ones are kept in build/fuzz and are where the next hunt starts.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
CORPUS = Path(__file__).with_name("corpus")
FOUND = ROOT / "build" / "fuzz"
LONGEST = 4096
"""Bytes of one input."""
SLOW_S = 5
"""An input that takes longer has found something too."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="of all targets together")
    parser.add_argument("--only", choices=TARGETS, help="one target")
    given = parser.parse_args()
    names = [given.only] if given.only else list(TARGETS)
    table = Table("target", "inputs tried", "examples kept", "broken by")
    broken = False
    for name in names:
        tried, kept, culprits = hunt(name, max(1, given.seconds // len(names)))
        broken = broken or bool(culprits)
        table.add_row(name, f"{tried:,}", str(kept), " ".join(culprits) or "nothing")
    Console().print(table)
    return int(broken)


def hunt(name: str, seconds: int) -> tuple[int, int, list[str]]:
    """One target: inputs tried, examples kept, and the files that broke it."""
    kept, culprits = FOUND / name, FOUND / "broken" / name
    kept.mkdir(parents=True, exist_ok=True)
    culprits.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "tests.fuzz.hunt", name, str(kept), str(CORPUS / name), f"-artifact_prefix={culprits}/"]
    argv += [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-timeout={SLOW_S}", "-print_final_stats=1"]
    told = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    tried = re.search(r"number_of_executed_units:\s*(\d+)", told.stderr)
    files = sorted(str(file.relative_to(ROOT)) for file in culprits.iterdir())
    if told.returncode and not files:
        files = [f"nothing of ours: it ended with {told.returncode}"]
    if told.returncode:
        sys.stdout.write(told.stderr[-3000:])
    return int(tried.group(1)) if tried else 0, len(list(kept.iterdir())), files if told.returncode else []


if __name__ == "__main__":
    sys.exit(main())
