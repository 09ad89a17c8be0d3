"""`evopose2d convert-weights`: original files into the current form."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from keras_files import keras_arrays, write_keras_2

from evopose2d.config.catalogue import published
from evopose2d.errors import WeightsError
from evopose2d.networks.build import build_network
from evopose2d.networks.images import IMAGE_MEAN, IMAGE_STD
from evopose2d.stages.conversion import convert
from evopose2d.stages.pose_model import load_pose_model
from evopose2d.weights import layer_arrays, load_weights, read_arrays, read_metadata
from evopose2d.weights.architecture_inference import infer_architecture


@pytest.mark.slow
def test_converted_reference_gives_the_original_outputs(reference, tmp_path):
    stored = np.load(reference / "evopose_tiny_ref.npz")
    report = convert(reference / "evopose_tiny_ref.h5", tmp_path / "new.h5")
    assert (report["architecture"], report["input_shape"], report["keypoints"]) == ("evopose2d", [128, 96], 17)
    assert read_metadata(tmp_path / "new.h5")["precision"] == "float32"

    found = infer_architecture(tmp_path / "new.h5")
    network = build_network(found.model, found.keypoints, seed=3)
    assert load_weights(network, tmp_path / "new.h5").complete
    images = stored["x"] * np.array(IMAGE_STD, "float32") + np.array(IMAGE_MEAN, "float32")
    np.testing.assert_allclose(network(images), stored["y"], atol=1e-4)


def test_folder_is_one_of_the_stages(reference, tmp_path):
    convert(reference / "overfit_ref.h5", tmp_path / "pose")
    model = load_pose_model(tmp_path / "pose")
    assert model.keypoints.count == 17
    assert model.stride == 2  # three of its blocks halve the resolution


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hrnet_w32", "simple_baseline_resnet50"])
def test_baselines_of_the_original_are_converted(tmp_path, name):
    model = replace(published()[name].model, input_shape=[32, 32])
    network = build_network(model, 5, seed=4)
    layers = keras_arrays(network)
    if name.startswith("hrnet"):
        layers = {_original_name(layer): weights for layer, weights in layers.items()}
        assert "s3/m1/b20/conv1" in layers
        assert "s4/transition/b4/conv" in layers
    description = {"config": {"layers": [{"config": {"batch_input_shape": [None, 32, 32, 3]}}]}}
    write_keras_2(tmp_path / "old.h5", layers, description)

    report = convert(tmp_path / "old.h5", tmp_path / "new.h5")
    assert report["variant"] == model.variant
    np.testing.assert_equal(read_arrays(tmp_path / "new.h5"), layer_arrays(network))


def _original_name(layer: str) -> str:
    """Put the slashes back that the original has in the names of HRNet's layers."""
    if not layer.startswith("s"):
        return layer
    stage, part, rest = layer.split("_", 2)
    branch, _, own = rest.partition("_")
    return f"{stage}/{part}/{branch}/{own}" if part[0] != "m" or branch != "fusion" else f"{stage}/{part}/fusion/{own}"


@pytest.mark.slow
def test_a_folder_needs_cocos_keypoints(tmp_path):
    model = replace(published()["simple_baseline_resnet50"].model, input_shape=[32, 32], head_channels=8)
    write_keras_2(tmp_path / "old.h5", keras_arrays(build_network(model, 5, seed=0)))
    with pytest.raises(WeightsError, match="the file's 5 do not have"):
        convert(tmp_path / "old.h5", tmp_path / "pose", model)
    assert not (tmp_path / "pose").exists()


def test_file_that_does_not_fit_names_the_layers(reference, tmp_path):
    with pytest.raises(WeightsError, match=r"does not fit the network: missing: .*; mismatched: stem_conv kernel"):
        convert(reference / "overfit_ref.h5", tmp_path / "new.h5", published()["evopose2d_s"].model)
    assert not (tmp_path / "new.h5").exists()


@pytest.mark.slow
def test_command_prints_what_was_inferred(reference, tmp_path):
    code = "import sys; from evopose2d.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "convert-weights", str(reference / "evopose_tiny_ref.h5")]
    finished = subprocess.run([*command, "new.h5", "--json"], cwd=tmp_path, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["head_channels"] == 32
    wrong = subprocess.run([*command, "new.h5", "--network", "evopose"], cwd=tmp_path, capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "must be one of ancestor" in wrong.stderr
