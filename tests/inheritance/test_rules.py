import keras
import numpy as np
import pytest
from tests.inheritance.specimens import built, random_weights, spec_of, trained_weights

from evopose2d.errors import ConfigError, WeightsError
from evopose2d.inheritance import RULES, inherit, inherit_into
from evopose2d.networks.families.evopose2d import recorded
from evopose2d.weights import layer_arrays, save_weights, set_layer_arrays

PARENT = spec_of([[3, 1, 2, 1], [3, 1, 3, 2]])
CHILD = spec_of([[3, 1, 2, 1], [5, 2, 2, 2]])


def test_described_shapes_are_the_built_ones():
    network = built(CHILD, seed=0)

    assert recorded(CHILD).weight_shapes == {
        layer: {name: values.shape for name, values in arrays.items()}
        for layer, arrays in layer_arrays(network).items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_network_inherits_from_a_file_or_its_content(tmp_path, rule):
    parent = built(PARENT, seed=0)
    set_layer_arrays(parent, trained_weights(PARENT, seed=0))
    save_weights(parent, tmp_path / "parent.h5")
    children = [built(CHILD, seed=1) for _ in range(2)]
    expected = inherit(PARENT, trained_weights(PARENT, seed=0), CHILD, layer_arrays(children[0]), rule)

    inherit_into(children[0], CHILD, PARENT, tmp_path / "parent.h5", rule)
    inherit_into(children[1], CHILD, PARENT, (tmp_path / "parent.h5").read_bytes(), rule)

    for child in children:
        np.testing.assert_equal(layer_arrays(child), expected)
    keras.backend.clear_session()


def test_rule_none_keeps_the_random_weights():
    initial = random_weights(CHILD, seed=1)

    np.testing.assert_equal(inherit(PARENT, trained_weights(PARENT, 0), CHILD, initial, "none"), initial)


def test_rules_differ():
    results = {
        rule: inherit(PARENT, trained_weights(PARENT, 0), CHILD, random_weights(CHILD, 1), rule) for rule in RULES
    }
    grown = {rule: result["block2a_dwconv"]["kernel"] for rule, result in results.items()}
    kept = {rule: result["block2a_expand_conv"]["kernel"] for rule, result in results.items()}

    assert (grown["original"] == grown["none"]).all() and (grown["original"] != grown["function-preserving"]).all()
    assert (kept["original"] == kept["function-preserving"]).all() and (kept["original"] != kept["none"]).all()


def test_unknown_rule_is_refused():
    with pytest.raises(ConfigError, match="got 'net2net', must be one of function-preserving, original, none"):
        inherit(PARENT, trained_weights(PARENT, 0), CHILD, random_weights(CHILD, 1), "net2net")


@pytest.mark.parametrize("rule", ["function-preserving", "original"])
def test_weights_of_another_network_are_refused(rule):
    with pytest.raises(
        WeightsError, match=r"layer block2a_dwconv must hold .*\(3, 3, 96, 1\).*, got .*\(5, 5, 96, 1\)"
    ):
        inherit(PARENT, trained_weights(CHILD, 0), CHILD, random_weights(CHILD, 1), rule)
    with pytest.raises(WeightsError, match=r"layer stem_conv must hold .*, got no such layer"):
        inherit(PARENT, {}, CHILD, random_weights(CHILD, 1), rule)
