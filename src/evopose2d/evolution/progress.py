"""What a search shows of itself while it runs."""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table

from evopose2d.config.schema import EvolveConfig
from evopose2d.evolution.configuration import total_individuals
from evopose2d.evolution.sampler import Individual, State, select
from evopose2d.evolution.spec import IndividualResult

_GENERATIONS_SHOWN = 12


@dataclass(frozen=True)
class Status:
    """A search at a moment.

    Attributes:
        individuals: all that have a genotype, by number.
        running: since how many seconds each running one is being trained, by number.
        total: how many individuals the search is to have.
        elapsed: seconds since the driver started.
        remaining: seconds to the end by estimate; None where nothing is known yet.
        by_ap: whether the best are those of greatest AP, instead of least fitness.
    """

    individuals: Mapping[int, Individual]
    running: Mapping[int, float]
    total: int
    elapsed: float
    remaining: float | None
    by_ap: bool = False


@contextlib.contextmanager
def live_table(console: Console) -> Iterator[Callable[[Status], None]]:
    """Show a table that changes in place, on a terminal; nothing elsewhere, where the log tells it all.

    Yields:
        What shows a status.
    """
    if not console.is_terminal:
        yield lambda status: None
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda status: live.update(render(status), refresh=True)


def render(status: Status) -> RenderableType:
    """Draw a row for each generation, and what is left to do."""
    table = Table(title=_title(status), title_justify="left", caption=_caption(status), caption_justify="left")
    for name in ("generation", "done", "running", "failed", "best fitness", "AP", "parameters"):
        table.add_column(name, justify="right")
    individuals = list(status.individuals.values())
    for generation in sorted({each.generation for each in individuals})[-_GENERATIONS_SHOWN:]:
        members = [each for each in individuals if each.generation == generation]
        table.add_row(str(generation), *_progress_cells(members, status), *_best_cells(members, by_ap=status.by_ap))
    table.add_section()
    table.add_row(
        "all", *_progress_cells(individuals, status), *_best_cells(individuals, by_ap=status.by_ap), style="bold"
    )
    return table


def describe(result: IndividualResult) -> str:
    """Tell what became of an individual, in one line."""
    origin = f"generation {result.generation}" + (f", {result.mutation}" if result.mutation else "")
    measured = f"fitness {result.fitness:.3f}, AP {result.ap:.3f}, {result.parameters / 1e6:.2f} M parameters"
    return f"individual {result.number} ({origin}): {measured}, {duration(result.seconds)}"


def duration(seconds: float) -> str:
    """Write a duration for people: ``90 s``, ``3 min``, ``2 h 05 min``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


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

    def seconds(self, individuals: Mapping[int, Individual], spent: Sequence[float], slots: int) -> float | None:
        """Estimate the seconds to the search's end; None before anything was learnt.

        Args:
            individuals: all so far, by number.
            spent: seconds for which each running individual is being trained.
            slots: individuals that train at once.
        """
        if self._seconds_per_epoch is None:
            return None
        rounds = sum(math.ceil(count / max(1, slots)) * epochs for count, epochs in self._groups(individuals))
        return max(0.0, rounds * self._seconds_per_epoch - sum(spent) / max(1, len(spent)))

    def _groups(self, individuals: Mapping[int, Individual]) -> Iterator[tuple[int, int]]:
        """Give how many individuals are left, and the epochs of each, in groups that wait for each other."""
        evolve = self._evolve
        done = sum(each.state is not State.RUNNING for each in individuals.values())
        if 0 not in individuals or individuals[0].state is State.RUNNING:
            yield 1, evolve.ancestor_epochs
        left = total_individuals(evolve) - max(1, done)
        size = evolve.children if evolve.schedule == "generational" else max(1, left)
        whole, rest = divmod(left, size)
        yield from [(rest, evolve.child_epochs), *[(size, evolve.child_epochs)] * whole]


def _title(status: Status) -> str:
    done = sum(each.state is not State.RUNNING for each in status.individuals.values())
    return f"{done} of {status.total} individuals done"


def _caption(status: Status) -> str:
    left = "" if status.remaining is None else f", about {duration(status.remaining)} left"
    running = ", ".join(f"{number} ({duration(seconds)})" for number, seconds in sorted(status.running.items()))
    return f"{duration(status.elapsed)} so far{left}" + (f"\ntraining {running}" if running else "")


def _progress_cells(members: Sequence[Individual], status: Status) -> list[str]:
    done = sum(each.state is not State.RUNNING for each in members)
    failed = sum(each.state is State.FAILED for each in members)
    running = sum(each.number in status.running for each in members)
    return [str(done), str(running or ""), str(failed or "")]


def _best_cells(members: Sequence[Individual], *, by_ap: bool) -> list[str]:
    complete = [each for each in members if each.state is State.COMPLETE]
    if not complete:
        return ["", "", ""]
    best = select(complete, 1, "ap" if by_ap else "fitness")[0]
    ap = "" if best.ap is None else f"{best.ap:.3f}"
    parameters = "" if best.parameters is None else f"{best.parameters / 1e6:.2f} M"
    return [f"{best.fitness:.3f}", ap, parameters]
