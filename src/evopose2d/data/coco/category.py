"""The category whose people a network learns: of several, which one, and what its keypoints are."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evopose2d.data.coco.findings import Findings
from evopose2d.data.coco.values import entries, identity, is_text, shown
from evopose2d.errors import ConfigError, DataError
from evopose2d.keypoints import schema_from_category
from evopose2d.keypoints.skeleton import read_skeleton


def parse_category(content: Mapping[str, Any], findings: Findings, wanted: str | None = None) -> dict[str, Any]:
    """Return ``id``, ``name``, ``keypoints`` and ``skeleton`` of the category with keypoints, as COCO writes them.

    An id that is a text stays. Where the category has ``flip_pairs``, a key that COCO has not, they are there too.

    Of several with keypoints it is the one called ``person``, else the only one that annotations are of.

    Args:
        content: of a COCO file.
        findings: of the file; gets what was dropped from the skeleton.
        wanted: name or id of the category, where ``dataset.category`` gives one.

    Raises:
        DataError: there is none, or several between which nothing decides, or its keypoints are no distinct names.
        ConfigError: no category is called as ``dataset.category`` says.
    """
    listed = entries(content, "categories")
    if listed is None or not all(isinstance(entry, Mapping) for entry in listed):
        raise DataError(f"{findings.path}: categories must be a list of objects")
    found = [entry for entry in listed if entry.get("keypoints")]
    chosen = _chosen(found, content, findings.path, wanted)
    name = shown(chosen.get("name"))
    if wanted is None and chosen is not listed[0]:
        findings.note(f"category {name} is taken, which is not the first of the file ({len(listed)} categories)")
    key = identity(chosen.get("id"))
    if key is None:
        raise DataError(f"{findings.path}: category {name}: id must be a whole number, got {shown(chosen.get('id'))}")
    if sum(identity(entry.get("id")) == key for entry in listed) > 1:
        raise DataError(f"{findings.path}: categories: id {shown(key)} stands there twice, ids must be distinct")
    names = keypoint_names(chosen["keypoints"], name, findings.path)
    limbs, dropped = read_skeleton(chosen.get("skeleton"), names)
    if dropped:
        findings.note(f"{dropped} (only drawing uses it)")
    category: dict[str, Any] = {
        "id": key,
        "name": chosen["name"] if is_text(chosen.get("name")) else "person",
        "keypoints": names,
        "skeleton": [[a + 1, b + 1] for a, b in limbs],
    }
    try:
        schema_from_category(category | {"id": 1})
    except DataError as error:
        raise DataError(f"{findings.path}: {error}") from error
    return category | _flip_pairs(chosen.get("flip_pairs"), names, findings)


def _flip_pairs(value: Any, names: Sequence[str], findings: Findings) -> dict[str, list[list[str]]]:  # noqa: ANN401 - any JSON value
    """Return the category's own mirror pairs, if it has some; what is none is left out with a note."""
    if value is None:
        return {}
    pairs = value if isinstance(value, list) else [value]
    ends = [end for pair in pairs if isinstance(pair, list) and len(pair) == 2 for end in pair]
    if len(ends) == 2 * len(pairs) == len({shown(end) for end in ends}) and all(end in names for end in ends):
        return {"flip_pairs": [list(pair) for pair in pairs]}
    findings.note(f"flip_pairs must be pairs of keypoint names, each once, got {shown(value)}, and are left out")
    return {}


def _chosen(
    found: Sequence[Mapping[str, Any]], content: Mapping[str, Any], path: Path, wanted: str | None
) -> Mapping[str, Any]:
    names = ", ".join(shown(category.get("name")) for category in found) or "none"
    if wanted is not None:
        named = [entry for entry in found if wanted in (entry.get("name"), str(entry.get("id")))]
        if len(named) != 1:
            raise ConfigError(
                f"dataset.category: got {wanted!r}, must be one of the categories with keypoints: {names}; or all "
                f"({path})"
            )
        return named[0]
    if len(found) > 1:
        people = [entry for entry in found if str(entry.get("name")).lower() == "person"]
        found = people if len(people) == 1 else _used(found, content)
    if len(found) != 1:
        cure = (
            "dataset.category names one of them, or all"
            if found
            else "a category must list the names of its 'keypoints'"
        )
        raise DataError(
            f"{path}: categories with keypoints: {names}; must be one, or one of them called 'person'; {cure}"
        )
    return found[0]


def _used(found: Sequence[Mapping[str, Any]], content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the categories that annotations are of; all where there are none."""
    annotated = (entry for entry in entries(content, "annotations") or () if isinstance(entry, Mapping))
    counts = Counter(identity(entry.get("category_id")) for entry in annotated)
    return [entry for entry in found if counts[identity(entry.get("id"))]] or list(found)


def keypoint_names(value: Any, category: str, path: Path) -> list[str]:  # noqa: ANN401 - any JSON value
    """Return the names of a category's keypoints; numbers are names too.

    Raises:
        DataError: they are no list of names.
    """
    names = [str(name) if isinstance(name, int) else name for name in value] if isinstance(value, list) else []
    if not names or not all(is_text(name) for name in names):
        raise DataError(f"{path}: category {category}: keypoints must be a list of names, got {shown(value)}")
    return names
