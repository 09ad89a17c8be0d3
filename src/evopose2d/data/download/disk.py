"""Free disk space, checked before the first byte is fetched."""

import shutil
from pathlib import Path

from evopose2d.errors import DownloadError


def require_space(folder: Path, needed: int) -> None:
    """Refuse to start what the disk cannot hold.

    Args:
        folder: where the files go; it need not exist yet.
        needed: bytes that they take at the most.

    Raises:
        DownloadError: fewer bytes are free.
    """
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise DownloadError(
            f"{folder}: the disk has {free} bytes free ({free / 1e9:.1f} GB), "
            f"the dataset needs {needed} ({needed / 1e9:.1f} GB)"
        )
