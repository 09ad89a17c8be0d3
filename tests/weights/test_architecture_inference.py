"""Which network a weight file is of."""

import json
from dataclasses import asdict, replace

import h5py
import numpy as np
import pytest
from keras_files import write_keras_2

from evopose2d.config.catalogue import published
from evopose2d.errors import WeightsError
from evopose2d.networks.families.evopose2d import describe, recorded
from evopose2d.weights.architecture_inference import infer_architecture

_EVOPOSE2D = [name for name, each in published().items() if each.is_network and each.model.architecture == "evopose2d"]


def _description(spec, dtype: object = "float32", input_key: str = "batch_input_shape") -> dict:
    """Give what Keras 2 says of a network, in the parts that matter, with a layer of code that must not run."""
    layers = [
        {"class_name": "InputLayer", "config": {"name": "input_1", input_key: [None, *spec.input_shape, 3]}},
        {"class_name": "Lambda", "config": {"name": "evil", "function": ["raise SystemExit", None, None]}},
    ]
    for convolution in recorded(spec).convolutions:
        strides = [convolution.stride] * 2
        layers.append(
            {"class_name": "Conv2D", "config": {"name": convolution.name, "strides": strides, "dtype": dtype}}
        )
    return {"class_name": "Functional", "config": {"name": "evopose", "layers": layers}}


@pytest.mark.parametrize("name", _EVOPOSE2D)
@pytest.mark.parametrize("dtype", ["float32", {"class_name": "Policy", "config": {"name": "mixed_bfloat16"}}])
def test_every_evopose2d_is_inferred(tmp_path, name, dtype):
    model = published()[name].model
    spec = describe(model, 17)
    write_keras_2(tmp_path / "old.h5", recorded(spec).weight_shapes, _description(spec, dtype))

    found = infer_architecture(tmp_path / "old.h5")
    assert found.model == model
    assert found.keypoints == 17
    assert found.precision == ("float32" if dtype == "float32" else "bfloat16")


def test_genotype_builds_the_network_of_the_reference(reference):
    stored = np.load(reference / "evopose_tiny_ref.npz")
    found = infer_architecture(reference / "evopose_tiny_ref.h5")
    original = published()["ancestor"].model
    original = replace(original, genotype=stored["genotype"].tolist(), input_shape=[128, 96], head_channels=32)
    assert describe(found.model, 17).phenotype == describe(original, 17).phenotype
    assert (found.keypoints, found.model.compound_scaling) == (17, True)


def _baseline_shapes(repeats) -> dict:
    blocks = {
        f"conv{stage + 2}_block{block + 1}_1_conv": {"kernel": (1, 1, 4, 4)}
        for stage, count in enumerate(repeats)
        for block in range(count)
    }
    heads = {f"head_conv{number}": {"kernel": (4, 4, 64, 64)} for number in (1, 2, 3)}
    return {"conv1_conv": {"kernel": (7, 7, 3, 64)}} | blocks | heads | {"final_conv": {"kernel": (1, 1, 64, 5)}}


@pytest.mark.parametrize(
    ("repeats", "variant"), [((3, 4, 6, 3), "resnet50"), ((3, 4, 23, 3), "resnet101"), ((3, 8, 36, 3), "resnet152")]
)
def test_simple_baselines_are_inferred(tmp_path, repeats, variant):
    write_keras_2(tmp_path / "old.h5", _baseline_shapes(repeats))
    found = infer_architecture(tmp_path / "old.h5", (64, 32))
    assert (found.model.architecture, found.model.variant, found.keypoints) == ("simple_baseline", variant, 5)
    assert (found.model.head_blocks, found.model.head_channels, found.model.input_shape) == (3, 64, [64, 32])
    assert found.precision is None


@pytest.mark.parametrize("variant", ["w32", "w48"])
def test_hrnets_are_inferred_from_the_originals_names(tmp_path, variant):
    layers = {
        "s1/m0/b00/conv1": {"kernel": (1, 1, 64, 64)},
        "s2/transition/b1/conv": {"kernel": (3, 3, 256, int(variant[1:]))},
        "final_conv": {"kernel": (1, 1, int(variant[1:]), 17)},
    }
    write_keras_2(tmp_path / "old.h5", layers)
    assert infer_architecture(tmp_path / "old.h5", (256, 192)).model.variant == variant


def _evopose2d_file(path, description):
    write_keras_2(path, recorded(describe(published()["evopose2d_s"].model, 17)).weight_shapes, description)
    return path


def test_what_shapes_do_not_tell_is_asked_for(tmp_path):
    path = _evopose2d_file(tmp_path / "old.h5", None)
    with pytest.raises(WeightsError, match="does not tell its input shape"):
        infer_architecture(path)
    with pytest.raises(WeightsError, match="does not tell the strides of its blocks"):
        infer_architecture(path, (256, 192))


@pytest.mark.parametrize(
    "description",
    ["{", "[]", "[" * 100_000, b"\xff", '{"config": {"layers": 3}}', '{"config": {"layers": [3, {"config": "x"}]}}'],
)
def test_descriptions_of_any_form_are_no_traceback(tmp_path, description):
    with pytest.raises(WeightsError, match="does not tell its input shape") as told:
        infer_architecture(_evopose2d_file(tmp_path / "old.h5", description))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        ({"dense": {"kernel": (3, 3)}}, "has no final_conv"),
        ({"dense": {"kernel": (3, 3)}, "final_conv": {"kernel": (1, 1, 3, 3)}}, "of no network known here"),
        (_baseline_shapes((3, 4, 5, 3)), r"has residual blocks \(3, 4, 5, 3\)"),
        (
            {"s1_m0_b00_conv1": {"kernel": (1, 1, 1, 1)}, "final_conv": {"kernel": (1, 1, 3, 3)}},
            "layer s2_transition_b1_conv must hold a kernel",
        ),
    ],
)
def test_other_files_are_named(tmp_path, layers, told):
    write_keras_2(tmp_path / "old.h5", layers)
    with pytest.raises(WeightsError, match=told):
        infer_architecture(tmp_path / "old.h5", (64, 64))


def test_blocks_that_no_genotype_builds_are_named(tmp_path):
    spec = describe(published()["evopose2d_m"].model, 17)
    write_keras_2(tmp_path / "old.h5", recorded(spec).weight_shapes, _description(spec, input_key="batch_shape"))
    assert infer_architecture(tmp_path / "old.h5").model.input_shape == [384, 288]
    with pytest.raises(WeightsError, match="at input 256x192 no genotype builds blocks"):
        infer_architecture(tmp_path / "old.h5", (256, 192))


def test_own_metadata_is_believed(tmp_path):
    model = published()["evopose2d_s"].model
    path = _evopose2d_file(tmp_path / "own.h5", None)
    with h5py.File(path, "r+") as file:
        file.attrs["evopose2d"] = json.dumps({"model": asdict(model), "precision": "bfloat16"})
    found = infer_architecture(path)
    assert (found.model, found.precision) == (model, "bfloat16")
    with h5py.File(path, "r+") as file:
        file.attrs["evopose2d"] = json.dumps({"model": {"size": 3}})
    with pytest.raises(WeightsError, match="not known here"):
        infer_architecture(path)


def test_expansion_and_squeeze_are_inferred_where_they_are_not_usual(tmp_path):
    model = published()["evopose2d_s"].model
    genes = ([1, 4], [6, 4], [4, 4], [6, 2], [3, 8], [6, 4], [6, 4])
    model = replace(model, genotype=[[*block, *others] for block, others in zip(model.genotype, genes, strict=True)])
    spec = describe(model, 17)
    write_keras_2(tmp_path / "old.h5", recorded(spec).weight_shapes, _description(spec))

    assert infer_architecture(tmp_path / "old.h5").model == model
