"""Writes a golden file for each event and command that has none. Those that exist are history and are never touched.

`python -m tests.contracts.make_golden`
"""

from pathlib import Path
from typing import Any

import msgspec

from callstream.contracts.catalogue import COMMAND_TYPES, EVENT_TYPES

from .samples import sample

GOLDEN = Path(__file__).parent / "golden"


def files() -> dict[Path, type[Any]]:
    """Where the golden file of each registered type lies."""
    events = {GOLDEN / "events" / f"{name}.json": kind for name, kind in EVENT_TYPES.items()}
    commands = {GOLDEN / "commands" / f"{'.'.join(key)}.json": kind for key, kind in COMMAND_TYPES.items()}
    return {**events, **commands}


def main() -> None:
    for path, kind in files().items():
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(msgspec.json.format(msgspec.json.encode(sample(kind)), indent=2) + b"\n")


if __name__ == "__main__":
    main()
