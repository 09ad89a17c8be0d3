"""The Pareto front of a search of several objectives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evopose2d.visualization.style import BLUE, INK, MUTED, VERMILION, dress, new_figure

_MOST_NAMED = 30  # members of the front, beyond which names would cover each other


@dataclass(frozen=True)
class Axis:
    """How an objective is drawn.

    Attributes:
        label: what it is, with its unit.
        unit: of the label, in the objective's own.
        more_is_better: whether it is maximised.
    """

    label: str
    unit: float
    more_is_better: bool


@dataclass(frozen=True)
class FrontDot:
    """An individual as it is drawn.

    Attributes:
        number: position in the search, from 0.
        generation: from 0.
        values: of the objectives.
        in_front: whether none beats it in all of them.
    """

    number: int
    generation: int
    values: tuple[float, ...]
    in_front: bool


def pareto_front(dots: Sequence[FrontDot], axes: Sequence[Axis]) -> Figure:
    """Draw the first objective over each of the others, with the members of the front named by their numbers.

    Of two objectives the front is a line. Of more, it cannot be seen in any two of them: its members are marked.

    Args:
        dots: complete individuals.
        axes: the objectives, at least two.
    """
    panels = len(axes) - 1
    figure = new_figure(max(7.0, 5.0 * panels), 4.6)
    drawn = figure.subplots(1, panels, sharey=True, squeeze=False)[0]
    for index, panel in enumerate(drawn, start=1):
        title = "Pareto front" if index == 1 else None
        dress(panel, x_label=_told(axes[index]), y_label=_told(axes[0]) if index == 1 else "", title=title)
        if dots:
            _draw(panel, dots, axes, index)
        else:
            at = panel.transAxes
            panel.text(0.5, 0.5, "nobody is finished yet", ha="center", va="center", color=MUTED, transform=at)
    if dots:
        drawn[-1].legend(
            frameon=False, fontsize=9, labelcolor=INK, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2
        )
    return figure


def _draw(panel: Axes, dots: Sequence[FrontDot], axes: Sequence[Axis], index: int) -> None:
    x = np.array([dot.values[index] for dot in dots]) / axes[index].unit
    y = np.array([dot.values[0] for dot in dots]) / axes[0].unit
    member = np.array([dot.in_front for dot in dots])
    panel.scatter(x[~member], y[~member], s=24, color=BLUE, alpha=0.5, linewidth=0, label="individual", zorder=3)
    panel.scatter(x[member], y[member], s=44, color=VERMILION, label="Pareto front", zorder=5)
    panel.margins(0.1)
    order = np.flatnonzero(member)[np.argsort(x[member], kind="stable")]
    if len(axes) == 2:
        # What a member reaches is reached by whatever costs more, up to the next member.
        where: Literal["pre", "post"] = "pre" if axes[1].more_is_better else "post"
        panel.step(x[order], y[order], where=where, color=VERMILION, linewidth=1.4, zorder=4)
    _name(panel, [dots[place] for place in order], x[order], y[order], (axes[index], axes[0]))


def _name(panel: Axes, members: Sequence[FrontDot], x: np.ndarray, y: np.ndarray, axes: tuple[Axis, Axis]) -> None:
    """Write the members' numbers on the side on which nobody is better."""
    right, up = (axis.more_is_better for axis in axes)
    for dot, at in zip(members if len(members) <= _MOST_NAMED else [], zip(x, y, strict=True), strict=False):
        panel.annotate(
            str(dot.number),
            at,
            xytext=(6 if right else -6, 4 if up else -4),
            textcoords="offset points",
            ha="left" if right else "right",
            va="bottom" if up else "top",
            fontsize=9,
            color=INK,
            zorder=6,
        )


def _told(axis: Axis) -> str:
    return f"{axis.label}: {'more' if axis.more_is_better else 'less'} is better"
