"""What the names of keypoints mean: their words, and which of them a mirror exchanges."""

import re
from collections.abc import Iterator, Sequence

_SIDES = (("left", "right"), ("lft", "rgt"), ("lt", "rt"), ("l", "r"))
_OTHER_SIDE = {word: other for left, right in _SIDES for word, other in ((left, right), (right, left))}
_LEFT = frozenset(left for left, _ in _SIDES)
# Words end at signs, at changes of case as in leftEye and LEye, and between letters and digits.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_A-Za-z]+")
_SIDE_WITHIN = re.compile("left|right", re.IGNORECASE)
_SIDE_AT_END = re.compile(r"^[lr](?=.)|(?<=[a-z])[lr](?=[0-9]*$)", re.IGNORECASE)


def meaning(name: str) -> tuple[str, str]:
    """Return what a name means in any spelling.

    Returns:
        The side, ``left``, ``right`` or empty, and the other words in lower case: ``Left Eye``, ``eye_l`` and
        ``lefteye`` all give ``("left", "eye")``.
    """
    words = [word.lower() for word in _WORD.findall(name)]
    sides = [word for word in words if word in _OTHER_SIDE]
    if len(sides) == 1:
        words.remove(sides[0])
        return "left" if sides[0] in _LEFT else "right", "".join(words)
    joined = "".join(words)
    within = _SIDE_WITHIN.findall(joined)
    if len(within) == 1 and not sides:
        return within[0], joined.replace(within[0], "")
    return "", joined


def mirror_pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs of names that a mirror exchanges, found by the words for sides in them.

    Names of one meaning and opposite sides are a pair. A single letter within a lower-case word, as in ``lhip`` and
    ``hipl``, is taken for a side only where its counterpart is there too.
    """
    by_meaning: dict[tuple[str, str], list[str]] = {}
    for name in names:
        by_meaning.setdefault(meaning(name), []).append(name)
    pairs = []
    for (side, words), found in by_meaning.items():
        others = by_meaning.get(("right", words), []) if side == "left" else []
        if len(found) == len(others) == 1:
            pairs.append((found[0], others[0]))
    paired = {name for pair in pairs for name in pair}
    rest = {name for name in names if name not in paired}
    for name in names:
        mirrored = next((other for other in _by_letter(name) if other in rest and other != name), None)
        if name in rest and mirrored is not None:
            pairs.append((name, mirrored))
            rest -= {name, mirrored}
    return pairs


def unpaired(names: Sequence[str], permutation: Sequence[int]) -> tuple[list[str], list[str]]:
    """Return the names of keypoints that a mirror leaves as they are: those that name a side, and the others.

    Args:
        names: of the K keypoints.
        permutation: for each keypoint the index of the one that it becomes in a mirror.
    """
    alone = [name for index, name in enumerate(names) if permutation[index] == index]
    sided = [name for name in alone if meaning(name)[0]]
    return sided, [name for name in alone if name not in sided]


def _by_letter(name: str) -> Iterator[str]:
    """Yield what a name becomes if one letter at an end of it, or before its number, is a side."""
    for found in _SIDE_AT_END.finditer(name):
        letter = found[0]
        other = _OTHER_SIDE[letter.lower()]
        yield name[: found.start()] + (other.upper() if letter.isupper() else other) + name[found.end() :]
