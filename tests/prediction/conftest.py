"""A network whose heatmaps are the picture's colours: it finds the brightest red, green and blue pixel."""

import keras
import numpy as np
import pytest

from evopose2d.keypoints import KeypointSchema
from evopose2d.networks.build import build_network
from evopose2d.networks.families.evopose2d import EvoPose2DConfig
from evopose2d.prediction.estimator import PoseEstimator
from evopose2d.stages.pose_model import PoseModel, save_pose_model

INPUT_SHAPE = (64, 48)
SCHEMA = KeypointSchema(
    names=("head", "left_hand", "right_hand"),
    skeleton=((0, 1), (0, 2)),
    flip_permutation=(0, 2, 1),
    sigmas=(0.05,) * 3,
    upper_body=(),
)


def config():
    strides = (1, 2, 2, 2, 1, 1, 1)
    return EvoPose2DConfig(
        architecture="evopose2d",
        genotype=[[3, 1, 1, stride] for stride in strides],
        input_shape=list(INPUT_SHAPE),
        compound_scaling=False,
        head_blocks=2,
        head_channels=8,
        final_kernel=1,
    )


def colour_model():
    images = keras.Input((*INPUT_SHAPE, 3), dtype="uint8", name="images")
    heatmaps = keras.layers.AveragePooling2D(1, strides=4)(keras.layers.Rescaling(1.0)(images))
    return PoseModel(keras.Model(images, heatmaps), config(), SCHEMA, 2.0)


@pytest.fixture
def estimator():
    return PoseEstimator(colour_model(), flip_test=False, batch_size=4)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """A network of random weights on disk."""
    folder = tmp_path_factory.mktemp("models") / "pose"
    network = build_network(config(), SCHEMA.count, seed=0)
    save_pose_model(folder, PoseModel(network, config(), SCHEMA, 2.0))
    return folder


def picture_of(people, shape=(240, 320)):
    """Draw people, each three points (3, 2) x, y in pixels: round hills of red, green and blue."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    image = np.zeros((*shape, 3))
    for person in people:
        for colour, (x, y) in enumerate(person):
            hill = 250 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 10**2))
            image[..., colour] = np.maximum(image[..., colour], hill)
    return image.round().astype(np.uint8)
