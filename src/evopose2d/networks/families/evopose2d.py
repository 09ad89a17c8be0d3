"""EvoPose2D: mobile inverted bottlenecks chosen by a genotype, then transposed convolutions to heatmaps.

Source: McNally et al., arXiv 2011.08446, section 3. Layers are named as in the original.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from evopose2d.errors import ConfigError, WeightsError
from evopose2d.genotype import BLOCKS, Genotype
from evopose2d.networks.architecture import Architecture, ImageNetWeights, ModelConfig, Output
from evopose2d.networks.operations import Features, Operations
from evopose2d.networks.recording import Recording, record
from evopose2d.networks.scaling import (
    BASE_SIZE,
    STEM_CHANNELS,
    BlockSpec,
    HeadSpec,
    NetworkSpec,
    network_spec,
    scaled_depth,
    scaled_width,
)
from evopose2d.networks.weight_file import WeightFile
from evopose2d.settings import Count, Integer, Positive

_USUAL = ((1, 4), (6, 4))  # expansion and squeeze of the first block, and of the others
_GENES = 4  # of a block of the paper's space
_MOST_CHANNELS = 400  # eighths that are tried
_MOST_REPEATS = 26  # blocks are named with one letter
# EfficientNet by the greatest height of the input, as the original chose it.
_EFFICIENTNETS = ((256, "b0"), (384, "b4"), (10**9, "b5"))


@dataclass(frozen=True)
class EvoPose2DConfig(ModelConfig):
    """Section ``model`` of EvoPose2D.

    Attributes:
        genotype: seven blocks of [kernel, repeats, channels / 8, stride], or with [..., expansion, squeeze] as
            ``network_spec`` takes them.
        compound_scaling: scale depth and width with the input shape, as published.
        head_blocks: transposed convolutions that double the resolution.
        head_channels: channels of each of them.
    """

    genotype: list[list[Integer]]
    compound_scaling: bool
    head_blocks: Annotated[Count, Field(le=5)]
    head_channels: Positive


class EvoPose2D(Architecture[EvoPose2DConfig]):
    """The family that searches breed."""

    config = EvoPose2DConfig

    def outputs(
        self, operations: Operations[Features], images: Features, model: EvoPose2DConfig, keypoints: int
    ) -> tuple[Output[Features]]:
        """Apply the network that the genotype builds."""
        return (Output(evopose2d(operations, images, describe(model, keypoints))),)

    def phenotype(self, model: EvoPose2DConfig, keypoints: int) -> Hashable:
        """Return the network's bottlenecks, whatever seven blocks divide them."""
        return describe(model, keypoints).phenotype

    def check(self, model: EvoPose2DConfig) -> None:
        """Check the genotype, and that the head does not go beyond the input's resolution."""
        try:
            genotype = Genotype.from_lists([block[:_GENES] for block in model.genotype])
        except ValueError as error:
            raise ConfigError(f"model.genotype: {error}") from None
        for number, block in enumerate(model.genotype, start=1):
            if len(block) not in (_GENES, _GENES + 2) or min(block[_GENES:], default=1) < 1:
                raise ConfigError(
                    f"model.genotype: block {number}: got {block}, must be kernel, repeats, channels / 8 and stride, "
                    "with expansion and squeeze after them or without, each at least 1"
                )
        halvings = 1 + genotype.strided
        if model.head_blocks > halvings:
            raise ConfigError(
                f"model.head_blocks: got {model.head_blocks}, must be at most {halvings}, "
                "the number of times that the genotype halves the resolution"
            )

    def imagenet_weights(self, model: EvoPose2DConfig) -> ImageNetWeights:
        """Return EfficientNet-B0, B4 or B5, whose layers have the same names."""
        from keras.src.applications import efficientnet  # Keras exports the checksums nowhere else

        size = next(size for height, size in _EFFICIENTNETS if model.input_shape[0] <= height)
        name = f"efficientnet{size}_notop.h5"
        return ImageNetWeights(
            name=name,
            address=efficientnet.BASE_WEIGHTS_PATH + name,
            md5=efficientnet.WEIGHTS_HASHES[size][1],
            network="an EfficientNet",
            prefixes=("stem_", "block"),
            first="stem_conv",
        )

    def infer(self, file: WeightFile) -> EvoPose2DConfig | None:
        """Return the smallest genotype that builds the network."""
        if "block1a_dwconv" not in file.shapes:
            return None
        head_blocks, head_width = file.head("head_block{}_conv")
        built = [_built_block(number, file) for number in range(1, BLOCKS + 1)]
        if all(block[_GENES:] == _USUAL[number > 0] for number, block in enumerate(built)):
            built = [block[:_GENES] for block in built]
        for compound_scaling in (True, False):  # the original always scaled
            size = sum(file.input_shape) / 2 if compound_scaling else BASE_SIZE
            genotype = [
                [kernel, _unscaled_depth(repeats, size), _unscaled_width(width, size), stride, *others]
                for kernel, repeats, width, stride, *others in built
            ]
            head_channels = 8 * _unscaled_width(head_width, size) if head_blocks else 32
            stem_fits = scaled_width(STEM_CHANNELS, size) == file.channels("stem_conv")
            if stem_fits and all(map(all, genotype)) and head_channels:
                return EvoPose2DConfig(
                    architecture="evopose2d",
                    input_shape=list(file.input_shape),
                    final_kernel=file.final_kernel,
                    genotype=genotype,
                    compound_scaling=compound_scaling,
                    head_blocks=head_blocks,
                    head_channels=head_channels,
                )
        height, width = file.input_shape
        raise WeightsError(
            f"{file.path}: at input {height}x{width} no genotype builds blocks of (kernel, repeats, channels, stride) "
            f"{built}"
        )


def describe(model: ModelConfig, keypoints: int) -> NetworkSpec:
    """Describe the network that a configuration builds.

    Args:
        model: section ``model``; its genotype must be valid.
        keypoints: K, channels of the heatmaps.

    Raises:
        ConfigError: the architecture has no genotype, or the input shape is no multiple of the genotype's stride.
    """
    if not isinstance(model, EvoPose2DConfig):
        raise ConfigError(f"model.architecture: got {model.architecture!r}, must be evopose2d, for a genotype")
    return network_spec(
        model.genotype,
        (model.input_shape[0], model.input_shape[1]),
        compound_scaling=model.compound_scaling,
        head_blocks=model.head_blocks,
        head_channels=model.head_channels,
        final_kernel=model.final_kernel,
        keypoints=keypoints,
    )


def evopose2d(operations: Operations[Features], images: Features, spec: NetworkSpec) -> Features:
    """Go from normalised images (B, H, W, 3) to heatmaps (B, h, w, K).

    Args:
        operations: what to do at each layer.
        images: normalised.
        spec: the network.
    """
    features = stem(operations, images, spec.stem_channels, spec.stem_kernel, spec.stem_stride)
    for block in spec.blocks:
        features = bottleneck(operations, features, block)
    for head in spec.head:
        features = head_block(operations, features, head)
    return operations.heatmaps(features, "final_conv", spec.keypoints, spec.final_kernel)


def recorded(spec: NetworkSpec) -> Recording:
    """Return the network's layers."""
    return record(lambda operations, images: evopose2d(operations, images, spec), spec.input_shape)


def stem(operations: Operations[Features], images: Features, channels: int, kernel: int, stride: int) -> Features:
    """Apply the convolution at the start to normalised images."""
    features = operations.convolution(images, "stem_conv", channels, kernel, stride)
    return operations.normalised_swish(features, "stem_bn")


def head_block(operations: Operations[Features], features: Features, head: HeadSpec) -> Features:
    """Apply a transposed convolution of the head."""
    name = head.name
    features = operations.transposed_convolution(features, f"{name}_conv", head.out_channels, head.kernel, head.stride)
    return operations.normalised_swish(features, f"{name}_bn")


def bottleneck(operations: Operations[Features], inputs: Features, block: BlockSpec) -> Features:
    """Apply a mobile inverted bottleneck (arXiv 1905.11946, section 4) with squeeze-excitation (arXiv 1709.01507).

    Args:
        operations: what to do at each layer.
        inputs: (B, h, w, block.in_channels).
        block: what it is made of.

    Returns:
        (B, h / stride, w / stride, block.out_channels) features.
    """
    name, features, width = block.name, inputs, block.expanded_channels
    if block.expansion != 1:
        features = operations.convolution(features, f"{name}_expand_conv", width)
        features = operations.normalised_swish(features, f"{name}_expand_bn")
    features = operations.depthwise_convolution(features, f"{name}_dwconv", block.kernel, block.stride)
    features, weights = operations.normalised_swish_with_mean(features, f"{name}_bn")
    for layer, channels, activation in (("reduce", block.squeeze_channels, "swish"), ("expand", width, "sigmoid")):
        weights = operations.convolution(weights, f"{name}_se_{layer}", channels, use_bias=True, activation=activation)
    features = operations.excited_convolution(features, weights, f"{name}_project_conv", block.out_channels)
    features = operations.batch_norm(features, f"{name}_project_bn")
    if not block.has_skip:
        return features
    if block.drop_connect > 0:
        features = operations.drop_connect(features, f"{name}_drop", block.drop_connect)
    return operations.add([features, inputs], f"{name}_add")


def _built_block(number: int, file: WeightFile) -> tuple[int, ...]:
    """Return kernel, repeats, channels, stride, expansion and squeeze of a block as built, after scaling."""
    first = f"block{number}a"
    kernel = file.kernel(f"{first}_dwconv")[0]
    stride = file.stride(f"{first}_dwconv")
    if stride is None:
        raise WeightsError(
            f"{file.path}: does not tell the strides of its blocks, which leave no trace in shapes; name the network"
        )
    repeats, channels = file.count(rf"block{number}[a-z]_dwconv"), file.channels(f"{first}_project_conv")
    return kernel, repeats, channels, stride, *_expansion_and_squeeze(number, repeats, file)


def _expansion_and_squeeze(number: int, repeats: int, file: WeightFile) -> tuple[int, int]:
    """Return the two, as usual where that fits the shapes of all repeats, else the smallest that do; 0: none."""
    names = [f"block{number}{chr(ord('a') + repeat)}" for repeat in range(repeats)]
    expands = f"{names[0]}_expand_conv" in file.shapes
    width = file.kernel(f"{names[0]}_dwconv")[2]
    expansion = width // file.kernel(f"{names[0]}_expand_conv")[2] if expands else 1
    squeezed = [(file.kernel(f"{name}_dwconv")[2] // expansion, file.channels(f"{name}_se_reduce")) for name in names]
    tried = (_USUAL[number > 1][1], *range(1, squeezed[0][0] + 1))
    fitting = (each for each in tried if all(max(1, channels // each) == kept for channels, kept in squeezed))
    return expansion, next(fitting, 0)


def _unscaled_depth(repeats: int, size: float) -> int:
    return next((each for each in range(1, _MOST_REPEATS + 1) if scaled_depth(each, size) == repeats), 0)


def _unscaled_width(channels: int, size: float) -> int:
    """Return the smallest width, in eighths, that scaling makes ``channels``; 0: none."""
    return next((each for each in range(1, _MOST_CHANNELS) if scaled_width(8 * each, size) == channels), 0)
