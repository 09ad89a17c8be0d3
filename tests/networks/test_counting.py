import json
from pathlib import Path

import pytest

from evopose2d.networks.families.evopose2d import EvoPose2DConfig, describe, recorded

_REFERENCE = Path(__file__).parent.parent / "reference"
_PUBLISHED = {
    name: entry for name, entry in json.loads((_REFERENCE / "networks.json").read_text()).items() if "genotype" in entry
}
_WALK = json.loads((_REFERENCE / "genotypes_ref.json").read_text())


def _published(genotype, input_shape):
    return describe(
        EvoPose2DConfig(
            architecture="evopose2d",
            genotype=genotype,
            input_shape=input_shape,
            compound_scaling=True,
            head_blocks=3,
            head_channels=128,
            final_kernel=1,
        ),
        keypoints=17,
    )


@pytest.mark.parametrize("name", _PUBLISHED)
def test_published_networks_have_their_size(name):
    entry = _PUBLISHED[name]
    spec = _published(entry["genotype"], entry["input_shape"][:2])
    size = recorded(spec).size

    assert [*spec.heatmap_shape, spec.keypoints] == entry["output_shape"]
    assert size.parameters == entry["parameters"]
    assert size.trainable_parameters == entry["trainable_parameters"]
    assert size.multiply_adds == entry["multiply_adds"]


@pytest.mark.parametrize("step", range(len(_WALK["walk"])))
def test_walked_genotypes_have_their_size(step):
    entry = _WALK["walk"][step]
    spec = _published(entry["genotype"], [256, 192])
    size = recorded(spec).size

    assert [*spec.heatmap_shape, spec.keypoints] == entry["output"]
    assert size.parameters == entry["params"]
    assert size.multiply_adds == entry["macs"]


def test_ancestor_is_the_default_genotype():
    assert _WALK["default"] == _PUBLISHED["ancestor"]["genotype"]
