"""A grid of people with their predicted and true poses, to see at a glance what a network does."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from evopose2d.keypoints import KeypointSchema
from evopose2d.visualization.poses import PREDICTED, TRUE, Colour, draw_prediction, draw_truth
from evopose2d.visualization.style import INK, MUTED, new_figure

# Inches, pixels, inches.
_CELL_HEIGHT = 2.2
_PIXELS = 384
_LEGEND_ENTRY = 1.25
# A crop is a quarter larger than its person.
_CROP_MARGIN = 1.25


@dataclass(frozen=True)
class PersonPicture:
    """A person's crop with what is known of the pose.

    Attributes:
        crop: (H, W, 3) uint8 RGB.
        predicted: (K, 3) x, y in crop pixels and score 0..1.
        truth: (K, 3) x, y in crop pixels and visibility 0/1/2; ``None`` where there are no annotations.
        label: written on the cell, such as ``OKS 0.83``.
    """

    crop: NDArray[np.uint8]
    predicted: NDArray[np.floating]
    truth: NDArray[np.floating] | None
    label: str


def oks_label(oks: float, score: float) -> str:
    """Return a cell's label: the OKS where there is one (not NaN), else the predicted score."""
    return f"score {score:.2f}" if math.isnan(oks) else f"OKS {oks:.2f}"


def pose_grid(
    people: Sequence[PersonPicture],
    schema: KeypointSchema,
    *,
    columns: int | None = None,
    threshold: float = 0.2,
    title: str | None = None,
) -> Figure:
    """Draw people in a grid, each enlarged to the same size, with a legend below.

    Args:
        people: at least one; all crops of one shape.
        schema: the keypoints' meaning.
        columns: cells in a row; ``None``: as nearly square as the number of people allows.
        threshold: predicted keypoints with a score below it are left out.
        title: written above.

    Raises:
        ValueError: there is nobody to draw.
    """
    if not people:
        raise ValueError("people: got none, must be at least one")
    columns = columns or math.ceil(math.sqrt(len(people)))
    rows = math.ceil(len(people) / columns)
    height, width = people[0].crop.shape[:2]
    extra = 0.35 if title is None else 0.62
    figure = new_figure(columns * _CELL_HEIGHT * width / height, rows * _CELL_HEIGHT + extra, pad=0.015)
    for axes in (grid := figure.subplots(rows, columns, squeeze=False).ravel()):
        axes.set_axis_off()
    for axes, person in zip(grid, people, strict=False):
        _show(axes, person, schema, threshold)
    if title is not None:
        figure.suptitle(title, fontsize=12, fontweight="bold", color=INK)
    _legend(figure, with_truth=any(person.truth is not None for person in people))
    return figure


def draw_person(person: PersonPicture, schema: KeypointSchema, threshold: float = 0.2) -> NDArray[np.uint8]:
    """Return a person's crop, enlarged, with the true pose as a white band and the predicted one over it.

    Poses are drawn after enlarging, so that their lines are smooth.
    """
    scale = _PIXELS / person.crop.shape[0]
    image = cv2.resize(person.crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    size = _PIXELS / _CROP_MARGIN
    if person.truth is not None:
        image = draw_truth(image, _enlarged(person.truth, scale), schema, size=size)
    return draw_prediction(image, _enlarged(person.predicted, scale), schema, size=size, threshold=threshold)


def _enlarged(keypoints: NDArray[np.floating], scale: float) -> NDArray[np.float64]:
    # Pixel centres lie at whole numbers, in the crop and in the enlarged crop.
    positions = (np.asarray(keypoints[:, :2], np.float64) + 0.5) * scale - 0.5
    return np.column_stack([positions, keypoints[:, 2]])


def _show(axes: Axes, person: PersonPicture, schema: KeypointSchema, threshold: float) -> None:
    axes.imshow(draw_person(person, schema, threshold), interpolation="antialiased")
    axes.text(
        0.03,
        0.975,
        person.label,
        transform=axes.transAxes,
        va="top",
        fontsize=8,
        fontweight="bold",
        color="white",
        path_effects=[withStroke(linewidth=2.2, foreground="#000000B0")],
    )


def _legend(figure: Figure, *, with_truth: bool) -> None:
    entries = {"left": PREDICTED.left, "right": PREDICTED.right, "centre": PREDICTED.centre}
    handles = [_line(f"predicted, {name}", colour, 3.0) for name, colour in entries.items()]
    if with_truth:
        handles.append(_line("true", TRUE.left, 4.5))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=max(1, min(len(handles), int(figure.get_figwidth() / _LEGEND_ENTRY))),
        frameon=False,
        fontsize=8,
        handlelength=1.6,
        labelcolor=MUTED,
    )


def _line(label: str, colour: Colour, width: float) -> Line2D:
    rim = withStroke(linewidth=width + 1.0, foreground="#222222")
    shade = tuple(part / 255 for part in colour)
    line = Line2D([], [], color=shade, linewidth=width, label=label, path_effects=[rim])
    line.set_solid_capstyle("round")
    return line
