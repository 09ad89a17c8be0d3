"""Small networks with weights, and images to try them on."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import keras
import numpy as np

from evopose2d.inheritance.layers import LayerArrays
from evopose2d.networks.architecture import Output
from evopose2d.networks.build import build
from evopose2d.networks.families.evopose2d import EvoPose2DConfig, describe, evopose2d, recorded
from evopose2d.networks.layers import LayerFactory
from evopose2d.networks.scaling import NetworkSpec
from evopose2d.weights import set_layer_arrays

REFERENCE_GENOTYPE = ((3, 1, 2, 1), (3, 1, 2, 2), (5, 1, 3, 2), (3, 1, 5, 2), (5, 1, 7, 1), (5, 1, 9, 1), (3, 1, 12, 1))
"""Genes of the trained reference network as it was built, compound scaling done."""


def spec_of(
    genes: Sequence[Sequence[int]], input_shape: tuple[int, int] = (64, 64), head: tuple[int, int] = (1, 8)
) -> NetworkSpec:
    """Describe a network of any number of blocks (kernel, repeats, channels / 8, stride); head: blocks, channels."""
    config = EvoPose2DConfig(
        architecture="evopose2d",
        genotype=[list(block) for block in genes],
        input_shape=list(input_shape),
        compound_scaling=False,
        head_blocks=head[0],
        head_channels=head[1],
        final_kernel=1,
    )
    return describe(config, keypoints=3)


def reference_spec(genes: Sequence[Sequence[int]] = REFERENCE_GENOTYPE) -> NetworkSpec:
    """Describe the trained reference network, or one with other genes."""
    spec = spec_of(genes, (128, 96), (3, 56))
    first = replace(spec.blocks[0], in_channels=24, squeeze_channels=6)
    return replace(spec, stem_channels=24, keypoints=17, blocks=(first, *spec.blocks[1:]))


def random_weights(spec: NetworkSpec, seed: int) -> LayerArrays:
    """Make a new network's weights as a builder would: random kernels, normalisations that do nothing."""
    rng = np.random.default_rng(seed)
    constant = {"gamma": 1, "beta": 0, "moving_mean": 0, "moving_variance": 1, "bias": 0}
    return {
        layer: {
            name: np.full(shape, constant[name], np.float32)
            if name in constant
            else (rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[:2]) / shape[3])).astype(np.float32)
            for name, shape in shapes.items()
        }
        for layer, shapes in recorded(spec).weight_shapes.items()
    }


def trained_weights(spec: NetworkSpec, seed: int) -> LayerArrays:
    """Make weights of which none has the value that it would have in a new network."""
    rng = np.random.default_rng(seed)
    weights = random_weights(spec, seed)
    for layer in weights.values():
        for name, values in layer.items():
            if name in ("gamma", "moving_variance"):
                layer[name] = rng.uniform(0.5, 1.5, values.shape).astype(np.float32)
            elif name != "kernel":
                layer[name] = (0.3 * rng.standard_normal(values.shape)).astype(np.float32)
    return weights


def built(spec: NetworkSpec, seed: int) -> keras.Model:
    """Build a network."""
    return build(
        lambda operations, images: [Output(evopose2d(operations, images, spec))],
        spec.input_shape,
        "test",
        LayerFactory(seed),
    ).network


def heatmaps(spec: NetworkSpec, weights: LayerArrays, images: np.ndarray) -> np.ndarray:
    """Run a network."""
    network = built(spec, seed=0)
    set_layer_arrays(network, weights)
    result = keras.ops.convert_to_numpy(network(images, training=False))
    keras.backend.clear_session()
    return result


def smooth_images(spec: NetworkSpec, count: int = 2) -> np.ndarray:
    """Draw (count, H, W, 3) images 0..255 that are as smooth as photographs."""
    rng = np.random.default_rng(0)
    images = []
    for _ in range(count):
        noise = rng.standard_normal((*spec.input_shape, 3))
        smooth = sum(cv2.GaussianBlur(noise, (0, 0), width) * width for width in (1, 3, 9))
        images.append(127 + 60 * smooth / smooth.std())
    return np.stack(images).clip(0, 255).astype(np.float32)
