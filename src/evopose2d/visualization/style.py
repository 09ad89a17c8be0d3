"""One look for all figures: colours that colour-blind people tell apart, quiet axes, whole files."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from evopose2d.files import replacing

# Okabe and Ito, "Color Universal Design" (2008).
BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
SKY = "#56B4E9"
SERIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
INK = "#222222"
MUTED = "#6B6B6B"
_GRID = "#E4E4E4"
_DPI = 150


def new_figure(width: float, height: float, *, pad: float = 0.04) -> Figure:
    """Return an empty figure with its own canvas, so that no global state of pyplot is touched.

    Args:
        width: in inches.
        height: in inches.
        pad: around axes, in inches.
    """
    layout = ConstrainedLayoutEngine(w_pad=pad, h_pad=pad, wspace=0.0, hspace=0.0)
    figure = Figure(figsize=(width, height), dpi=_DPI, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def dress(axes: Axes, *, x_label: str, y_label: str, title: str | None = None) -> None:
    """Label axes and give them the common look: a light grid, no box, no tick marks."""
    axes.set_xlabel(x_label, color=INK)
    axes.set_ylabel(y_label, color=INK)
    if title is not None:
        axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(MUTED)
    axes.grid(color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, colors=MUTED, labelsize=9)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure in the format of the path's suffix (png, svg, pdf), whole or not at all."""
    with replacing(path) as temporary:
        # Without matplotlib's version, so that equal figures give equal bytes.
        figure.savefig(temporary, metadata={"Software": None} if path.suffix == ".png" else None)
