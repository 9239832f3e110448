"""What the figures were measured on. Nothing that names the machine: the report may be passed on."""

import os
import platform
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """Cores that we may use, memory, processor, kernel, Python; and how busy the machine was before we began."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_mb": _number("/proc/meminfo", "MemTotal") // 1024,
        "processor": _text("/proc/cpuinfo", "model name"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _text(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _number(path: str, name: str) -> int:
    return int((_text(path, name).split() or ["0"])[0])
