"""What the figures were measured on. Nothing that names the machine: the report may be passed on."""

import os
import platform
import time
from pathlib import Path
from random import Random
from typing import Any

ENTRIES, READS = 50_000, 300_000
ROUNDS = 5


def machine() -> dict[str, Any]:
    """Cores that we may use, memory, processor, kernel, Python; how busy the machine was before we began, and how fast each core
    is now: virtual machines of one kind differ by twice from day to day, and figures are to be read beside it."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_mb": _number("/proc/meminfo", "MemTotal") // 1024,
        "processor": _text("/proc/cpuinfo", "model name"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
        "core_ms": core_ms(),
    }


def core_ms() -> list[float]:
    """For each core that we may use, the milliseconds of CPU that fixed work takes: 300,000 reads from a dict of 50,000 texts.
    They come in no order and from some 10 MB, so it counts how much of the cache neighbours on the host leave to us."""
    texts = {f"{number:x}": number for number in range(ENTRIES)}
    order = Random(1).choices(list(texts), k=READS)
    allowed = os.sched_getaffinity(0)
    try:
        return [_work_ms(core, texts, order) for core in sorted(allowed)]
    finally:
        os.sched_setaffinity(0, allowed)


def _work_ms(core: int, texts: dict[str, int], order: list[str]) -> float:
    os.sched_setaffinity(0, {core})
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for text in order:
            texts[text]
        times.append(time.process_time() - began)
    return round(min(times) * 1000, 1)


def _text(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _number(path: str, name: str) -> int:
    return int((_text(path, name).split() or ["0"])[0])
