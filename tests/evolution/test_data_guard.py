"""A search whose data change while it runs."""

import os
from functools import partial
from pathlib import Path

import pytest
from search_doubles import InlineEngine, Trainer, make_params, population

from evopose2d.errors import DataError
from evopose2d.evolution import search
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.sampler import State

RECORDS = "records/train/train-00000-of-00001.tfrecord"
FILES = (RECORDS, "records/train/info.json", "coco/annotations/person_keypoints_val2017.json")


class Changing(Trainer):
    """Changes a file while individual 2 is trained."""

    def __call__(self, spec, params, parent_weights):
        if spec.number == 2:
            changed = self.notes.parent / os.environ["CHANGED"]
            if os.environ.get("HOW") == "removed":
                changed.unlink()
            else:
                changed.write_bytes(changed.read_bytes() + b" ")
        return super().__call__(spec, params, parent_weights)


@pytest.mark.parametrize("how", ["changed", "removed"])
@pytest.mark.parametrize("name", FILES)
def test_what_is_trained_on_other_data_does_not_count(tmp_path, monkeypatch, name, how):
    monkeypatch.setenv("CHANGED", name)
    monkeypatch.setenv("HOW", how)
    params = make_params(tmp_path)
    original = (tmp_path / name).read_bytes()
    with pytest.raises(DataError) as raised:
        search.run(params, engine=partial(InlineEngine, trainer=Changing(tmp_path / "notes"), slots=1))
    assert "\n" not in str(raised.value)
    assert population(params)[2].state is State.RUNNING
    store = SearchStore(Path(params.evolve.root))
    assert {result.number for result in store.results()} == {0, 1}

    (tmp_path / name).write_bytes(original)
    search.run(params, engine=InlineEngine)
    undisturbed = make_params(tmp_path / "undisturbed")
    search.run(undisturbed, engine=InlineEngine)
    assert population(params) == population(undisturbed)


def test_files_that_were_only_touched_are_the_same_data(tmp_path, monkeypatch):
    params = make_params(tmp_path)
    for name in FILES:
        assert (tmp_path / name).exists()

    class Touching(InlineEngine):
        def wait(self, timeout):
            for name in FILES:
                (tmp_path / name).touch()
            return super().wait(timeout)

    search.run(params, engine=Touching)
    assert len(population(params)) == 9
