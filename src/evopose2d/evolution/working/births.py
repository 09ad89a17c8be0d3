"""What the inheritance rules do to a trained individual's children: their loss at birth, and after their training.

The module imports without TensorFlow; measuring imports it.
"""

from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from evopose2d.config.schema import Params
from evopose2d.data.shards import read_info
from evopose2d.errors import ConfigError, SearchError
from evopose2d.evolution.individuals.configuration import individual_params, individual_spec, network_spec
from evopose2d.evolution.individuals.spaces import genotype_in, search_space
from evopose2d.evolution.individuals.spec import IndividualSpec
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.sampler import Individual, State
from evopose2d.evolution.working.individual import train_individual
from evopose2d.genotype import Genotype
from evopose2d.progress import progress_bar


@dataclass(frozen=True)
class Parent:
    """A trained individual whose children are looked at.

    Attributes:
        genotype: its genes.
        weights: its weight file.
    """

    genotype: Genotype
    weights: Path


def parent_of_search(params: Params, number: int) -> Parent:
    """Return a trained individual of the search in ``evolve.root``.

    Raises:
        SearchError: the search has no such individual, or it has not been trained.
    """
    store = SearchStore(Path(params.evolve.root))
    result = store.read_intact(number)
    if result is None:
        raise SearchError(
            f"{store.folder(number)}: no trained individual; run the search first, or name weights with --weights"
        )
    return Parent(result.genotype, store.weights_path(number))


def parent_of_file(params: Params, weights: Path) -> Parent:
    """Return the network of ``model.genotype`` with the weights of a file.

    Raises:
        ConfigError: the genotype lies outside the search space.
    """
    space = search_space(params)
    genotype = genotype_in(space, asdict(params.model))
    if genotype not in space:
        raise ConfigError(
            f"model.genotype: got {genotype}, must lie in the search space (evolve.space, evolve.ancestor)"
        )
    return Parent(genotype, weights)


def inspect_births(params: Params, parent: Parent, *, per_kind: int, train: bool) -> list[dict[str, Any]]:
    """Make children by single mutations, and measure each under every inheritance rule.

    Args:
        params: all settings; section ``evolve`` says how children are trained and which are allowed.
        parent: whose children.
        per_kind: children to draw of each kind of mutation.
        train: measure the val loss after the child's training, instead of that at birth.

    Returns:
        A row for each kind of mutation: how many children, and the median of their val loss by rule, over the
        parent's own val loss.

    Raises:
        DataError: the records are missing.
        WeightsError: the parent's weights cannot be read.
    """
    from evopose2d.inheritance.inspection import birth_losses, medians, single_mutations

    space = search_space(params)
    children = single_mutations(parent.genotype, space, np.random.default_rng(params.evolve.seed), per_kind)
    measure = _losses_after_training if train else _losses_at_birth
    with progress_bar("measure", len(children), unit="birth") as progress:

        def losses(child: Genotype) -> dict[str, float]:
            measured = measure(params, parent, child)
            progress.update()
            return measured

        births = birth_losses(parent.genotype, _loss_of(params, parent), children, losses)
    counts = Counter(birth.kind for birth in births)
    return [{"mutation": kind, "children": counts[kind]} | rules for kind, rules in medians(births).items()]


def _loss_of(params: Params, parent: Parent) -> float:
    from evopose2d.weights import load_weights

    network = BuiltNetwork(params, parent.genotype)
    load_weights(network.model.network, parent.weights)
    return network.val_loss()


def _losses_at_birth(params: Params, parent: Parent, child: Genotype) -> dict[str, float]:
    from evopose2d.evolution.working.memory import release_networks
    from evopose2d.inheritance.inspection import as_born
    from evopose2d.weights import read_arrays

    network = BuiltNetwork(params, child)
    spec, parent_spec = (network_spec(params.model, each, network.keypoints) for each in (child, parent.genotype))
    born = as_born(network.model.network, spec, parent_spec, read_arrays(parent.weights))
    losses = {rule: network.val_loss() for rule, _ in born}
    release_networks()
    return losses


def _losses_after_training(params: Params, parent: Parent, child: Genotype) -> dict[str, float]:
    from evopose2d.inheritance import RULES

    def val_loss(rule: str) -> float:
        settings = replace(params, evolve=replace(params.evolve, inheritance=rule))
        spec = _child_spec(settings, parent, child)
        inherited = None if spec.parent_genotype is None else parent.weights.read_bytes()
        return train_individual(spec, settings, inherited)[0].val_loss

    return {rule: val_loss(rule) for rule in RULES}


def _child_spec(params: Params, parent: Parent, child: Genotype) -> IndividualSpec:
    ancestor = Individual(0, 0, None, parent.genotype, State.RUNNING)
    return individual_spec(params.evolve, Individual(1, 1, 0, child, State.RUNNING), ancestor)


class BuiltNetwork:
    """A network of the search, built with random weights, and judged as its individuals are."""

    def __init__(self, params: Params, genotype: Genotype) -> None:
        from evopose2d.accelerator import prepare
        from evopose2d.stages.train import build_model, training_task

        spec = IndividualSpec(0, 0, None, "", genotype, None, epochs=1, seed=params.evolve.seed)
        settings = individual_params(params, spec)
        records = read_info(Path(params.write_tfrecords.root) / "train")
        accelerator = prepare(settings.accelerator)
        self.keypoints = records.schema.count
        self.model = build_model(settings, records, accelerator)
        self._validate = training_task(settings, records, self.model, accelerator).validate

    def val_loss(self) -> float:
        """Return the network's loss over the val people."""
        return self._validate()[0]
