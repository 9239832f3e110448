"""run/state.json: what runs now, for `callstream status` and friends. Written by the supervisor only."""

from datetime import datetime

import msgspec

from callstream_local.folder import DataFolder, write_private


class Part(msgspec.Struct, frozen=True):
    """One process. `pid` is None between its end and its next start; `problem` says why it cannot be started."""

    pid: int | None
    restarts: int
    http: str = ""
    problem: str = ""


class State(msgspec.Struct, frozen=True):
    """One running copy. `ready` once every part has been ready."""

    started_at: datetime
    ready: bool
    sip: str
    rtp: str
    nats: str
    postgres: str
    parts: dict[str, Part]
    sip_doors: dict[str, str] = {}


def write(folder: DataFolder, state: State) -> None:
    write_private(folder.directory("run") / "state.json", msgspec.json.encode(state).decode())


def remove(folder: DataFolder) -> None:
    (folder.root / "run" / "state.json").unlink(missing_ok=True)


def read(folder: DataFolder) -> State | None:
    """The last written state; None when there is none. After a kill of the supervisor it is stale: ask the lock first."""
    try:
        return msgspec.json.decode((folder.root / "run" / "state.json").read_bytes(), type=State)
    except FileNotFoundError:
        return None
