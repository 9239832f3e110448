"""Replications on all cores. They share nothing, so the results are the same as one after the other."""

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from callstream_local.lab.compare import Each


@contextmanager
def cores(replications: int) -> Iterator[Each]:
    """Where to run so many; fresh processes, because the terminal's progress runs in a thread of this one."""
    workers = min(replications, os.cpu_count() or 1)
    if workers < 2:
        yield map
        return
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)
