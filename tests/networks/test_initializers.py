import keras
import numpy as np
import pytest

from evopose2d.networks.initializers import FanOutScaling


@pytest.mark.parametrize(("scale", "distribution"), [(2.0, "truncated_normal"), (1 / 3, "uniform")])
@pytest.mark.parametrize("shape", [(3, 3, 40, 60), (5, 5, 800, 1), (1, 1, 20, 900)])
def test_distributes_as_keras(scale, distribution, shape):
    own = np.asarray(FanOutScaling(scale, distribution, seed=1)(shape))
    theirs = np.asarray(
        keras.initializers.VarianceScaling(scale, mode="fan_out", distribution=distribution, seed=1)(shape)
    )

    assert own.shape == shape
    assert own.std() == pytest.approx(theirs.std(), rel=0.02)
    assert abs(own.mean()) < 0.02 * own.std()
    assert np.abs(own).max() == pytest.approx(np.abs(theirs).max(), rel=0.01)


def test_draws_by_its_seed_alone():
    first, again, other = (np.asarray(FanOutScaling(2.0, "truncated_normal", seed)((3, 3, 4, 4))) for seed in (1, 1, 2))

    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_is_registered_for_saving():
    initializer = FanOutScaling(2.0, "uniform", seed=3)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(initializer))

    np.testing.assert_array_equal(np.asarray(copy((1, 1, 2, 3))), np.asarray(initializer((1, 1, 2, 3))))
