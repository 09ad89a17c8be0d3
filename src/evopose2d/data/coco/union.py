"""All categories of a file as one, whose keypoints are those of any of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evopose2d.data.coco.category import keypoint_names
from evopose2d.data.coco.findings import Findings
from evopose2d.data.coco.values import entries, identity, numbers, shown
from evopose2d.keypoints.naming import meaning, mirror_pairs
from evopose2d.keypoints.skeleton import read_skeleton

ALL = "all"
"""``dataset.category`` that asks for the union."""


def united(content: Mapping[str, Any], findings: Findings) -> Mapping[str, Any]:
    """Return a COCO file's content in which all categories with keypoints are one.

    It has the first one's id and the keypoints of all, in the order in which they first come; those of one name, in any
    spelling, are one. Keypoints that a category lacks are unlabelled in its annotations. A file with fewer than two
    such categories, or with one that is called ``all``, is returned as it is.

    Args:
        content: of a COCO file.
        findings: of the file.

    Raises:
        DataError: keypoints of a category are no names.
    """
    listed = [entry for entry in entries(content, "categories") or () if isinstance(entry, Mapping)]
    found = [entry for entry in listed if entry.get("keypoints") and identity(entry.get("id")) is not None]
    if len(found) < 2 or any(entry.get("name") == ALL for entry in found):
        return content
    names: list[str] = []
    places = {}
    for entry in found:
        own = keypoint_names(entry["keypoints"], shown(entry.get("name")), findings.path)
        places[identity(entry["id"])] = _places(own, names)
    category = {**found[0], "name": ALL, "keypoints": names, "skeleton": _skeleton(found, places)}
    category |= _flip_pairs(found, names, places)
    findings.note(f"{len(found)} categories are one of {len(names)} keypoints (dataset.category: {ALL})")
    annotations = entries(content, "annotations")
    if annotations is not None:
        annotations = [_moved(entry, category, places, findings) for entry in annotations]
    others = [entry for entry in listed if entry not in found]
    return {**content, "categories": [category, *others], "annotations": annotations}


def _places(own: Sequence[str], names: list[str]) -> list[int]:
    """Return where a category's keypoints stand among all names, which grow by those that are new."""
    before = len(names)
    known = {meaning(name): index for index, name in enumerate(names)}
    result: list[int] = []
    for name in own:
        index = names.index(name, 0, before) if name in names[:before] else known.get(meaning(name), len(names))
        if index in result or index == len(names):
            index = len(names)
            names.append(name)
        result.append(index)
    return result


def _skeleton(found: Sequence[Mapping[str, Any]], places: Mapping[Any, Sequence[int]]) -> list[list[int]]:
    limbs = []
    for entry in found:
        own = places[identity(entry["id"])]
        pairs, _ = read_skeleton(entry.get("skeleton"), [str(name) for name in entry["keypoints"]])
        limbs += [tuple(sorted((own[a] + 1, own[b] + 1))) for a, b in pairs]
    return [list(limb) for limb in dict.fromkeys(limbs)]


def _flip_pairs(
    found: Sequence[Mapping[str, Any]], names: Sequence[str], places: Mapping[Any, Sequence[int]]
) -> dict[str, list[list[Any]]]:
    """Return all mirror pairs by the keypoints' names in the union, where a category has some of its own."""
    if not any("flip_pairs" in entry for entry in found):
        return {}
    pairs: dict[frozenset[str], list[Any]] = {}
    for entry in found:
        own = [str(name) for name in entry["keypoints"]]
        moved = dict(zip(own, (names[place] for place in places[identity(entry["id"])]), strict=True))
        for pair in (entries(entry, "flip_pairs") if "flip_pairs" in entry else mirror_pairs(own)) or ():
            ends = [moved.get(end, end) for end in pair] if isinstance(pair, list | tuple) else [shown(pair)]
            pairs[frozenset(map(shown, ends))] = ends
    return {"flip_pairs": list(pairs.values())}


def _moved(
    entry: Any,  # noqa: ANN401 - any JSON value
    category: Mapping[str, Any],
    places: Mapping[Any, Sequence[int]],
    findings: Findings,
) -> Any:  # noqa: ANN401 - any JSON value
    """Return an annotation of the one category; what is none of those that were united is returned as it is."""
    key = identity(entry.get("category_id")) if isinstance(entry, Mapping) else None
    if key is None or key not in places:
        return entry
    moved = {**entry, "category_id": category["id"]}
    given = entry.get("keypoints")
    if given is None or given == []:
        return moved
    own, values = places[key], numbers(given)
    if values is None or values.size != 3 * len(own):
        received = shown(given) if values is None else f"{values.size}"
        findings.mistake(
            "keypoints",
            f"annotation {shown(entry.get('id'))}: keypoints must be {3 * len(own)} numbers (x, y, visibility of "
            f"{len(own)}), got {received}",
        )
        return {**moved, "keypoints": None}
    keypoints = np.zeros((len(category["keypoints"]), 3))
    keypoints[list(own)] = values.reshape(-1, 3)
    return {**moved, "keypoints": keypoints.tolist()}
