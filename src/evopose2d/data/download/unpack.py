"""Unpack an archive so that no entry leaves the folder and a broken-off run can go on."""

import fnmatch
import shutil
import stat
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from evopose2d.data.download.layout import leaves_folder
from evopose2d.errors import DownloadError
from evopose2d.progress import progress_bar


def unpack(archive: Path, folder: Path, members: Sequence[str]) -> None:
    """Unpack the entries of a zip archive that match ``members`` below ``folder``.

    A file that is there already in its right size is left as it is, and each other one is written beside its
    place and renamed, so that an interrupted call can be repeated.

    Args:
        archive: the zip file.
        folder: where its entries go.
        members: shell patterns of the wanted entries.

    Raises:
        DownloadError: the archive is damaged, lacks all files of a pattern, or holds any entry that is a link
            or device or would lie outside the folder (then nothing is unpacked).
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            wanted = _wanted_entries(archive, opened.infolist(), members)
            with progress_bar(f"unpack {archive.name}", len(wanted), unit="file") as bar:
                for info in wanted:
                    _unpack_entry(opened, info, folder / info.filename)
                    bar.update()
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise DownloadError(f"{archive}: damaged archive ({error})") from error


def _wanted_entries(archive: Path, entries: Sequence[zipfile.ZipInfo], members: Sequence[str]) -> list[zipfile.ZipInfo]:
    for info in entries:
        _check_entry(archive, info)
    files = [info for info in entries if not info.is_dir()]
    for pattern in members:
        if not any(fnmatch.fnmatchcase(info.filename, pattern) for info in files):
            raise DownloadError(f"{archive}: holds no {pattern}")
    return [info for info in files if any(fnmatch.fnmatchcase(info.filename, pattern) for pattern in members)]


def _check_entry(archive: Path, info: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)  # the upper half holds the mode where Unix made the archive
    if leaves_folder(info.filename):
        raise DownloadError(f"{archive}: entry {info.filename!r} lies outside the folder; nothing was unpacked")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise DownloadError(f"{archive}: entry {info.filename!r} is no plain file; nothing was unpacked")


def _unpack_entry(opened: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    if target.is_file() and target.stat().st_size == info.file_size:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    # Not files.replacing: it waits for the disk after each file, minutes over COCO's 118,000 images.
    partial = target.with_name(target.name + ".part")
    with opened.open(info) as source, partial.open("wb") as destination:
        shutil.copyfileobj(source, destination)
    partial.replace(target)
