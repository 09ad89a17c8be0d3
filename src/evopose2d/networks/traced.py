"""Traced functions of networks' segments, kept for the networks that follow in the same process.

Tracing takes most of the time before the first step, and TensorFlow keeps nothing of one network's trace for the next.
Here each kind of segment is traced once as a function of its weights, in training with its gradient. A later network's
training step is traced as calls of such functions. TensorFlow puts the functions' content in place of the calls before
it runs them, so the step does and gives what it would have without. Outside training they are called one after the
other: nothing is traced or prepared anew, which is worth more than what the calls take.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import keras

from evopose2d.networks.drop_connect import DropConnect
from evopose2d.networks.segments import Segment, same_block, segments

Tensor = Any  # of TensorFlow

_RATE = "rate"  # argument of DropConnect that differs between blocks which are alike otherwise


def can_trace_apart() -> bool:
    """Return whether networks that are built now can be run by kept functions: on one device, in float32."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf  # the other backends must not need it

    return not tf.distribute.has_strategy() and keras.config.dtype_policy().name == "float32"


class TracedSegments:
    """Keeps the functions that were used last; belongs to one process and is used by one training at a time.

    Args:
        capacity: functions to keep at most.
    """

    def __init__(self, capacity: int = 256) -> None:
        self._capacity = capacity
        self._functions: OrderedDict[str, Callable[..., Any]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._functions)

    def forget(self) -> None:
        """Let all functions go: after a training that broke off, one may be without its gradient."""
        self._functions.clear()

    def function(self, kind: str, make: Callable[[], Callable[..., Any]]) -> Callable[..., Any]:
        """Return the function of a kind, made where there is none."""
        if kind not in self._functions:
            self._functions[kind] = make()
            if len(self._functions) > self._capacity:
                self._functions.popitem(last=False)
        self._functions.move_to_end(kind)
        return self._functions[kind]


class TracedNetwork:
    """A network that is run by the functions that a process keeps.

    Args:
        network: Functional, of one input and one output, in float32 on one device, whose ``DropConnect`` rates are
            neither 0 nor 1.
        functions: to run it by, and to keep what is new in.
    """

    def __init__(self, network: keras.Model, functions: TracedSegments) -> None:
        self._dtype = network.inputs[0].dtype
        self._functions = functions
        self._segments = [_KnownSegment.of(segment) for segment in segments(network, same_block)]

    def __call__(self, images: Tensor, *, training: bool) -> Tensor:
        """Return heatmaps (B, h, w, K) of images (B, H, W, 3).

        In training it is called while a step is traced, and updates the variables that layers do.
        """
        features = keras.ops.cast(images, self._dtype)
        for segment in self._segments:
            arguments = segment.arguments(features)
            kind = f"{training} {features.shape} {segment.kind}"
            features = self._functions.function(kind, lambda: _traced(segment.segment, arguments, training))(*arguments)  # noqa: B023 - called at once
        return features


@dataclass(frozen=True, eq=False)
class _KnownSegment:
    """A segment with all that its function takes or is known by."""

    segment: Segment
    kind: str
    trainable: Sequence[Tensor]
    state: Sequence[Tensor]
    drops: Sequence[Tensor]

    @classmethod
    def of(cls, segment: Segment) -> "_KnownSegment":
        return cls(
            segment,
            segment.kind(_RATE),
            [variable.value for variable in segment.trainable_variables],
            [variable.value for variable in segment.non_trainable_variables],
            [layer.rate_and_scale() for layer in _drop_connects(segment)],
        )

    def arguments(self, features: Tensor) -> tuple[Any, ...]:
        import tensorflow as tf

        drops = [tf.constant(drop, tf.float32) for drop in self.drops]
        return self.trainable, self.state, drops, features


def concrete(compute: Callable[..., Any], *arguments: Any) -> Callable[..., Any]:  # noqa: ANN401 - nested tensors
    """Return a function of tensors as it is traced: another would hold on to the layers that it was traced with."""
    import tensorflow as tf

    traced: Callable[..., Any] = tf.function(compute, autograph=False).get_concrete_function(*arguments)
    return traced


def _traced(segment: Segment, arguments: Any, training: bool) -> Callable[..., Any]:  # noqa: ANN401 - nested lists of tensors
    def compute(
        trainable: Sequence[Tensor], state: Sequence[Tensor], drops: Sequence[Tensor], features: Tensor
    ) -> Tensor:
        states = segment.non_trainable_variables
        before = [variable.read_value() for variable in state]
        weights = [variable.read_value() for variable in trainable]
        mapping = [*zip(segment.trainable_variables, weights, strict=True), *zip(states, before, strict=True)]
        with ExitStack() as given, keras.StatelessScope(state_mapping=mapping) as scope:
            for layer, drop in zip(_drop_connects(segment), drops, strict=True):
                given.enter_context(layer.given(drop[0], drop[1]))
            result = segment(features, training=training)
        for own, passed, value in zip(states, state, before, strict=True):
            updated = scope.get_current_value(own)
            if updated is not value:
                passed.assign(updated)
        return result

    return concrete(compute, *arguments)


def _drop_connects(segment: Segment) -> list[DropConnect]:
    return [layer for layer in segment.layers if isinstance(layer, DropConnect)]
