"""EvoPose2D: mobile inverted bottlenecks chosen by a genotype, then transposed convolutions to heatmaps.

Source: McNally et al., arXiv 2011.08446, section 3. Layers are named as in the original.
"""

from evopose2d.networks.operations import Features, Operations
from evopose2d.networks.recording import NetworkSize, Recording, record
from evopose2d.networks.scaling import BlockSpec, NetworkSpec


def evopose2d(operations: Operations[Features], images: Features, spec: NetworkSpec) -> Features:
    """Go from normalised images (B, H, W, 3) to heatmaps (B, h, w, K).

    Args:
        operations: what to do at each layer.
        images: normalised.
        spec: the network.
    """
    features = operations.convolution(images, "stem_conv", spec.stem_channels, spec.stem_kernel, spec.stem_stride)
    features = operations.normalised_swish(features, "stem_bn")
    for block in spec.blocks:
        features = _bottleneck(operations, features, block)
    for head in spec.head:
        name = head.name
        features = operations.transposed_convolution(
            features, f"{name}_conv", head.out_channels, head.kernel, head.stride
        )
        features = operations.normalised_swish(features, f"{name}_bn")
    return operations.heatmaps(features, "final_conv", spec.keypoints, spec.final_kernel)


def recorded(spec: NetworkSpec) -> Recording:
    """Return the network's layers."""
    return record(lambda operations, images: evopose2d(operations, images, spec), spec.input_shape)


def count(spec: NetworkSpec) -> NetworkSize:
    """Count a described network; parameters are exactly those that Keras counts in the built one."""
    return recorded(spec).size


def _bottleneck(operations: Operations[Features], inputs: Features, block: BlockSpec) -> Features:
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
