"""The keypoints of a dataset: names, mirror pairs, skeleton and OKS standard deviations."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evopose2d.errors import ConfigError, DataError

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
_SIDES = (("left", "right"), ("Left", "Right"), ("LEFT", "RIGHT"), ("l", "r"), ("L", "R"))
_MIRROR_WORDS = {word: other for left, right in _SIDES for word, other in ((left, right), (right, left))}
# What parts words: signs, and changes of case as in leftEye and LEye.
_BETWEEN_WORDS = re.compile(r"([_\- .]|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]))")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeypointSchema:
    """What a dataset says of its keypoints; indices count from 0.

    Attributes:
        names: name of each of the K keypoints.
        skeleton: pairs of keypoint indices that a limb joins.
        flip_permutation: for each keypoint, the index of the one it becomes in a mirror; itself if unpaired.
        sigmas: OKS standard deviation of each keypoint, relative to the square root of the person's area.
        upper_body: indices of the upper body's keypoints; empty where half-body crops are not defined.
    """

    names: tuple[str, ...]
    skeleton: tuple[tuple[int, int], ...]
    flip_permutation: tuple[int, ...]
    sigmas: tuple[float, ...]
    upper_body: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of keypoints, K."""
        return len(self.names)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "KeypointSchema":
        """Rebuild a schema from what ``dataclasses.asdict`` and JSON made of it."""
        return cls(
            names=tuple(value["names"]),
            skeleton=tuple((int(a), int(b)) for a, b in value["skeleton"]),
            flip_permutation=tuple(value["flip_permutation"]),
            sigmas=tuple(value["sigmas"]),
            upper_body=tuple(value["upper_body"]),
        )


def schema_from_category(
    category: Mapping[str, Any],
    flip_pairs: Sequence[Sequence[str]] | None = None,
    sigmas: Sequence[float] | None = None,
    upper_body: Sequence[str] | None = None,
) -> KeypointSchema:
    """Build the schema of a category of a COCO annotation file.

    Args:
        category: an entry of ``categories`` with ``keypoints`` (names) and ``skeleton`` (pairs, counted from 1).
        flip_pairs: pairs of names that a mirror exchanges; None derives them from ``left``/``right`` in the names.
        sigmas: OKS standard deviation of each keypoint; None takes COCO's for COCO's names, else 0.05.
        upper_body: names of the upper body's keypoints; None takes COCO's for COCO's names, else none.

    Raises:
        DataError: the category names no keypoints, names one twice, or its skeleton names one that is not there.
        ConfigError: ``flip_pairs``, ``sigmas`` or ``upper_body`` do not fit the names.
    """
    names = tuple(category.get("keypoints") or ())
    if not names or len(set(names)) != len(names):
        raise DataError(f"category {category.get('name')!r}: keypoints must be distinct names, got {list(names)}")
    skeleton = tuple((int(a) - 1, int(b) - 1) for a, b in category.get("skeleton") or ())
    if any(not 0 <= index < len(names) for limb in skeleton for index in limb):
        raise DataError(
            f"category {category.get('name')!r}: skeleton must join keypoints 1 to {len(names)}, "
            f"got {category['skeleton']}"
        )
    if sigmas is not None and len(sigmas) != len(names):
        raise ConfigError(f"dataset.sigmas: got {len(sigmas)} values, must be one for each of {len(names)} keypoints")
    is_coco = names == _COCO_NAMES
    default_sigmas = _COCO_SIGMAS if is_coco else (_UNKNOWN_SIGMA,) * len(names)
    default_upper = _COCO_NAMES[:11] if is_coco else ()
    return KeypointSchema(
        names=names,
        skeleton=skeleton,
        flip_permutation=_flip_permutation(names, flip_pairs),
        sigmas=default_sigmas if sigmas is None else tuple(sigmas),
        upper_body=tuple(
            _index(name, names, "dataset.upper_body") for name in (default_upper if upper_body is None else upper_body)
        ),
    )


def _flip_permutation(names: tuple[str, ...], flip_pairs: Sequence[Sequence[str]] | None) -> tuple[int, ...]:
    permutation = list(range(len(names)))
    for pair in _derived_pairs(names) if flip_pairs is None else flip_pairs:
        if len(pair) != 2:
            raise ConfigError(f"dataset.flip_pairs: got {list(pair)}, each entry must be two keypoint names")
        left, right = (_index(name, names, "dataset.flip_pairs") for name in pair)
        if permutation[left] != left or permutation[right] != right or left == right:
            raise ConfigError(f"dataset.flip_pairs: got {list(pair)}, each keypoint may stand in one pair only")
        permutation[left], permutation[right] = right, left
    return tuple(permutation)


def _derived_pairs(names: tuple[str, ...]) -> list[tuple[str, str]]:
    mirrored = {name: _mirrored_name(name, names) for name in names}
    pairs = [(name, other) for name, other in mirrored.items() if other in mirrored and name < other]
    if not pairs and len(names) > 1:
        logger.warning(
            "no mirror pairs are known from the keypoints' names (%s): a mirrored person's keypoints keep theirs; "
            "dataset.flip_pairs names pairs",
            ", ".join(names),
        )
    return pairs


def _mirrored_name(name: str, names: tuple[str, ...]) -> str:
    by_words = "".join(_MIRROR_WORDS.get(word, word) for word in _BETWEEN_WORDS.split(name))
    if by_words != name and by_words in names:
        return by_words
    return re.sub("left|right|Left|Right|LEFT|RIGHT", lambda found: _MIRROR_WORDS[found[0]], name)  # as in lefteye


def _index(name: str, names: tuple[str, ...], key: str) -> int:
    if name not in names:
        raise ConfigError(f"{key}: got {name!r}, which is no keypoint; allowed: {', '.join(names)}")
    return names.index(name)


COCO_PERSON = schema_from_category(
    {"name": "person", "keypoints": _COCO_NAMES, "skeleton": [(a + 1, b + 1) for a, b in _COCO_SKELETON]}
)
