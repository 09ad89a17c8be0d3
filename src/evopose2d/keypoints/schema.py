"""The keypoints of a dataset: names, mirror pairs, skeleton and OKS standard deviations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evopose2d.errors import ConfigError, DataError
from evopose2d.keypoints.naming import meaning, mirror_pairs
from evopose2d.keypoints.skeleton import read_skeleton

_COCO_NAMES = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip
_COCO_SKELETON = (
    (15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8), (7, 9), (8, 10),
    (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6),
)  # fmt: skip
# Standard deviations that COCO measured between annotators, relative to the square root of a person's area.
_COCO_SIGMAS = (
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089,
    0.089,
)  # fmt: skip
_UNKNOWN_SIGMA = 0.05
_UPPER_BODY = 11  # COCO's first keypoints, from the nose to the wrists
_COCO_INDEX = {meaning(name): index for index, name in enumerate(_COCO_NAMES)}


@dataclass(frozen=True)
class KeypointSchema:
    """What a dataset says of its keypoints; indices count from 0.

    Attributes:
        names: name of each of the K keypoints.
        skeleton: pairs of keypoint indices that a limb joins.
        flip_permutation: for each keypoint, the index of the one it becomes in a mirror; itself if unpaired.
        sigmas: OKS standard deviation of each keypoint, relative to the square root of the person's area.
        upper_body: indices of the upper body's keypoints; empty where half-body crops are not defined.
        category_id: id of the category in the annotation files, for results in COCO's format.
        own_pairs: pairs of names that a mirror exchanges, where the dataset itself says so; None: it does not.
    """

    names: tuple[str, ...]
    skeleton: tuple[tuple[int, int], ...]
    flip_permutation: tuple[int, ...]
    sigmas: tuple[float, ...]
    upper_body: tuple[int, ...]
    category_id: int = 1
    own_pairs: tuple[tuple[str, str], ...] | None = None

    @property
    def count(self) -> int:
        """Number of keypoints, K."""
        return len(self.names)

    @property
    def category(self) -> dict[str, Any]:
        """What a category says of the keypoints that settings may replace."""
        return {"keypoints": self.names, "flip_pairs": self.own_pairs}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "KeypointSchema":
        """Rebuild a schema from what ``dataclasses.asdict`` and JSON made of it."""
        return cls(
            names=tuple(value["names"]),
            skeleton=tuple((int(a), int(b)) for a, b in value["skeleton"]),
            flip_permutation=tuple(value["flip_permutation"]),
            sigmas=tuple(value["sigmas"]),
            upper_body=tuple(value["upper_body"]),
            category_id=int(value.get("category_id", 1)),
            own_pairs=_own_pairs(value.get("own_pairs")),
        )


def schema_from_category(
    category: Mapping[str, Any],
    flip_pairs: Sequence[Sequence[str]] | None = None,
    sigmas: Sequence[float] | None = None,
    upper_body: Sequence[str] | None = None,
) -> KeypointSchema:
    """Build the schema of a category of a COCO annotation file.

    Args:
        category: an entry of ``categories`` with ``keypoints`` (names) and ``skeleton`` (pairs, counted from 1); a
            skeleton that is none is left out. COCO's seventeen are known in other spellings and another order. It may
            have ``flip_pairs``, pairs of names.
        flip_pairs: pairs of names that a mirror exchanges; None takes the category's, else derives them from the words
            for sides in the names.
        sigmas: OKS standard deviation of each keypoint; None takes COCO's for COCO's names, else 0.05.
        upper_body: names of the upper body's keypoints; None takes COCO's for COCO's names, else none.

    Raises:
        DataError: the category names no keypoints, or names one twice.
        ConfigError: ``flip_pairs``, ``sigmas`` or ``upper_body`` do not fit the names.
    """
    names = tuple(category.get("keypoints") or ())
    if not names or len(set(names)) != len(names):
        raise DataError(f"category {category.get('name')!r}: keypoints must be distinct names, got {list(names)}")
    if sigmas is not None and len(sigmas) != len(names):
        raise ConfigError(f"dataset.sigmas: got {len(sigmas)} values, must be one for each of {len(names)} keypoints")
    coco = _coco_indices(names)
    default_sigmas = tuple(_COCO_SIGMAS[index] for index in coco) if coco else (_UNKNOWN_SIGMA,) * len(names)
    default_upper = tuple(sorted(coco.index(index) for index in range(_UPPER_BODY))) if coco else ()
    skeleton, _ = read_skeleton(category.get("skeleton"), names)
    own_pairs = _own_pairs(category.get("flip_pairs"))
    return KeypointSchema(
        names=names,
        skeleton=skeleton or _person_skeleton(names),
        flip_permutation=_flip_permutation(names, own_pairs if flip_pairs is None else flip_pairs),
        sigmas=default_sigmas if sigmas is None else tuple(sigmas),
        upper_body=default_upper
        if upper_body is None
        else tuple(_index(name, names, "dataset.upper_body") for name in upper_body),
        category_id=int(category.get("id", 1)),
        own_pairs=own_pairs,
    )


def _own_pairs(value: Sequence[Sequence[str]] | None) -> tuple[tuple[str, str], ...] | None:
    return None if value is None else tuple((left, right) for left, right in value)


def _coco_indices(names: Sequence[str]) -> list[int]:
    """Return COCO's index of each keypoint where the names are COCO's seventeen; else nothing."""
    found = [_COCO_INDEX.get(meaning(name), -1) for name in names]
    return found if sorted(found) == list(range(len(_COCO_NAMES))) else []


def _person_skeleton(names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Return those of COCO's limbs whose ends are named: the skeleton of a person for whom none is given."""
    index = {meaning(name): position for position, name in enumerate(names)}
    ends = [(meaning(_COCO_NAMES[a]), meaning(_COCO_NAMES[b])) for a, b in _COCO_SKELETON]
    return tuple((index[a], index[b]) for a, b in ends if a in index and b in index)


def _flip_permutation(names: tuple[str, ...], flip_pairs: Sequence[Sequence[str]] | None) -> tuple[int, ...]:
    permutation = list(range(len(names)))
    for pair in mirror_pairs(names) if flip_pairs is None else flip_pairs:
        if len(pair) != 2:
            raise ConfigError(f"dataset.flip_pairs: got {list(pair)}, each entry must be two keypoint names")
        left, right = (_index(name, names, "dataset.flip_pairs") for name in pair)
        if permutation[left] != left or permutation[right] != right or left == right:
            raise ConfigError(f"dataset.flip_pairs: got {list(pair)}, each keypoint may stand in one pair only")
        permutation[left], permutation[right] = right, left
    return tuple(permutation)


def _index(name: str, names: tuple[str, ...], key: str) -> int:
    if name not in names:
        raise ConfigError(f"{key}: got {name!r}, which is no keypoint; allowed: {', '.join(names)}")
    return names.index(name)


COCO_PERSON = schema_from_category(
    {"name": "person", "keypoints": _COCO_NAMES, "skeleton": [(a + 1, b + 1) for a, b in _COCO_SKELETON]}
)
