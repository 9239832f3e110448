"""Whom PostgreSQL runs as. It refuses to be root, so root hands it to an unprivileged account that exists already."""

import os
import pwd
import stat
from pathlib import Path

from callstream_local.embedded.errors import ServerError
from callstream_local.supervise.child import Account

CANDIDATES = ("callstream", "postgres", "nobody")
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2


def choose(data: Path, programs: Path) -> Account | None:
    """The account for a database in `data`; None when we are not root and simply stay who we are.

    A database that exists keeps its owner. When that account cannot reach `data` or `programs` (below /root, say) it
    keeps one capability: to search folders, or, where a container withholds that one, to override file permissions.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        uid, gid = data.stat().st_uid, data.stat().st_gid
    else:
        uid, gid = _existing_account()
    if reaches(uid, gid, data.parent) and reaches(uid, gid, programs):
        return Account(uid, gid)
    held = _held_capabilities()
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        if held >> capability & 1:
            return Account(uid, gid, capability)
    raise ServerError(
        f"PostgreSQL may not run as root, and user id {uid} can reach {data.parent} or {programs} only with a capability "
        "that this machine withholds; use a data folder and an installation that every user may enter, or do not be root"
    )


def reaches(uid: int, gid: int, path: Path) -> bool:
    """Whether the permission bits let the account pass through every folder down to `path` (access lists are not read)."""
    path = path.resolve()
    for folder in (path, *path.parents):
        status = folder.stat()
        if status.st_uid == uid:
            bit = stat.S_IXUSR
        elif status.st_gid == gid:
            bit = stat.S_IXGRP
        else:
            bit = stat.S_IXOTH
        if not status.st_mode & bit:
            return False
    return True


def _existing_account() -> tuple[int, int]:
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise ServerError(f"PostgreSQL may not run as root, and none of the users {', '.join(CANDIDATES)} exists; add one")


def _held_capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0
