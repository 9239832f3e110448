"""A data folder for one measurement."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def data_folder() -> Iterator[Path]:
    """Empty, and gone afterwards. PostgreSQL, which runs under an account of its own, may look into it."""
    folder = Path(tempfile.mkdtemp(prefix="callstream-bench-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
