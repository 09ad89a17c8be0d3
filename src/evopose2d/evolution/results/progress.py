"""What a search shows of itself while it runs."""

import contextlib
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table

from evopose2d.config.schema import EvolveConfig
from evopose2d.evolution.individuals.spec import IndividualFailure, IndividualResult
from evopose2d.evolution.results.finalists import FinalSettings
from evopose2d.evolution.results.population import Population, SearchSize, Tally
from evopose2d.evolution.sampler import Role, State
from evopose2d.progress import INTERVAL, duration

logger = logging.getLogger(__name__)

_GENERATIONS_SHOWN = 12
_RUNNING_SHOWN = 16
_PAUSE = 0.2  # seconds between two pictures of a search


@dataclass(frozen=True)
class Status:
    """A search at a moment.

    Attributes:
        individuals: all that have a genotype.
        running: since how many seconds each running one is being trained, by number.
        total: how many individuals the search is to have.
        elapsed: seconds since the driver started.
        remaining: seconds to the end by estimate; None where nothing is known yet.
        by_ap: whether the best are those of greatest AP, instead of least fitness.
        finals: the finalists, once the search itself has ended.
    """

    individuals: Population
    running: Mapping[int, float]
    total: int
    elapsed: float
    remaining: float | None
    by_ap: bool = False
    finals: Population | None = None


@contextlib.contextmanager
def live_table(console: Console) -> Iterator[Callable[[Status], None]]:
    """Show a table that changes in place, on a terminal; elsewhere, write a line into the log every half minute.

    Yields:
        What shows a status.
    """
    if not console.is_terminal:
        yield _log_lines()
        return
    shown = -math.inf
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def show(status: Status) -> None:
            nonlocal shown
            # Many workers finish many individuals a second: nobody reads as fast.
            if time.monotonic() - shown > _PAUSE:
                live.update(render(status), refresh=True)
                shown = time.monotonic()

        yield show


def _log_lines() -> Callable[[Status], None]:
    said = time.monotonic()

    def say(status: Status) -> None:
        nonlocal said
        if status.running and time.monotonic() - said >= INTERVAL:
            logger.info("%s; %s", _title(status), ", ".join(_caption(status).splitlines()))
            said = time.monotonic()

    return say


def render(status: Status) -> RenderableType:
    """Draw a row for each generation, and what is left to do."""
    table = Table(title=_title(status), title_justify="left", caption=_caption(status), caption_justify="left")
    for name in ("generation", "done", "running", "failed", "best fitness", "AP", "parameters"):
        table.add_column(name, justify="right")
    tallies = status.individuals.generations
    in_search = [number for number in status.running if status.finals is None]
    running = Counter(status.individuals[number].generation for number in in_search)
    for generation in sorted(tallies)[-_GENERATIONS_SHOWN:]:
        table.add_row(str(generation), *_cells(tallies[generation], running[generation], by_ap=status.by_ap))
    table.add_section()
    table.add_row("all", *_cells(status.individuals.whole, running.total(), by_ap=status.by_ap), style="bold")
    if status.finals is not None:
        table.add_row("finals", *_cells(status.finals.whole, len(status.running), by_ap=status.by_ap))
    return table


def describe(result: IndividualResult, gain: float | None = None) -> str:
    """Return what became of an individual, in one line.

    Args:
        result: of the individual.
        gain: how far its fitness is ahead of its control's, where that is known.
    """
    origin = f"generation {result.generation}, {origin_of(result)}"
    ahead = "" if gain is None else f" (gain {gain:+.3f})"
    measured = f"fitness {result.fitness:.3f}{ahead}, AP {result.ap:.3f}, {result.parameters / 1e6:.2f} M parameters"
    stopped = f", stopped after epoch {len(result.epochs)}" if result.stopped else ""
    return f"individual {result.number} ({origin}): {measured}, {duration(result.seconds)}{stopped}"


def origin_of(individual: IndividualResult | IndividualFailure) -> str:
    """Return what an individual is in a few words: a mutation, ``ancestor``, ``control of 7``."""
    if individual.role is Role.CHILD:
        return individual.mutation
    return individual.role.value + ("" if individual.parent is None else f" of {individual.parent}")


class TimeLeft:
    """Estimates how long a search takes from now on.

    Args:
        evolve: section ``evolve``.
    """

    def __init__(self, evolve: EvolveConfig) -> None:
        self._evolve = evolve
        self._seconds_per_epoch: float | None = None

    def learn(self, result: IndividualResult | None) -> None:
        """Note how long an individual took."""
        if result is not None:
            self._seconds_per_epoch = result.seconds / len(result.epochs)

    def learn_pace(self, seconds_per_epoch: float) -> None:
        """Note how long an epoch takes."""
        self._seconds_per_epoch = seconds_per_epoch

    def seconds(self, individuals: Population, spent: Sequence[float], slots: int) -> float | None:
        """Estimate the seconds to the search's end; None before anything was learnt.

        Args:
            individuals: all so far.
            spent: seconds for which each running individual is being trained.
            slots: individuals that train at once.
        """
        if self._seconds_per_epoch is None:
            return None
        rounds = sum(
            groups * math.ceil(count / max(1, slots)) * epochs for groups, count, epochs in self._groups(individuals)
        )
        return max(0.0, rounds * self._seconds_per_epoch - sum(spent) / max(1, len(spent)))

    def of_finals(self, left: int, spent: Sequence[float], slots: int) -> float | None:
        """Estimate the seconds to the finals' end; None before anything was learnt.

        Args:
            left: trainings that are not finished.
            spent: seconds for which each running one is being trained.
            slots: trainings at once.
        """
        if self._seconds_per_epoch is None:
            return None
        rounds = math.ceil(left / max(1, slots)) * self._evolve.final_epochs
        return max(0.0, rounds * self._seconds_per_epoch - sum(spent) / max(1, len(spent)))

    def _groups(self, individuals: Population) -> Iterator[tuple[int, int, int]]:
        """Return the groups that are left and wait for each other: how many, individuals in each, epochs of those."""
        evolve, size = self._evolve, SearchSize.of(self._evolve)
        if 0 not in individuals or individuals[0].state is State.RUNNING:
            yield 1, 1, evolve.ancestor_epochs
        left = size.total(individuals) - max(1, individuals.whole.done)
        to_come = size.generations_to_come(individuals) if size.generational else []
        yield 1, max(0, left - sum(to_come)), evolve.child_epochs
        yield from ((1, count, evolve.child_epochs) for count in to_come)
        yield 1, FinalSettings.of(evolve).trainings, evolve.final_epochs


def _title(status: Status) -> str:
    return f"{status.individuals.whole.done} of {status.total} individuals done"


def _caption(status: Status) -> str:
    left = "" if status.remaining is None else f", about {duration(status.remaining)} left"
    longest = sorted(status.running.items())
    running = ", ".join(f"{number} ({duration(seconds)})" for number, seconds in longest[:_RUNNING_SHOWN])
    if len(longest) > _RUNNING_SHOWN:
        running += f" and {len(longest) - _RUNNING_SHOWN} more"
    return f"{duration(status.elapsed)} so far{left}" + (f"\ntraining {running}" if running else "")


def _cells(tally: Tally, running: int, *, by_ap: bool) -> list[str]:
    counts = [str(tally.done), str(running or ""), str(tally.failed or "")]
    best = tally.most_precise if by_ap else tally.fittest
    if best is None:
        return [*counts, "", "", ""]
    ap = "" if best.ap is None else f"{best.ap:.3f}"
    parameters = "" if best.parameters is None else f"{best.parameters / 1e6:.2f} M"
    return [*counts, f"{best.fitness:.3f}", ap, parameters]
