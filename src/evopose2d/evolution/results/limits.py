"""The best of a search within limits: no slower than so many milliseconds, no larger than so many parameters."""

from collections.abc import Mapping

from evopose2d.errors import SearchError
from evopose2d.evolution.results.archive import SearchArchive
from evopose2d.evolution.sampler import OBJECTIVES, Individual, Role, State, find_selection, select


def best_within(archive: SearchArchive, limits: Mapping[str, float], count: int) -> list[Individual]:
    """Return the best individuals within limits, best first.

    In a search of several objectives, those that are not limited rank, and between equals those that are; of one, the
    finals and the search's selection do, as without limits.

    Args:
        archive: the search.
        limits: greatest value by measurement; without any, all individuals take part.
        count: how many.

    Raises:
        SearchError: a limited measurement was never taken, or nobody is within the limits.
    """
    if not limits:
        return archive.best(count)
    complete = [each for each in archive.individuals if _is_network(each)]
    for name, most in limits.items():
        measured = [each for each in complete if name in each.measurements]
        if not measured:
            raise SearchError(f"{archive.root}: nobody's {name} was measured, so none can be limited")
        least = min(measured, key=OBJECTIVES[name])
        if least.measurements[name] > most:
            raise SearchError(
                f"{archive.root}: got a limit of {most:g} for {name}, the least is {least.measurements[name]:g}, "
                f"of individual {least.number}"
            )
    allowed = {
        each.number
        for each in complete
        if all(each.measurements.get(name, float("inf")) <= most for name, most in limits.items())
    }
    if not allowed:
        told = ", ".join(f"{name} {most:g}" for name, most in limits.items())
        raise SearchError(f"{archive.root}: nobody is within all limits together: {told}")
    left = [each for each in archive.objectives if each.name not in limits]
    if len(archive.objectives) > 1 and left:
        if len(left) > 1:
            pareto = find_selection("pareto", objectives=left)
            return select(archive.individuals, count, pareto, lambda each: each.number in allowed)
        within = [each for each in complete if each.number in allowed]
        order = [*left, *(OBJECTIVES[name] for name in limits)]
        return sorted(within, key=lambda each: (*(objective(each) for objective in order), each.number))[:count]
    everybody = archive.best(len(archive.individuals))
    return [each for each in everybody if each.number in allowed][:count]


def _is_network(individual: Individual) -> bool:
    return individual.state is State.COMPLETE and individual.role is not Role.CONTROL
