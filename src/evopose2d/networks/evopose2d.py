"""EvoPose2D: mobile inverted bottlenecks chosen by a genotype, then transposed convolutions to heatmaps."""

import keras

from evopose2d.networks.blocks import LayerFactory, Tensor, bottleneck, upsampling
from evopose2d.networks.scaling import NetworkSpec

# Mean and standard deviation of ImageNet's RGB values, of 255.
IMAGE_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
IMAGE_STD = (0.229 * 255, 0.224 * 255, 0.225 * 255)


def build_evopose2d(spec: NetworkSpec, layers: LayerFactory) -> keras.Model:
    """Build the described network.

    Source: McNally et al., arXiv 2011.08446, section 3.

    Args:
        spec: what to build.
        layers: makes the layers.

    Returns:
        A network from images (B, H, W, 3), RGB 0..255, to float32 heatmaps (B, h, w, K), peaks about 255.
    """
    images = image_input(*spec.input_shape)
    features = normalised(images)
    features = layers.convolution("stem_conv", spec.stem_channels, spec.stem_kernel, spec.stem_stride)(features)
    features = layers.normalised_swish("stem_bn")(features)
    for block in spec.blocks:
        features = bottleneck(features, layers, block)
    for head in spec.head:
        features = upsampling(features, layers, head)
    heatmaps = layers.heatmap_convolution("final_conv", spec.keypoints, spec.final_kernel)(features)
    return keras.Model(images, heatmaps, name="evopose2d")


def image_input(height: int, width: int) -> Tensor:
    """Return the input ``images`` (B, H, W, 3), RGB 0..255, of a network."""
    return keras.Input((height, width, 3), dtype="float32", name="images")


def normalised(images: Tensor) -> Tensor:
    """Take off ImageNet's mean and divide by its standard deviation, of each colour."""
    scale = [1 / deviation for deviation in IMAGE_STD]
    offset = [-mean / deviation for mean, deviation in zip(IMAGE_MEAN, IMAGE_STD, strict=True)]
    # float32 in mixed precision too, so that rounding comes after the mean is taken off
    return keras.layers.Rescaling(scale, offset, dtype="float32", name="normalization")(images)
