"""A search through the networks of another package's family, whose settings have a genotype."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from search_doubles import TINY_ANCESTOR, InlineEngine, make_params, population

from evopose2d.config.loading import load_params
from evopose2d.config.schema import Params
from evopose2d.errors import ConfigError, WeightsError
from evopose2d.evolution import search
from evopose2d.evolution.individuals.configuration import check_search, phenotype
from evopose2d.evolution.individuals.spec import IndividualSpec
from evopose2d.evolution.results.archive import read_search
from evopose2d.evolution.results.winner import winners
from evopose2d.evolution.working.individual import train_individual
from evopose2d.genotype import Genotype
from evopose2d.keypoints import COCO_PERSON
from evopose2d.networks.summary import summarise
from evopose2d.weights import read_arrays

MODULE = """
from dataclasses import dataclass

from evopose2d.networks.architecture import Architecture, ModelConfig, Output
from evopose2d.settings import Positive


@dataclass(frozen=True)
class PlainConfig(ModelConfig):
    genotype: list[list[int]]
    width: Positive


class Plain(Architecture[PlainConfig]):
    config = PlainConfig

    def outputs(self, operations, images, model, keypoints):
        features = operations.convolution(images, "stem", model.width, 3, 4)
        for number, (kernel, repeats, channels, _) in enumerate(model.genotype, start=1):
            for repeat in range(repeats):
                name = f"layer{number}_{repeat}"
                features = operations.convolution(features, name, 8 * channels, kernel)
                features = operations.normalised_swish(features, f"{name}_bn")
        return [Output(operations.heatmaps(features, "final_conv", keypoints, model.final_kernel))]
"""
SETTINGS = (
    "model.architecture=plain",
    "model.width=4",
    "model.compound_scaling=null",
    "model.head_blocks=null",
    "model.head_channels=null",
    "evolve.inheritance=original",
)


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The package, as pip would install it."""
    metadata = tmp_path / "site" / "plain_family-1.0.dist-info"
    metadata.mkdir(parents=True)
    (tmp_path / "site" / "plain_family.py").write_text(MODULE)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: plain-family\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[evopose2d.architectures]\nplain = plain_family:Plain\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield
    sys.modules.pop("plain_family", None)


def test_its_networks_are_bred_counted_and_written_as_settings(tmp_path: Path):
    params = make_params(tmp_path, *SETTINGS)
    search.run(params, engine=InlineEngine)
    archive = read_search(Path(params.evolve.root))
    assert len({each.genotype for each in population(params)}) == 9
    for number, result in archive.results.items():
        model = replace(params.model, genotype=result.genotype.to_lists())
        assert result.parameters == summarise(model, COCO_PERSON.count).size.parameters
        assert winners(archive, params.model, number=number)[0].settings["model.genotype"] == model.genotype


def test_genotypes_that_build_one_network_are_one(tmp_path: Path):
    model = make_params(tmp_path, *SETTINGS).model
    other_stride, other_kernel = ([[3, 1, 2, 1], *TINY_ANCESTOR[1:]], [[5, 1, 1, 1], *TINY_ANCESTOR[1:]])
    assert TINY_ANCESTOR[1][3] == 2  # the family knows no strides
    unstrided = [*TINY_ANCESTOR[:1], [*TINY_ANCESTOR[1][:3], 1], *TINY_ANCESTOR[2:]]
    own, same, wider, larger = (
        phenotype(model, Genotype.from_lists(each), 5)
        for each in (TINY_ANCESTOR, unstrided, other_stride, other_kernel)
    )
    assert own == same
    assert len({own, wider, larger}) == 3


@pytest.mark.parametrize(
    ("override", "told"),
    [
        (
            "evolve.inheritance=function-preserving",
            r"^evolve\.inheritance: got 'function-preserving', must be original or none where .* is plain$",
        ),
        ("evolve.latency.source=table", r"^evolve\.latency\.source: got 'table', must be onnx, tflite or command"),
    ],
)
def test_what_knows_evopose2d_alone_is_refused(tmp_path: Path, override: str, told: str):
    with pytest.raises(ConfigError, match=told):
        check_search(make_params(tmp_path, *SETTINGS, override))


@pytest.mark.slow
def test_a_child_is_trained_from_its_parents_weights(tiny_params: Params, project_root: Path):
    paths = (f"dataset.root={tiny_params.dataset.root}", f"write_tfrecords.root={tiny_params.write_tfrecords.root}")
    sizes = ("model.input_shape=[64,64]", "evolve.batch_size=8", "evolve.learning_rate=0.01")
    params = load_params(project_root / "params.yaml", [*SETTINGS, *paths, *sizes])
    hardly = replace(params, evolve=replace(params.evolve, learning_rate=1e-9))
    wider = Genotype.from_lists([*TINY_ANCESTOR[:-1], [3, 1, 3, 1]])
    ancestor = IndividualSpec(0, 0, None, "", Genotype.from_lists(TINY_ANCESTOR), None, epochs=1, seed=5)
    weights = train_individual(ancestor, params, None)[1]
    child = IndividualSpec(1, 1, 0, "", wider, ancestor.genotype, epochs=1, seed=6)

    parent, born = (read_arrays(each) for each in (weights, train_individual(child, hardly, weights)[1]))
    for layer in ("stem", "layer3_0"):
        np.testing.assert_allclose(born[layer]["kernel"], parent[layer]["kernel"], atol=1e-6)
    np.testing.assert_allclose(born["layer7_0"]["kernel"][..., :16], parent["layer7_0"]["kernel"], atol=1e-6)

    going_on = read_arrays(train_individual(replace(ancestor, seed=7), hardly, weights)[1])
    np.testing.assert_allclose(going_on["stem"]["kernel"], parent["stem"]["kernel"], atol=1e-6)
    with pytest.raises(WeightsError, match=r"^evolve\.initial_weights: .*does not fit the network"):
        train_individual(replace(ancestor, genotype=wider), params, weights)
