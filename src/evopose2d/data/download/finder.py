"""Where the images lie that an annotation file names: names come with folders, slashes and forms of other machines."""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from evopose2d.data.download.layout import files_below, is_image, leaves_folder


@dataclass
class ImageFinder:
    """Finds images below a folder by the names that an annotation file gives them.

    A name fits a file if one is the end of the other: ``images/train2017/7.jpg`` fits ``7.jpg`` in the image folder,
    and ``7.jpg`` fits ``day2/7.jpg``. A file that so fits two names is neither's, and of several files that fit one
    name only one in the image folder is it. Where all names that fit nothing have one folder, it is that of the tool
    that wrote them, and says nothing. Nothing outside of the source is ever found.

    Attributes:
        source: the folder.
        images: folder of the split's images, in ``source``; it may be missing.
        names: all names, so that files can be told that fit several.
    """

    source: Path
    images: Path
    names: Sequence[str]
    _by_name: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list), init=False)
    _found: dict[str, Path | None] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        exact = {name: path for name in dict.fromkeys(self.names) if (path := self._exact(name)) is not None}
        rest = [name for name in dict.fromkeys(self.names) if name not in exact]
        if rest:
            for name, _ in files_below(self.source):
                self._by_name[_key(PurePosixPath(name).name)].append(name)
                if is_image(name):
                    self._by_name[_key(PurePosixPath(name).stem)].append(name)
        foreign = len({tuple(_parts(name)[:-1]) for name in rest}) == 1
        fitting = {name: self._fitting(name, foreign_folder=foreign) for name in rest}
        claims = defaultdict(list)
        for name, path in fitting.items():
            claims[path].append(name)
        self._found = {**exact, **{name: path if len(claims[path]) == 1 else None for name, path in fitting.items()}}

    def find(self, name: str) -> Path | None:
        """Return the file of an image; None where there is none, or nothing tells which."""
        return self._found.get(name)

    def target(self, name: str) -> str:
        """Return the name that an image gets below its split's folder: as it lies in the image folder or the source."""
        path = self.find(name)
        if path is None:
            return "/".join(_parts(name)) or "image"
        folder = self.images if path.is_relative_to(self.images) else self.source
        return path.relative_to(folder).as_posix()

    def example(self) -> str | None:
        """Return one image file that is there, for messages."""
        folder = self.images if self.images.is_dir() else self.source
        files = (name for name, _ in files_below(folder) if is_image(name))
        first = next(files, None)
        return None if first is None else str(folder / first)

    def _exact(self, name: str) -> Path | None:
        path = self.images / name
        return path if not leaves_folder(name) and os.path.isfile(path) else None  # noqa: PTH113 - long names are none

    def _fitting(self, name: str, *, foreign_folder: bool) -> Path | None:
        sought = [_key(part) for part in _parts(unquote(name))]
        if not sought:
            return None
        alike = self._by_name.get(sought[-1], [])
        fitting = [path for path in alike if self._fits(sought, path)] or (alike if foreign_folder else [])
        if len(fitting) > 1:
            fitting = [path for path in fitting if (self.source / path).is_relative_to(self.images)]
        return self.source / fitting[0] if len(fitting) == 1 else None

    def _fits(self, sought: list[str], path: str) -> bool:
        whole = self.source / path
        bases = [self.source, *([self.images] if whole.is_relative_to(self.images) else [])]
        for base in bases:
            parts = [_key(part) for part in whole.relative_to(base).parts]
            shared = min(len(parts), len(sought))
            if parts[-shared:-1] == sought[-shared:-1]:
                return True
        return False


def _parts(name: str) -> list[str]:
    """Return the folders and the name of a path of any machine, without drive, root and ways up."""
    cleaned = re.sub(r"^[A-Za-z]:", "", name.replace("\\", "/"))
    return [part for part in cleaned.split("/") if part not in ("", ".", "..")]


def _key(part: str) -> str:
    """Return a name in the form in which names are compared: accents as one character, as most machines store them."""
    return unicodedata.normalize("NFC", part)
