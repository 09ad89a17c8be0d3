"""The Optuna sampler: stores and reads trials, and leaves every decision to :mod:`.proposal`."""

import secrets
import threading
import weakref
import zlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from evopose2d.evolution.sampler import trials
from evopose2d.evolution.sampler.genes import suggest_genotype
from evopose2d.evolution.sampler.history import History
from evopose2d.evolution.sampler.objectives import FITNESS_ALONE, Objective
from evopose2d.evolution.sampler.proposal import propose, ready
from evopose2d.evolution.sampler.record import Role
from evopose2d.evolution.sampler.selections import Selection
from evopose2d.evolution.sampler.settings import EvolutionSettings, Schedule
from evopose2d.genotype import Genotype, SearchSpace, by_genes, unchanged

SEED_ATTRIBUTE = "evopose2d:seed"

_RETRIED = "failed_trial"
"""System attribute of Optuna's copies of trials whose heartbeat has stopped."""


class EvolutionSampler(BaseSampler):
    """Sampler of the paper's neuroevolution: each trial is one mutation away from a good earlier one.

    What a trial gets depends on the seed, its number and the study's history alone, never on the state of
    this object: a study that another process resumes goes on as if it had not been interrupted. It never waits:
    ``Study.optimize`` goes on after a kill, and with any ``n_jobs`` or number of processes on one storage. Parents are
    the best of what is complete when a trial's first gene is suggested; before anything is, a trial gets a mutation of
    the space's ancestor without a parent (user attribute ``parent``: None). Trials that were added
    (``Study.add_trial``) or enqueued may become parents as soon as they are complete. Trials of killed processes
    are no parents, and their genotypes do not come again; Optuna's heartbeats mark them as failed.

    No genotype comes twice, whatever the state of the trial that had it and whichever process asked for it, controls
    aside. That includes trials of which some genes are fixed (``Study.enqueue_trial``, ``PartialFixedSampler``), with
    these ends: a trial whose genes are all fixed is not drawn, ``PartialFixedSampler`` says that a gene is fixed only
    when its turn comes, after which no later gene may be left to be drawn, and a storage has to show a process what
    others have written before (as Optuna's do on all but SQLite over a network drive). Only one process may use
    :meth:`ask`.

    Genes are drawn when the first of them is suggested; all are then stored in one write.
    Parameters other than genes are drawn at random, by the seed, the trial's number and the parameter's name.

    Example:
        .. code-block:: python

            space = PaperSpace(Genotype.from_lists([[3, 1, 2, 1], [3, 1, 3, 2], ...]))
            sampler = EvolutionSampler(space, children=6, parents=2, seed=1)
            study = optuna.create_study(sampler=sampler)
            study.optimize(lambda trial: loss(suggest_genotype(trial, space)), n_trials=13)

    For a search that is the same however many children are trained at once, and whoever finishes first, set
    ``exclusive``, ask for trials one after the other from one thread (:meth:`ask`, as long as :meth:`can_ask`), and
    ``tell`` them in any order.

    Args:
        space: ancestor, genes and mutations.
        children: individuals in a generation after the first.
        parents: individuals that are parents in round robin; generational, they divide ``children``.
        seed: seed of every draw. None: drawn, and kept in the study, so that a resumed study goes on with it
            (processes that start a study at the same moment may draw one each).
        schedule: ``generational`` or ``steady-state``.
        selection: who becomes a parent, as an object or by name: ``fitness`` (the study's value), or by the trials'
            user attributes: any measurement that is an objective, such as ``ap``, or ``pareto`` (``val_loss`` against
            ``parameters``); ``last-generation``, ``gain``, ``aging``.
        population: ``aging``: how many of the youngest complete individuals are alive.
        tournament: ``aging``: how many of them are drawn.
        fingerprint: of a genotype; two of equal fingerprint count as one.
        controls: also propose unmutated copies of parents (user attribute ``role``: ``control``), for their children
            to be compared with: one for each parent at the start of a generation (steady-state: before its first
            child and after every ``children / parents`` of them).
        screening: mutants that are drawn for each child, of which the most promising one is proposed.
        mutations: mean number of a child's mutations.
        size_factor: fitness over loss of a genotype, as its size decides it; screening then learns of losses alone.
        exclusive: take it that a study of this sampler is asked and told through this object's process alone.
            What happens is then noted as it happens, instead of looked up in the storage each time: asking costs
            the same however many trials there are. Trials are put in by hand before the first is asked for only.
            Proposals then wait for the running individuals that they depend on (:class:`NotReadyError`), and a search
            whose ancestor failed ends (:class:`SearchError`).

        objectives: what the study's values are, in their order, as objects or by name: by default one, the fitness. Of
            several, parents are those of the first fronts, with most room to their neighbours (non-dominated sorting
            with crowding). The study has their directions: ``maximize`` for ``ap``, ``minimize`` for all others.

    Raises:
        ValueError: one line with the setting, what was received and what is allowed.

    .. seealso:: :class:`EvolutionSettings` describes the settings at length.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        children: int = 64,
        parents: int = 4,
        seed: int | None = 0,
        schedule: Schedule = "generational",
        selection: str | Selection = "fitness",
        population: int = 64,
        tournament: int = 16,
        fingerprint: Callable[[Genotype], Hashable] = by_genes,
        controls: bool = False,
        screening: int = 1,
        mutations: float = 1.0,
        size_factor: Callable[[Genotype], float] | None = None,
        exclusive: bool = False,
        objectives: Sequence[str | Objective] = FITNESS_ALONE,
    ) -> None:
        self._exclusive = exclusive
        self._seed = seed
        self.settings = EvolutionSettings(
            space,
            children,
            parents,
            0 if seed is None else seed,
            schedule,
            selection,
            population,
            tournament,
            fingerprint,
            controls,
            screening,
            mutations,
            size_factor,
            strict=exclusive,
            objectives=objectives,
        )
        self._gene_distributions = self.settings.distributions
        self._forget()

    def __getstate__(self) -> dict[str, Any]:
        return {name: self.__dict__[name] for name in ("settings", "_seed", "_exclusive", "_gene_distributions")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._histories: weakref.WeakKeyDictionary[Study, History] = weakref.WeakKeyDictionary()
        self._seeded: weakref.WeakKeyDictionary[Study, EvolutionSettings] = weakref.WeakKeyDictionary()
        self._changed: weakref.WeakKeyDictionary[Study, set[int]] = weakref.WeakKeyDictionary()

    def history(self, study: Study) -> History:
        """Return what is known of the search, to be read only; only what is new in the study is looked at."""
        with self._lock:
            return self._refreshed(study)

    def can_ask(self, study: Study) -> bool:
        """Return whether the next trial can be asked for now, without waiting for a running one."""
        with self._lock:
            history = self._refreshed(study)
            waiting = min(history.waiting, default=None)
            if waiting is not None and history.get(waiting) is not None:
                return True
            number = history.next_number if waiting is None else waiting
            return ready(history, number, self.settings)

    def ask(self, study: Study) -> optuna.Trial:
        """Create the next trial with its genotype in a single write to the storage.

        ``Study.ask(gene_distributions(space))`` gives the same trial with a write for each gene; a process
        killed meanwhile leaves a trial that ``suggest_genotype(attach(study, number), space)`` completes.
        Killed here, it leaves a whole trial or none. Only one process may ask. Trials that were enqueued come first.

        Raises:
            NotReadyError: a running trial has to finish first; no trial is created.
            SearchError: all trials that could be parents have failed; no trial is created.
            NoUnseenNeighbour: the search is at its end; no trial is created.
        """
        with self._lock:
            history = self._refreshed(study)
            number, waiting = history.next_number, bool(history.waiting)
            if not waiting:
                settings = self._settings(study)
                study.add_trial(trials.proposal_trial(propose(history, number, settings), settings))
        if not waiting:
            return trials.attach(study, number)
        trial = study.ask()
        suggest_genotype(trial, self.settings.space)
        return trial

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Note that a trial has come; Optuna calls this."""
        self._note_change(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Note that a trial is about to finish; Optuna calls this."""
        self._note_change(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return no parameters: a genotype is drawn when its first gene is suggested, not in every trial."""
        trials.check_directions(study, self.settings)
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return a value for each parameter: genes of the trial's genotype, others at random."""
        trials.check_directions(study, self.settings)
        return {
            name: self.sample_independent(study, trial, name, distribution)
            for name, distribution in search_space.items()
        }

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:  # noqa: ANN401 - as the parameter's distribution
        """Return the trial's gene of that name, or a random value where it is no gene.

        Raises:
            ValueError: the study's directions are not those of the objectives, or the gene lies outside
                ``param_distribution``.
            NotReadyError, SearchError, NoUnseenNeighbour: the trial has no genotype yet and cannot get one.
        """
        trials.check_directions(study, self.settings)
        if param_name not in self._gene_distributions:
            entropy = [self._settings(study).seed, trial.number, zlib.crc32(param_name.encode())]
            random_sampler = RandomSampler(seed=int(np.random.SeedSequence(entropy).generate_state(1)[0]))
            return random_sampler.sample_independent(study, trial, param_name, param_distribution)
        value = self._genotype(study, trial).genes[param_name]
        if not param_distribution._contains(param_distribution.to_internal_repr(value)):
            raise ValueError(f"{param_name}: got {param_distribution}, must be {self._gene_distributions[param_name]}")
        return value

    def _genotype(self, study: Study, trial: FrozenTrial) -> Genotype:
        """Return the genotype that the trial has, else propose one and store it whole, in one write."""
        with self._lock:
            history = self._refreshed(study)
            fixed = trials.fixed_genes(trial, self._gene_distributions)
            known = history.get(trial.number)
            if known is not None:
                # What was fixed after the proposal may have made it another trial's genotype.
                genotype = known.genotype.with_genes(fixed)
                repeated = known.role is Role.CONTROL or _RETRIED in trial.system_attrs
                if repeated or set(history.holders(genotype)) <= {trial.number}:
                    return genotype
            return self._proposed(study, history, trial, fixed)

    def _proposed(self, study: Study, history: History, trial: FrozenTrial, fixed: dict[str, Any]) -> Genotype:
        settings = self._settings(study)
        while True:
            fix = partial(Genotype.with_genes, genes=fixed) if fixed else unchanged
            proposal = propose(history, trial.number, settings, fix)
            study._storage.set_trial_system_attr(
                trial._trial_id, trials.PROPOSAL_ATTRIBUTE, trials.proposal_attribute(proposal)
            )
            # Of two processes that have stored the same genotype, at least one sees the other's now, and gives way.
            history = self._refreshed(study)
            shared = set(history.holders(proposal.genotype)) - {trial.number}
            if proposal.role is Role.CONTROL or not shared:
                return proposal.genotype

    def _settings(self, study: Study) -> EvolutionSettings:
        """Return the settings with the study's own seed where none was given."""
        if self._seed is not None:
            return self.settings
        seeded = self._seeded.get(study)
        if seeded is None:
            storage, attribute = study._storage, SEED_ATTRIBUTE
            if attribute not in storage.get_study_system_attrs(study._study_id):
                storage.set_study_system_attr(study._study_id, attribute, secrets.randbits(32))
            seed = storage.get_study_system_attrs(study._study_id)[attribute]
            seeded = self._seeded[study] = replace(self.settings, seed=seed)
        return seeded

    def _refreshed(self, study: Study) -> History:
        trials.check_directions(study, self.settings)
        history, changed = self._histories.get(study), self._changed.get(study)
        if history is None or changed is None or not self._exclusive:
            history = self._histories.setdefault(study, History(fingerprint=self.settings.fingerprint))
            trials.refresh(history, study, self.settings)
            self._changed[study] = set()
        else:
            trials.refresh_from(history, study, self.settings, changed | history.pending)
            changed.clear()
        return history

    def _note_change(self, study: Study, trial: FrozenTrial) -> None:
        with self._lock:
            changed = self._changed.get(study)
            if changed is not None and self._exclusive:
                changed.add(trial.number)
