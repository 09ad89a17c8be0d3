"""Which of the parent's channels a child takes: the same ones in every layer that shares them."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from evopose2d.inheritance.layers import axis_widths
from evopose2d.inheritance.selection import Reading, most_telling
from evopose2d.networks.scaling import NetworkSpec

NEW = -1
"""Source of a channel that the parent does not have."""

Sources = NDArray[np.intp]
"""The parent's channel that each channel of the child is, or ``NEW``."""


def channel_sources(
    parent: NetworkSpec, child: NetworkSpec, readings: Mapping[str, Sequence[Reading]]
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
    widths, old_widths = axis_widths(child), axis_widths(parent)
    streams, old_streams = residual_streams(child), residual_streams(parent)
    sources: dict[str, Sources] = {}
    trunk = "stem"
    for axis, width in widths.items():
        if axis in old_widths:
            tied = _tied(axis, old_streams, streams)
            read = [reading for other in tied for reading in readings.get(other, ())]
            sources[axis] = _chosen(old_widths[axis], width, read)
        elif axis in streams and streams[axis] == streams[trunk]:
            sources[axis] = sources[trunk]  # a new repeat passes on what it is given
        else:
            sources[axis] = np.full(width, NEW)
        if axis in streams:
            trunk = axis
    return sources


def residual_streams(spec: NetworkSpec) -> dict[str, str]:
    """Return, for the stem and each block, the first axis to which skip connections tie its output."""
    streams = {"stem": "stem"}
    trunk = "stem"
    for block in spec.blocks:
        streams[block.name] = streams[trunk] if block.has_skip else block.name
        trunk = block.name
    return streams


def _tied(axis: str, old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Give the axes tied to one in the parent, without those that the child no longer ties to it."""
    if axis not in old:
        return [axis]
    return [other for other in old if old[other] == old[axis] and (other not in new or new[other] == new[axis])]


def _chosen(old: int, new: int, readings: Sequence[Reading]) -> Sources:
    if new >= old:
        return np.concatenate([np.arange(old), np.full(new - old, NEW)])
    return most_telling(readings, new) if readings else np.arange(new)
