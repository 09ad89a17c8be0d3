"""What is known of a dataset's folder: whose it is, and which steps are done."""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evopose2d.data.download.layout import ARCHIVES, DATASET_FOLDERS
from evopose2d.errors import DataError
from evopose2d.files import write_json

# Written last, tells that the dataset is whole; the other stands for as long as it is not.
SUMMARY = "dataset.json"
_MARKER = ".incomplete"


@dataclass(frozen=True)
class State:
    """The record of a dataset's folder.

    Attributes:
        identity: digest of what makes this dataset another than the next.
        done: for each step that is done, the digest of what it depended on.
        complete: whether the dataset is whole.
        summary: contents of the summary file, where it is.
    """

    identity: str
    done: dict[str, str] = field(default_factory=dict)
    complete: bool = False
    summary: dict[str, Any] = field(default_factory=dict)


def read_state(root: Path) -> State | None:
    """Read the record of a folder; None where the folder is not one of ours.

    A marker left by a broken-off run outweighs the summary of the dataset that was there before it.
    """
    for name, complete in ((_MARKER, False), (SUMMARY, True)):
        record = _read_record(root / name)
        if record is not None:
            return State(record["identity"], record["done"], complete, record if complete else {})
    return None


def source_of(root: Path) -> str | None:
    """Return the ``dataset.source`` that a folder's dataset was made from; None where it is not whole or not ours."""
    state = read_state(root)
    source = state.summary.get("source") if state is not None else None
    return source if isinstance(source, str) else None


def refuse_foreign(root: Path) -> None:
    """Refuse to write into a folder that holds something of somebody else's.

    Raises:
        DataError: ``root`` is a file, or a folder with contents and no record of ours.
    """
    if root.exists() and not root.is_dir():
        raise DataError(f"dataset.root: {root} is a file, must be a folder")
    if root.is_dir() and any(not path.name.startswith(".") for path in root.iterdir()):
        raise DataError(
            f"dataset.root: {root} holds files but no {SUMMARY}, so it was not made here and is left alone; "
            "name an empty or new folder"
        )


def mark_incomplete(root: Path, identity: str, done: dict[str, str]) -> None:
    """Record which steps are done on the way to the dataset ``identity``."""
    write_json(root / _MARKER, {"identity": identity, "done": done})


def mark_complete(root: Path, state: State) -> None:
    """Record that the dataset is whole; ``state.summary`` goes along."""
    write_json(root / SUMMARY, {"identity": state.identity, "done": state.done} | state.summary)
    (root / _MARKER).unlink(missing_ok=True)


def clear(root: Path, *, keep_archives: bool) -> None:
    """Remove what a dataset of ours left in its folder, and nothing else.

    Args:
        root: the dataset's folder.
        keep_archives: whether the archives in it stay.
    """
    mark_incomplete(root, "", {})  # half removed is no dataset any more, but still ours
    (root / SUMMARY).unlink(missing_ok=True)
    for name in DATASET_FOLDERS if keep_archives else (*DATASET_FOLDERS, ARCHIVES):
        folder = root / name
        if folder.is_symlink():
            folder.unlink()
        elif folder.is_dir():
            shutil.rmtree(folder)


def _read_record(path: Path) -> dict[str, Any] | None:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    is_ours = isinstance(record, dict) and isinstance(record.get("identity"), str)
    return record if is_ours and isinstance(record.get("done"), dict) else None
