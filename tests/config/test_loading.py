"""Configuration: what is read, and the one line that tells what is wrong."""

from dataclasses import FrozenInstanceError, asdict, fields
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evopose2d.config.loading import load_params
from evopose2d.config.schema import RecordsConfig
from evopose2d.errors import ConfigError


@pytest.fixture
def params_file(project_root: Path) -> Path:
    return project_root / "params.yaml"


def test_shipped_file_is_valid(params_file: Path):
    params = load_params(params_file)
    assert params.dataset.source == "synthetic"
    assert len(params.model.genotype) == 7


def test_override_replaces_a_value_and_nothing_else(params_file: Path):
    params = load_params(params_file, ["train.epochs=3", "model.input_shape=[256,192]"])
    assert params.train.epochs == 3
    assert params.model.input_shape == [256, 192]
    assert params.train.batch_size == load_params(params_file).train.batch_size


def test_texts_that_begin_with_a_tilde_are_paths_in_the_users_folder(params_file: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    path = tmp_path / "params.yaml"
    path.write_text(params_file.read_text().replace("root: data/coco ", "root: ~/coco "))
    params = load_params(path, ["dataset.source=~/own set", "download.detections=a/~/b.json"])
    assert (params.dataset.root, params.dataset.source) == ("/home/ada/coco", "/home/ada/own set")
    assert params.download.detections == "a/~/b.json"


def test_params_cannot_be_changed(params_file: Path):
    with pytest.raises(FrozenInstanceError):
        load_params(params_file).train.epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("train.epoch=3", ["train.epoch", "did you mean train.epochs"]),
        ("trian.epochs=3", ["trian", "did you mean train"]),
        ("train.epochs=many", ["train.epochs", "'many'", "whole number"]),
        ("train.epochs=1.5", ["train.epochs", "1.5", "whole number"]),
        ("train.epochs=null", ["train.epochs", "null", "whole number"]),
        ("train.batch_size=0", ["train.batch_size", "0", "at least 1"]),
        ("train.learning_rate=0", ["train.learning_rate", "greater than 0"]),
        ("train.learning_rate=nan", ["train.learning_rate", "nan", "must be a number"]),
        ("train.learning_rate=.inf", ["train.learning_rate", "inf", "finite number"]),
        ("train.schedule=linear", ["train.schedule", "'linear'", "cosine, piecewise"]),
        ("train.drop_epochs=[9,5]", ["train.drop_epochs", "rising"]),
        ("train=3", ["train", "section with seed, epochs"]),
        ("train.epochs=true", ["train.epochs", "True", "whole number"]),
        ("train.epochs=???", ["override", "train.epochs"]),
        ("train.epochs=${train.nothing}", ["params.yaml", "train.nothing"]),
        ("nothing.at.all=1", ["override: unknown key nothing"]),
        ("train={nothing: 1}", ["override: unknown key train.nothing"]),
        ("train.augmentation.flip_probability=1.5", ["flip_probability", "1.5", "at most 1"]),
        ("model.input_shape=[250,192]", ["model.input_shape", "250", "multiple of 32"]),
        ("model.input_shape=[256]", ["model.input_shape", "[256]", "2 values"]),
        ("model.input_shape=[256,wide]", ["model.input_shape", "wide"]),
        ("model.genotype=[[3,1,2,1]]", ["model.genotype", "7"]),
        ("model.genotype=[[3,1,2,1],5]", ["model.genotype[1]", "5", "must be a list"]),
        ("model.head_blocks=5", ["model.head_blocks", "5", "at most"]),
        ("model.architecture=resnet", ["model.architecture", "'resnet'", "evopose2d, simple_baseline, hrnet"]),
        ("model.variant=w32", ["model.variant", "'w32'", "null", "evopose2d"]),
        ("model.genotype=null", ["model.genotype", "null", "must be a list"]),
        ("model.architecture=hrnet", ["model.compound_scaling", "must be null", "hrnet", "networks use"]),
        ("dataset.flip_pairs=[[left_eye,right_ey]]", ["dataset.flip_pairs", "'right_ey'", "right_eye"]),
        ("dataset.sigmas=[0.1]", ["dataset.sigmas", "17"]),
        ("dataset.upper_body=[tail]", ["dataset.upper_body", "'tail'"]),
        ("validate.split=test-dev", ["validate.boxes", "detections"]),
        ("train.epochs=999999999999999999999999", ["train.epochs", "at most 100000"]),
        ("evolve.child_epochs=100001", ["evolve.child_epochs", "100001", "at most 100000"]),
        ("write_tfrecords.content=both", ["write_tfrecords.content", "'both'", "images, crops"]),
        ("write_tfrecords.crops.quality=0", ["write_tfrecords.crops.quality", "0", "at least 1"]),
        ("train.epochs", ["train.epochs", "key=value"]),
    ],
)
def test_mistake_is_told_in_one_line(params_file: Path, override: str, words: list[str]):
    with pytest.raises(ConfigError) as caught:
        load_params(params_file, [override])
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("model.input_shape=[256,192]", ["model.input_shape", "[256, 192]", "[128, 96]", "crops.input_shape"]),
        ("model.input_shape=[128,128]", ["model.input_shape", "[128, 128]", "aspect ratio"]),
        ("train.augmentation.scale=0.35", ["train.augmentation.scale", "0.35", "at most 0.3", "crops.scale"]),
        ("train.augmentation.half_body_probability=0.3", ["half_body_probability", "0.3", "crops.half_body"]),
    ],
)
def test_crops_must_cover_the_training_and_whole_images_always_do(params_file: Path, override: str, words: list[str]):
    load_params(params_file, [override])
    load_params(params_file, ["write_tfrecords.content=crops"])
    with pytest.raises(ConfigError) as caught:
        load_params(params_file, ["write_tfrecords.content=crops", override])
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_half_body_crops_need_an_upper_body(params_file: Path):
    half = "train.augmentation.half_body_probability=0.3"
    load_params(params_file, [half])
    with pytest.raises(ConfigError, match=r"half_body_probability: must be 0 unless dataset\.upper_body names"):
        load_params(params_file, ["dataset.upper_body=[]", half])


def test_records_are_written_again_for_their_own_keys_alone(project_root: Path):
    stage = yaml.safe_load((project_root / "dvc.yaml").read_text())["stages"]["write_tfrecords"]
    own = {f"write_tfrecords.{item.name}" for item in fields(RecordsConfig)} - {"write_tfrecords.workers"}
    assert set(stage["params"]) == own | {"dataset"}


_HRNET = [
    "model.architecture=hrnet",
    "model.genotype=null",
    "model.compound_scaling=null",
    "model.head_blocks=null",
    "model.head_channels=null",
]


def test_keys_of_another_architecture_are_null(params_file: Path):
    model = load_params(params_file, [*_HRNET, "model.variant=w48"]).model
    assert asdict(model) == {"architecture": "hrnet", "input_shape": [128, 96], "final_kernel": 1, "variant": "w48"}
    with pytest.raises(ConfigError, match=r"model\.compound_scaling: got False, must be null or left out"):
        load_params(params_file, ["model.architecture=hrnet", "model.variant=w48"])
    for value, word in (("null", "got null"), ("resnet50", "'resnet50'")):
        with pytest.raises(ConfigError, match=rf"model\.variant: .*{word}.* must be one of w32, w48"):
            load_params(params_file, [*_HRNET, f"model.variant={value}"])


def test_missing_key_is_named(params_file: Path, tmp_path: Path):
    shortened = tmp_path / "params.yaml"
    lines = params_file.read_text().splitlines()
    shortened.write_text("\n".join(line for line in lines if not line.startswith("  epochs:")))
    with pytest.raises(ConfigError, match=r"missing key train\.epochs"):
        load_params(shortened)


@pytest.mark.parametrize("text", ["", "- 1", "a: [", "train: {epochs: 1, epochs: 2}"])
def test_file_that_is_no_configuration(tmp_path: Path, text: str):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_params(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_absent_file(tmp_path: Path):
    with pytest.raises(ConfigError, match="no such file"):
        load_params(tmp_path / "params.yaml")


@pytest.mark.slow
@given(text=st.text(min_size=1, max_size=30))
def test_no_override_escapes_as_another_error(project_root: Path, text: str):
    try:
        load_params(project_root / "params.yaml", [text])
    except ConfigError as error:
        assert "\n" not in str(error)


def test_every_key_has_a_comment(params_file: Path):
    for line in params_file.read_text().splitlines():
        is_key = ":" in line and not line.lstrip().startswith(("#", "-"))
        is_section = line.rstrip().endswith(":")
        assert not is_key or is_section or "  # " in line, line
