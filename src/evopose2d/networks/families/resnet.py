"""ResNet (He et al., arXiv 1512.03385), which other families build on.

Layers have the names, biases and epsilons of Keras's, so that its files load by layer name.
"""

from collections.abc import Sequence

from evopose2d.errors import WeightsError
from evopose2d.networks.architecture import ImageNetWeights
from evopose2d.networks.operations import Features, Operations
from evopose2d.networks.weight_file import WeightFile

EPSILON = 1.001e-5
"""Of batch normalisation in Keras's ResNet."""

_REPEATS = {
    "resnet18": (2, 2, 2, 2),
    "resnet50": (3, 4, 6, 3),
    "resnet101": (3, 4, 23, 3),
    "resnet152": (3, 8, 36, 3),
}
_BASIC = ("resnet18",)  # of two 3x3 convolutions a block
WIDTH = 64
"""Channels of the first blocks' 3x3 convolutions, which each group doubles."""

_EXPANSION = 4


def resnet_stem(operations: Operations[Features], images: Features, width: int = WIDTH) -> Features:
    """Go from normalised images (B, H, W, 3 or more) to features (B, H / 4, W / 4, width)."""
    # Padded by hand: "same" would put the odd zero on the other side.
    features = operations.pad(images, "conv1_pad", 3)
    features = operations.convolution(features, "conv1_conv", width, 7, 2, padding="valid", use_bias=True)
    features = operations.batch_norm(features, "conv1_bn", EPSILON)
    features = operations.relu(features, "conv1_relu")
    return operations.max_pool(operations.pad(features, "pool1_pad", 1), "pool1_pool")


def resnet_stage(
    operations: Operations[Features],
    features: Features,
    variant: str,
    number: int,
    *,
    prefix: str = "",
    stride_first: bool = True,
    width: int = WIDTH,
) -> Features:
    """Apply one of the four groups of residual blocks.

    Args:
        operations: what to do at each layer.
        features: (B, h, w, C).
        variant: ``resnet18``, 50, 101 or 152.
        number: of the group, from 0; all but the first halve the resolution.
        prefix: of the layers' names.
        stride_first: whether the stride is on a bottleneck's first convolution, as in Keras, or on its second, as in
            later implementations.
        width: channels of the first group's 3x3 convolutions.
    """
    width <<= number
    for repeat in range(_REPEATS[variant][number]):
        stride = 2 if repeat == 0 and number > 0 else 1
        name = f"{prefix}conv{number + 2}_block{repeat + 1}"
        if variant in _BASIC:
            layers = [(width, 3, stride), (width, 3, 1)]
        else:
            strides = (stride, 1) if stride_first else (1, stride)
            layers = [(width, 1, strides[0]), (width, 3, strides[1]), (_EXPANSION * width, 1, 1)]
        features = _block(operations, features, name, layers, stride)
    return features


def resnet_imagenet_weights(variant: str, copies: tuple[str, ...] = ()) -> ImageNetWeights | None:
    """Return Keras's ImageNet weights of a variant; None: there are none.

    Args:
        variant: as in ``resnet_stage``.
        copies: as in ``ImageNetWeights``.
    """
    from keras.src.applications import resnet  # Keras exports the checksums nowhere else

    if variant not in resnet.WEIGHTS_HASHES:
        return None
    name = f"{variant}_weights_tf_dim_ordering_tf_kernels_notop.h5"
    return ImageNetWeights(
        name=name,
        address=resnet.BASE_WEIGHTS_PATH + name,
        md5=resnet.WEIGHTS_HASHES[variant][1],
        network="a ResNet",
        prefixes=("conv",),
        first="conv1_conv",
        in_bgr=True,
        copies=copies,
    )


def resnet_variant(file: WeightFile, variants: Sequence[str]) -> str:
    """Return which of some variants a weight file holds, by its number of blocks.

    Raises:
        WeightsError: none of them.
    """
    repeats = tuple(file.count(rf"conv{stage}_block\d+_1_conv") for stage in (2, 3, 4, 5))
    for variant in variants:
        if _REPEATS[variant] == repeats:
            return variant
    allowed = ", ".join(str(_REPEATS[variant]) for variant in variants)
    raise WeightsError(f"{file.path}: has residual blocks {repeats}, must be one of {allowed}")


def _block(
    operations: Operations[Features],
    features: Features,
    name: str,
    layers: Sequence[tuple[int, int, int]],
    stride: int,
) -> Features:
    """Apply convolutions of (channels, kernel, stride) and add their input, convolved where its shape differs."""

    def convolve(inputs: Features, part: int, channels: int, kernel: int, stride: int) -> Features:
        outputs = operations.convolution(inputs, f"{name}_{part}_conv", channels, kernel, stride, use_bias=True)
        return operations.batch_norm(outputs, f"{name}_{part}_bn", EPSILON)

    channels, inputs = layers[-1][0], features
    if stride != 1 or operations.channels(features) != channels:
        inputs = convolve(features, 0, channels, 1, stride)
    for part, layer in enumerate(layers, start=1):
        features = convolve(features, part, *layer)
        if part < len(layers):
            features = operations.relu(features, f"{name}_{part}_relu")
    return operations.relu(operations.add([inputs, features], f"{name}_add"), f"{name}_out")
