"""Which network a weight file is of, told from the names and shapes of its layers.

Strides and the input shape leave no trace in shapes. They are read from the file's own description where there
is one: the metadata that this project writes, or the model configuration of Keras 2, which is parsed as JSON and
never built.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evopose2d.config.schema import ModelConfig
from evopose2d.errors import ConfigError, WeightsError
from evopose2d.networks.architectures import summarise
from evopose2d.networks.scaling import scaled_depth, scaled_width
from evopose2d.weights.files import read_keras_description, read_metadata, read_shapes

Shapes = Mapping[str, Mapping[str, tuple[int, ...]]]

_BLOCKS = 7
_MOST_CHANNELS = 400  # eighths that are tried
_MOST_REPEATS = 26  # blocks are named with one letter
_BASE_SIZE = 224  # pixels: the input for which a genotype stands unscaled
_RESNETS = {(3, 4, 6, 3): "resnet50", (3, 4, 23, 3): "resnet101", (3, 8, 36, 3): "resnet152"}


@dataclass(frozen=True)
class Recognised:
    """What a weight file is of.

    Attributes:
        model: section ``model`` that builds its network.
        keypoints: K.
        precision: in which it was trained, ``float32`` or ``bfloat16``; None where the file does not tell.
    """

    model: ModelConfig
    keypoints: int
    precision: str | None


def recognise(path: Path, input_shape: Sequence[int] | None = None) -> Recognised:
    """Tell which network a weight file is of.

    Of several genotypes that scaling makes one network, the smallest is given.

    Args:
        path: a file that ``load_weights`` reads.
        input_shape: (H, W) in pixels, where the file does not tell, or instead of what it tells.

    Raises:
        WeightsError: it cannot be read, is of no architecture known here, or does not tell what shapes leave open.
    """
    path = Path(path)
    shapes, description, metadata = read_shapes(path), _Description(read_keras_description(path)), read_metadata(path)
    if "final_conv" not in shapes or len(shapes["final_conv"].get("kernel", ())) != 4:
        raise WeightsError(f"{path}: has no final_conv, which every network here ends in")
    final_kernel, _, _, keypoints = shapes["final_conv"]["kernel"]
    stored = _stored_model(metadata, path)
    shape = input_shape or (stored.input_shape if stored else description.input_shape)
    if shape is None:
        raise WeightsError(f"{path}: does not tell its input shape; name it, or the network")
    if stored is None:
        stored = _model(shapes, description, (shape[0], shape[1]), final_kernel, path)
    model = replace(stored, input_shape=list(shape))
    try:
        summarise(model, keypoints)
    except ConfigError as error:
        raise WeightsError(f"{path}: {error}") from None
    return Recognised(model, keypoints, metadata.get("precision", description.precision))


def _model(
    shapes: Shapes, description: "_Description", shape: tuple[int, int], final_kernel: int, path: Path
) -> ModelConfig:
    network = ModelConfig(
        architecture="hrnet",
        genotype=None,
        input_shape=list(shape),
        compound_scaling=None,
        head_blocks=None,
        head_channels=None,
        final_kernel=final_kernel,
    )
    if "block1a_dwconv" in shapes:
        return _evopose2d(network, shapes, description, path)
    if "conv1_conv" in shapes:
        return _simple_baseline(network, shapes, path)
    if "s1_m0_b00_conv1" in shapes:
        variant = f"w{_outputs(shapes, 's2_transition_b1_conv', path)}"
        return replace(network, variant=variant)
    raise WeightsError(f"{path}: its layers are of no network known here (evopose2d, simple_baseline, hrnet)")


def _simple_baseline(network: ModelConfig, shapes: Shapes, path: Path) -> ModelConfig:
    repeats = tuple(
        sum(bool(re.fullmatch(rf"conv{stage}_block\d+_1_conv", name)) for name in shapes) for stage in (2, 3, 4, 5)
    )
    if repeats not in _RESNETS:
        allowed = ", ".join(map(str, _RESNETS))
        raise WeightsError(f"{path}: has residual blocks {repeats}, must be one of {allowed}")
    heads, channels = _head(shapes, "head_conv{}", path)
    return replace(
        network,
        architecture="simple_baseline",
        variant=_RESNETS[repeats],
        head_blocks=heads,
        head_channels=channels or 256,
    )


def _evopose2d(network: ModelConfig, shapes: Shapes, description: "_Description", path: Path) -> ModelConfig:
    heads, channels = _head(shapes, "head_block{}_conv", path)
    built = [_built_block(number, shapes, description, path) for number in range(1, _BLOCKS + 1)]
    # The original always scaled.
    for scaling in (True, False):
        size = sum(network.input_shape) / 2 if scaling else _BASE_SIZE
        genotype = [
            [kernel, _unscaled_depth(repeats, size), _unscaled_width(width, size), stride]
            for kernel, repeats, width, stride in built
        ]
        head_channels = _unscaled_channels(channels, size) if heads else 32
        if scaled_width(32, size) == _outputs(shapes, "stem_conv", path) and all(map(all, genotype)) and head_channels:
            return replace(
                network,
                architecture="evopose2d",
                genotype=genotype,
                compound_scaling=scaling,
                head_blocks=heads,
                head_channels=head_channels,
            )
    height, width = network.input_shape
    raise WeightsError(
        f"{path}: at input {height}x{width} no genotype builds blocks of (kernel, repeats, channels, stride) {built}"
    )


def _built_block(number: int, shapes: Shapes, description: "_Description", path: Path) -> tuple[int, int, int, int]:
    """Tell kernel, repeats, channels and stride of a block as built, after scaling."""
    first = f"block{number}a"
    repeats = sum(bool(re.fullmatch(rf"block{number}[a-z]_dwconv", name)) for name in shapes)
    kernel = _kernel(shapes, f"{first}_dwconv", path)[0]
    stride = description.stride(f"{first}_dwconv")
    if stride is None:
        raise WeightsError(
            f"{path}: does not tell the strides of its blocks, which leave no trace in shapes; name the network"
        )
    return kernel, repeats, _outputs(shapes, f"{first}_project_conv", path), stride


def _head(shapes: Shapes, pattern: str, path: Path) -> tuple[int, int]:
    """Count the transposed convolutions and tell the channels of the first; 0 where there is none."""
    count = 0
    while pattern.format(count + 1) in shapes:
        count += 1
    return count, _kernel(shapes, pattern.format(1), path)[2] if count else 0


def _outputs(shapes: Shapes, layer: str, path: Path) -> int:
    return _kernel(shapes, layer, path)[3]


def _kernel(shapes: Shapes, layer: str, path: Path) -> tuple[int, ...]:
    shape = shapes.get(layer, {}).get("kernel", ())
    if len(shape) != 4:
        raise WeightsError(f"{path}: layer {layer} must hold a kernel of four axes, got {shape or 'no such layer'}")
    return shape


def _unscaled_depth(repeats: int, size: float) -> int:
    return next((each for each in range(1, _MOST_REPEATS + 1) if scaled_depth(each, size) == repeats), 0)


def _unscaled_width(channels: int, size: float) -> int:
    return next((each for each in range(1, _MOST_CHANNELS) if scaled_width(8 * each, size) == channels), 0)


def _unscaled_channels(channels: int, size: float) -> int:
    return 8 * _unscaled_width(channels, size)


def _stored_model(metadata: Mapping[str, Any], path: Path) -> ModelConfig | None:
    if "model" not in metadata:
        return None
    try:
        return ModelConfig(**metadata["model"])
    except TypeError:
        raise WeightsError(f"{path}: describes its network in a way that is not known here") from None


class _Description:
    """What a Keras 2 model configuration says of layers: JSON of any form, so nothing of it is taken for granted."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        config = content.get("config")
        layers = config.get("layers") if isinstance(config, dict) else None
        settings = (
            [layer.get("config") for layer in layers if isinstance(layer, dict)] if isinstance(layers, list) else []
        )
        self._layers = [each for each in settings if isinstance(each, dict)]

    @property
    def input_shape(self) -> tuple[int, int] | None:
        """(H, W) of the input layer."""
        for layer in self._layers:
            shape = layer.get("batch_input_shape") or layer.get("batch_shape")
            if isinstance(shape, list) and len(shape) == 4 and all(isinstance(side, int) for side in shape[1:3]):
                return shape[1], shape[2]
        return None

    def stride(self, name: str) -> int | None:
        """Return the stride of a layer, 1 or 2."""
        for layer in self._layers:
            if layer.get("name") == name and layer.get("strides") in ([1, 1], [2, 2]):
                return int(layer["strides"][0])
        return None

    @property
    def precision(self) -> str | None:
        """Whether layers were computed in float32 or bfloat16."""
        if not self._layers:
            return None
        return "bfloat16" if any("bfloat16" in str(layer.get("dtype")) for layer in self._layers) else "float32"
