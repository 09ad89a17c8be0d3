"""Small searches, with and without Optuna, that the tests of the sampler share."""

from dataclasses import replace

import numpy as np
import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from evopose2d.evolution.sampler import (
    EvolutionSampler,
    EvolutionSettings,
    History,
    Individual,
    State,
    attach,
    gene_distributions,
    genotype_from_params,
    propose,
    read_history,
    suggest_genotype,
    tell,
)
from evopose2d.genotype import Genotype, PaperSpace

ANCESTOR = Genotype.from_lists([[3, 1, 2, 1], *([[3, 1, 4, 2]] * 3), *([[5, 2, 5, 1]] * 3)])
SPACE = PaperSpace(ANCESTOR)
TINY = PaperSpace(
    Genotype.from_lists([[3, 1, 2, 1], *([[3, 1, 1, 2]] * 3), *([[3, 1, 1, 1]] * 3)]),
    kernels=(3,),
    repeats=(1, 1),
)
OPTIONS = {"children": 4, "parents": 2, "seed": 5}
TOTAL = 13


def settled(proposal, fitness=None, **measurements):
    state = State.FAILED if fitness is None else State.COMPLETE
    measured = measurements if fitness is None else {"fitness": fitness, **measurements}
    return replace(running(proposal), state=state, measurements=measured)


def running(proposal):
    return Individual(
        proposal.number, proposal.generation, proposal.parent, proposal.genotype, State.RUNNING, role=proposal.role
    )


def searched(options, fitnesses):
    """Run a search one individual at a time; a fitness of None is a failure."""
    history, proposals = History(fingerprint=options.fingerprint), []
    for number, fitness in enumerate(fitnesses):
        proposals.append(propose(history, number, options))
        history.record(settled(proposals[-1], fitness))
    return history, proposals


def asked(history, options, count):
    """Ask for so many individuals and have them trained; give their parents."""
    parents = []
    for number in range(history.next_number, history.next_number + count):
        proposal = propose(history, number, options)
        history.record(running(proposal))
        parents.append(proposal.parent)
    return parents


def made_up(number):
    return float(np.random.default_rng(number).random())


def loss_of(genotype):
    """A loss that depends on the genes alone."""
    return 0.01 + float(np.random.default_rng([int(c) for c in str(genotype) if c.isdigit()]).random())


def expected_search(**options):
    """The genotypes and parents that the algorithm gives without Optuna, one individual at a time."""
    settings = EvolutionSettings(SPACE, **{**OPTIONS, **options})
    history = History()
    for number in range(TOTAL):
        child = propose(history, number, settings)
        history.record(settled(child, loss_of(child.genotype)))
    return [(each.parent, each.genotype) for each in history.individuals]


def found(study, sampler):
    individuals = read_history(study, sampler.settings).individuals
    assert sampler.history(study).individuals == individuals
    return [(each.parent, each.genotype) for each in individuals]


def open_study(path, **options):
    sampler = EvolutionSampler(SPACE, **{**OPTIONS, **options})
    storage = JournalStorage(JournalFileBackend(str(path)))
    return optuna.create_study(study_name="search", storage=storage, sampler=sampler, load_if_exists=True), sampler


def ask_atomically(study, sampler):
    return sampler.ask(study)


def ask_gene_by_gene(study, sampler):
    return study.ask(gene_distributions(SPACE))


BOTH_WAYS = pytest.mark.parametrize("ask", [ask_atomically, ask_gene_by_gene])


def finish(study, number):
    trial = study.get_trials(deepcopy=False)[number]
    tell(study, number, {"fitness": loss_of(genotype_from_params(trial.params))})


def resume(study, sampler, ask, total=TOTAL):
    """What a driver does: complete what is unfinished, then ask until all numbers are there."""
    while True:
        for number in sorted(read_history(study, sampler.settings).unfinished):
            suggest_genotype(attach(study, number), SPACE)
            finish(study, number)
        if len(study.get_trials(deepcopy=False)) >= total:
            return
        ask(study, sampler)
