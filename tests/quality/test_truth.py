import os
import signal
from functools import partial

import pytest
from tests.evolution.search_doubles import InlineEngine, Trainer, make_params, pretend_to_train

from evopose2d.errors import ConfigError, Interrupted, SearchError
from evopose2d.evolution.individuals.spaces import search_space
from evopose2d.quality import truth
from evopose2d.quality.sample import jobs
from evopose2d.quality.table import read_table
from evopose2d.quality.truth import make_truth


@pytest.fixture(autouse=True)
def _data_are_there(monkeypatch):
    monkeypatch.setattr(truth, "prepare_data", lambda params: None)


class Engines:
    """Opens engines in this process, and keeps them to be looked at."""

    def __init__(self, trainer=pretend_to_train):
        self.trainer = trainer
        self.opened = []

    def __call__(self, params):
        self.opened.append(InlineEngine(params, self.trainer))
        return self.opened[-1]

    @property
    def trained(self):
        return sum(len(engine.submitted) for engine in self.opened)


def test_every_training_of_the_sample_has_its_row(tmp_path):
    params, path, engines = make_params(tmp_path), tmp_path / "truth.csv.gz", Engines()
    table = make_truth(params, path, 7, engine=engines)
    wanted = {each.key: each.sampled for each in jobs(search_space(params), 0, 7)}
    assert table.keys == set(wanted) and len(wanted) == 9
    for row in table.rows:
        assert (row.genotype, row.mutations) == (wanted[row.key].genotype, wanted[row.key].mutations)
        assert len(row.val_losses) == params.evolve.ancestor_epochs
    assert len({row.seed for row in table.rows}) == 9
    assert engines.opened[0].most_at_once == 2
    assert [row.key for row in read_table(path).rows] == sorted(wanted)


def test_what_is_there_is_not_trained_again(tmp_path):
    path, engines = tmp_path / "truth.csv.gz", Engines()
    make_truth(make_params(tmp_path), path, 4, engine=engines)
    table = make_truth(make_params(tmp_path), path, 7, engine=engines)
    assert engines.trained == 9
    whole = make_truth(make_params(tmp_path), tmp_path / "whole.csv.gz", 7, engine=Engines())
    assert [(row.key, row.seed, row.genotype) for row in table.rows] == [
        (row.key, row.seed, row.genotype) for row in whole.rows
    ]
    make_truth(make_params(tmp_path), path, 7, engine=engines)
    assert len(engines.opened) == 2


def test_a_stop_keeps_the_rows_that_are_there(tmp_path):
    def stop_at(spec, params, weights):
        if spec.number == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return pretend_to_train(spec, params, weights)

    path = tmp_path / "truth.csv.gz"
    with pytest.raises(Interrupted, match="of 9 trainings"):
        make_truth(make_params(tmp_path), path, 7, engine=Engines(stop_at))
    done = len(read_table(path).rows)
    engines = Engines()
    assert len(make_truth(make_params(tmp_path), path, 7, engine=engines).rows) == 9
    assert 3 <= done < 9 and engines.trained == 9 - done


def test_other_settings_are_refused(tmp_path):
    path = tmp_path / "truth.csv.gz"
    make_truth(make_params(tmp_path), path, 2, engine=Engines())
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=r"evolve\.learning_rate 0\.008 -> 0\.5; restore"):
        make_truth(make_params(tmp_path, "evolve.learning_rate=0.5"), path, 3, engine=Engines())
    assert path.read_bytes() == before
    make_truth(make_params(tmp_path, "evolve.workers=3", "evolve.root=elsewhere"), path, 3, engine=Engines())


def test_one_that_fails_leaves_the_others(tmp_path):
    path = tmp_path / "truth.csv.gz"
    diverging = partial(Trainer, tmp_path / "notes", diverges=(3,))
    with pytest.raises(SearchError, match="1 trainings failed: genotype 2"):
        make_truth(make_params(tmp_path), path, 4, engine=Engines(diverging()))
    assert {row.number for row in read_table(path).rows} == {0, 1, 3}
