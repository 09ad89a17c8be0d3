"""A network and data small enough to train in a moment."""

from collections.abc import Iterator

import keras
import numpy as np
import pytest

from evopose2d.config.schema import AugmentationConfig, TrainConfig
from evopose2d.networks.build import build_network
from evopose2d.networks.families.evopose2d import EvoPose2DConfig
from evopose2d.training.loop import TrainingTask

TINY = EvoPose2DConfig(
    architecture="evopose2d",
    genotype=[
        [3, 1, 1, 1],
        [3, 2, 1, 2],
        [3, 1, 2, 2],
        [3, 1, 2, 2],
        [3, 1, 2, 1],
        [3, 1, 2, 1],
        [3, 1, 2, 1],
    ],
    input_shape=[32, 32],
    compound_scaling=False,
    head_blocks=2,
    head_channels=8,
    final_kernel=1,
)


def train_config(**changes) -> TrainConfig:
    values = {
        "seed": 3,
        "epochs": 4,
        "batch_size": 4,
        "accumulation": 1,
        "learning_rate": 0.01,
        "schedule": "cosine",
        "warmup_epochs": 1,
        "drop_epochs": [170, 200],
        "l2": 1e-5,
        "sigma": 8.0,
        "initial_weights": None,
        "augmentation": AugmentationConfig(0.5, 0.3, 40.0, 0.6, 0.0, 9),
    }
    return TrainConfig(**(values | changes))


def epoch_batches(epoch: int, batch_size: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([7, epoch])
    images = rng.integers(0, 256, (steps, batch_size, 32, 32, 3), dtype=np.uint8)
    positions = rng.uniform(0, 32, (steps, batch_size, 3, 2)).astype(np.float32)
    visibility = rng.integers(0, 3, (steps, batch_size, 3, 1)).astype(np.float32)
    return images, np.concatenate([positions, visibility], axis=-1)


class ArrayBatches:
    """Batches that lie in arrays, one after the other."""

    def __init__(self, *arrays: np.ndarray) -> None:
        self._arrays = arrays
        self.shapes = [(array.shape[1:], str(array.dtype)) for array in arrays]

    def __len__(self) -> int:
        return len(self._arrays[0])

    def __iter__(self) -> Iterator[tuple[np.ndarray, ...]]:
        return zip(*self._arrays, strict=True)


@pytest.fixture
def make_task():
    """Give a task whose batches depend on the epoch alone, as those of the input pipeline do."""

    def make(*, steps: int = 3, network: keras.Model | None = None, **changes) -> TrainingTask:
        config = train_config(**changes)
        network = network or build_network(TINY, 3, seed=config.seed)

        def batches(first_epoch: int) -> ArrayBatches:
            parts = [epoch_batches(epoch, config.batch_size, steps) for epoch in range(first_epoch, config.epochs)]
            return ArrayBatches(*(np.concatenate(column) for column in zip(*parts, strict=True)))

        def validate() -> tuple[float, float]:
            images, _ = epoch_batches(1000, 8, 1)
            heatmaps = np.asarray(network.predict_on_batch(images[0].astype(np.float32)))
            return float(np.mean((heatmaps - 100.0) ** 2)), 0.5

        return TrainingTask(network, batches, steps, validate, config)

    return make
