"""Traced functions of a network's segments, kept for the networks that follow in the same process.

Tracing takes most of the time before the first step, and TensorFlow keeps nothing of one network's trace for the next.
Here each kind of segment is traced once, with its gradient, as a function of its weights; a later network's step is
traced as calls of such functions. TensorFlow puts the functions' content in place of the calls before it runs them, so
the step does and gives what it would have without.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import keras
import tensorflow as tf

from evopose2d.networks.drop_connect import DropConnect
from evopose2d.networks.segments import Segment

_RATE = "rate"  # argument of DropConnect that differs between blocks which are alike otherwise


class TracedSegments:
    """Keeps the functions that were used last; belongs to one process and is used by one training at a time.

    Args:
        capacity: functions to keep at most.
    """

    def __init__(self, capacity: int = 128) -> None:
        self._capacity = capacity
        self._functions: OrderedDict[str, Callable[..., tf.Tensor]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._functions)

    def forget(self) -> None:
        """Let all functions go: after a training that broke off, one may be without its gradient."""
        self._functions.clear()

    def run(self, segment: Segment, features: tf.Tensor) -> tf.Tensor:
        """Run a segment in training, by the function of its kind; its variables are updated where layers do so.

        Args:
            segment: of a network in float32 on one device, whose ``DropConnect`` rates are neither 0 nor 1.
            features: (B, h, w, C), of the shape and type of the segment's start.
        """
        arguments = (
            [variable.value for variable in segment.trainable_variables],
            [variable.value for variable in segment.non_trainable_variables],
            [tf.constant(layer.rate_and_scale(), tf.float32) for layer in _drop_connects(segment)],
            features,
        )
        kind = f"{features.shape} {segment.kind(_RATE)}"
        if kind not in self._functions:
            self._functions[kind] = _traced(segment, arguments)
            if len(self._functions) > self._capacity:
                self._functions.popitem(last=False)
        self._functions.move_to_end(kind)
        return self._functions[kind](*arguments)


def _traced(segment: Segment, arguments: Any) -> Callable[..., tf.Tensor]:  # noqa: ANN401 - nested lists of tensors
    def compute(
        trainable: Sequence[tf.Variable], state: Sequence[tf.Variable], drops: Sequence[tf.Tensor], features: tf.Tensor
    ) -> tf.Tensor:
        states = segment.non_trainable_variables
        before = [variable.read_value() for variable in state]
        weights = [variable.read_value() for variable in trainable]
        mapping = [*zip(segment.trainable_variables, weights, strict=True), *zip(states, before, strict=True)]
        with ExitStack() as given, keras.StatelessScope(state_mapping=mapping) as scope:
            for layer, drop in zip(_drop_connects(segment), drops, strict=True):
                given.enter_context(layer.given(drop[0], drop[1]))
            result = segment(features)
        for own, passed, value in zip(states, state, before, strict=True):
            updated = scope.get_current_value(own)
            if updated is not value:
                passed.assign(updated)
        return result

    # A concrete function, since any other would hold on to the layers of the network that it was traced with.
    traced: Callable[..., tf.Tensor] = tf.function(compute, autograph=False).get_concrete_function(*arguments)
    return traced


def _drop_connects(segment: Segment) -> list[DropConnect]:
    return [layer for layer in segment.layers if isinstance(layer, DropConnect)]
