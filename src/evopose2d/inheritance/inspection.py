"""How far from its parent a child is born, by kind of mutation and by rule."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from evopose2d.genotype import Genotype, Mutation, SearchSpace, describe_mutation
from evopose2d.inheritance.layers import LayerArrays
from evopose2d.inheritance.rules import RULES, inherit
from evopose2d.networks.scaling import NetworkSpec
from evopose2d.weights import layer_arrays, set_layer_arrays


@dataclass(frozen=True)
class Birth:
    """A child before training.

    Attributes:
        kind: of its mutation, such as ``channels down``.
        mutation: such as ``block 4 channels 10→6``.
        losses: by rule, its loss over its parent's; 1: as good.
    """

    kind: str
    mutation: str
    losses: Mapping[str, float]


def single_mutations(
    parent: Genotype, space: SearchSpace, rng: np.random.Generator, per_kind: int
) -> list[tuple[str, Genotype]]:
    """Draw children that differ from a parent in one gene, some of each kind that the space allows.

    Args:
        parent: a genotype within the space.
        space: the genotypes allowed.
        rng: source of randomness.
        per_kind: children to draw of each kind; fewer where there are fewer.

    Returns:
        Kind and genotype of each child, by kind, block and value.
    """
    by_kind: dict[str, list[Mutation]] = {}
    for mutation in space.mutations(parent):
        by_kind.setdefault(_kind(parent, mutation), []).append(mutation)
    return [
        (kind, alike[index].applied_to(parent))
        for kind, alike in sorted(by_kind.items())
        for index in sorted(rng.permutation(len(alike))[:per_kind])
    ]


def as_born(
    model: keras.Model, child: NetworkSpec, parent: NetworkSpec, parent_weights: LayerArrays
) -> Iterator[tuple[str, keras.Model]]:
    """Give one network as each rule in turn makes it: the rule's name, and the network with those weights.

    Args:
        model: the child, with random weights.
        child: its description.
        parent: the description of the parent.
        parent_weights: the parent's weights, as ``evopose2d.weights.read_arrays`` gives them.
    """
    initial = layer_arrays(model)
    for rule in RULES:
        set_layer_arrays(model, inherit(parent, parent_weights, child, initial, rule))
        yield rule, model


def birth_losses(
    parent: Genotype,
    parent_loss: float,
    children: Sequence[tuple[str, Genotype]],
    losses: Callable[[Genotype], Mapping[str, float]],
) -> list[Birth]:
    """Measure children at birth.

    Args:
        parent: their parent.
        parent_loss: its loss.
        children: kind and genotype of each, as ``single_mutations`` gives them.
        losses: gives a child's loss before training, by rule.
    """
    return [
        Birth(
            kind,
            describe_mutation(parent, child),
            {rule: loss / parent_loss for rule, loss in losses(child).items()},
        )
        for kind, child in children
    ]


def medians(births: Sequence[Birth]) -> dict[str, dict[str, float]]:
    """Return the median loss at birth by kind of mutation, then by rule, over the parent's."""
    kinds = dict.fromkeys(birth.kind for birth in births)
    return {
        kind: {
            rule: float(np.median([birth.losses[rule] for birth in births if birth.kind == kind]))
            for rule in next(birth.losses for birth in births if birth.kind == kind)
        }
        for kind in kinds
    }


def _kind(parent: Genotype, mutation: Mutation) -> str:
    old = parent.genes[mutation.name]
    gene = re.sub(r"^b\d+_", "", mutation.name)
    if gene in ("kernel", "stride"):
        return f"{gene} {old} to {mutation.value}"
    return f"{gene} {'up' if mutation.value > old else 'down'}"
