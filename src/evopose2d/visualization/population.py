"""Drawings of a search's population: fitness by generation, loss against size, the family tree."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from evopose2d.visualization.style import BLUE, INK, MUTED, ORANGE, VERMILION, dress, new_figure

_COLOURS = "viridis_r"
_FEW = 40  # individuals that can be labelled one by one
_MANY = 200  # individuals whose lines of descent would cover the paper
_LIGHT = 0.6  # part of the colour map above which white cannot be read
_SPREAD = 0.32  # half the width over which a generation's dots are spread at most
_STEP = 0.06  # between two dots of a generation, where there are few
_LABEL_ROOM = (0.04, 0.035)  # width and height that a label takes, of the axes
_ROOM_FOR_WANTED = 1.5
_ROOM_ABOVE = 0.35  # of the inner range, beyond which a value counts as far off


@dataclass(frozen=True)
class Dot:
    """An individual as it is drawn.

    Attributes:
        number: position in the search, from 0.
        parent: number of its parent; None at a root.
        generation: from 0.
        place: place within its generation, one apart, the generation centred on 0.
        state: ``complete``, ``failed`` or ``running``.
        control: whether it is an unmutated copy of its parent.
        fitness: lower is fitter; None until complete.
        val_loss: None until complete.
        parameters: of its network; None until complete.
    """

    number: int
    parent: int | None
    generation: int
    place: float
    state: str
    fitness: float | None = None
    val_loss: float | None = None
    parameters: int | None = None
    control: bool = False


def fitness_by_generation(dots: Sequence[Dot]) -> Figure:
    """Draw every individual's fitness, the median of each generation, the best so far, and the controls.

    Args:
        dots: the individuals; those without a fitness are left out.
    """
    everybody = [dot for dot in dots if dot.fitness is not None]
    complete = [dot for dot in everybody if not dot.control]
    figure = new_figure(8.0, 4.2)
    axes = figure.subplots()
    dress(axes, x_label="generation", y_label="fitness (lower is better)", title="Fitness by generation")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if not complete:
        return _empty(figure, axes)
    fitness = np.array([dot.fitness for dot in complete], float)
    limit = _upper_limit(fitness)
    x = _spread(complete)
    near = fitness <= limit
    size = _dot_size(len(complete))
    axes.scatter(x[near], fitness[near], s=size, color=BLUE, alpha=0.55, linewidth=0, label="individual", zorder=3)
    if not near.all():
        axes.scatter(
            x[~near], np.full((~near).sum(), limit), s=size, color=MUTED, marker="^", label="above the axis", zorder=3
        )
    _draw_controls(axes, [dot for dot in everybody if dot.control], limit)
    generations = sorted({dot.generation for dot in complete})
    medians = [np.median([dot.fitness for dot in complete if dot.generation == each]) for each in generations]
    middle = np.minimum(medians, limit)
    axes.plot(generations, middle, color=ORANGE, linewidth=1.6, linestyle=(0, (5, 2)), label="median", zorder=4)
    best = [min(dot.fitness or 0.0 for dot in complete if dot.generation <= each) for each in generations]
    axes.step(generations, best, where="post", color=VERMILION, linewidth=2.2, label="best so far", zorder=5)
    winner = min(complete, key=lambda dot: (dot.fitness, dot.number))
    axes.annotate(
        f"individual {winner.number}: {winner.fitness:.4g}",
        (x[complete.index(winner)], float(winner.fitness or 0)),
        xytext=(0, -14),
        textcoords="offset points",
        ha="center",
        fontsize=9,
        color=VERMILION,
    )
    axes.margins(y=0.12)
    _legend_above(axes)
    return figure


def _draw_controls(axes: Axes, controls: Sequence[Dot], limit: float) -> None:
    """Draw what parents came to, trained on without a mutation: a line to be beaten across their generation."""
    if controls:
        at = np.array([dot.generation for dot in controls])
        half, fitness = _SPREAD + _STEP, [min(limit, dot.fitness or 0.0) for dot in controls]
        axes.hlines(fitness, at - half, at + half, color=INK, linewidth=1.4, label="control", zorder=4)


def loss_against_size(dots: Sequence[Dot], front: Collection[int], best: Collection[int]) -> Figure:
    """Draw val loss over the number of parameters, and those that none beats in both.

    Args:
        dots: the individuals; those that are not complete are left out, and controls, whose size is their parent's.
        front: numbers of the Pareto front.
        best: numbers of those to be marked as best.
    """
    complete = [dot for dot in dots if dot.val_loss is not None and dot.parameters is not None and not dot.control]
    figure = new_figure(8.0, 4.6)
    axes = figure.subplots()
    dress(axes, x_label="parameters (million)", y_label="val loss (lower is better)", title="Loss against size")
    if not complete:
        return _empty(figure, axes)
    members = sorted(
        (dot for dot in complete if dot.number in front), key=lambda dot: (dot.parameters or 0, -(dot.val_loss or 0))
    )
    winners = [dot for dot in complete if dot.number in best]
    front_at, area = _size_and_loss(members), _dot_size(len(complete))
    limit = _upper_limit(_size_and_loss(complete)[1], front_at[1])
    bar = figure.colorbar(_scatter_generations(axes, complete, limit, area), ax=axes, pad=0.01, aspect=30)
    axes.step(*front_at, where="post", color=VERMILION, linewidth=1.8, label="Pareto front", zorder=4)
    axes.scatter(*front_at, s=area * 2.2, facecolor="none", edgecolor=VERMILION, linewidth=1.3, zorder=5)
    star_at = _size_and_loss(winners)
    axes.scatter(*star_at, s=area * 4, marker="*", color=ORANGE, edgecolor=INK, linewidth=0.7, label="best", zorder=6)
    axes.margins(0.08)
    axes.set_ylim(top=limit + 0.08 * (limit - axes.get_ylim()[0]))
    others = complete if len(complete) <= _FEW else []
    _label(axes, [dot for dot in (*winners, *members, *others) if (dot.val_loss or 0) <= limit])
    _legend_above(axes)
    bar.set_label("generation", color=INK)
    bar.locator = MaxNLocator(integer=True)
    bar.outline.set_visible(False)
    bar.update_ticks()
    return figure


def _scatter_generations(axes: Axes, dots: Sequence[Dot], limit: float, area: float) -> PathCollection:
    """Draw dots coloured by generation; those above the limit as triangles at the upper end."""
    size, loss = _size_and_loss(dots)
    generation = np.array([dot.generation for dot in dots])
    near = loss <= limit
    norm = Normalize(0, max(1, generation.max()))
    drawn = axes.scatter(size[near], loss[near], s=area, c=generation[near], cmap=_COLOURS, norm=norm, zorder=3)
    if not near.all():
        top = np.full((~near).sum(), limit)
        axes.scatter(
            size[~near], top, s=area, c=generation[~near], cmap=_COLOURS, norm=norm, marker="^", label="above the axis"
        )
    return drawn


def _size_and_loss(dots: Sequence[Dot]) -> tuple[np.ndarray, np.ndarray]:
    size = np.array([dot.parameters for dot in dots], float) / 1e6
    return size, np.array([dot.val_loss for dot in dots], float)


def lineage_tree(dots: Sequence[Dot], line: Sequence[int]) -> Figure:
    """Draw who descends from whom, a row for each generation, coloured by fitness; controls are squares.

    Args:
        dots: all individuals.
        line: numbers of the best one's ancestors and itself, which are drawn out.
    """
    widest = max((sum(1 for _ in row) for row in _rows(dots).values()), default=1)
    generations = len(_rows(dots))
    figure = new_figure(min(16.0, max(7.0, 0.42 * widest + 1.5)), min(14.0, max(3.0, 0.85 * generations + 1.4)))
    axes = figure.subplots()
    axes.set_title("Lineage", loc="left", fontsize=11, fontweight="bold", color=INK)
    by_number = {dot.number: dot for dot in dots}
    if not dots:
        return _empty(figure, axes)
    _draw_families(axes, by_number, line)
    _draw_members(figure, axes, dots, line, widest)
    axes.set_ylim(generations - 0.6, -0.6)
    axes.set_yticks(sorted(_rows(dots)))
    axes.set_ylabel("generation", color=INK)
    axes.set_xticks([])
    axes.tick_params(length=0, colors=MUTED, labelsize=9)
    for side in ("top", "right", "bottom", "left"):
        axes.spines[side].set_visible(False)
    return figure


def _draw_families(axes: Axes, by_number: dict[int, Dot], line: Sequence[int]) -> None:
    kin: list[list[tuple[float, float]]] = []
    drawn_out: list[list[tuple[float, float]]] = []
    for dot in by_number.values():
        parent = None if dot.parent is None else by_number.get(dot.parent)
        if parent is not None:
            segment = [(parent.place, float(parent.generation)), (dot.place, float(dot.generation))]
            (drawn_out if dot.number in line and parent.number in line else kin).append(segment)
    width = 0.8 if len(by_number) <= _MANY else 0.35
    axes.add_collection(LineCollection(kin, colors="#CFCFCF", linewidths=width, zorder=1))
    axes.add_collection(LineCollection(drawn_out, colors=VERMILION, linewidths=2.2, zorder=2))


def _draw_members(figure: Figure, axes: Axes, dots: Sequence[Dot], line: Sequence[int], widest: int) -> None:
    few = widest <= _FEW
    area = 260.0 if few else 30.0
    complete = [dot for dot in dots if dot.fitness is not None]
    others = [dot for dot in dots if dot.fitness is None]
    fitness = np.array([dot.fitness for dot in complete], float)
    norm = Normalize(fitness.min(), _upper_limit(fitness)) if complete else Normalize()
    drawn = None
    for marker, control in (("s", True), ("o", False)):
        some = [dot for dot in complete if dot.control is control]
        if some:
            drawn = axes.scatter(
                [dot.place for dot in some],
                [dot.generation for dot in some],
                s=area,
                c=[dot.fitness for dot in some],
                cmap="viridis",
                norm=norm,
                marker=marker,
                edgecolor=[VERMILION if dot.number in line else INK if control else "white" for dot in some],
                linewidth=1.5 if few else 0.8,
                zorder=3,
            )
    if drawn is not None:
        bar = figure.colorbar(drawn, ax=axes, label="fitness (lower is better)", pad=0.01, aspect=30)
        bar.outline.set_visible(False)
    for state, marker in (("failed", "x"), ("running", "o")):
        some = [dot for dot in others if dot.state == state]
        at = ([dot.place for dot in some], [dot.generation for dot in some])
        axes.scatter(
            *at, s=area / 3, marker=marker, color=MUTED, facecolor=MUTED if marker == "x" else "white", zorder=3
        )
    for dot in dots if few else [dot for dot in dots if dot.number in line]:
        inside = few and dot.fitness is not None
        light = inside and norm(dot.fitness or 0.0) > _LIGHT
        axes.annotate(
            str(dot.number),
            (dot.place, dot.generation),
            xytext=(0, 0) if inside else (0, 8),
            textcoords="offset points",
            ha="center",
            va="center" if inside else "bottom",
            fontsize=8,
            color="white" if inside and not light else INK,
            zorder=4,
        )


def _rows(dots: Sequence[Dot]) -> dict[int, list[Dot]]:
    rows: dict[int, list[Dot]] = {}
    for dot in dots:
        rows.setdefault(dot.generation, []).append(dot)
    return rows


def _spread(dots: Sequence[Dot]) -> np.ndarray:
    """Place a generation's dots beside each other, in the order of their numbers."""
    rows = _rows(dots)
    x: dict[int, float] = {}
    for generation, row in rows.items():
        spread = min(_SPREAD, _STEP * (len(row) - 1) / 2)
        offsets = np.linspace(-spread, spread, len(row))
        x |= {dot.number: generation + offset for dot, offset in zip(row, offsets, strict=True)}
    return np.array([x[dot.number] for dot in dots])


def _upper_limit(values: np.ndarray, wanted: np.ndarray | None = None) -> float:
    """Return the value above which a few that are far off would squeeze all the others together.

    Args:
        values: what is drawn.
        wanted: what is to be seen if it is not all too far off.
    """
    low, high = values.min(), np.quantile(values, 0.9)
    room = max(high - low, 1e-12)
    limit = high + _ROOM_ABOVE * room
    if wanted is not None:
        limit = max(limit, min(wanted.max(initial=low), high + _ROOM_FOR_WANTED * room))
    return float(min(limit, values.max()))


def _dot_size(count: int) -> float:
    return float(np.clip(1600 / max(count, 1), 12, 60))


def _label(axes: Axes, dots: Sequence[Dot]) -> None:
    """Number dots, the first ones first, as far as there is room."""
    to_axes = axes.transData + axes.transAxes.inverted()
    taken: list[np.ndarray] = []
    for dot in dots:
        at = (float(dot.parameters or 0) / 1e6, float(dot.val_loss or 0))
        place = to_axes.transform(at)
        if all((np.abs(place - other) > _LABEL_ROOM).any() for other in taken):
            taken.append(place)
            axes.annotate(
                str(dot.number), at, xytext=(6, 5), textcoords="offset points", fontsize=8, color=MUTED, zorder=7
            )


def _legend_above(axes: Axes) -> None:
    axes.legend(
        frameon=False,
        fontsize=9,
        labelcolor=INK,
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        borderaxespad=0.2,
        ncols=4,
    )


def _empty(figure: Figure, axes: Axes) -> Figure:
    axes.text(0.5, 0.5, "nobody is finished yet", ha="center", va="center", color=MUTED, transform=axes.transAxes)
    return figure
