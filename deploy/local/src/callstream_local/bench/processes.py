"""What processes cost, children included: processor time and memory, from /proc.

A process that has ended leaves its processor time to the parent that waited for it (cutime, cstime of proc(5)), so the sum
over a living tree misses only what runs at this instant in children of children whose parent has gone.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


class Stat(msgspec.Struct, frozen=True):
    """One line of /proc/PID/stat, as far as it matters here."""

    pid: int
    parent: int
    own_s: float
    """User and system time."""
    children_s: float
    """That of ended children."""


class Memory(msgspec.Struct, frozen=True):
    """Megabytes (10^6 bytes). `pss_mb` counts each shared page once over all processes that share it, `rss_mb` in each.
    `own_mb` is `pss_mb` without pages of files: how much of a library is in memory, and who else shares it, is not theirs."""

    pss_mb: float = 0.0
    rss_mb: float = 0.0
    own_mb: float = 0.0

    def __add__(self, other: "Memory") -> "Memory":
        return Memory(self.pss_mb + other.pss_mb, self.rss_mb + other.rss_mb, self.own_mb + other.own_mb)

    def __sub__(self, other: "Memory") -> "Memory":
        return Memory(self.pss_mb - other.pss_mb, self.rss_mb - other.rss_mb, self.own_mb - other.own_mb)


def parse_stat(line: str) -> Stat:
    """proc(5): the second field, in parentheses, may hold anything, also parentheses and spaces."""
    pid, _, rest = line.partition(" ")
    fields = rest[rest.rindex(")") + 2 :].split()
    utime, stime, cutime, cstime = map(int, fields[11:15])
    return Stat(int(pid), int(fields[1]), (utime + stime) / TICKS_PER_S, (cutime + cstime) / TICKS_PER_S)


def read_stats() -> dict[int, Stat]:
    """All processes that there are now."""
    found = {}
    for path in PROC.iterdir():
        if path.name.isdecimal():
            try:
                stat = parse_stat((path / "stat").read_text(errors="replace"))
            except (FileNotFoundError, ProcessLookupError):
                continue
            found[stat.pid] = stat
    return found


def tree(root: int, stats: Mapping[int, Stat]) -> list[int]:
    """The process and all its descendants; empty when it is gone."""
    children: dict[int, list[int]] = {}
    for stat in stats.values():
        children.setdefault(stat.parent, []).append(stat.pid)
    found, to_visit = list[int](), [root] if root in stats else []
    while to_visit:
        pid = to_visit.pop()
        found.append(pid)
        to_visit += children.get(pid, ())
    return found


def cpu_seconds(roots: Mapping[str, int], apart: Mapping[str, str] | None = None) -> dict[str, float]:
    """Processor seconds so far of each named process with its descendants. `apart`: those of the descendants of a process get
    a name of their own.
    """
    stats = read_stats()
    found: dict[str, float] = {}
    for name, root in roots.items():
        trees = tree(root, stats)
        total = sum(stats[pid].own_s + stats[pid].children_s for pid in trees)
        if apart and name in apart and trees:
            own = stats[root].own_s
            found[apart[name]] = total - own
            total = own
        found[name] = total
    return found


def used_between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Processor seconds by name, the greatest first. A process that was restarted meanwhile counts from its new start."""
    used = {name: total - before.get(name, 0.0) if total >= before.get(name, 0.0) else total for name, total in after.items()}
    return dict(sorted(used.items(), key=lambda item: -item[1]))


def memory(roots: Mapping[str, int]) -> dict[str, Memory]:
    """Memory by name, descendants included."""
    stats = read_stats()
    return {name: _sum(_memory_of(pid) for pid in tree(root, stats)) for name, root in roots.items()}


def _sum(memories: Iterable[Memory]) -> Memory:
    return sum(memories, Memory())


def _memory_of(pid: int) -> Memory:
    try:
        text = (PROC / str(pid) / "smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return Memory()
    return parse_smaps(text)


def parse_smaps(text: str) -> Memory:
    """/proc/PID/smaps_rollup, in kB (1,024 bytes)."""
    values = {line.partition(":")[0]: int(line.split()[1]) for line in text.splitlines()[1:] if ":" in line}
    own = values["Pss_Anon"] + values["Pss_Shmem"]
    return Memory(*(kb * 1024 / 1e6 for kb in (values["Pss"], values["Rss"], own)))
