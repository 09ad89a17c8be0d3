"""Regret of samplers over the trainings that they had, drawn without pyplot."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from evopose2d.visualization.style import INK, MUTED, SERIES, dress, new_figure

_DASHES = ("-", "--")
_DASHES_IN_INK = (":", "-.")


def regret_curves(regrets: Mapping[str, NDArray[np.float64]], panels: Mapping[str, Sequence[str]]) -> Figure:
    """Draw the median regret of each sampler, with its quartiles.

    Args:
        regrets: (seeds, evaluations) by the sampler's name.
        panels: names to be drawn in each panel, by its title; one that is in several is drawn in ink in all of them.
    """
    figure = new_figure(5.2 * len(panels), 4.2)
    row = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (title, names) in zip(row, panels.items(), strict=True):
        series, inked = 0, 0
        for name in names:
            common = sum(name in others for others in panels.values()) > 1
            color = INK if common else SERIES[series % len(SERIES)]
            dashes = _DASHES_IN_INK[inked % 2] if common else _DASHES[series // len(SERIES) % len(_DASHES)]
            series, inked = series + (not common), inked + common
            _draw(axes, name, regrets[name], color, dashes)
        dress(axes, x_label="trainings", y_label="regret", title=title)
        axes.set_xscale("log")
        axes.legend(frameon=False, fontsize=8, labelcolor=MUTED, loc="lower left")
    return figure


def _draw(axes: Axes, name: str, regrets: NDArray[np.float64], color: str, dashes: str) -> None:
    lower, median, upper = np.quantile(regrets, (0.25, 0.5, 0.75), axis=0)
    evaluations = np.arange(1, regrets.shape[1] + 1)
    axes.fill_between(evaluations, lower, upper, color=color, alpha=0.08, linewidth=0)
    axes.plot(evaluations, median, color=color, linestyle=dashes, linewidth=1.8, label=name)
