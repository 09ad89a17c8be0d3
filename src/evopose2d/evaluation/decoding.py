"""How heatmaps become keypoints: the choices, in one place for validation, prediction and export."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from evopose2d.errors import ConfigError
from evopose2d.heatmaps import COORDINATES, METHODS, decode, decode_dark, flip_back, flip_shift, to_crop_pixels

Tensor = Any  # a tensor of any backend


@dataclass(frozen=True)
class Decoding:
    """Choices of how to read a network's heatmaps; the defaults are the original's.

    Attributes:
        flip_test: average the heatmaps with those of the mirrored images (paper, section 4.2).
        method: ``quarter-pixel`` (the original's rule) or ``dark`` (``heatmaps.decode_dark``).
        coordinates: ``original``, ``exact`` or ``udp``: what heatmap pixels mean and how mirrored maps come back;
            see ``heatmaps``. Networks trained by this project are read best with ``exact``, never with ``udp``.

    Raises:
        ConfigError: a choice is none of those above.
    """

    flip_test: bool = True
    method: str = "quarter-pixel"
    coordinates: str = "original"

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("decoding", self.method, METHODS),
            ("coordinates", self.coordinates, COORDINATES),
        ):
            if value not in choices:
                raise ConfigError(f"{name}: got {value!r}, must be one of {', '.join(choices)}")

    @property
    def centred_crops(self) -> bool:
        """Whether crops are placed by the centres of their outer pixels (``geometry.crop_matrices``).

        Keypoints come back to the image by the matrix that made the crop, so either placement is exact: what
        counts is to show a network people as large and as central as those that it was trained on.
        """
        return self.coordinates == "udp"


class HeatmapReader:
    """Turns heatmaps into keypoints on the device.

    Args:
        decoding: how.
        flip_permutation: for each of K keypoints, the index of the one it becomes in a mirror.
        sigma: standard deviation of the target Gaussian in pixels of a heatmap 64 high.
        stride: crop pixels for one heatmap pixel.
    """

    def __init__(self, decoding: Decoding, flip_permutation: Sequence[int], sigma: float, stride: int) -> None:
        self.decoding = decoding
        self.flip_permutation = tuple(flip_permutation)
        self.sigma = sigma
        self.stride = stride

    def __call__(self, heatmaps: Tensor, mirrored: Callable[[], Tensor]) -> Tensor:
        """Read heatmaps, after the flip test where it is asked for.

        Args:
            heatmaps: (B, h, w, K) float32.
            mirrored: returns the float32 heatmaps of what the network was given, mirrored.

        Returns:
            (B, K, 3) float32: x, y in crop pixels and score.
        """
        choice = self.decoding
        if choice.flip_test:
            shift = flip_shift(choice.coordinates, self.stride)
            heatmaps = (heatmaps + flip_back(mirrored(), self.flip_permutation, shift)) / 2.0
        keypoints = decode_dark(heatmaps, self.sigma) if choice.method == "dark" else decode(heatmaps)
        return to_crop_pixels(keypoints, tuple(heatmaps.shape[1:3]), self.stride, choice.coordinates)
