"""Which of the parent's channels a child takes: the same ones in every layer that shares them."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from evopose2d.inheritance.selection import Reading, most_telling
from evopose2d.networks.recording import Recording

NEW = -1
"""Source of a channel that the parent does not have."""

Sources = NDArray[np.intp]
"""The parent's channel that each channel of the child is, or ``NEW``."""


def channel_sources(
    parent: Recording, child: Recording, readings: Mapping[str, Sequence[Reading]]
) -> dict[str, Sources]:
    """Choose the parent's channels for every axis of the child.

    Channels stay in the parent's order. Where there are fewer, those stay that tell most of what is computed of
    all, over every layer to which skip connections carry them; where there are more, new ones follow.

    Args:
        parent: the network that has weights.
        child: the network to be given some.
        readings: how the parent's convolutions read each axis.

    Returns:
        (C,) for each axis of the child, C its channels in the child.
    """
    sources: dict[str, Sources] = {}
    latest: dict[str, str] = {}  # axis of each stream
    for axis, width in child.widths.items():
        stream = child.streams[axis]
        if axis in parent.widths:
            tied = _tied(axis, parent.streams, child.streams)
            read = [reading for other in tied for reading in readings.get(other, ())]
            sources[axis] = _chosen(parent.widths[axis], width, read)
        elif stream in latest:
            sources[axis] = sources[latest[stream]]  # a new repeat passes on what it is given
        else:
            sources[axis] = np.full(width, NEW)
        latest[stream] = axis
    return sources


def _tied(axis: str, old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return the axes tied to one in the parent, without those that the child no longer ties to it."""
    return [other for other in old if old[other] == old[axis] and (other not in new or new[other] == new[axis])]


def _chosen(old: int, new: int, readings: Sequence[Reading]) -> Sources:
    if new >= old:
        return np.concatenate([np.arange(old), np.full(new - old, NEW)])
    return most_telling(readings, new) if readings else np.arange(new)
