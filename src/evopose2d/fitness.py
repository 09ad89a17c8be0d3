"""What makes one network fitter than another: the trade-off of loss against size, and Pareto ranking."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

TARGET_PARAMETERS = 5e6
"""Size at which the paper's fitness is the loss itself, in parameters."""
EXPONENT = -0.07
"""The paper's exponent: a network of twice the parameters is as fit at a 4.7 % lower loss."""


def fitness(
    val_loss: ArrayLike,
    parameters: int,
    *,
    target_parameters: float = TARGET_PARAMETERS,
    exponent: float = EXPONENT,
) -> float:
    """Weigh a network's loss against its size; lower is fitter.

    ``min(val_loss) * (target_parameters / parameters) ** exponent``, as in McNally et al., "EvoPose2D",
    arXiv 2011.08446 (fitness of the neuroevolution).

    Args:
        val_loss: validation loss after each epoch, or one loss; the least counts.
        parameters: parameters of the network, at least 1.
        target_parameters: size at which the fitness is the loss itself, above 0.
        exponent: 0 ignores the size; the further below 0, the more a large network loses.

    Raises:
        ValueError: no loss, a least loss that is not finite, or a size that is not positive.
    """
    losses = np.asarray(val_loss, dtype=np.float64)
    if losses.size == 0 or not np.isfinite(losses.min()):
        raise ValueError(f"val_loss: got {val_loss!r}, must be at least one loss, the least of them finite")
    if parameters < 1 or target_parameters <= 0:
        raise ValueError(f"parameters: got {parameters} with a target of {target_parameters}, both must be positive")
    return float(losses.min() * (target_parameters / parameters) ** exponent)


def non_dominated_fronts(points: ArrayLike) -> Iterator[NDArray[np.intp]]:
    """Yield the fronts of a set of points, best first; every column is minimised.

    A point dominates another if it is nowhere greater and somewhere less. The first front holds the points
    that none dominates, the second those that only the first front dominates, and so on (Deb et al., "A fast
    and elitist multiobjective genetic algorithm: NSGA-II", 2002, section III.A). Fronts are computed as they
    are asked for: whoever needs the best few points pays for the first fronts only.

    Args:
        points: (n, m) numbers.

    Yields:
        Indices of a front's points, ascending. Equal points share a front. Together they are 0 to n - 1.

    Raises:
        ValueError: ``points`` has not two dimensions, or holds a number that is not finite.
    """
    # np.unique sorts rows lexicographically: a row can then be dominated by an earlier one only.
    distinct, copy_of = np.unique(_finite_matrix(points), axis=0, return_inverse=True)
    copy_of = copy_of.reshape(-1)
    remaining = np.arange(len(distinct))
    while remaining.size:
        in_front = _in_first_front(distinct[remaining])
        yield np.flatnonzero(np.isin(copy_of, remaining[in_front]))
        remaining = remaining[~in_front]


def _in_first_front(distinct: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the rows that none dominates, of rows that are distinct and sorted lexicographically."""
    if distinct.shape[1] == 2:
        # The first column only grows, so a row is dominated unless its second is less than all before it.
        least_before = np.minimum.accumulate(distinct[:, 1])[:-1]
        return np.concatenate(([True], distinct[1:, 1] < least_before))
    in_front = np.zeros(len(distinct), dtype=np.bool_)
    candidates = np.arange(len(distinct))
    while candidates.size:
        best = candidates[0]
        in_front[best] = True
        # Of rows that differ from the best one, those nowhere less are dominated by it.
        candidates = candidates[(distinct[candidates] < distinct[best]).any(axis=1)]
    return in_front


def crowding_distances(points: ArrayLike) -> NDArray[np.float64]:
    """Return how much room each point of a front has to its neighbours; more room is better.

    For each column, the gap between the next less and the next greater value, as a share of the column's
    range, added up over the columns; infinite at the ends (Deb et al. 2002, section III.B). Neighbours are
    sought among distinct values, so that the order of the points does not matter; a column of equal values
    adds nothing.

    Args:
        points: (n, m) numbers.

    Returns:
        (n,) distances, 0 to infinity.

    Raises:
        ValueError: as :func:`non_dominated_fronts`.
    """
    matrix = _finite_matrix(points)
    distances = np.zeros(len(matrix))
    for column in matrix.T:
        values, place = np.unique(column, return_inverse=True)
        if values.size > 1:
            gaps = np.full(values.size, np.inf)
            gaps[1:-1] = (values[2:] - values[:-2]) / (values[-1] - values[0])
            distances += gaps[place]
    return distances


def pareto_order(points: ArrayLike, count: int | None = None) -> NDArray[np.intp]:
    """Order points best first: by front, within a front by room, then by index.

    Args:
        points: (n, m) numbers, every column minimised.
        count: how many of the best to return; None: all.

    Returns:
        (min(n, count),) indices.

    Raises:
        ValueError: as :func:`non_dominated_fronts`.
    """
    matrix = _finite_matrix(points)
    wanted = len(matrix) if count is None else min(count, len(matrix))
    order: list[np.intp] = []
    for front in non_dominated_fronts(matrix):
        if len(order) >= wanted:
            break
        order.extend(front[np.argsort(-crowding_distances(matrix[front]), kind="stable")])
    return np.array(order[:wanted], dtype=np.intp)


def _finite_matrix(points: ArrayLike) -> NDArray[np.float64]:
    matrix = np.asarray(points, dtype=np.float64)
    if matrix.ndim != 2:
        raise ValueError(f"points: got shape {matrix.shape}, must be (points, columns)")
    if not np.isfinite(matrix).all():
        raise ValueError(f"points: got {matrix[~np.isfinite(matrix)][0]}, must be finite numbers")
    return matrix
