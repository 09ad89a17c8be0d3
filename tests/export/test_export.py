"""Exported networks against Keras: on real crops in every format, and what happens to a wrong one."""

import json
from dataclasses import replace

import cv2
import keras
import numpy as np
import pytest

from evopose2d.data.coco import annotated_people, read_coco
from evopose2d.data.geometry import crop, crop_matrices
from evopose2d.errors import ConfigError, DataError
from evopose2d.evaluation.decoding import Decoding
from evopose2d.export import formats
from evopose2d.export.export import TOLERANCE, export
from evopose2d.export.formats import FORMATS, Format
from evopose2d.keypoints import COCO_PERSON
from evopose2d.networks.build import build_network
from evopose2d.networks.families.evopose2d import EvoPose2DConfig
from evopose2d.stages.pose_model import PoseModel
from evopose2d.weights import load_weights


@pytest.fixture(scope="module")
def model(reference):
    """The original's trained network."""
    known = json.loads((reference / "overfit_ref.json").read_text())
    config = EvoPose2DConfig(
        architecture="evopose2d",
        genotype=known["genotype"],
        input_shape=known["input"][:2],
        compound_scaling=True,
        head_blocks=3,
        head_channels=known["head_channels"],
        final_kernel=known["final_kernel"],
    )
    network = build_network(config, 17, seed=0)
    load_weights(network, reference / "overfit_ref.h5")
    return PoseModel(network, config, COCO_PERSON, 2.0)


@pytest.fixture(scope="module")
def crops(coco_sample, model):
    """(24, H, W, 3) real people."""
    coco = read_coco(coco_sample / "annotations" / "person_keypoints_val2017.json")
    shape = tuple(model.config.input_shape)
    return np.stack(
        [
            crop(
                cv2.imread(str(coco_sample / "val2017" / person.file_name))[..., ::-1],
                crop_matrices(person.box, shape),
                shape,
            )
            for person in annotated_people(coco, labelled_only=True)[:24]
        ]
    )


def run(model, crops, output, *names, decoding=None):
    choice = decoding or Decoding(flip_test=False)
    return export(model, output, names, choice, checked=crops, calibration=crops)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_gives_the_keypoints_of_keras(model, crops, tmp_path, name):
    (result,) = run(model, crops, tmp_path, name)

    if FORMATS[name].exact:
        assert result.largest_difference <= TOLERANCE
        assert result.score_difference < 1e-4
    elif name == "tflite-float16":
        assert result.sure_within_tolerance > 0.95
    else:
        # Eight bits move a peak to its neighbour here and there: a heatmap pixel is two crop pixels.
        assert result.median_difference <= 1
        assert result.score_difference < 0.4
    written = tmp_path / FORMATS[name].file
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([written.name, "pose.json"])
    # Any number of people at once, the weights once in the file.
    assert FORMATS[name].runner(written)(crops[:5]).shape == (5, 17, 3)
    assert result.megabytes < 5


@pytest.mark.slow
def test_dark_with_an_exact_flip_runs_in_onnx(model, crops, tmp_path):
    (result,) = run(model, crops[:8], tmp_path, "onnx", decoding=Decoding(True, "dark", "exact"))

    assert result.largest_difference <= TOLERANCE
    description = json.loads((tmp_path / "pose.json").read_text())["pose.onnx"]
    assert description["decoding"] == {"flip_test": True, "method": "dark", "coordinates": "exact"}
    assert description["input"]["shape"] == ["batch", *model.config.input_shape, 3]
    assert description["keypoints"]["names"] == list(COCO_PERSON.names)


@pytest.mark.slow
def test_strides_beyond_the_kernel_run_in_onnx(model, tmp_path):
    """As HRNet brings branches of lower resolution up."""
    images = keras.Input((64, 48, 3), name="images")
    features = keras.layers.Rescaling(1.0)(images)
    branches = [
        keras.layers.Conv2DTranspose(17, kernel, strides=stride, padding="same")(
            keras.layers.Conv2D(8, 3, strides=4 * stride, padding="same")(features)
        )
        for kernel, stride in ((1, 2), (1, 4), (3, 4))
    ]
    network = keras.Model(images, keras.layers.Add()(branches))
    strided = PoseModel(network, replace(model.config, input_shape=[64, 48]), COCO_PERSON, 2.0)
    pictures = np.random.default_rng(0).integers(0, 256, (6, 64, 48, 3), np.uint8)

    (result,) = run(strided, pictures, tmp_path, "onnx")

    assert result.largest_difference <= TOLERANCE
    assert result.score_difference < 1e-3


def test_a_format_that_gives_other_keypoints_is_not_written(model, crops, tmp_path, monkeypatch):
    (tmp_path / "wrong.bin").write_text("what was there")

    def write(keypoint_model, calibration, path):
        path.write_text("new")

    wrong = Format(
        "wrong", "wrong.bin", True, write, lambda path, threads: lambda some: np.ones((len(some), 17, 3), np.float32)
    )
    monkeypatch.setitem(FORMATS, "wrong", wrong)

    with pytest.raises(DataError, match=r"wrong: a keypoint differs .* not written"):
        run(model, crops[:2], tmp_path, "wrong")

    assert [path.name for path in tmp_path.iterdir()] == ["wrong.bin"]
    assert (tmp_path / "wrong.bin").read_text() == "what was there"


@pytest.mark.slow
def test_each_file_keeps_the_description_of_its_own_run(model, tmp_path, monkeypatch):
    crops = np.random.default_rng(0).integers(0, 256, (2, *model.config.input_shape, 3), np.uint8)
    for name in ("one", "two"):
        stand_in = Format(
            name,
            f"{name}.bin",
            False,
            lambda keypoint_model, calibration, path: path.write_text("new"),
            lambda path, threads: lambda some: np.zeros((len(some), 17, 3), np.float32),
        )
        monkeypatch.setitem(FORMATS, name, stand_in)

    run(model, crops, tmp_path, "one", "two", decoding=Decoding(False))
    run(model, crops, tmp_path, "two", decoding=Decoding(True, "dark", "exact"))

    described = json.loads((tmp_path / "pose.json").read_text())
    assert {name: each["decoding"]["method"] for name, each in described.items()} == {
        "one.bin": "quarter-pixel",
        "two.bin": "dark",
    }
    (tmp_path / "one.bin").unlink()
    run(model, crops, tmp_path, "two", decoding=Decoding(True))
    assert list(json.loads((tmp_path / "pose.json").read_text())) == ["two.bin"]


def test_what_a_format_lacks_is_told_in_one_line(monkeypatch):
    find = formats.importlib.util.find_spec
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name: None if name == "tf2onnx" else find(name))

    with pytest.raises(ConfigError, match=r"onnx: needs tf2onnx, .*evopose2d\[export\]"):
        formats.check_available("onnx")
    formats.check_available("tflite")


def test_dark_is_refused_for_tensorflow_lite(model, crops, tmp_path):
    with pytest.raises(ConfigError, match="must be quarter-pixel"):
        run(model, crops[:1], tmp_path, "tflite", decoding=Decoding(False, "dark"))
    assert not list(tmp_path.iterdir())
