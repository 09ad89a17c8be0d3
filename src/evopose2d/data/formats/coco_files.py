"""COCO's annotation files: in COCO's own layout, or as CVAT, Label Studio, COCO Annotator and Roboflow export them."""

from pathlib import Path

from evopose2d.data.coco.values import read_json
from evopose2d.data.download.layout import SPLITS
from evopose2d.data.formats.base import LabelledImages, split_of
from evopose2d.errors import DataError

_ROOM = 2000  # bytes in which a COCO file shows one of its keys
_KEYS = (b'"images"', b'"annotations"', b'"categories"')


class CocoLayout:
    """``annotations/person_keypoints_train2017.json`` and its like, images in ``train2017``."""

    name = "coco"

    def recognises(self, source: Path) -> bool:
        """Return whether there is one of COCO's own annotation files with people."""
        return any((source / split.annotations).is_file() for split in SPLITS if split.labelled)

    def read(self, source: Path) -> list[LabelledImages]:
        """Read the files that are there."""
        found = []
        for split in SPLITS:
            path, detections = source / split.annotations, source / split.detections
            if path.is_file():
                given = detections if detections.is_file() else None
                found.append(LabelledImages(split.name, path, read_json(path), source / split.images, given))
        return found


class CocoExport:
    """COCO files of any name, one or one for each split, images anywhere below the folder."""

    name = "coco-export"

    def recognises(self, source: Path) -> bool:
        """Return whether a JSON file below the folder starts or ends as COCO files do."""
        return any(True for _ in _coco_files(source))

    def read(self, source: Path) -> list[LabelledImages]:
        """Read the files; their names or their folders' say the splits."""
        found, seen = [], []
        for path in _coco_files(source):
            content = read_json(path)
            seen.append(path)
            if isinstance(content, dict) and content.get("annotations") is not None and "images" in content:
                # Roboflow puts a split's images beside its file.
                beside = path.parent if path.parent != source and path.parent.name != "annotations" else source
                split = split_of(path.stem, path.parent.name)
                found.append(LabelledImages(split, path, content, beside))
        if not found and seen:
            raise DataError(
                f"{seen[0]}: is no COCO file, which is an object with images, annotations and categories; Label Studio "
                "and CVAT export COCO beside forms of their own"
            )
        return found


def _coco_files(source: Path) -> list[Path]:
    return [path for path in sorted(source.rglob("*.json")) if path.is_file() and _looks_like_coco(path)]


def _looks_like_coco(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(_ROOM)
        file.seek(max(path.stat().st_size - _ROOM, 0))
        ends = start + file.read(_ROOM)
    return any(key in ends for key in _KEYS) and b'"shapes"' not in ends
