"""What a weight file says of the network that it is of."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from evopose2d.errors import WeightsError


@dataclass(frozen=True)
class WeightFile:
    """Names and shapes of a weight file's layers, and what it tells beside them.

    Attributes:
        path: of the file.
        shapes: of each weight, by layer and by the weight's name.
        input_shape: (H, W) in pixels of the network's input.
        stride: gives the stride of a layer by its name; None where the file does not tell.
    """

    path: Path
    shapes: Mapping[str, Mapping[str, tuple[int, ...]]]
    input_shape: tuple[int, int]
    stride: Callable[[str], int | None]

    @property
    def final_kernel(self) -> int:
        """Kernel side of the last convolution."""
        return self.kernel("final_conv")[0]

    def kernel(self, layer: str) -> tuple[int, ...]:
        """Return the shape of a layer's kernel.

        Raises:
            WeightsError: there is no such layer, or its kernel has not four axes.
        """
        shape = self.shapes.get(layer, {}).get("kernel", ())
        if len(shape) != 4:
            raise WeightsError(
                f"{self.path}: layer {layer} must hold a kernel of four axes, got {shape or 'no such layer'}"
            )
        return shape

    def channels(self, layer: str) -> int:
        """Return the channels that a convolution gives.

        Raises:
            WeightsError: as ``kernel``.
        """
        return self.kernel(layer)[3]

    def count(self, pattern: str) -> int:
        """Return how many layers' names match a regular expression as a whole."""
        return sum(bool(re.fullmatch(pattern, name)) for name in self.shapes)

    def head(self, pattern: str) -> tuple[int, int]:
        """Count the transposed convolutions ``pattern.format(1)``, ... and return the channels of the first.

        Returns:
            Count and channels, 0 where there is none.
        """
        count = 0
        while pattern.format(count + 1) in self.shapes:
            count += 1
        return count, self.kernel(pattern.format(1))[2] if count else 0
