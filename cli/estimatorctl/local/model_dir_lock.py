"""One run per model directory: two chiefs that save into one directory destroy each other's checkpoints.

The lock is flock's: it goes with the process, however that ends, so there is no stale lock to clean up.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from estimatorctl.errors import ModelDirInUse

FILE_NAME: Final = "lock"


@contextmanager
def model_dir_lock(folder: Path, model_dir: str) -> Iterator[None]:
    """Holds the lock file in `folder` for the time of the block.

    Args:
        folder: Where the lock file lies; made when it is not there.
        model_dir: The model directory as the message names it.

    Raises:
        ModelDirInUse: Another process holds it; the message names its pid.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Children must not inherit the lock: one that outlives the run would hold the directory for ever.
    descriptor = os.open(folder / FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            raise ModelDirInUse(
                f"another run (pid {holder}) trains in {model_dir}; wait for it, stop it, or choose another --model-dir"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
