"""How large a network is, and how much memory its training needs."""

from dataclasses import dataclass, field

_ALWAYS = 260_000_000  # bytes, whatever the network
_VALUES_A_WEIGHT = 7  # float32: itself, its gradient, Adam's two moments and step, copies
_MORE_THAN_KEPT = 1.18  # peak of what depends on the images, over what is kept of them


@dataclass(frozen=True)
class NetworkSize:
    """How large a network is.

    Attributes:
        parameters: all weights, the moving statistics of batch normalisation included.
        trainable_parameters: those that training changes by gradient.
        multiply_adds: half the operations of a forward pass over one image.
        kept_values: values that a training step on an accelerator keeps of one image for the gradients.
    """

    parameters: int
    trainable_parameters: int
    multiply_adds: int
    kept_values: int = field(default=0, compare=False)  # not known of networks that are built

    def training_bytes(self, images: int, value_bytes: int = 4) -> int:
        """Estimate the memory that a training step needs at its peak.

        What is kept for the gradients takes most; the gradients themselves, workspaces and copies in other layouts
        come on top. Their shares were fitted to measured peaks (docs/performance.md).

        Args:
            images: that are in memory at once: of the batch, or of a part of it.
            value_bytes: of a kept value: 4 in float32, 2 in bfloat16.
        """
        weights = _VALUES_A_WEIGHT * 4 * self.trainable_parameters
        return _ALWAYS + weights + int(_MORE_THAN_KEPT * value_bytes * images * self.kept_values)
