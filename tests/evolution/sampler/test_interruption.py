"""A search survives interruption, and does not depend on who works at it."""

import json

import numpy as np
import optuna
import pytest
from tests.evolution.searching import (
    BOTH_WAYS,
    OPTIONS,
    SPACE,
    TOTAL,
    ask_atomically,
    expected_search,
    finish,
    found,
    open_study,
    resume,
)

from evopose2d.evolution.sampler import EvolutionSampler, gene_distributions, genotype_from_params, read_history


@pytest.mark.slow
@BOTH_WAYS
def test_a_search_killed_after_any_write_goes_on_to_the_same_genotypes(ask, tmp_path):
    study, sampler = open_study(tmp_path / "whole.log")
    resume(study, sampler, ask, total=6)
    expected = found(study, sampler)
    writes = (tmp_path / "whole.log").read_bytes().splitlines(keepends=True)
    # Each write is one line, the first creates the study. Steps of 11 cut every ask at other places.
    step = 1 if ask is ask_atomically else 11
    for survived in range(1, len(writes), step):
        path = tmp_path / f"{survived}.log"
        path.write_bytes(b"".join(writes[:survived]))
        study, sampler = open_study(path)
        resume(study, sampler, ask, total=6)
        assert found(study, sampler) == expected


def test_an_atomic_ask_is_one_write(tmp_path):
    path = tmp_path / "journal.log"
    study, sampler = open_study(path)
    for number in range(3):
        before = len(path.read_text().splitlines())
        trial = sampler.ask(study)
        assert trial.number == number
        assert len(path.read_text().splitlines()) == before + 1
        finish(study, number)


def test_the_genotype_is_stored_in_the_first_write_of_a_gene_by_gene_ask(tmp_path):
    path = tmp_path / "journal.log"
    study, sampler = open_study(path)
    resume(study, sampler, ask_atomically, total=2)
    before = len(path.read_text().splitlines())
    whole = genotype_from_params(study.ask(gene_distributions(SPACE)).params)
    writes = path.read_text().splitlines()[before:]
    # The trial, then everything of the genotype, then the genes that have more than one value, one by one.
    assert json.loads(writes[1])["system_attr"]["evopose2d:proposal"]["genotype"] == whole.to_lists()
    (tmp_path / "cut.log").write_text("\n".join([*path.read_text().splitlines()[: before + 2], ""]))
    study, sampler = open_study(tmp_path / "cut.log")
    assert study.trials[2].params == {}
    assert read_history(study, sampler.settings).get(2).genotype == whole


@pytest.mark.parametrize("halfway", [1, 3, 6])
def test_an_interrupted_search_goes_on_from_its_journal(halfway, tmp_path):
    study, sampler = open_study(tmp_path / "journal.log")
    resume(study, sampler, ask_atomically, total=halfway)
    sampler.ask(study)
    del study, sampler
    study, sampler = open_study(tmp_path / "journal.log")
    resume(study, sampler, ask_atomically)
    assert found(study, sampler) == expected_search()


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 9])
def test_the_number_of_workers_does_not_matter(workers):
    sampler = EvolutionSampler(SPACE, **OPTIONS, exclusive=True)
    study = optuna.create_study(sampler=sampler)
    rng = np.random.default_rng(workers)
    at_work = []
    while len(study.trials) < TOTAL or at_work:
        if len(study.trials) < TOTAL and len(at_work) < workers and sampler.can_ask(study):
            at_work.append(sampler.ask(study).number)
        else:
            finish(study, at_work.pop(int(rng.integers(len(at_work)))))
    assert found(study, sampler) == expected_search()
