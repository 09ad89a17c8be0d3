"""Genotypes as Optuna parameters: one for each gene, ``b1_kernel`` to ``b7_stride``."""

from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import BaseTrial

from evopose2d.genotype import BLOCKS, GENES, Genotype, SearchSpace

GENE_NAMES = tuple(f"b{block}_{gene}" for block in range(1, BLOCKS + 1) for gene in GENES)
"""Parameter names of all genes, by block, then in a block's order."""


def gene_distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    """Return the values that each gene may have in the space, as ``Study.ask`` takes them.

    Kernel and stride are categorical, repeats and channels (in eighths) integers. A stride that cannot change
    has one value.
    """
    distributions: dict[str, BaseDistribution] = {}
    for index, block in enumerate(space.ancestor.blocks):
        prefix = f"b{index + 1}_"
        strides = (1, 2) if space.may_stride(index) else (block.stride,)
        distributions[f"{prefix}kernel"] = CategoricalDistribution(space.kernels)
        distributions[f"{prefix}repeats"] = IntDistribution(*space.repeats)
        distributions[f"{prefix}channels"] = IntDistribution(1, block.channels)
        distributions[f"{prefix}stride"] = CategoricalDistribution(strides)
    return distributions


def genotype_to_params(genotype: Genotype) -> dict[str, int]:
    """Return each gene by its parameter name."""
    return dict(zip(GENE_NAMES, (value for block in genotype.blocks for value in block), strict=True))


def genotype_from_params(params: Mapping[str, Any]) -> Genotype | None:
    """Read a genotype from parameters; others are ignored.

    Returns:
        The genotype, or None where a gene is missing.

    Raises:
        ValueError: the genes are those of no network.
    """
    if not all(name in params for name in GENE_NAMES):
        return None
    values = [params[name] for name in GENE_NAMES]
    return Genotype.from_lists(values[start : start + len(GENES)] for start in range(0, len(values), len(GENES)))


def with_genes(genotype: Genotype, genes: Mapping[str, Any]) -> Genotype:
    """Return a genotype with some genes replaced, by parameter name.

    Raises:
        ValueError: the genes are those of no network.
    """
    changed = genotype_from_params({**genotype_to_params(genotype), **genes})
    assert changed is not None  # no gene is missing
    return changed


def suggest_genotype(trial: BaseTrial, space: SearchSpace) -> Genotype:
    """Suggest every gene of a trial, for an objective function of ``Study.optimize``."""
    params: dict[str, Any] = {}
    for name, distribution in gene_distributions(space).items():
        if isinstance(distribution, CategoricalDistribution):
            params[name] = trial.suggest_categorical(name, distribution.choices)
        elif isinstance(distribution, IntDistribution):
            params[name] = trial.suggest_int(name, distribution.low, distribution.high)
    genotype = genotype_from_params(params)
    assert genotype is not None  # every gene has just been suggested
    return genotype
