"""What the tests of real training in a search share."""

import pytest
from search_doubles import TINY_ANCESTOR

from evopose2d.config.loading import load_params
from evopose2d.config.schema import Params
from evopose2d.stages import download, write_tfrecords

_TINY = (
    "dataset.synthetic.train_images=8",
    "dataset.synthetic.val_images=4",
    "write_tfrecords.workers=1",
    "model.input_shape=[64,64]",
    "model.head_channels=8",
    f"evolve.ancestor={TINY_ANCESTOR}",
    "evolve.batch_size=8",
    "evolve.learning_rate=0.01",
)


@pytest.fixture(scope="session")
def tiny_params(tmp_path_factory, project_root) -> Params:
    """Settings of a search over networks of a few thousand weights, with its data drawn and written."""
    folder = tmp_path_factory.mktemp("tiny")
    paths = (f"dataset.root={folder / 'coco'}", f"write_tfrecords.root={folder / 'records'}")
    settings = load_params(project_root / "params.yaml", [*_TINY, *paths])
    download.run(settings)
    write_tfrecords.run(settings)
    return settings
