"""What a file needs beyond its own ``fsync`` to be there after a power cut."""

from __future__ import annotations

import os
from pathlib import Path


def sync_folder(folder: str | Path) -> None:
    """Have the names in a folder reach the disk: a file that was synced may still lose its name."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
