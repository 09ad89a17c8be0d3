"""What an individual costs as a search grows, drawn without pyplot."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from evopose2d.visualization.style import BLUE, GREEN, INK, VERMILION, dress, new_figure


def growth_curves(
    individuals: Sequence[int],
    driver_ms: Sequence[float],
    ask_ms: Sequence[float],
    memory_kb: Sequence[float],
) -> Figure:
    """Draw the driver's time and memory for an individual over the size of the population.

    Args:
        individuals: sizes, at each of which the others are given.
        driver_ms: milliseconds of the driver for an individual.
        ask_ms: the part of it in which a child is asked for.
        memory_kb: memory of the driver for each individual.
    """
    figure = new_figure(9.0, 3.4)
    time_axes, memory_axes = figure.subplots(1, 2)
    time_axes.plot(individuals, driver_ms, color=BLUE, linewidth=2, marker="o", markersize=4, label="the driver")
    time_axes.plot(individuals, ask_ms, color=VERMILION, linewidth=2, marker="o", markersize=4, label="asking alone")
    memory_axes.plot(individuals, memory_kb, color=GREEN, linewidth=2, marker="o", markersize=4)
    dress(time_axes, x_label="individuals", y_label="ms for an individual", title="Time")
    dress(memory_axes, x_label="individuals", y_label="kB for an individual", title="Memory")
    for axes in (time_axes, memory_axes):
        axes.set_xscale("log")
        axes.set_ylim(bottom=0.0)
    time_axes.legend(frameon=False, fontsize=9, labelcolor=INK)
    return figure
