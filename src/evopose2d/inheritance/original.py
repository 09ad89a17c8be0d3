"""The original project's rule, for comparison.

A layer of the parent's name and shapes is copied. Of one whose shapes differ, the overlap of the first channels
and of the centred kernels is copied, everything else in its kernel stays random, and every vector (batch
normalisation, bias) is filled up with the mean of the parent's values; but where a kernel differs in size alone,
nothing of it is copied. A layer that the parent lacks, in a new repeat, takes those of the parent's last block,
in the same way.
"""

from collections.abc import Mapping

from evopose2d.inheritance.layers import Array, LayerArrays


def copy_overlap(parent_weights: LayerArrays, initial: LayerArrays) -> LayerArrays:
    """Return the child's weights.

    Args:
        parent_weights: the parent's weights.
        initial: the child's random weights; not changed.

    Returns:
        Arrays of the names, shapes and dtype of ``initial``.
    """
    return {name: _copied(_source(name, parent_weights), own) for name, own in initial.items()}


def _source(name: str, parent: LayerArrays) -> Mapping[str, Array]:
    """Return the parent's layer of this name, else the like layer of its last block, else nothing."""
    if name in parent:
        return parent[name]
    role = name.partition("_")[2]
    alike = [other for other in parent if other.startswith("block") and other.partition("_")[2] == role]
    return parent[max(alike)] if alike else {}


def _copied(parent: Mapping[str, Array], own: Mapping[str, Array]) -> dict[str, Array]:
    if not parent:
        return dict(own)
    if all(parent[name].shape == values.shape for name, values in own.items()):
        return {name: parent[name].astype(values.dtype) for name, values in own.items()}
    return {name: _overlapped(parent[name], values) for name, values in own.items()}


def _overlapped(parent: Array, own: Array) -> Array:
    result = own.copy()
    if own.ndim == 1:
        result[:] = parent.mean()
    elif own.shape[2:] == parent.shape[2:]:
        return result
    to, source = zip(
        *(
            _overlap(new, old, centred=axis < own.ndim - 2)
            for axis, (new, old) in enumerate(zip(own.shape, parent.shape, strict=True))
        ),
        strict=True,
    )
    result[to] = parent[source]
    return result


def _overlap(new: int, old: int, *, centred: bool) -> tuple[slice, slice]:
    """Return where an overlap lies in the child's axis and where in the parent's."""
    shared = min(new, old)
    to, source = ((new - shared) // 2, (old - shared) // 2) if centred else (0, 0)
    return slice(to, to + shared), slice(source, source + shared)
