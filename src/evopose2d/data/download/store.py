"""Where archives lie while they are used, and afterwards if they are to be kept."""

from dataclasses import dataclass
from pathlib import Path

from evopose2d.config.schema import DownloadConfig
from evopose2d.data.download.archives import OFFICIAL_ADDRESS, Archive
from evopose2d.data.download.fetch import Retry, check_address, fetch_file
from evopose2d.data.download.layout import ARCHIVES
from evopose2d.data.download.plan import Space


@dataclass(frozen=True)
class ArchiveStore:
    """A folder of archives and the server that they come from.

    Attributes:
        folder: the folder.
        address: base address of the server.
        keep: whether archives stay after use.
        retry: how often a broken transfer is tried again.
    """

    folder: Path
    address: str
    keep: bool
    retry: Retry

    def fetch(self, archive: Archive) -> Path:
        """Fetch an archive, unless it is there already, and return its path.

        Raises:
            DownloadError: it could not be fetched or is not the expected file.
        """
        path = self.folder / archive.name
        url = f"{self.address}/{archive.path}"
        fetch_file(url, path, size=archive.size, sha256=archive.sha256, retry=self.retry)
        return path

    def dispose(self, archive: Archive) -> None:
        """Remove an archive after use, and the folder with its last one, unless archives are to be kept."""
        if not self.keep:
            (self.folder / archive.name).unlink()
            if not any(self.folder.iterdir()):
                self.folder.rmdir()

    def space(self, archive: Archive, unpacked: int) -> Space:
        """Return the disk space for fetching and using an archive.

        Args:
            archive: the archive, of which some may have been fetched before.
            unpacked: bytes that its use adds to the disk for good.
        """
        path = self.folder / archive.name
        parts = (path, path.with_name(path.name + ".part"))
        missing = max(archive.size - sum(part.stat().st_size for part in parts if part.exists()), 0)
        return Space(lasting=missing + unpacked) if self.keep else Space(passing=missing, lasting=unpacked)


def archive_store(root: Path, download: DownloadConfig, retry: Retry) -> ArchiveStore:
    """Return the store below a dataset's root, as the ``download`` section asks.

    Raises:
        ConfigError: ``download.mirror`` is no http(s) address.
    """
    mirror = download.mirror
    address = OFFICIAL_ADDRESS if mirror is None else check_address(mirror, "download.mirror")
    return ArchiveStore(root / ARCHIVES, address, download.archives == "keep", retry)
