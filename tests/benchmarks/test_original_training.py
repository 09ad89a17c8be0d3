import keras
import numpy as np
import pytest
import tensorflow as tf
from benchmarks.original_training import KERAS_2, KERAS_3, OriginalTraining, host_batch
from tests.training.conftest import TINY, train_config

from evopose2d.networks.build import build_network
from evopose2d.networks.families.evopose2d import describe
from evopose2d.training.model import trainable

pytest.importorskip("tf_keras")


@pytest.mark.slow
@pytest.mark.parametrize("library", [KERAS_2, KERAS_3])
def test_original_step_gives_the_losses_of_this_project_s(library):
    config = train_config(warmup_epochs=0, epochs=1000, l2=1e-3, learning_rate=0.01)
    spec = describe(TINY, 3)
    original = OriginalTraining(spec, config, library)
    network = build_network(TINY, 3, seed=0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
            original.network.get_layer(layer.name).rate = 0.0
        elif layer.weights:
            original.network.get_layer(layer.name).set_weights(layer.get_weights())
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    keypoints = np.concatenate([rng.uniform(0, 32, (4, 3, 2)), rng.integers(0, 3, (4, 3, 1))], -1).astype(np.float32)

    theirs = original.batches(*host_batch(images, keypoints, spec, config.sigma))
    model = trainable(network, config, steps_per_epoch=1000)
    model.make_train_function()
    ours = iter(tf.data.Dataset.from_tensors((images, keypoints)).repeat())

    for _ in range(3):
        assert float(model.train_function(ours)["loss"]) == pytest.approx(original.step(theirs), rel=2e-3)
        model.reset_metrics()
