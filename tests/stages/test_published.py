"""Published networks train and validate through the same stages as any other, here on crops of 64x64."""

import json
import os
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from evopose2d.config.catalogue import network_overrides, settings_of
from evopose2d.config.loading import load_params
from evopose2d.config.schema import Params
from evopose2d.stages import download, train, validate, write_tfrecords
from evopose2d.stages.pose_model import load_pose_model

pytestmark = pytest.mark.slow

# One of each architecture that no other test takes through the stages; EVOPOSE2D_PUBLISHED names others, such as
# "evopose2d_l hrnet_w48".
_NAMES = os.environ.get("EVOPOSE2D_PUBLISHED", "simple_baseline_resnet50 hrnet_w32_f32").split()
_TINY = (
    "dataset.synthetic.train_images=4",
    "dataset.synthetic.val_images=3",
    "model.input_shape=[64,64]",
    "train.epochs=1",
    "train.warmup_epochs=0",
    "train.batch_size=4",
    "validate.batch_size=4",
    "validate.pictures=0",
    "tracking.log_model=false",
)


def _params(project_root: Path, name: str) -> Params:
    settings = [f"{key}={json.dumps(value)}" for key, value in settings_of(name).items()]
    return load_params(project_root / "params.yaml", [*settings, *network_overrides(name), *_TINY])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, project_root: Path):
    """A folder with records of a few people, in which the stages run."""
    folder, before = tmp_path_factory.mktemp("project"), Path.cwd()
    policy = keras.config.dtype_policy()
    os.chdir(folder)
    # Tracing the graphs of such large networks takes minutes, their few steps here take seconds.
    tf.config.run_functions_eagerly(True)
    params = _params(project_root, "evopose2d_s")
    download.run(params)
    write_tfrecords.run(params)
    yield folder
    tf.config.run_functions_eagerly(False)
    os.chdir(before)
    keras.config.set_dtype_policy(policy)


@pytest.mark.parametrize("name", _NAMES)
def test_trains_and_validates(data: Path, project_root: Path, name: str):
    params = _params(project_root, name)
    trained = train.run(params)
    metrics = validate.run(params)

    assert trained["best_epoch"] == 1
    assert metrics["val_loss"] == pytest.approx(trained["val_loss"], rel=0.5)  # here the flip test is on
    assert 0 <= metrics["AP"] <= 1
    assert load_pose_model(data / "models/pose").config == params.model
