"""Give a child its parent's weights by one of the rules."""

from pathlib import Path

import keras

from evopose2d.errors import ConfigError, WeightsError
from evopose2d.inheritance.function_preserving import preserve_function
from evopose2d.inheritance.layers import LayerArrays
from evopose2d.inheritance.original import copy_overlap
from evopose2d.networks.families.evopose2d import recorded
from evopose2d.networks.scaling import NetworkSpec
from evopose2d.weights import layer_arrays, read_arrays, set_layer_arrays

RULES = ("function-preserving", "original", "none")
"""How a child's weights follow from its parent's: as close as can be to its function; as in the original
project; not at all."""


def inherit(
    parent: NetworkSpec, parent_weights: LayerArrays, child: NetworkSpec, initial: LayerArrays, rule: str
) -> LayerArrays:
    """Return a child's weights.

    Args:
        parent: the network that has weights.
        parent_weights: its weights.
        child: the network to be given some; it may differ from the parent in any number of ways.
        initial: its random weights; not changed.
        rule: one of ``RULES``.

    Returns:
        Arrays of the names, shapes and dtypes of ``initial``. The same arguments give the same arrays.

    Raises:
        ConfigError: there is no such rule.
        WeightsError: the weights are not those of the parent.
    """
    if rule not in RULES:
        raise ConfigError(f"inheritance: got {rule!r}, must be one of {', '.join(RULES)}")
    if rule == "none":
        return initial
    _check(parent, parent_weights)
    if rule == "original":
        return copy_overlap(parent_weights, initial)
    return preserve_function(parent, parent_weights, child, initial)


def inherit_into(
    model: keras.Model, child: NetworkSpec, parent: NetworkSpec, parent_weights: Path | bytes, rule: str
) -> None:
    """Give a newly built network its parent's weights.

    Args:
        model: the child, with random weights.
        child: its description.
        parent: the description of the parent.
        parent_weights: the parent's weight file, or its content.
        rule: one of ``RULES``.

    Raises:
        ConfigError: there is no such rule.
        WeightsError: the file cannot be read as weights, or does not hold those of the parent.
    """
    weights = inherit(parent, read_arrays(parent_weights), child, layer_arrays(model), rule)
    set_layer_arrays(model, weights)


def _check(spec: NetworkSpec, weights: LayerArrays) -> None:
    for layer, shapes in recorded(spec).weight_shapes.items():
        received = {name: values.shape for name, values in weights.get(layer, {}).items()}
        if received != shapes:
            raise WeightsError(
                f"the parent's weights: layer {layer} must hold {shapes}, got {received or 'no such layer'}"
            )
