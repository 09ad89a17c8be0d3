"""The data of a search, fetched through Ray by the machines of a cluster that lack them, once a machine."""

import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import platformdirs
from filelock import FileLock

from evopose2d.config.schema import Params
from evopose2d.data.shards import INFO_NAME, read_info
from evopose2d.errors import DataError

logger = logging.getLogger(__name__)

Read = Callable[[str, int, int], bytes]
"""Gives bytes of an offered file: its name, the offset, and how many at most."""

_CHUNK = 16 * 1024**2  # bytes
_ANNOTATIONS = "annotations/person_keypoints_val2017.json"


@dataclass(frozen=True)
class DataManifest:
    """The data that a driver offers to the machines of its cluster.

    Attributes:
        sizes: bytes of each file, by its name.
        digest: of the names, the sizes and the contents that describe the rest.
        read: reads the files.
    """

    sizes: Mapping[str, int]
    digest: str
    read: Read


class FileServer:
    """Reads the files of an offer, and no others; a Ray actor on the driver's machine.

    Args:
        files: where each file lies, by its name.
    """

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = dict(files)

    def read(self, name: str, offset: int, size: int) -> bytes:
        """Return at most ``size`` bytes of a file, from ``offset`` on."""
        with self._files[name].open("rb") as file:
            file.seek(offset)
            return file.read(size)


def data_files(params: Params) -> dict[str, Path]:
    """Return every file that an individual's training reads, by a name that is the same on all machines.

    Raises:
        DataError: the records or the annotations are missing.
    """
    records = [read_info(Path(params.write_tfrecords.root) / name) for name in ("train", "val")]
    files = {f"dataset/{_ANNOTATIONS}": Path(params.dataset.root) / _ANNOTATIONS}
    for info in records:
        for path in (info.folder / INFO_NAME, *info.files):
            files[f"records/{info.folder.name}/{path.name}"] = path
    return {name: path.resolve() for name, path in files.items()}


def manifest_of(files: Mapping[str, Path], read: Read) -> DataManifest:
    """Describe files to offer.

    Raises:
        DataError: one of them is missing.
    """
    try:
        sizes = {name: path.stat().st_size for name, path in files.items()}
        # Records are told apart by what describes them: COCO's take tens of gigabytes.
        described = {name: path.read_bytes() for name, path in files.items() if path.suffix == ".json"}
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror})") from None
    content = json.dumps(sizes, sort_keys=True).encode() + b"".join(described[name] for name in sorted(described))
    return DataManifest(sizes, hashlib.sha256(content).hexdigest(), read)


def localise(params: Params, offered: DataManifest) -> Params:
    """Return the settings with the data where this machine has them, fetched where it has not.

    Args:
        params: the search's settings, with the paths of the driver's machine; where the same data lie there
            already, as on a shared disk, nothing is fetched.
        offered: what the driver offers.

    Raises:
        DataError: what has been fetched is not what was offered.
        OSError: the disk does not take it.
    """
    if _digest_here(params) == offered.digest:
        return params
    folder = platformdirs.user_cache_path("evopose2d") / "search-data" / offered.digest
    folder.parent.mkdir(parents=True, exist_ok=True)
    local = replace(
        params,
        dataset=replace(params.dataset, root=str(folder / "dataset")),
        write_tfrecords=replace(params.write_tfrecords, root=str(folder / "records")),
    )
    with FileLock(folder.with_suffix(".lock")):
        if _digest_here(local) != offered.digest:
            _fetch(offered, folder)
            if _digest_here(local) != offered.digest:
                raise DataError(f"{folder}: the data fetched from the driver's machine are not what it offered")
    return local


def _digest_here(params: Params) -> str:
    try:
        return manifest_of(data_files(params), lambda name, start, size: b"").digest
    except DataError:
        return ""


def _fetch(offered: DataManifest, folder: Path) -> None:
    """Fetch all files into a folder that appears when it is whole."""
    logger.info("fetching %.1f MB of data", sum(offered.sizes.values()) / 1e6)
    for left in folder.parent.glob(f".{folder.name}-*"):  # by a process that was killed
        shutil.rmtree(left)
    shutil.rmtree(folder, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    for name, size in offered.sizes.items():
        path = temporary / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for start in range(0, size, _CHUNK):
                file.write(offered.read(name, start, _CHUNK))
    temporary.rename(folder)
