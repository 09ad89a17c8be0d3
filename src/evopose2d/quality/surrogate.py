"""What a training in full would give for any genotype of the space: a model fitted to the ground truth.

Two Gaussian processes, one for the logarithm of the val loss and one for the AP, over the genes and the size of the
network. The noise, by which two trainings of one genotype differ, is that of the genotypes with several seeds.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from evopose2d.errors import DataError
from evopose2d.genotype import Genotype
from evopose2d.quality.setting import TableSetting
from evopose2d.quality.table import Row, TruthTable

_LEAST_GENOTYPES = 10
_LEAST_REPEATED = 2
_FOLDS = 5


@dataclass(frozen=True)
class Prediction:
    """What trainings of genotypes would give, without noise.

    Attributes:
        val_loss: (n,) least val loss.
        ap: (n,) AP at that epoch, 0 to 1.
    """

    val_loss: NDArray[np.float64]
    ap: NDArray[np.float64]


@dataclass(frozen=True)
class Noise:
    """Standard deviation between trainings of one genotype with different seeds.

    Attributes:
        log_val_loss: of the natural logarithm of the val loss; nearly its relative deviation.
        ap: of the AP.
        trainings: of which they were computed.
    """

    log_val_loss: float
    ap: float
    trainings: int


@dataclass(frozen=True)
class Quality:
    """How well a surrogate predicts genotypes that it was not fitted to.

    Attributes:
        measure: ``val_loss`` or ``ap``.
        genotypes: that were predicted, each by a model fitted without it.
        kendall: rank correlation tau-b of prediction and truth, -1 to 1.
        spearman: rank correlation rho.
        r2: share of the variance that is explained.
        ceiling: Spearman's rho of a perfect model, as far as noise allows: the square root of the share of the
            variance that is not noise.
        spread: standard deviation between genotypes, noise taken out, in units of the noise.
    """

    measure: str
    genotypes: int
    kendall: float
    spearman: float
    r2: float
    ceiling: float
    spread: float


class Surrogate:
    """Predicts trainings in full.

    Args:
        table: to which it is fitted.

    Attributes:
        setting: space and networks of the table.
        noise: between seeds.

    Raises:
        DataError: the table has too few genotypes, or too few with several seeds.
    """

    def __init__(self, table: TruthTable) -> None:
        self.setting = TableSetting(table.settings)
        self.noise = seed_noise(table)
        rows = table.rows
        if len({row.number for row in rows}) < _LEAST_GENOTYPES:
            raise DataError(f"table: got {len(rows)} trainings, must be of at least {_LEAST_GENOTYPES} genotypes")
        inputs = self._inputs([row.genotype for row in rows])
        self._models = {name: _fitted(inputs, target(rows)) for name, target in _TARGETS.items()}

    def predict(self, genotypes: Sequence[Genotype]) -> Prediction:
        """Predict genotypes of the space."""
        inputs = self._inputs(genotypes)
        return Prediction(
            np.exp(self._models["val_loss"].predict(inputs)), np.clip(self._models["ap"].predict(inputs), 0.0, 1.0)
        )

    def _inputs(self, genotypes: Sequence[Genotype]) -> NDArray[np.float64]:
        return features(genotypes, self.setting)


def features(genotypes: Sequence[Genotype], setting: TableSetting) -> NDArray[np.float64]:
    """Describe genotypes by numbers: each gene, channels by their logarithm, and the size of the network.

    Returns:
        (n, f) numbers; genes that are equal in all of the space are left out.
    """
    space = setting.space
    rows = []
    for genotype in genotypes:
        values: list[float] = []
        for index, block in enumerate(genotype.blocks):
            values += [block.kernel, block.repeats, np.log(block.channels)]
            values += [block.stride] if space.may_stride(index) else []
        size = setting.size(genotype)
        rows.append([*values, np.log(size.parameters), np.log(size.multiply_adds)])
    return np.array(rows, dtype=np.float64)


def seed_noise(table: TruthTable) -> Noise:
    """Pool the variance between the seeds of each genotype that has several.

    Raises:
        DataError: fewer than two genotypes have.
    """
    groups = list(table.replicated.values())
    if len(groups) < _LEAST_REPEATED:
        raise DataError(f"table: got {len(groups)} genotypes with several seeds, must be at least {_LEAST_REPEATED}")
    freedom = sum(len(group) - 1 for group in groups)
    log_loss, ap = (
        float(np.sqrt(sum(np.var(target(group)) * len(group) for group in groups) / freedom))
        for target in _TARGETS.values()
    )
    return Noise(log_loss, ap, sum(map(len, groups)))


def cross_validate(table: TruthTable, folds: int = _FOLDS) -> list[Quality]:
    """Predict every genotype by a model that was fitted to the other folds' genotypes alone.

    All trainings of a genotype are in one fold. What is predicted is their mean.

    Args:
        table: at least as many genotypes as folds.
        folds: parts of the table.
    """
    setting, rows = TableSetting(table.settings), table.rows
    numbers = np.array([row.number for row in rows])
    inputs = features([row.genotype for row in rows], setting)
    noise = seed_noise(table)
    deviations = {"val_loss": noise.log_val_loss, "ap": noise.ap}
    qualities = []
    for name, target in _TARGETS.items():
        truth = np.asarray(target(rows))
        predicted = np.empty(len(truth))
        for fitted, left_out in GroupKFold(folds).split(inputs, groups=numbers):
            predicted[left_out] = _fitted(inputs[fitted], truth[fitted]).predict(inputs[left_out])
        first = np.unique(numbers, return_index=True)[1]
        means = np.array([truth[numbers == number].mean() for number in numbers[first]])
        counts = np.array([(numbers == number).sum() for number in numbers[first]])
        qualities.append(_quality(name, means, predicted[first], deviations[name] ** 2 * float(np.mean(1 / counts))))
    return qualities


def _quality(name: str, truth: NDArray[np.float64], predicted: NDArray[np.float64], noise: float) -> Quality:
    variance = float(np.var(truth, ddof=1))
    true_variance = max(0.0, variance - noise)
    return Quality(
        measure=name,
        genotypes=len(truth),
        kendall=float(kendalltau(truth, predicted).statistic),
        spearman=float(spearmanr(truth, predicted).statistic),
        r2=float(1 - np.mean((truth - predicted) ** 2) / np.var(truth)),
        ceiling=float(np.sqrt(true_variance / variance)) if variance else 0.0,
        spread=float(np.sqrt(true_variance / noise)) if noise else float("inf"),
    )


def _log_val_losses(rows: Sequence[Row]) -> NDArray[np.float64]:
    return np.log([row.val_loss for row in rows])


def _aps(rows: Sequence[Row]) -> NDArray[np.float64]:
    return np.array([row.ap for row in rows])


_TARGETS: dict[str, Callable[[Sequence[Row]], NDArray[np.float64]]] = {"val_loss": _log_val_losses, "ap": _aps}


def _fitted(inputs: NDArray[np.float64], truth: NDArray[np.float64]) -> Pipeline:
    """Fit a Gaussian process of linear and of smooth effects; the same data give the same model."""
    kernel = (
        ConstantKernel(1.0, (1e-3, 1e3)) * RBF(5.0, (0.5, 1e2))
        + ConstantKernel(0.1, (1e-5, 1e2)) * DotProduct(1.0, "fixed")
        + WhiteKernel(0.1, (1e-4, 1e1))
    )
    model = make_pipeline(StandardScaler(), GaussianProcessRegressor(kernel, normalize_y=True))
    # A few hundred rows are no work for several threads, which beside other programs wait for each other: with two, on
    # two busy cores, a fit took five minutes instead of a second.
    with threadpool_limits(1), warnings.catch_warnings():
        # An effect that is not there has its parameter at its bound.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(inputs, truth)
