"""Sampling of what a person looks like: skin, hair, clothes and their colours."""

import colorsys
from dataclasses import dataclass
from enum import Enum

from numpy.random import Generator

from evopose2d.data.synthetic.canvas import Color

_SKINS: tuple[Color, ...] = (
    (246, 212, 188), (236, 196, 168), (226, 180, 146), (210, 160, 122), (188, 136, 98), (158, 110, 76),
    (122, 82, 56), (92, 62, 44),
)  # fmt: skip
_HAIRS: tuple[Color, ...] = (
    (28, 22, 20), (44, 32, 26), (70, 46, 30), (104, 70, 42), (150, 108, 62), (204, 166, 104), (142, 62, 34),
    (168, 164, 160), (222, 220, 214),
)  # fmt: skip
_HAIR_SHARES = (0.24, 0.2, 0.17, 0.12, 0.08, 0.07, 0.04, 0.05, 0.03)
_TROUSERS: tuple[Color, ...] = (
    (44, 62, 104), (64, 86, 130), (34, 36, 44), (70, 70, 76), (120, 104, 80), (168, 148, 116), (62, 72, 56),
    (112, 46, 46), (206, 202, 194),
)  # fmt: skip
_SHOES: tuple[Color, ...] = (
    (34, 32, 34), (72, 48, 34), (226, 226, 224), (176, 40, 44), (50, 80, 150), (120, 120, 124)
)  # fmt: skip


class Hair(Enum):
    """How the hair is worn."""

    SHORT = "short"
    LONG = "long"
    TAIL = "tail"
    BUN = "bun"
    BALD = "bald"
    CAP = "cap"


class Bottom(Enum):
    """What covers the legs."""

    TROUSERS = "trousers"
    SHORTS = "shorts"
    SKIRT = "skirt"
    DRESS = "dress"


class Top(Enum):
    """The pattern of what covers the chest."""

    PLAIN = "plain"
    STRIPES = "stripes"
    BLOCKS = "blocks"
    CHECKS = "checks"
    JACKET = "jacket"


@dataclass(frozen=True)
class Look:
    """What a person looks like; all colours are red, green, blue in 0..255.

    Attributes:
        sleeve: share of the arm that is covered, 0 (none) to 2 (down to the wrist), 1 at the elbow.
        leg: share of the leg that is covered, 0 to 2 (down to the ankle), 1 at the knee.
        looseness: thickness of the cloth in body heights.
        backpack: colour of a backpack, if there is one.
        tucked: whether the waist shows where the top ends.
    """

    skin: Color
    hair: Hair
    hair_color: Color
    cap_color: Color
    beard: bool
    top: Top
    top_color: Color
    top_second: Color
    sleeve: float
    bottom: Bottom
    bottom_color: Color
    leg: float
    shoe_color: Color
    looseness: float
    backpack: Color | None
    tucked: bool

    @property
    def sleeve_color(self) -> Color:
        """Colour of the sleeves: they stand out from the chest a little, darker or (on dark cloth) lighter."""
        red, green, blue = self.top_second if self.top is Top.BLOCKS else self.top_color
        factor, lift = (0.84, 0.0) if red + green + blue > 270 else (1.1, 22.0)
        return (red * factor + lift, green * factor + lift, blue * factor + lift)

    @property
    def wears_skirt(self) -> bool:
        """Whether the legs are covered by one cloth."""
        return self.bottom in (Bottom.SKIRT, Bottom.DRESS)


def sample_look(rng: Generator) -> Look:
    """Draw skin, hair and clothes."""
    hair = tuple(Hair)[rng.choice(6, p=(0.44, 0.2, 0.1, 0.06, 0.07, 0.13))]
    bottom = tuple(Bottom)[rng.choice(4, p=(0.56, 0.24, 0.1, 0.1))]
    top = tuple(Top)[rng.choice(5, p=(0.54, 0.14, 0.12, 0.05, 0.15))]
    top_color = vivid_color(rng)
    sleeve = (0.0, 0.55, 1.0, 1.93)[rng.choice(4, p=(0.12, 0.42, 0.06, 0.4))]
    return Look(
        skin=sample_skin(rng),
        hair=hair,
        hair_color=_varied(rng, _HAIRS[rng.choice(len(_HAIRS), p=_HAIR_SHARES)], 8),
        cap_color=vivid_color(rng),
        beard=bool(hair in (Hair.SHORT, Hair.BALD, Hair.CAP) and rng.random() < 0.2),
        top=top,
        top_color=top_color,
        top_second=_second_color(rng, top_color),
        sleeve=sleeve + (rng.uniform(-0.12, 0.12) if 0 < sleeve < 1.5 else 0.0),
        bottom=bottom,
        bottom_color=_bottom_color(rng, bottom, top_color),
        leg=_leg_cover(rng, bottom),
        shoe_color=_varied(rng, _SHOES[rng.integers(len(_SHOES))], 8),
        looseness=rng.uniform(0.002, 0.013),
        backpack=vivid_color(rng) if rng.random() < 0.1 else None,
        tucked=bool(rng.random() < 0.4),
    )


def sample_skin(rng: Generator) -> Color:
    """Draw a colour of skin."""
    return _varied(rng, _SKINS[rng.integers(len(_SKINS))], 6)


def vivid_color(rng: Generator) -> Color:
    """Draw a colour of cloth: any hue, often strong, sometimes grey, black or white."""
    saturation = rng.uniform(0.0, 0.12) if rng.random() < 0.25 else rng.uniform(0.3, 0.9)
    value = rng.uniform(0.2, 0.98)
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), saturation, value)
    return (255 * red, 255 * green, 255 * blue)


def muted_color(rng: Generator) -> Color:
    """Draw a colour of walls and furniture: greyer than cloth."""
    color = vivid_color(rng)
    grey, share, lift = sum(color) / 3, rng.uniform(0.25, 0.8), rng.uniform(15.0, 55.0)
    red, green, blue = (0.8 * (value + share * (grey - value)) + lift for value in color)
    return (red, green, blue)


def darker(color: Color, factor: float) -> Color:
    """Return a colour times ``factor``."""
    return (color[0] * factor, color[1] * factor, color[2] * factor)


def _varied(rng: Generator, color: Color, deviation: float) -> Color:
    gain, offsets = rng.normal(1.0, 0.05), rng.normal(0.0, deviation / 2, 3)
    shifted = (value * gain + offset for value, offset in zip(color, offsets.tolist(), strict=True))
    red, green, blue = (min(max(value, 8.0), 252.0) for value in shifted)
    return (red, green, blue)


def _second_color(rng: Generator, first: Color) -> Color:
    second = vivid_color(rng)
    if abs(sum(second) - sum(first)) < 150:
        return (238.0, 236.0, 232.0) if sum(first) < 400 else (40.0, 42.0, 50.0)
    return second


def _bottom_color(rng: Generator, bottom: Bottom, top_color: Color) -> Color:
    if bottom is Bottom.DRESS:
        return top_color
    usual = bottom is Bottom.TROUSERS or rng.random() < 0.5
    return _varied(rng, _TROUSERS[rng.integers(len(_TROUSERS))], 12) if usual else vivid_color(rng)


def _leg_cover(rng: Generator, bottom: Bottom) -> float:
    limits = {
        Bottom.TROUSERS: (1.9, 1.97),
        Bottom.SHORTS: (0.45, 0.95),
        Bottom.SKIRT: (0.4, 1.05),
        Bottom.DRESS: (0.5, 1.3),
    }[bottom]
    return float(rng.uniform(*limits))
