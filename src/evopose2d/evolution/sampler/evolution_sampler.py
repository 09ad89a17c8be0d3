"""The Optuna sampler: stores and reads trials, and leaves every decision to :mod:`.proposal`."""

import threading
import weakref
import zlib
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from evopose2d.evolution.sampler import trials
from evopose2d.evolution.sampler.genes import genotype_to_params
from evopose2d.evolution.sampler.history import History
from evopose2d.evolution.sampler.proposal import propose, ready
from evopose2d.evolution.sampler.settings import EvolutionSettings, Schedule, Selection
from evopose2d.genotype import Genotype, SearchSpace, identity


class EvolutionSampler(BaseSampler):
    """Sampler of the paper's neuroevolution: each trial is one mutation away from a good earlier one.

    What a trial gets depends on the seed, its number and the study's history alone, never on the state of
    this object: a study continued by another process goes on as if it had not been interrupted. No genotype
    comes twice, whatever the state of the trial that had it.

    Genes are drawn when the first of them is suggested; all seven blocks are then stored in one write.
    Parameters other than genes are drawn at random, by the seed, the trial's number and the parameter's name.

    Example:
        .. code-block:: python

            space = SearchSpace(Genotype.from_lists([[3, 1, 2, 1], [3, 1, 3, 2], ...]))
            sampler = EvolutionSampler(space, children=6, parents=2, seed=1)
            study = optuna.create_study(sampler=sampler)
            study.optimize(lambda trial: loss(suggest_genotype(trial, space)), n_trials=13)

    To run children in parallel under the generational schedule, ask for a generation's trials one after the
    other from one thread (``ask``, as long as ``can_ask``), and ``tell`` them in any order.

    Args:
        space: ancestor and limits of the genes.
        children: individuals in a generation after the first.
        parents: individuals that take turns as parents.
        seed: seed of every draw.
        schedule: ``generational`` or ``steady-state``.
        selection: ``fitness`` (the study's value), or by the trials' user attributes: ``ap`` or ``pareto``
            (``val_loss`` against ``parameters``); ``aging`` (steady-state only).
        population: ``aging``: how many of the youngest complete individuals are alive.
        tournament: ``aging``: how many of them are drawn.
        key: what tells genotypes apart; two of equal key count as one.
        controls: also propose unmutated copies of parents (user attribute ``role``: ``control``), for their children
            to be compared with: one for each parent at the start of a generation (steady-state: before its first
            child and after every ``children / parents`` of them).
        exclusive: take it that a study of this sampler is asked and told through this object's process alone.
            What happens is then noted as it happens, instead of looked up in the storage each time: asking costs
            the same however many trials there are.

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
        seed: int = 0,
        schedule: Schedule = "generational",
        selection: Selection = "fitness",
        population: int = 64,
        tournament: int = 16,
        key: Callable[[Genotype], Hashable] = identity,
        controls: bool = False,
        exclusive: bool = False,
    ) -> None:
        self._exclusive = exclusive
        self.settings = EvolutionSettings(
            space, children, parents, seed, schedule, selection, population, tournament, key, controls
        )
        self._gene_distributions = self.settings.distributions
        self._forget()

    def __getstate__(self) -> dict[str, Any]:
        return {name: self.__dict__[name] for name in ("settings", "_exclusive", "_gene_distributions")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._histories: weakref.WeakKeyDictionary[Study, History] = weakref.WeakKeyDictionary()
        self._changed: weakref.WeakKeyDictionary[Study, set[int]] = weakref.WeakKeyDictionary()

    def history(self, study: Study) -> History:
        """Give what is known of the search, to be read only; only what is new in the study is looked at."""
        with self._lock:
            return self._refreshed(study)

    def can_ask(self, study: Study) -> bool:
        """Tell whether the next trial can be asked for now, without waiting for a running one."""
        with self._lock:
            history = self._refreshed(study)
            return ready(history, history.next_number, self.settings)

    def ask(self, study: Study) -> optuna.Trial:
        """Create the next trial with its genotype in a single write to the storage.

        ``Study.ask(gene_distributions(space))`` gives the same trial with a write for each gene; a process
        killed meanwhile leaves a trial that ``suggest_genotype(attach(study, number), space)`` completes.
        Killed here, it leaves a whole trial or none. Only one process may ask.

        Raises:
            NotReadyError: a running trial has to finish first; no trial is created.
            SearchError: all trials that could be parents have failed; no trial is created.
            NoUnseenNeighbour: the search is at its end; no trial is created.
        """
        with self._lock:
            history = self._refreshed(study)
            proposal = propose(history, history.next_number, self.settings)
            study.add_trial(trials.proposal_trial(proposal, self.settings))
        return trials.attach(study, proposal.number)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Note that a trial has come; Optuna calls this."""
        self._note_change(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Note that a trial is about to finish; Optuna calls this."""
        self._note_change(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Give no parameters: a genotype is drawn when its first gene is suggested, not in every trial."""
        self._raise_error_if_multi_objective(study)
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Give a value for each parameter: genes of the trial's genotype, others at random."""
        self._raise_error_if_multi_objective(study)
        return {
            name: self.sample_independent(study, trial, name, distribution)
            for name, distribution in search_space.items()
        }

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:  # noqa: ANN401 - as the parameter's distribution
        """Give the trial's gene of that name, or a random value where it is no gene.

        Raises:
            ValueError: the study has several objectives, or the gene lies outside ``param_distribution``.
            NotReadyError, SearchError, NoUnseenNeighbour: the trial has no genotype yet and cannot get one.
        """
        self._raise_error_if_multi_objective(study)
        if param_name not in self._gene_distributions:
            entropy = [self.settings.seed, trial.number, zlib.crc32(param_name.encode())]
            random_sampler = RandomSampler(seed=int(np.random.SeedSequence(entropy).generate_state(1)[0]))
            return random_sampler.sample_independent(study, trial, param_name, param_distribution)
        value = genotype_to_params(self._genotype(study, trial))[param_name]
        if not param_distribution._contains(param_distribution.to_internal_repr(value)):
            raise ValueError(f"{param_name}: got {param_distribution}, must be {self._gene_distributions[param_name]}")
        return value

    def _genotype(self, study: Study, trial: FrozenTrial) -> Genotype:
        """Give the genotype that the trial has, else propose one and store it whole, in one write."""
        stored = trials.stored_genotype(trial)
        if stored is not None:
            return stored
        with self._lock:
            history = self._refreshed(study)
            known = history.get(trial.number)
            if known is not None:
                return known.genotype
            proposal = propose(history, trial.number, self.settings)
            study._storage.set_trial_system_attr(
                trial._trial_id, trials.PROPOSAL_ATTRIBUTE, trials.proposal_attribute(proposal)
            )
        return proposal.genotype

    def _refreshed(self, study: Study) -> History:
        self._raise_error_if_multi_objective(study)
        history, changed = self._histories.get(study), self._changed.get(study)
        if history is None or changed is None or not self._exclusive:
            history = self._histories.setdefault(study, History(key=self.settings.key))
            trials.refresh(history, study, self.settings)
            self._changed[study] = set()
        else:
            trials.refresh_from(history, study, self.settings, changed | history.unborn)
            changed.clear()
        return history

    def _note_change(self, study: Study, trial: FrozenTrial) -> None:
        with self._lock:
            changed = self._changed.get(study)
            if changed is not None and self._exclusive:
                changed.add(trial.number)
