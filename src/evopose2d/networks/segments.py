"""A network as a chain of segments: parts that only one tensor enters and only one leaves.

Networks that differ in one gene share most of their segments, which is why what is worked out for one, like a traced
function, can serve others.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras

Tensor = Any  # of any backend, or symbolic

# What tells a layer's weights and name, but not what it computes with given weights.
_NOT_COMPUTED = {"name", "seed", "kernel_initializer", "bias_initializer", "depthwise_initializer"}


@dataclass(frozen=True, eq=False)
class Segment:
    """Layers between two places of a network at which all that is carried on is one tensor.

    Attributes:
        start: the symbolic tensor that enters.
        layers: in an order in which they can run; the last one gives what leaves.
    """

    start: Tensor
    layers: tuple[keras.Layer, ...]

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """What an optimizer changes."""
        return [variable for layer in self.layers for variable in layer.trainable_variables]

    @property
    def non_trainable_variables(self) -> list[keras.Variable]:
        """What a step itself may change: moving statistics, states of random generators."""
        return [variable for layer in self.layers for variable in layer.non_trainable_variables]

    def kind(self, *given: str) -> str:
        """Return what this segment computes: equal for two that compute the same where their weights are the same.

        Args:
            given: arguments of layers that are left out, because whoever asks gives them from outside.
        """
        made = [self.start, *(tensor for layer in self.layers for tensor in _outputs(layer))]
        places = {id(tensor): place for place, tensor in enumerate(made)}
        described = []
        for layer in self.layers:
            config = {key: value for key, value in layer.get_config().items() if key not in {*_NOT_COMPUTED, *given}}
            described.append([type(layer).__qualname__, [places[id(tensor)] for tensor in _inputs(layer)], config])
        return json.dumps([self.start.shape, self.start.dtype, described], default=repr, sort_keys=True)

    def __call__(self, features: Tensor, *, training: bool) -> Tensor:
        """Run the layers one after the other."""
        values = {id(self.start): features}
        for layer in self.layers:
            read = [values[id(tensor)] for tensor in _inputs(layer)]
            given = keras.tree.flatten(layer(read[0] if len(read) == 1 else read, training=training))
            values |= zip(map(id, _outputs(layer)), given, strict=True)
        return values[id(self.layers[-1].output)]


def segments(network: keras.Model, belong_together: Callable[[str, str], bool]) -> Iterator[Segment]:
    """Cut a network wherever that is possible and two layers that follow each other do not belong together.

    Args:
        network: a Functional network of one input and one output that calls each layer once.
        belong_together: tells of the names of two layers, one after the other, whether to leave them in one segment.
    """
    layers = [layer for layer in network.layers if not isinstance(layer, keras.layers.InputLayer)]
    last_reader = {id(tensor): place for place, layer in enumerate(layers) for tensor in _inputs(layer)}
    start, first = network.inputs[0], 0
    open_until = last_reader[id(start)]  # where the last tensor but the newest is read that was made so far
    for place, layer in enumerate(layers[:-1]):
        made = _outputs(layer)
        passable = open_until <= place and len(made) == 1
        open_until = max(open_until, *(last_reader.get(id(tensor), place) for tensor in made))
        if passable and not belong_together(layer.name, layers[place + 1].name):
            yield Segment(start, tuple(layers[first : place + 1]))
            start, first = made[0], place + 1
    yield Segment(start, tuple(layers[first:]))


def same_block(name: str, other: str) -> bool:
    """Return whether two layers of EvoPose2D stand in the same bottleneck or head block."""
    block, another = (text.removeprefix("head_").partition("_")[0] for text in (name, other))
    return block == another


def _inputs(layer: keras.Layer) -> list[Tensor]:
    read: list[Tensor] = keras.tree.flatten(layer.input)
    return read


def _outputs(layer: keras.Layer) -> list[Tensor]:
    made: list[Tensor] = keras.tree.flatten(layer.output)
    return made
