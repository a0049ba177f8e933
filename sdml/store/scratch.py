"""The folder that downloads go to when nobody names one; this process removes it at its end."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path


@functools.cache
def process_scratch() -> Path:
    """The folder, made at the first call."""
    folder = Path(tempfile.mkdtemp(prefix="sdml-"))
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # a forked child must leave it to its parent
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder
