"""Genotypes as Optuna parameters: one for each gene, ``b1_kernel`` to ``b7_stride`` and further ones."""

from collections.abc import Collection, Mapping
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import BaseTrial

from evopose2d.genotype import BLOCK_GENE_NAMES, GENES, Genotype, SearchSpace


def gene_distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    """Return the values that each gene may have in the space, as ``Study.ask`` takes them.

    Ranges are integers, categories (such as kernel and stride) categorical.
    """
    return {
        name: IntDistribution(gene.values[0], gene.values[-1]) if gene.ordered else CategoricalDistribution(gene.values)
        for name, gene in space.genes.items()
    }


def genotype_to_params(genotype: Genotype) -> dict[str, int]:
    """Return each gene by its parameter name."""
    return genotype.genes


def genotype_from_params(params: Mapping[str, Any], names: Collection[str] = BLOCK_GENE_NAMES) -> Genotype | None:
    """Read a genotype from parameters; others are ignored.

    Args:
        params: by name.
        names: of the genes: those of the blocks and further ones.

    Returns:
        The genotype, or None where a gene is missing.

    Raises:
        ValueError: the genes are those of no network.
    """
    if not all(name in params for name in names):
        return None
    values = [params[name] for name in BLOCK_GENE_NAMES]
    blocks = Genotype.from_lists(values[start : start + len(GENES)] for start in range(0, len(values), len(GENES)))
    others = sorted(set(names) - set(BLOCK_GENE_NAMES))
    return Genotype(blocks.blocks, tuple((name, params[name]) for name in others))


def suggest_genotype(trial: BaseTrial, space: SearchSpace) -> Genotype:
    """Suggest every gene of a trial, for an objective function of ``Study.optimize``."""
    params: dict[str, Any] = {}
    for name, distribution in gene_distributions(space).items():
        if isinstance(distribution, CategoricalDistribution):
            params[name] = trial.suggest_categorical(name, distribution.choices)
        elif isinstance(distribution, IntDistribution):
            params[name] = trial.suggest_int(name, distribution.low, distribution.high)
    genotype = genotype_from_params(params, params)
    assert genotype is not None  # every gene has just been suggested
    return genotype
