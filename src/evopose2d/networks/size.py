"""How large a network is, and how much memory its training needs."""

from dataclasses import dataclass, field


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
        """Return the memory that a training step needs at its peak, by what it keeps; workspaces come on top.

        Weights, their gradients, Adam's two moments and the step made of them are float32.

        Args:
            images: that are in memory at once: of the batch, or of a part of it.
            value_bytes: of a kept value: 4 in float32, 2 in bfloat16.
        """
        return 5 * 4 * self.trainable_parameters + images * value_bytes * self.kept_values
