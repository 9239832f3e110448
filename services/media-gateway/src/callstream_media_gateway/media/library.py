"""Prompt files in memory. Reading and resampling happen in one thread beside the tick, never inside it."""

import queue
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from callstream_media_gateway.media.arrays import I16
from callstream_media_gateway.media.audiofile import AudioFileError, load

CACHE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Loaded:
    """samples None: error says why."""

    path: str
    samples: I16 | None
    error: str = ""


class Library:
    """Least recently used files are forgotten beyond CACHE_BYTES. A file that changed on disk is read again.

    wake: called from the loader thread when `finished` has something to take.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._cache: OrderedDict[str, tuple[tuple[int, int], I16]] = OrderedDict()
        self._bytes = 0
        self._wanted: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Loaded, tuple[int, int]]] = queue.SimpleQueue()
        self._loading: set[str] = set()
        self._thread: threading.Thread | None = None

    def get(self, path: str) -> I16 | None:
        """The samples when they are in memory and still those of the file; else None, and loading begins."""
        known = self._cache.get(path)
        if known is not None and known[0] == _version(path):
            self._cache.move_to_end(path)
            return known[1]
        if path not in self._loading:
            self._loading.add(path)
            self._wanted.put(path)
            if self._thread is None:
                self._thread = threading.Thread(target=self._load_all, name="prompts", daemon=True)
                self._thread.start()
        return None

    def finished(self) -> list[Loaded]:
        """What was loaded since the last time; it is in the cache now."""
        results = []
        while not self._done.empty():
            loaded, version = self._done.get()
            self._loading.discard(loaded.path)
            if loaded.samples is not None:
                self._keep(loaded.path, version, loaded.samples)
            results.append(loaded)
        return results

    def _keep(self, path: str, version: tuple[int, int], samples: I16) -> None:
        old = self._cache.pop(path, None)
        self._bytes += samples.nbytes - (old[1].nbytes if old else 0)
        self._cache[path] = (version, samples)
        while self._bytes > CACHE_BYTES and len(self._cache) > 1:
            _, (_, oldest) = self._cache.popitem(last=False)
            self._bytes -= oldest.nbytes

    def _load_all(self) -> None:
        while True:
            path = self._wanted.get()
            version = _version(path)
            try:
                result = Loaded(path, load(path))
            except AudioFileError as error:
                result = Loaded(path, None, str(error))
            except Exception as error:  # noqa: BLE001 - one strange file must not end the thread
                result = Loaded(path, None, f"{path}: {type(error).__name__}: {error}")
            self._done.put((result, version))
            self._wake()


def _version(path: str) -> tuple[int, int]:
    try:
        stat = Path(path).stat()
    except (OSError, ValueError):
        return (0, 0)
    return (stat.st_mtime_ns, stat.st_size)
