"""Curves of training and evaluation, drawn without pyplot."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from evopose2d.visualization.style import BLUE, GREEN, INK, MUTED, SERIES, VERMILION, dress, new_figure


def training_curves(history: Mapping[str, Sequence[float]]) -> Figure:
    """Draw loss and learning rate by epoch, and mark the epoch of the lowest validation loss.

    Args:
        history: by epoch, from epoch 1 on: ``loss``, and, where known, ``val_loss`` and ``learning_rate``.
    """
    figure = new_figure(9.0, 3.4)
    loss_axes, rate_axes = figure.subplots(1, 2, width_ratios=(1.7, 1.0))
    _line(loss_axes, history["loss"], BLUE, "training")
    if history.get("val_loss"):
        _line(loss_axes, history["val_loss"], VERMILION, "validation")
        _mark_lowest(loss_axes, history["val_loss"])
    _by_epoch(loss_axes, "loss", "Loss")
    loss_axes.legend(frameon=False, fontsize=9, labelcolor=INK)
    rates = np.asarray(history.get("learning_rate", ()), float)
    exponent = math.floor(math.log10(rates.max())) if rates.size and rates.max() > 0 else 0
    _line(rate_axes, rates / 10.0**exponent, GREEN, "learning rate")
    _by_epoch(rate_axes, rf"learning rate  ($\times 10^{{{exponent}}}$)", "Learning rate")
    rate_axes.set_ylim(bottom=0.0)
    return figure


def oks_threshold_curve(thresholds: ArrayLike, ap_by_threshold: ArrayLike) -> Figure:
    """Draw AP at each OKS threshold, and their mean, which is COCO's AP.

    Args:
        thresholds: (T,) OKS thresholds.
        ap_by_threshold: (T,) AP from 0 to 1.
    """
    thresholds, values = np.asarray(thresholds, float), np.asarray(ap_by_threshold, float)
    figure = new_figure(5.6, 3.6)
    axes = figure.subplots()
    mean = float(values.mean())
    axes.axhline(mean, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
    axes.fill_between(thresholds, values, color=BLUE, alpha=0.10, linewidth=0)
    axes.plot(thresholds, values, color=BLUE, linewidth=2, marker="o", markersize=5, clip_on=False)
    axes.annotate(
        f"mean {mean:.3f}",
        (thresholds[0], mean),
        xytext=(4, 4),
        textcoords="offset points",
        fontsize=9,
        color=MUTED,
    )
    dress(axes, x_label="OKS threshold", y_label="AP", title="AP by OKS threshold")
    axes.set_xticks(thresholds)
    axes.set_ylim(0.0, 1.02)
    return figure


def precision_recall_curves(recall: ArrayLike, precision: Mapping[str, ArrayLike]) -> Figure:
    """Draw precision over recall.

    Args:
        recall: (R,) recall levels from 0 to 1.
        precision: (R,) precisions for each label, such as ``OKS 0.50``.
    """
    figure = new_figure(6.4, 3.9)
    axes = figure.subplots()
    for (label, values), colour in zip(precision.items(), SERIES, strict=False):
        area = float(np.mean(np.asarray(values, float)))
        axes.step(recall, values, where="post", color=colour, linewidth=2, label=f"{label}\nAP {area:.3f}")
    dress(axes, x_label="recall", y_label="precision", title="Precision by recall")
    axes.set(xlim=(0.0, 1.0), ylim=(0.0, 1.02), aspect="equal")
    axes.legend(
        frameon=False,
        fontsize=9,
        labelcolor=INK,
        labelspacing=1.2,
        loc="center left",
        bbox_to_anchor=(1.02, 0.5),
    )
    return figure


def _line(axes: Axes, values: Sequence[float] | NDArray[np.floating], colour: str, label: str) -> None:
    # A short training's points are worth seeing one by one.
    marker = "o" if len(values) <= 30 else None
    epochs = np.arange(1, len(values) + 1)
    axes.plot(epochs, values, color=colour, linewidth=2, marker=marker, markersize=4, label=label)


def _mark_lowest(axes: Axes, values: Sequence[float]) -> None:
    if not np.isfinite(values).any():
        return
    lowest = int(np.nanargmin(values))
    ring = Line2D([lowest + 1], [values[lowest]], color=VERMILION, marker="o", markersize=10, fillstyle="none")
    axes.add_line(ring)
    axes.annotate(
        f"{values[lowest]:.4g}",
        (lowest + 1, values[lowest]),
        xytext=(0, 10),
        textcoords="offset points",
        ha="center",
        fontsize=9,
        color=VERMILION,
    )


def _by_epoch(axes: Axes, y_label: str, title: str) -> None:
    dress(axes, x_label="epoch", y_label=y_label, title=title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
