"""What training starts from, by ``train.initial_weights``."""

import logging
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras_files import keras_arrays, randomise, write_keras_2

from evopose2d.config.catalogue import published
from evopose2d.config.pinned import pin
from evopose2d.errors import ConfigError, WeightsError
from evopose2d.files import file_sha256
from evopose2d.networks.build import build_network
from evopose2d.stages.initial_weights import initial_file, set_initial_weights, take
from evopose2d.weights import layer_arrays, read_arrays, save_weights

_ANCESTOR = replace(published()["ancestor"].model, input_shape=[64, 64], compound_scaling=False, head_channels=8)


def _small(name: str):
    return replace(published()[name].model, input_shape=[64, 64], compound_scaling=False, head_channels=8)


def _simple_baseline():
    return replace(published()["simple_baseline_resnet50"].model, input_shape=[32, 32], head_channels=8)


@pytest.mark.slow
def test_efficientnet_goes_whole_into_its_own_genotype(efficientnet, caplog):
    theirs, path = efficientnet
    network = build_network(_ANCESTOR, 5, seed=0)
    with caplog.at_level(logging.INFO, logger="evopose2d"):
        set_initial_weights(network, _ANCESTOR, f"imagenet:{path}")

    assert "is not Keras's efficientnetb0_notop.h5" in caplog.text
    assert "0 in part; 7 stay random: head_block1_conv" in caplog.text
    crops = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    name = "block7a_project_bn"
    features, expected = (
        np.asarray(keras.Model(each.input, each.get_layer(name).output)(crops)) for each in (network, theirs)
    )
    np.testing.assert_allclose(features, expected, atol=1e-3 * np.abs(expected).max())


def test_other_genotype_takes_what_overlaps_and_the_rest_stays(efficientnet):
    _, path = efficientnet
    network = build_network(_small("evopose2d_s"), 5, seed=0)
    initial, arrays = layer_arrays(network), read_arrays(path, lambda layer: layer.startswith(("stem_", "block")))
    taken = take(network, arrays)
    given = layer_arrays(network)

    assert {"stem_conv", "block5a_dwconv"} <= set(taken.whole)
    np.testing.assert_array_equal(given["block5a_dwconv"]["kernel"], arrays["block5a_dwconv"]["kernel"])
    assert "block7a_project_conv" in taken.partly  # 80 of its 320 channels
    overlap = given["block7a_project_conv"]["kernel"][:, :, :768, :80]
    np.testing.assert_array_equal(overlap, arrays["block7a_project_conv"]["kernel"][:, :, :768, :80])
    assert {"head_block1_conv", "head_block2_bn", "final_conv"} <= set(taken.random)
    np.testing.assert_equal(given["final_conv"], initial["final_conv"])
    assert len({*taken.whole, *taken.partly, *taken.random}) == len(initial)


@pytest.mark.slow
def test_resnet_goes_into_simple_baseline(tmp_path):
    model = _simple_baseline()
    theirs = keras.applications.ResNet50(weights=None, include_top=False, input_shape=(32, 32, 3))
    randomise(theirs, 1)
    write_keras_2(tmp_path / "resnet.h5", keras_arrays(theirs))
    network = build_network(model, 5, seed=0)
    set_initial_weights(network, model, f"imagenet:{tmp_path / 'resnet.h5'}")

    crops = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype("float32")
    expected = np.asarray(theirs(keras.applications.resnet.preprocess_input(crops.copy())))
    features = np.asarray(keras.Model(network.input, network.get_layer("conv5_block3_out").output)(crops))
    # The means differ by up to half a grey level.
    np.testing.assert_allclose(features, expected, atol=0.02 * np.abs(expected).max())


def test_file_of_another_network_changes_nothing(tmp_path):
    network = build_network(_ANCESTOR, 5, seed=0)
    before = layer_arrays(network)
    wrong = {"stem_conv": {"kernel": np.ones((3, 3, 3, 32), "float32"), "bias": np.ones(32, "float32")}}
    write_keras_2(tmp_path / "other.h5", wrong | {"stem_bn": {"gamma": np.ones(32, "float32")}})
    with pytest.raises(WeightsError, match="weights of another form"):
        set_initial_weights(network, _ANCESTOR, f"imagenet:{tmp_path / 'other.h5'}")
    np.testing.assert_equal(layer_arrays(network), before)


@pytest.mark.slow
def test_weight_file_of_the_same_network_must_fit(tmp_path):
    network = build_network(_ANCESTOR, 5, seed=0)
    save_weights(network, tmp_path / "own.h5")
    other = build_network(_ANCESTOR, 5, seed=1)
    set_initial_weights(other, _ANCESTOR, None)
    assert not np.array_equal(other.get_weights()[0], network.get_weights()[0])
    set_initial_weights(other, _ANCESTOR, str(tmp_path / "own.h5"))
    np.testing.assert_equal(layer_arrays(other), layer_arrays(network))
    with pytest.raises(WeightsError, match="does not fit the network"):
        set_initial_weights(build_network(_small("evopose2d_s"), 5, seed=1), _ANCESTOR, str(tmp_path / "own.h5"))


@pytest.mark.slow
def test_weights_that_are_named_with_their_digest_are_taken_alone(tmp_path):
    model = _simple_baseline()
    resnet = keras.applications.ResNet50(weights=None, include_top=False, input_shape=(32, 32, 3))
    write_keras_2(tmp_path / "resnet.h5", keras_arrays(resnet))
    network = build_network(model, 5, seed=0)
    save_weights(network, tmp_path / "own.h5")
    other = build_network(model, 5, seed=1)
    before = layer_arrays(other)
    for path, kind in ((tmp_path / "own.h5", ""), (tmp_path / "resnet.h5", "imagenet:")):
        wrong = f"{kind}{path}#sha256={64 * '0'}"
        with pytest.raises(WeightsError, match=rf"{path.name}: got SHA-256 {file_sha256(path)}, .* allows 0{{64}}$"):
            set_initial_weights(other, model, wrong)
        np.testing.assert_equal(layer_arrays(other), before)
        assert initial_file(wrong) == path
    set_initial_weights(other, model, f"imagenet:{pin(tmp_path / 'resnet.h5')}")
    assert not np.array_equal(layer_arrays(other)["conv1_conv"]["kernel"], before["conv1_conv"]["kernel"])
    set_initial_weights(other, model, pin(tmp_path / "own.h5"))
    np.testing.assert_equal(layer_arrays(other), layer_arrays(network))
    with pytest.raises(WeightsError, match=r"absent\.h5: cannot be read"):
        set_initial_weights(other, model, f"{tmp_path / 'absent.h5'}#sha256={64 * '0'}")


def test_no_imagenet_for_hrnet():
    with pytest.raises(ConfigError, match="hrnet"):
        set_initial_weights(None, published()["hrnet_w32"].model, "imagenet")


def test_absent_file_is_named():
    with pytest.raises(WeightsError, match=r"absent\.h5"):
        set_initial_weights(None, _ANCESTOR, f"imagenet:{Path('absent.h5')}")
