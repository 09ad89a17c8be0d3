"""SimpleBaseline: a residual network, then transposed convolutions to heatmaps.

Source: Xiao et al., "Simple Baselines for Human Pose Estimation and Tracking" (arXiv 1804.06208), with the
residual network of He et al. (arXiv 1512.03385). Layers have the names, biases and epsilons of Keras's ResNet
and of the original project, so that files of both load by layer name.
"""

from evopose2d.networks.operations import Features, Operations

_REPEATS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3), "resnet152": (3, 8, 36, 3)}
_WIDTH = 64
_EXPANSION = 4
_HEAD_KERNEL = 4
_EPSILON = 1.001e-5  # of Keras's ResNet


def simple_baseline(
    operations: Operations[Features],
    images: Features,
    *,
    variant: str,
    head_blocks: int,
    head_channels: int,
    final_kernel: int,
    keypoints: int,
) -> Features:
    """Go from normalised images to heatmaps.

    Args:
        operations: build or count the layers.
        images: (B, H, W, 3).
        variant: ``resnet50``, ``resnet101`` or ``resnet152``.
        head_blocks: transposed convolutions that double the resolution (published: 3).
        head_channels: channels of each of them (published: 256).
        final_kernel: kernel side of the last convolution.
        keypoints: K.

    Returns:
        (B, h, w, K) heatmaps; with three head blocks, h = H / 4.
    """
    features = _stem(operations, images)
    for number, repeats in enumerate(_REPEATS[variant]):
        for repeat in range(repeats):
            stride = 2 if repeat == 0 and number > 0 else 1
            name = f"conv{number + 2}_block{repeat + 1}"
            features = _block(operations, features, name, _WIDTH << number, stride, shortcut=repeat == 0)
    for number in range(1, head_blocks + 1):
        features = operations.transposed_convolution(features, f"head_conv{number}", head_channels, _HEAD_KERNEL, 2)
        features = operations.batch_norm(features, f"head_bn{number}")
        features = operations.relu(features, f"head_act{number}")
    return operations.heatmaps(features, "final_conv", keypoints, final_kernel)


def _stem(operations: Operations[Features], images: Features) -> Features:
    # Padded by hand: "same" would put the odd zero on the other side.
    features = operations.pad(images, "conv1_pad", 3)
    features = operations.convolution(features, "conv1_conv", _WIDTH, 7, 2, padding="valid", use_bias=True)
    features = operations.batch_norm(features, "conv1_bn", _EPSILON)
    features = operations.relu(features, "conv1_relu")
    return operations.max_pool(operations.pad(features, "pool1_pad", 1), "pool1_pool")


def _block(
    operations: Operations[Features], features: Features, name: str, width: int, stride: int, *, shortcut: bool
) -> Features:
    """Apply a bottleneck of 1x1, 3x3 and 1x1 convolutions; the stride is on the first, as in Keras."""

    def convolve(inputs: Features, part: int, channels: int, kernel: int, stride: int) -> Features:
        outputs = operations.convolution(inputs, f"{name}_{part}_conv", channels, kernel, stride, use_bias=True)
        return operations.batch_norm(outputs, f"{name}_{part}_bn", _EPSILON)

    wide = _EXPANSION * width
    skipped = convolve(features, 0, wide, 1, stride) if shortcut else features
    features = operations.relu(convolve(features, 1, width, 1, stride), f"{name}_1_relu")
    features = operations.relu(convolve(features, 2, width, 3, 1), f"{name}_2_relu")
    features = convolve(features, 3, wide, 1, 1)
    return operations.relu(operations.add([skipped, features], f"{name}_add"), f"{name}_out")
