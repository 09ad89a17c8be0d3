"""Individuals as Optuna trials: how a proposal and a result are stored, and how a history is read back.

A trial's value is the fitness; with other objectives, its values are those, in their order. Its genes are parameters;
they also stand, with role, generation, parent and mutation, in one system attribute, which is written at once. All
other measurements are user attributes: every one that is a number, so that an objective function may add its own.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import optuna
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from evopose2d.evolution.sampler.genes import genotype_from_params, genotype_to_params
from evopose2d.evolution.sampler.history import History
from evopose2d.evolution.sampler.objectives import FITNESS_ALONE, OBJECTIVES, Objective
from evopose2d.evolution.sampler.proposal import Proposal
from evopose2d.evolution.sampler.record import Individual, Role, State
from evopose2d.evolution.sampler.settings import EvolutionSettings
from evopose2d.genotype import Genotype

PROPOSAL_ATTRIBUTE = "evopose2d:proposal"

_NO_MEASUREMENTS = frozenset({"generation", "parent", "mutation", "role", "error"})

_STATES = {
    TrialState.COMPLETE: State.COMPLETE,
    TrialState.FAIL: State.FAILED,
    TrialState.PRUNED: State.FAILED,
}


def attach(study: Study, number: int) -> optuna.Trial:
    """Return the running trial of that number, to set attributes and to suggest what a kill left unsuggested.

    Raises:
        KeyError: the study has no such trial.
        ValueError: the trial is not running.
    """
    trial = _trial(study, number)
    if trial.state is not TrialState.RUNNING:
        raise ValueError(f"trial {number}: got state {trial.state.name}, must be RUNNING")
    return optuna.Trial(study, trial._trial_id)


def tell(
    study: Study,
    number: int,
    measurements: Mapping[str, float],
    objectives: Sequence[Objective] = (OBJECTIVES["fitness"],),
) -> None:
    """Finish an individual: store what was measured, then the study's values.

    Killed in between, the individual is still running and can be told again.

    Args:
        study: the search.
        number: the individual's number.
        measurements: by name, ``fitness`` among them. None that is a value of the study is NaN; where the fitness is
            the only objective, it is the study's value, and all others become user attributes.
        objectives: that the study has.

    Raises:
        KeyError: the study has no such trial.
        ValueError: the trial is not running, there is no fitness, a value is NaN, or a name is not free.
        SearchError: an objective needs a measurement that is missing.
    """
    trial = attach(study, number)
    taken = _NO_MEASUREMENTS & measurements.keys()
    if "fitness" not in measurements or taken:
        raise ValueError(
            f"measurements of trial {number}: got {sorted(measurements)}, must have fitness and none of "
            f"{sorted(_NO_MEASUREMENTS)}"
        )
    values = [each.value(number, measurements) for each in objectives]
    by_fitness = [each.name for each in objectives] == list(FITNESS_ALONE)
    for name, value in measurements.items():
        if name != "fitness" or not by_fitness:
            trial.set_user_attr(name, value)
    study.tell(trial, values, state=TrialState.COMPLETE)


def read_history(study: Study, settings: EvolutionSettings) -> History:
    """Read a search from its study."""
    history = History(fingerprint=settings.fingerprint)
    refresh(history, study, settings)
    return history


def refresh(history: History, study: Study, settings: EvolutionSettings) -> None:
    """Bring a history up to date with its study; looks only at trials that are new or were running."""
    trials = study.get_trials(deepcopy=False)
    for number in (*sorted(history.unfinished), *range(history.next_number, len(trials))):
        _take_up(history, study, trials[number], settings)


def refresh_from(history: History, study: Study, settings: EvolutionSettings, numbers: Iterable[int]) -> None:
    """Bring a history up to date with some of its study's trials: what that costs does not grow with the study.

    Args:
        history: what was known of the search.
        study: the search.
        settings: of the algorithm.
        numbers: all trials that are new or have changed; known ones that have finished may be among them.
    """
    for number in sorted(numbers):
        if number in history.unfinished or number >= history.next_number:
            _take_up(history, study, _trial(study, number), settings)


def _take_up(history: History, study: Study, trial: FrozenTrial, settings: EvolutionSettings) -> None:
    # A journal gives every trial its own copies, 20 kB of them.
    if trial.distributions == settings.distributions:
        trial.distributions = settings.distributions
    individual = _individual(trial, settings, study.directions)
    if individual is None:
        history.record_without_genotype(trial.number, finished=trial.state.is_finished())
    else:
        history.record(individual)
    if not trial.state.is_finished():
        history.note_waiting(trial.number, waiting=trial.state is TrialState.WAITING)


def _trial(study: Study, number: int) -> FrozenTrial:
    """Return a trial as the storage holds it, not to be changed.

    Raises:
        KeyError: the study has no such trial.
    """
    return study._storage.get_trial(study._storage.get_trial_id_from_study_id_trial_number(study._study_id, number))


def proposal_trial(proposal: Proposal, settings: EvolutionSettings) -> FrozenTrial:
    """Return the running trial that stores a proposal whole, with user attributes for dashboards to show."""
    return optuna.trial.create_trial(
        state=TrialState.RUNNING,
        params=genotype_to_params(proposal.genotype),
        distributions=settings.distributions,
        system_attrs={PROPOSAL_ATTRIBUTE: proposal_attribute(proposal)},
        user_attrs={
            "generation": proposal.generation,
            "parent": proposal.parent,
            "mutation": proposal.mutation,
            "role": proposal.role.value,
        },
    )


def proposal_attribute(proposal: Proposal) -> dict[str, Any]:
    """Return a proposal as the JSON value that a trial stores."""
    return {
        "generation": proposal.generation,
        "parent": proposal.parent,
        "mutation": proposal.mutation,
        "role": proposal.role.value,
        "genotype": proposal.genotype.to_json(),
    }


def stored_genotype(trial: FrozenTrial, names: Collection[str]) -> Genotype | None:
    """Read the genotype of a trial in any state; None where it has none, or not yet.

    Parameters win over the proposal, for some may have been fixed by hand.

    Args:
        trial: of the search.
        names: of all genes.
    """
    proposed = trial.system_attrs.get(PROPOSAL_ATTRIBUTE)
    genes = {} if proposed is None else Genotype.from_json(proposed["genotype"]).genes
    return genotype_from_params({**genes, **fixed_genes(trial, names)}, names)


def fixed_genes(trial: FrozenTrial, names: Collection[str]) -> dict[str, Any]:
    """Return the genes that a trial has by hand or that have been suggested, by parameter name.

    Args:
        trial: of the search.
        names: of all genes.
    """
    given = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
    return {name: value for name, value in given.items() if name in names}


def check_directions(study: Study, settings: EvolutionSettings) -> None:
    """Hold a study's directions against the objectives.

    Raises:
        ValueError: one line with the directions received and those that must be.
    """
    received = [direction.name.lower() for direction in study.directions]
    expected = [each.direction for each in settings.targets]
    if received != expected and not (settings.by_fitness and len(received) == 1):
        names = ", ".join(each.name for each in settings.targets)
        raise ValueError(
            f"study: got directions {', '.join(received)}, must be {', '.join(expected)} for objectives {names}"
        )


def _individual(
    trial: FrozenTrial, settings: EvolutionSettings, directions: Sequence[StudyDirection]
) -> Individual | None:
    genotype = stored_genotype(trial, settings.distributions)
    if genotype is None:
        return None
    # A trial that was added or enqueued by hand has no proposal: it counts as an ancestor.
    proposed: Mapping[str, Any] = trial.system_attrs.get(PROPOSAL_ATTRIBUTE, {})
    parent = proposed.get("parent")
    state = _STATES.get(trial.state, State.RUNNING)
    measurements = _measurements(trial)
    if state is State.COMPLETE and trial.values is not None:
        measurements = _with_values(measurements, trial.values, settings, directions)
    return Individual(
        number=trial.number,
        generation=proposed.get("generation", 0),
        parent=parent,
        genotype=genotype,
        state=state,
        measurements=measurements,
        role=Role(proposed.get("role", Role.ANCESTOR if parent is None else Role.CHILD)),
    )


def _with_values(
    measurements: Mapping[str, float],
    values: Sequence[float],
    settings: EvolutionSettings,
    directions: Sequence[StudyDirection],
) -> dict[str, float]:
    """Add a study's values; where no fitness was stored, the first stands for it, reversed where more is better."""
    least = -values[0] if directions[0] is StudyDirection.MAXIMIZE else values[0]
    if settings.by_fitness:
        return {**measurements, "fitness": least}
    named = {each.name: value for each, value in zip(settings.targets, values, strict=True)}
    return {"fitness": least, **named, **measurements}


def _measurements(trial: FrozenTrial) -> dict[str, float]:
    return {
        name: value
        for name, value in trial.user_attrs.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and name not in _NO_MEASUREMENTS
    }
