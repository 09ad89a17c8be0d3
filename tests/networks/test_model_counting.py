from dataclasses import replace

import keras
import pytest

from evopose2d.networks.build import build_network
from evopose2d.networks.families.evopose2d import describe, recorded
from evopose2d.networks.model_counting import count_model


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"compound_scaling": True, "input_shape": [320, 256]},
        {"head_blocks": 0},
        {"head_blocks": 1, "final_kernel": 3},
    ],
)
def test_built_network_has_the_size_of_its_description(small_model, changes):
    model = replace(small_model, **changes)

    assert count_model(build_network(model, 5)) == recorded(describe(model, 5)).size


def test_counts_operations_by_hand():
    images = keras.Input((8, 8, 3))
    features = keras.layers.Conv2D(4, 3, padding="same", activation="swish")(images)
    features = keras.layers.Add()([features, features, features])
    features = keras.layers.GlobalAveragePooling2D()(features)
    size = count_model(keras.Model(images, keras.layers.Dense(2)(features)))

    convolution = 8 * 8 * 4 * (2 * 27 + 1 + 2)
    assert size.multiply_adds == (convolution + 8 * 8 * 4 * (2 + 1) + 2 * 4 * 2 + 2) // 2
    assert size.parameters == size.trainable_parameters == 27 * 4 + 4 + 4 * 2 + 2
