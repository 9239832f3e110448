"""The data folder: everything one copy of Callstream keeps, and nothing outside it.

ports.json      chosen ports, kept so that a restart keeps them
secrets.json    generated passwords, mode 0600
keys/           Ed25519 keys of the sign-in tokens
nats/ postgres/ the servers' data        files/ recordings, prompts, spoken texts
logs/           one log per process      run/   lock, state, sockets
"""

import json
import os
import secrets
from pathlib import Path
from typing import Any


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner only. A crash leaves the old or the new content."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty when there is no file. Raises ValueError, naming the file, for anything else."""
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ValueError(f"{path} is not readable as JSON ({error}); repair or delete it") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} should hold a JSON object")
    return content


class DataFolder:
    """Paths and secrets of one copy."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def directory(self, name: str, *, mode: int = 0o700) -> Path:
        """A subfolder, made when missing; only its owner may enter it unless `mode` says otherwise."""
        # The root may be passed through (PostgreSQL has another user when we are root); what it holds is closed.
        self.root.mkdir(mode=0o711, parents=True, exist_ok=True)
        path = self.root / name
        path.mkdir(mode=mode, exist_ok=True)
        return path

    def file(self, name: str) -> Path:
        """A file at the top of the folder, which is made when missing."""
        return self.directory(".") / name

    def secret(self, name: str) -> str:
        """A random password that stays the same for the life of the folder."""
        path = self.file("secrets.json")
        known = read_json(path)
        if name not in known:
            known[name] = secrets.token_urlsafe(24)
            write_private(path, json.dumps(known, indent=2) + "\n")
        return str(known[name])
