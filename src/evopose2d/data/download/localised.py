"""One split of a user's dataset on its way to COCO's layout: what its files hold, and which image files are whose."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evopose2d.data.coco import CocoFile, Findings, parse_coco
from evopose2d.data.coco.images import Images, coco_object, parse_images
from evopose2d.data.download.detections import taken_detections
from evopose2d.data.download.finder import ImageFinder
from evopose2d.data.download.layout import Split
from evopose2d.data.image_files import read_size
from evopose2d.errors import DataError
from evopose2d.keypoints.naming import meaning

IMPORT_REPORT = "annotations/import.json"
"""What was repaired and left out on the way into a dataset's folder, by split."""


@dataclass(frozen=True)
class LocalSplit:
    """A split, checked, before anything of it is written.

    Attributes:
        split: which one.
        coco: its annotations; None for a split without labels.
        contents: JSON value of each file to write, by path below the dataset's root.
        files: image files by their name below the split's image folder.
        lines: what there is to tell of it, a line each.
        report: the same in numbers.
    """

    split: Split
    coco: CocoFile | None
    contents: dict[str, Any]
    files: dict[str, Path]
    lines: list[str] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)


def localised(
    split: Split,
    content: Any,  # noqa: ANN401 - any JSON value
    path: Path,
    source: Path,
    images_dir: Path,
    detections: tuple[Path, Any] | None = None,
    *,
    category: str | None = None,
    box_from_keypoints: bool = False,
) -> LocalSplit:
    """Check a split's files and find its images.

    Args:
        split: which one.
        content: JSON value of its annotation file.
        path: the annotation file, for messages.
        source: the folder below which its images lie.
        images_dir: the folder in it where images are looked for first.
        detections: path and JSON value of its detection file, if there is one.
        category: name or id of the category that is wanted; None: the one with keypoints.
        box_from_keypoints: whether boxes are drawn around the keypoints.

    Raises:
        DataError: the file has mistakes, nobody is left, or none of the images is there.
    """
    checked = coco_object(content, path)
    finder = ImageFinder(source, images_dir, list(_names(checked)))

    def find_size(name: str) -> tuple[int, int] | None:
        file = finder.find(name)
        return None if file is None else read_size(file)

    coco: CocoFile | None = None
    if split.labelled:
        coco = parse_coco(checked, path, category=category, find_size=find_size, box_from_keypoints=box_from_keypoints)
        images, findings = Images(coco.images, coco.image_ids), coco.findings
        _refuse_nobody(coco)
    else:
        findings = Findings(path)
        images = parse_images(checked, findings, find_size)
        findings.raise_mistakes()
    _tell_missing(images, finder, findings)
    targets = {image_id: finder.target(image.file_name) for image_id, image in images.by_id.items()}
    contents: dict[str, Any] = {split.annotations: _canonical(images, targets, coco)}
    lines = list(findings.lines())
    if detections is not None:
        category_id = 1 if coco is None else int(coco.category["id"])
        entries, told = taken_detections(detections[1], detections[0], images.ids, category_id)
        contents[split.detections] = entries
        lines += told
    report = {"repaired": findings.repaired, "left_out": findings.left_out, "notes": findings.notes}
    found = {targets[image_id]: finder.find(image.file_name) for image_id, image in images.by_id.items()}
    files = {name: file for name, file in found.items() if file is not None}
    return LocalSplit(split, coco, contents, files, lines, report)


def with_same_keypoints(splits: Sequence[LocalSplit]) -> list[LocalSplit]:
    """Return splits whose keypoints are named and joined as those of the first one that names some.

    Raises:
        DataError: the keypoints of two splits differ in more than their names' spelling.
    """
    first = next(local for local in splits if local.coco is not None)
    assert first.coco is not None
    expected = first.coco.category
    result = []
    for local in splits:
        if local.coco is None or local is first:
            result.append(local)
            continue
        names = local.coco.category["keypoints"]
        if [meaning(name) for name in names] != [meaning(name) for name in expected["keypoints"]]:
            raise DataError(
                f"{local.coco.path}: keypoints {names} must be those of {first.coco.path}: {expected['keypoints']}"
            )
        category = {**expected, **{key: local.coco.category[key] for key in ("id", "name")}}
        lines = list(local.lines)
        if category != local.coco.category:
            lines.append(
                f"{local.coco.path}: names or skeleton of keypoints are those of {first.coco.path} from now on"
            )
        annotations = local.contents[local.split.annotations]
        contents = local.contents | {local.split.annotations: annotations | {"categories": [category]}}
        result.append(replace(local, contents=contents, lines=lines))
    return result


def _names(content: Mapping[str, Any]) -> Iterator[str]:
    for entry in content["images"]:
        name = entry.get("file_name") if isinstance(entry, Mapping) else None
        if isinstance(name, str) and "\0" not in name:
            yield name


def _refuse_nobody(coco: CocoFile) -> None:
    left_out = coco.findings.left_out
    if not coco.people and left_out:
        reasons = "; ".join(f"{count}: {reason}" for reason, count in left_out.items())
        raise DataError(f"{coco.path}: all annotations are left out ({reasons})")


def _tell_missing(images: Images, finder: ImageFinder, findings: Findings) -> None:
    """Note the images that are missing.

    Raises:
        DataError: all are.
    """
    missing = [image.file_name for image in images.by_id.values() if finder.find(image.file_name) is None]
    if not missing:
        return
    there = finder.example()
    instead = "no image is there" if there is None else f"an image that is there: {there}"
    sought = f"{missing[0]!r} was sought below {finder.source.absolute()}"
    told = f"of {len(images.by_id)} images are missing: {sought}; {instead}"
    if len(missing) == len(images.by_id):
        raise DataError(f"{findings.path}: all {told}")
    findings.note(f"{len(missing)} {told}")


def _canonical(images: Images, targets: Mapping[int, str], coco: CocoFile | None) -> dict[str, Any]:
    """Return the annotation file as it is written: what was understood, and nothing that nobody reads."""
    entries = [
        {"id": image_id, "file_name": targets[image_id], "width": image.width, "height": image.height}
        for image_id, image in images.by_id.items()
    ]
    if coco is None:
        return {"images": entries}
    people = [
        {
            "id": person.annotation_id,
            "image_id": person.image_id,
            "category_id": coco.category["id"],
            "bbox": list(person.box),
            "area": person.area,
            "iscrowd": int(person.is_crowd),
            "keypoints": person.keypoints.ravel().tolist(),
            "num_keypoints": person.labelled,
        }
        for person in coco.people
    ]
    return {"images": entries, "annotations": people, "categories": [dict(coco.category)]}
