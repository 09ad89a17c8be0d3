"""What the tests of real training in a search share."""

from functools import partial

import pytest
from broken_searches import Running
from search_doubles import TINY_ANCESTOR, FileTracker, InlineEngine, Trainer, make_params, population

from evopose2d.config.loading import load_params
from evopose2d.config.schema import Params
from evopose2d.evolution import search
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


@pytest.fixture
def start(tmp_path, raising_interrupts):
    """Start a driver in a folder of the test; whatever it started ends with the test."""
    started = []

    def begin(folder="broken", **scenario) -> Running:
        (tmp_path / folder).mkdir(exist_ok=True)
        started.append(Running(tmp_path / folder, **scenario))
        return started[-1]

    yield begin
    for running in started:
        running.kill_everything()
        running.process.communicate()


@pytest.fixture
def unbroken(tmp_path):
    """Give the population of a search that nothing happens to."""

    def search_through(*overrides, **faults):
        params = make_params(tmp_path / "unbroken", *overrides)
        search.run(params, engine=partial(InlineEngine, trainer=Trainer(tmp_path / "unbroken" / "notes", **faults)))
        return population(params)

    return search_through


@pytest.fixture
def resume(tmp_path):
    """Give the search of a driver that was killed its remaining course, in this process."""

    def to_the_end(*overrides) -> None:
        folder = tmp_path / "broken"
        engine = partial(InlineEngine, trainer=Trainer(folder / "notes"))
        search.run(make_params(folder, *overrides), FileTracker(folder / "tracked"), engine=engine)

    return to_the_end
